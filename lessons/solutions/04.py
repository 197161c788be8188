# Solutions of lesson 04, one block for each exercise.

# %% first_ten
my_network = course.pretrained()
for block in my_network.features[:10]:
    block.requires_grad_(False)
    block.eval()

# %% mended_loop
def my_loop(model, train_one_epoch):
    model.features.requires_grad_(False)
    for epoch in range(5):
        model.train()
        model.features.eval()
        train_one_epoch(model)

# %% share_of_three
my_guess = 0.3
last_three = course.pretrained()
last_three.classifier[1] = nn.Linear(last_three.last_channel, len(data.class_names))
freezing.apply(last_three, freezing.thaw_last(last_three, 3))
my_share = freezing.count_trainable(last_three) / sum(p.numel() for p in last_three.parameters())

# %% cache_size
my_megabytes = 32 * 28 * 28 * 4 * 50_000 / 1e6
