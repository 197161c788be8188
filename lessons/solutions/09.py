# Solutions of lesson 09, one block for each exercise.

# %% fewest_parameters
fewest.reset(preset="head only", evaluate_steps=80)  # fewer looks: they take time
for block in ("features.3", "features.4", "features.5"):  # small, and they know directions
    fewest.thaw(block)
fewest.run(80)

# %% rescue
rescue.reset(preset="head only", evaluate_steps=80)
rescue.thaw("features.4")  # found by thawing one after another, some steps each
rescue.set_rates(backbone=1e-2)  # shuffled weights have far to go
rescue.run(80)

# %% which_drifted
original = puzzle.original.state_dict()
differing = {
    name: [
        key
        for key, tensor in network.state_dict().items()
        if key.startswith("features.") and not tensor.equal(original[key])
    ]
    for name, network in puzzle.models.items()
}
answer = "A" if differing["A"] else "B"
proof = differing[answer]

# %% beat_the_default
race.reset(preset="last five", evaluate_steps=100)
while (now := race.session.snapshot())["compute_seconds"] < 14 and now["step"] < 100:
    race.session.run(10, evaluate=False)
