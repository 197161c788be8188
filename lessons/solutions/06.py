# Solutions of lesson 06, one block for each exercise.

# %% careful_load
def my_load(model, state):
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in state.items()
               if name in own and tensor.shape == own[name].shape}
    lost = [name for name in own if name not in fitting and not name.startswith("classifier.")]
    if lost:
        raise ValueError(f"{len(lost)} tensors of the backbone found no weights, such as {lost[0]}")
    model.load_state_dict(fitting, strict=False)

# %% one_more_at_15
my_guess = 250
with_block_15 = build()
surgery.insert_block(with_block_15, 15)
report = load_matching(with_block_15, state)
shifted = surgery.shift_blocks(state, 15)
my_matched = len(report.matched)
my_in_the_right_place = sum(shifted.get(name) is state[name] for name in report.matched)

# %% wider_and_same
my_wider = build()
surgery.widen_block(my_wider, 14, factor=2.0)
filled, _ = surgery.copy_overlap(my_wider, state)
my_wider.load_state_dict(filled)
my_wider.features[14].conv[2].weight.data[:, 576:] = 0

# %% unfair_report
my_fault = "start"
fair_gap = 100 * (average["pretrained alike", "C"] - average["pretrained alike", "A"])
was_shown = "no"  # the best seed of C lies among those of A
