# Solutions of lesson 07, one block for each exercise.

# %% where_to_cut
best_block = plain.query("task == 'orientation'").groupby("block")["accuracy"].mean().idxmax()
k_frozen, k_fine_tuned = (tops["orientation", mode].idxmax() for mode in ("frozen", "fine-tuned"))

# %% right_end
my_guess = 0.5
def my_graft(source, k, classes):
    network = mobilenet_v2(num_classes=classes)
    for number in range(k):
        network.features[number].load_state_dict(source.features[number].state_dict())
        network.features[number].requires_grad_(False)
        network.features[number].eval()
    return network

# %% four_cases
little_near, much_near = "everything", "everything"
little_far, much_far = "earlier block", "scratch, small network"

# %% thirty_images
from course_utils.training import recipes


def my_training(model, data, prepare, seed):
    for _ in recipes.train_head(model, data, prepare, count=10, batch_size=16, seed=seed):
        pass
    for _ in recipes.fine_tune(model, data, prepare, count=25, batch_size=16, seed=seed):
        pass
    return model.eval()
