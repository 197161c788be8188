# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 4 · Freezing
#
# In lesson 03 we trained a new head on top of a network that did not change. That is called
# **feature extraction**: the pretrained part only turns images into numbers, and a small new layer
# learns from these numbers. The part that does not change is **frozen**.
#
# Freezing looks like one line of code. This lesson shows that it is two, what happens to those who
# know only the first, and how much time freezing saves when it is done well.
#
# **You will**
#
# - freeze a network with `requires_grad`, and check with your own eyes what stands still;
# - find the one thing that still moves, and stop it;
# - see a case where letting it move helps;
# - measure what freezing saves in time and memory, and turn a small saving into a large one.
#
# **Before this:** [03 · A new head](03_a_new_head.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import time

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import experiments, plots
from course_utils import training
from course_utils.training import freezing
from course_utils.networks import inspection
from course_utils.lesson04 import check
from course_utils.images.datasets import batches
from course_utils.images.preprocessing import as_they_are
from course_utils.lab import Lab

course = course_utils.begin(lesson=4, train=200, test=400)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The network, with a new head for our classes. These are the lines of lesson 03.

# %% tags=["nbval-check-output"]
data, prepare = course.data, course.prepare
model = course.pretrained()
model.classifier[1] = nn.Linear(model.last_channel, len(data.class_names)).to(course.device)
print(len(data.class_names), "classes:", ", ".join(data.class_names))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4.1 The line that everybody knows
#
# Each parameter of a PyTorch network has a switch, `requires_grad`. Off means: compute no gradient
# for this one. An optimizer moves a parameter against its gradient, and one without a gradient it
# leaves alone.

# %%
for parameter in model.features.parameters():
    parameter.requires_grad = False

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** The network has about 2.2 million parameters. How many of them can still learn?
# About 1,300, 13,000 or 130,000? (The head is one linear layer from 1280 numbers to our classes.)

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
total = sum(p.numel() for p in model.parameters())
learns = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"{learns:,} of {total:,} parameters can learn: {learns / total:.2%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The switch belongs to the *parameter*. Written on a module, it does nothing at all, and Python does
# not complain: it creates a new attribute that nobody reads. (`module.requires_grad_(False)`, with
# the underscore, is a method, and does work.)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
layer = nn.Linear(2, 2)
layer.requires_grad = False  # looks right, and is not
print("the layer's weight can learn:", layer.weight.requires_grad)

# %% [markdown] slideshow={"slide_type": "fragment"}
# One batch forward and backward shows the effect: gradients arrive in the head and nowhere else.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
images, labels = next(batches(data.train_images, data.train_labels, 32, seed=0))
model.train()
F.cross_entropy(model(prepare(images)), labels.to(course.device)).backward()
with_gradient = [name for name, p in model.named_parameters() if p.grad is not None]
print("parameters with a gradient:", with_gradient)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4.2 Is it frozen?
#
# Before we train, we keep a copy of everything that the network remembers. PyTorch calls that its
# **state**, and `state_dict()` lists it.

# %%
before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
block_states = inspection.state_snapshot(model)

# %% [markdown]
# Now the training loop, written out. Nothing in it is new to you.

