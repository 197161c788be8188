# Solutions of lesson 05, one block for each exercise.

# %% three_rates
my_model = fresh_model()
my_optimizer = torch.optim.AdamW(
    [
        {"params": my_model.features[:14].parameters(), "lr": 1e-4},
        {"params": my_model.features[14:].parameters(), "lr": 1e-3},
        {"params": my_model.classifier.parameters(), "lr": 3e-3},
    ]
)

# %% thaw_that_works
def my_thaw(model, optimizer):
    model.features.requires_grad_(True)
    rate = optimizer.param_groups[0]["lr"] / 10
    optimizer.add_param_group({"params": model.features.parameters(), "lr": rate})
    return optimizer

# %% rates_to_choose
means = sweep.groupby("rate")["accuracy"].mean()
best_rate = means.idxmax()
rates_below_the_line = means.index[means < sweep["head_only"].mean()].tolist()

# %% beat_the_recipe
def my_recipe(model, data, prepare, seed):
    for _ in recipes.train_head(model, data, prepare, count=1, seed=seed):
        pass
    for _ in recipes.fine_tune(model, data, prepare, count=5, seed=seed):
        pass