# %%
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=3e-3)
for epoch in range(3):
    model.train()
    for images, labels in batches(data.train_images, data.train_labels, 32, seed=epoch):
        loss = F.cross_entropy(model(prepare(images)), labels.to(course.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss of the last batch {loss.item():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** All parameters of `model.features` had `requires_grad = False`. After this training,
# is the state of `model.features` the same as before, to the last bit? Yes or no?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # yes or no

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
moved = [
    name
    for name, tensor in model.state_dict().items()
    if name.startswith("features.") and not torch.equal(tensor, before[name])
]
print("unchanged:", len(moved) == 0)
print("kinds of tensors that moved:", sorted({name.rpartition(".")[2] for name in moved}))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Not one weight moved. But the list is not empty. What are these three?
#
# They belong to **batch norm**, the layer after each convolution. In training it shifts and scales
# each channel so that the current batch has mean 0 and standard deviation 1. For later use it keeps
# two running averages, `running_mean` and `running_var`, and counts its batches. These are
# **buffers**: part of the state, but not parameters. No gradient and no optimizer moves them. The
# *forward pass* does, whenever the layer is in train mode.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
norm = model.features[0][1]
print(norm)
print("parameters:", [name for name, _ in norm.named_parameters()])
print("buffers:   ", [name for name, _ in norm.named_buffers()])
print(
    "forward passes counted during training:",
    int(norm.num_batches_tracked - before["features.0.1.num_batches_tracked"]),
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The figure shows for every block how far it went: its weights on the left, its batch norm
# statistics on the right, each relative to its size before.

# %% slideshow={"slide_type": "subslide"}
drift = inspection.movement(model, block_states).assign(
    weights=lambda t: 100 * t.weights, statistics=lambda t: 100 * t.statistics
)
figure = plots.block_bars(
    drift, {"weights": "weights moved (%)", "statistics": "batch norm statistics moved (%)"}
)
plots.show(
    figure,
    alt="Two bar charts with one row for each block, from the input at the top to the head at the bottom. Left: how far weights moved; zero for all blocks but the head. Right: how far batch norm statistics moved; not zero for the frozen blocks.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Does that matter? The network's outputs are what counts. We take the same test images, put the
# network into [eval mode](GLOSSARY.md#eval-mode), and compare the 1280 features that reach the head: from the pretrained
# network, and from the one that we "froze".


# %%
def features_of(network, images):
    """The numbers that reach the head, one row of 1280 for each image, in eval mode."""
    network.eval()
    with torch.no_grad():
        maps = [network.features(prepare(part)) for part in images.split(100)]
    return torch.cat(maps).mean(dim=(2, 3))


original = features_of(course.pretrained(), data.test_images)
drifted = features_of(model, data.test_images)
change = (drifted - original).norm() / original.norm()
print(f"The features of the 'frozen' network have changed by {100 * change:.0f} % of their length.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The network that we thought was frozen gives other features for the same images. Its old head, if
# somebody still needs it, receives numbers that it was never trained on.
#
# ## 4.3 The other line
#
# Train mode is the cause, so eval mode is the cure: in eval mode batch norm uses its running
# averages and leaves them alone. The order of the two lines matters. `model.train()` puts *every*
# layer into train mode, so the frozen part must be set back after it, each time.

# %% tags=["nbval-check-output"]
model.train()
model.features.eval()
print("head in train mode:    ", model.classifier.training)
print("backbone in train mode:", model.features.training)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The part below the head, `model.features` here, is called the **backbone**. We start again from the
# pretrained weights and train with both lines.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
model = course.pretrained()
model.classifier[1] = nn.Linear(model.last_channel, len(data.class_names)).to(course.device)
model.features.requires_grad_(False)
before = {name: tensor.clone() for name, tensor in model.features.state_dict().items()}

optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=3e-3)
model.train()
model.features.eval()
for images, labels in batches(data.train_images, data.train_labels, 32, seed=0):
    loss = F.cross_entropy(model(prepare(images)), labels.to(course.device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

same = all(torch.equal(t, before[name]) for name, t in model.features.state_dict().items())
print("backbone unchanged to the last bit:", same)

# %% [markdown] slideshow={"slide_type": "subslide"}
# From here on a helper stands for these lines. A **[freeze plan](GLOSSARY.md#freeze-plan)** says which blocks are frozen and
# what batch norm does inside them; `freezing.apply` switches `requires_grad` and sets the modes. The
# table is read off the live model, so it shows what *is*, not what we wished.

# %% tags=["nbval-check-output"]
plan = freezing.freeze_first(model, 14)
freezing.apply(model, plan)
print(freezing.block_table(model).iloc[12:].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The two bars, live
#
# You can watch all this happen. The live lab of [lesson 09](09_the_live_lab.ipynb) trains a network
# and shows, for each block, how far its *weights* and its *statistics* have moved. The next cell
# freezes the backbone and trains the head: 20 steps with the frozen batch norms in eval mode, then
# 20 steps with them in train mode.
#
# **Predict.** Which bars of the frozen blocks leave zero in the first 20 steps, and which in the
# second 20? None, the statistics, or both?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two answers

# %% slideshow={"slide_type": "subslide"}
lab = Lab(train=200, test=100, preset="head only", batch_norm="eval", seed=0)
lab.run(20)
with_eval = lab.session.snapshot()["blocks"]
lab.set_batch_norm("train")  # what model.train() alone would do
lab.run(20)
with_train = lab.session.snapshot()["blocks"]
lab

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
for mode, rows in [("eval", with_eval), ("train", with_train)]:
    frozen = [row for row in rows if row["frozen"]]
    for what in ("weights", "statistics"):
        still = all(row[f"{what}_moved"] == 0 for row in frozen)
        print(f"{mode:5} mode: {what:10} of {len(frozen)} frozen blocks at exactly zero: {still}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# In the panel a **0** means zero to the last bit. Press **Start** and change *frozen batch norm*
# while it trains. Going back to eval stops the [drift](GLOSSARY.md#drift) but does not undo it. Watch *[cache](GLOSSARY.md#cache)* too:
# it is a saving of section 4.6, and it is impossible while statistics drift. **Pause** ends the show; nothing below
# needs the panel.
#
# ## 4.4 Trap or tool?
#
# So far the moving statistics look like a mistake. Here is a case for them. Suppose that our camera
# works in the dark: the images have the same content, but a quarter of the brightness. The
# pretrained running averages then describe a brighter world than the one we have.


# %% slideshow={"slide_type": "subslide"}
def darken(images):
    """A quarter of the brightness, as uint8."""
    return (images.float() / 4).round().to(torch.uint8)


plots.show(
    plots.image_grid(torch.cat([data.test_images[:8], darken(data.test_images[:8])]), columns=8),
    alt="Eight test images in the upper row, and the same eight at a quarter of the brightness below.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** A new head is trained on frozen features, once with batch norm in eval mode and once
# in train mode. Which mode gives the better test accuracy on the bright images? And on the dark ones?
#
# We let three seeds decide; each picks other training images. With eval mode the features can be
# computed once (more on this below). With train mode they cannot: they change with every batch.


# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "eval" or "train" for bright images, and for dark ones


# %% slideshow={"slide_type": "subslide"}
def head_accuracy(seed, images, batch_norm):
    """Train a new head for five epochs on a backbone without gradients; accuracy on test images."""
    few = course.draw(seed)
    if images == "dark":
        few = few.with_images(darken)
    torch.manual_seed(seed)
    network = course.pretrained()
    network.classifier[1] = nn.Linear(network.last_channel, len(few.class_names)).to(course.device)
    plan = freezing.freeze_backbone(network, batch_norm=batch_norm)
    freezing.apply(network, plan)
    learner, ready = network, prepare
    if batch_norm == "eval":
        learner, few = training.cache_features(network, plan, few, prepare)
        ready = as_they_are
    optimizer = torch.optim.AdamW(network.classifier.parameters(), lr=3e-3)
    passes = training.epochs(
        learner, optimizer, few, ready, plan=plan, count=5, batch_size=32, seed=seed, watch=False
    )
    for _ in passes:
        pass
    result = training.evaluate(learner, few.test_images, few.test_labels, ready)
    return {"accuracy": result.accuracy}


# %% slideshow={"slide_type": "subslide"}
modes = experiments.repeat(
    head_accuracy, seeds=[0, 1, 2], images=["bright", "dark"], batch_norm=["eval", "train"]
)
modes["run"] = modes["images"] + " images, batch norm in " + modes["batch_norm"] + " mode"
plots.show(
    plots.dots(
        modes.sort_values(["images", "batch_norm"]), "accuracy", "run", xlabel="test accuracy (%)"
    ),
    alt="Four rows of three dots each, one dot a seed, with a bar at the mean: test accuracy on bright and on dark images, each with batch norm in eval and in train mode.",
)

# %% slideshow={"slide_type": "subslide"}
for name, group in modes.groupby("run"):
    print(f"{name}: {experiments.mean_and_std(group['accuracy'])}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Compare the two rows of each pair, and mind the [spread of the dots](GLOSSARY.md#spread-over-seeds). Where the new images resemble
# those of the pretraining, the old statistics are about right, and there is little to gain.
# Where brightness or contrast differ, statistics that follow the new images repair the features
# without a single gradient. So the rule is not "always eval". The rule is: **decide it, and know
# which you have.** What bites is to believe that `requires_grad = False` has decided it for you.
#
# ## 4.5 What freezing saves
#
# A training step goes forward through all layers, backward through all layers, and then updates.
# Going back costs about twice as much as going forward.
#
# **Predict.** How many times faster is an epoch when the backbone is frozen? 1.5, 3 or 10 times?


# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number


# %% slideshow={"slide_type": "subslide"}
def seconds_per_epoch(plan):
    """Time of one epoch with a plan, on the pretrained network with a new head."""
    network = course.pretrained()
    network.classifier[1] = nn.Linear(network.last_channel, len(data.class_names)).to(course.device)
    freezing.apply(network, plan)
    learnable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnable, lr=1e-3)
    passes = training.epochs(
        network, optimizer, data, prepare, plan=plan, count=1, batch_size=32, watch=False
    )
    return next(passes).seconds


everything, head_only = freezing.freeze_nothing(), freezing.freeze_backbone(model)
times = {
    "all blocks learn": seconds_per_epoch(everything),
    "backbone frozen": seconds_per_epoch(head_only),
}
for name, seconds in times.items():
    print(f"{name:17} {seconds:.2f} s an epoch of {len(data.train_images)} images")
print(f"ratio {times['all blocks learn'] / times['backbone frozen']:.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Memory is the second saving. To go backward, autograd keeps the output of layers until the
# gradients are computed. PyTorch lets us watch what it puts aside.


# %% slideshow={"slide_type": "subslide"}
def kept_for_backward(plan):
    """Megabytes that autograd keeps for the backward pass of one batch of 32."""
    network = course.pretrained()
    freezing.apply(network, plan)
    weights = {p.data_ptr() for p in network.parameters()}
    sizes = {}

    def note(tensor):
        if tensor.data_ptr() not in weights:  # weights are in memory anyway
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = network(prepare(data.train_images[:32])).logsumexp(1).sum()  # keeps the graph alive
    return sum(sizes.values()) / 1e6 + 0 * loss.item()


print(f"all blocks learn: {kept_for_backward(everything):8.2f} MB kept for one batch")
print(f"backbone frozen:  {kept_for_backward(head_only):8.2f} MB kept for one batch")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The saving in memory is large: on a small GPU it decides whether a network can be trained at all.
# The saving in time is much smaller, because the forward pass is still done in full, again and again.
#
# ## 4.6 From a small saving to a large one
#
# **Predict.** The backbone is frozen and in eval mode. The same image goes through it in epoch 1 and
# in epoch 2. What differs in its features?
#
# Nothing. So there is no need to compute them twice. We run the backbone *once*, keep the features,
# and train the head on these. Six lines do it:

# %%
model = course.pretrained()
model.classifier[1] = nn.Linear(model.last_channel, len(data.class_names)).to(course.device)
model.eval()
start = time.perf_counter()
with torch.no_grad():
    maps = torch.cat([model.features(prepare(part)) for part in data.train_images.split(32)])
features = maps.mean(dim=(2, 3))  # what pooling and flattening do in the network
once = time.perf_counter() - start
print(f"{tuple(data.train_images.shape)} images became {tuple(features.shape)} features")

# %% slideshow={"slide_type": "subslide"}
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=3e-3)
start = time.perf_counter()
model.classifier.train()
for x, y in batches(features, data.train_labels, 32, seed=0):
    loss = F.cross_entropy(model.classifier(x), y.to(course.device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
times["cached features"] = time.perf_counter() - start
print(f"once {once:.2f} s, then {times['cached features']:.3f} s an epoch")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
figure, (axis,) = plots.new_figure(7, 2.2)
bars = axis.barh(list(times), list(times.values()), color=plots.COLOURS[:3])
axis.bar_label(bars, labels=[f"{seconds:.2g} s" for seconds in times.values()], padding=4)
axis.set(xscale="log", xlabel="seconds an epoch (each step of the scale is ten times as long)")
axis.invert_yaxis()
plots.show(
    figure,
    alt="Three horizontal bars on a logarithmic scale: seconds an epoch when all blocks learn, when the backbone is frozen, and with cached features.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Is it the same training? It must be, or the comparison means nothing. We train two heads from the
# same start on the same batches, one through the whole network and one on cached features, and
# compare their weights. (Dropout is switched off for this; it is random in either.)


# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
def trained_head(use_cache):
    torch.manual_seed(0)
    network = course.pretrained()
    network.classifier = nn.Sequential(
        nn.Dropout(0.0), nn.Linear(network.last_channel, len(data.class_names))
    )
    network.to(course.device)
    plan = freezing.freeze_backbone(network)
    freezing.apply(network, plan)
    learner, images, ready = network, data, prepare
    if use_cache:
        learner, images = training.cache_features(network, plan, data, prepare, batch_size=32)
        ready = as_they_are
    optimizer = torch.optim.AdamW(network.classifier.parameters(), lr=3e-3)
    for _ in training.epochs(
        learner, optimizer, images, ready, plan=plan, count=2, batch_size=32, watch=False
    ):
        pass
    return network.classifier[1].weight.detach()


print("same weights:", torch.allclose(trained_head(True), trained_head(False), atol=1e-5))

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same holds for any frozen part at the *start* of the network, a **[frozen prefix](GLOSSARY.md#frozen-prefix)**. If the last
# five blocks learn and the others are frozen, the output of the frozen ones can be kept. That is
# what `training.cache_features` did above: it runs the frozen blocks once and returns the rest of the
# network, a shorter one which shares its weights with the whole.
#
# How much is gained depends on where the cut lies. We look at a record of that measurement, since
# it takes longer than a lesson should.
#
# **Predict.** MobileNetV2 has 19 backbone blocks. Where does caching save more: with the first 7
# blocks frozen, or with the first 18?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record = experiments.read_record("prefix_by_depth")
speed = pd.DataFrame(record["rows"])
print(experiments.cite(record))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
figure = plots.lines(
    speed,
    "frozen_blocks",
    "seconds",
    "method",
    xlabel="blocks frozen, counted from the input",
    ylabel="seconds an epoch",
    percent=False,
)
plots.show(
    figure,
    alt="Seconds an epoch against the number of frozen blocks, one line for training through the whole network and one with the frozen prefix cached. Both fall as more blocks are frozen.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two effects add up. The more blocks are frozen, the less there is to go *back* through; that is
# the fall of the upper line. The lower line also saves the way *forward* through the frozen part.
# The distance between the lines is about one second wherever the cut lies. But one second of four is
# little, and one second of 1.1 is nearly all: the fewer blocks are left to train, the more times
# faster an epoch becomes.
#
# Caching has its conditions. The frozen part must be in eval mode, and an image must look the same
# each time: random [augmentation](GLOSSARY.md#augmentation) makes a new image in each epoch, and then there is nothing to keep.
#
# ## Exercises
#
# Each exercise checks your answer as soon as you run its cell, and says what it sees. Stuck?
# `check.first_ten.hint()` gives a hint, each call a plainer one; `check.first_ten.solution()` prints
# a solution.
#
# ### Exercise 4.1
#
# Freeze the first 10 blocks of a fresh network without using a helper: switch off `requires_grad`
# for `model.features[0]` to `model.features[9]`, and put these into eval mode.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_network = ...
check.first_ten(my_network)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4.2
#
# Spot the bug. A colleague writes the lines below and finds that her backbone changes.
#
# ```python
# def my_loop(model, train_one_epoch):
#     model.features.requires_grad_(False)
#     model.features.eval()
#     for epoch in range(5):
#         model.train()
#         train_one_epoch(model)
# ```
#
# Write the function so that the backbone rests in every epoch, and the head trains.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_loop = ...
check.mended_loop(my_loop)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4.3
#
# Predict before you compute: of the network's parameters, which share (between 0 and 1) can still
# learn when only the last three blocks, head included, are thawed? Write your guess down. Then
# compute the share with `freezing.thaw_last`, `freezing.apply` and `freezing.count_trainable`.

# %% tags=["nbval-check-output", "slide-no-output"]
my_guess = ...
my_share = ...
check.share_of_three(my_guess, my_share)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 4.4
#
# An image of 224 x 224 pixels leaves block 6 as 32 maps of 28 x 28 numbers of four bytes. How many
# megabytes would it take to cache that for all 50,000 training images of CIFAR-10?

# %% tags=["nbval-check-output", "slide-no-output"]
my_megabytes = ...
check.cache_size(my_megabytes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - `requires_grad = False` stops parameters. It does not stop batch norm's running statistics.
# - `eval()` on the frozen part, after every `train()`, stops these too. A layer table shows both.
# - Statistics that follow the data can harm or help; it depends on how much the new images differ
#   from the old ones. It must be a decision.
# - Freezing saves most of the memory for the backward pass, and some of the time. Computing the
#   frozen part only once saves most of the time.

# %% tags=["slide-no-code"]
bright = modes[modes["images"] == "bright"].groupby("batch_norm")["accuracy"].mean()
dark = modes[modes["images"] == "dark"].groupby("batch_norm")["accuracy"].mean()
print(f"Features moved by {100 * change:.0f} % although every requires_grad was False.")
print(
    f"Eval minus train mode: {100 * (bright['eval'] - bright['train']):+.1f} points on bright images,"
)
print(f"                       {100 * (dark['eval'] - dark['train']):+.1f} points on dark ones.")
print(
    f"An epoch became {times['all blocks learn'] / times['backbone frozen']:.1f} times faster by freezing,"
)
print(
    f"and {times['all blocks learn'] / times['cached features']:.0f} times with cached features, computed once in {once:.1f} s."
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}")
print(f"weights  {course.weights.title}")
print(
    f"setting  {course.size} px, {len(data.train_images)} training images a run, seeds 0, 1, 2, on {course.device.type}"
)
print(f"record   {record['command']}: {record['data']}, {record['hardware']}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Batch norm** was introduced in "Batch Normalization: Accelerating Deep Network Training by
# Reducing Internal Covariate Shift", Sergey Ioffe and Christian Szegedy, 2015. Adapting only its
# statistics to new images was proposed in "Revisiting Batch Normalization For Practical Domain
# Adaptation", Yanghao Li, Naiyan Wang, Jianping Shi, Jiaying Liu and Xiaodi Hou, 2016.
#
# ## Next
#
# A frozen backbone can only be as good as its old features. What if it may learn as well, a little?
# [05 · Fine-tuning](05_fine_tuning.ipynb)
