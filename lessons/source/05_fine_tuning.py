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
# # 5 · Fine-tuning
#
# A frozen backbone sees the new images with old eyes. **Fine-tuning** lets the old weights move a
# little, so that they fit the new task, without forgetting what they know. How much is a little?
# This lesson is about that question.
#
# We begin with a recipe that many tutorials share, in full. It works. Then we look closely,
# find five faults in it, and build a better one. In the end both must show what they can do.
#
# **You will**
#
# - check whether the head must be trained first, and why;
# - run the classic two-phase recipe, written out;
# - find what is wrong with it, each fault with a measurement;
# - choose a learning rate, and see a network destroyed by one;
# - build a better recipe, and compare the two fairly over three seeds.
#
# **Before this:** [04 · Freezing](04_freezing.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import itertools
import math

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import experiments, plots
from course_utils.networks import inspection
from course_utils import training
from course_utils.training import recipes
from course_utils.lesson05 import check
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import batches
from course_utils.lab import Lab

course = course_utils.begin(lesson=5, train=150, test=300)

# %% slideshow={"slide_type": "subslide"}
data, prepare = course.data, course.prepare


def fresh_model(seed=0):
    """The pretrained network with a new head, as in lesson 03."""
    torch.manual_seed(seed)
    model = course.pretrained()
    model.classifier[1] = nn.Linear(model.last_channel, len(data.class_names)).to(course.device)
    return model


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.1 The head first?
#
# A new head starts with random weights, and its first answers are wrong. If the backbone may learn
# from the first step, it learns to please a head that means nothing. So nearly every recipe has two
# **[phases](GLOSSARY.md#phase)**: first the head alone, then everything. The usual reason given is that a random head
# sends *large* gradients into the backbone, which wreck it. We check the reason first.
#
# **Predict.** We measure the length of the gradient that reaches the backbone: once from a random
# head, and once from a head that was trained for a few epochs. Which one is longer?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "random" or "trained"


# %% slideshow={"slide_type": "subslide"}
def backbone_gradient(model):
    """Length of the gradient that one batch sends into the backbone (in eval mode)."""
    images, labels = next(batches(data.train_images, data.train_labels, 32, seed=0))
    model.requires_grad_(True).zero_grad()
    model.eval()
    F.cross_entropy(model(prepare(images)), labels.to(course.device)).backward()
    return sum(p.grad.square().sum() for p in model.features.parameters()).sqrt().item()


# %% slideshow={"slide_type": "subslide"}
model = fresh_model()
head = model.classifier[1]
behind_random_head, random_size = backbone_gradient(model), head.weight.norm().item()
for _ in recipes.train_head(model, data, prepare, count=10):
    pass  # feature extraction, as in lesson 04: frozen backbone, cached features
behind_trained_head, trained_size = backbone_gradient(model), head.weight.norm().item()
print(
    f"behind a random head:  {behind_random_head:.2f}   (length of its weights {random_size:.2f})"
)
print(
    f"behind a trained head: {behind_trained_head:.2f}   (length of its weights {trained_size:.2f})"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# What reaches the backbone is the error in the scores, multiplied by the head's *weights*. A random
# head makes large errors, but its weights are small; training makes the errors smaller and the
# weights larger. So the length may go either way, and on its own it is a poor reason.
#
# What counts is the result. The record below is from the Shapes world: the head alone for some
# epochs, or for none, then three epochs of everything.
#
# **Predict.** How long should the head be trained alone: not at all, for one epoch, for fifty?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_heads = experiments.read_record("fine_tuning_heads")
head_first = pd.DataFrame(record_heads["rows"])
head_first["start"] = head_first["head_epochs"].astype(str) + " epochs of the head alone"
plots.show(
    plots.dots(head_first, "accuracy", "start", xlabel="accuracy on held-out images (%)"),
    alt="Five rows, for zero, one, three, ten and fifty epochs of the head alone before everything is trained; one dot a seed and a bar at the mean.",
)
print(experiments.cite(record_heads))

# %% [markdown] slideshow={"slide_type": "subslide"}
# "First train the head until it is done" is common advice. Here it costs accuracy: after one epoch
# of the head alone everything ends at 92.3 %, after fifty at 86.9 %, and that distance is larger
# than the spread of the dots. None at all (90.9 %) is within the spread of one epoch. Our guess at
# the reason: a finished head has settled on the old features and is sure of itself, and the
# backbone must follow it; a head that has only begun leaves more to learn together. We shall use
# what this record says:

# %% tags=["slide-no-code"]
head_epochs = int(head_first.groupby("head_epochs")["accuracy"].mean().idxmax())
print(f"Highest mean in the record: with {head_epochs} epoch(s) of the head alone.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.2 The classic recipe
#
# Two epochs with the features frozen, then three with everything thawed at a tenth of the learning
# rate. The optimizer is **[Adam](GLOSSARY.md#adam)**, which adapts the step of each weight to the gradients it has seen,
# with a rate of 0.001. `StepLR(3, 0.1)` divides the rate by ten after every third epoch. You
# will find these lines, or nearly these, in tutorials.

# %%
model = fresh_model()
for parameter in model.features.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)

# %% [markdown] slideshow={"slide_type": "subslide"}
# One epoch, and the accuracy on the test images:


# %%
def train_one_epoch(model, optimizer, seed):
    model.train()
    for images, labels in batches(data.train_images, data.train_labels, 32, seed=seed):
        loss = F.cross_entropy(model(prepare(images)), labels.to(course.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_accuracy(model):
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(prepare(part)) for part in data.test_images.split(100)])
    return (scores.argmax(1).cpu() == data.test_labels).float().mean().item()


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** What will the accuracy be after the two frozen epochs, and what after the three that
# follow? Write both down.

# %% slideshow={"slide_type": "skip"}
my_guess_frozen, my_guess_thawed = ..., ...

# %% slideshow={"slide_type": "subslide"}
rows, snapshots = [], [inspection.state_snapshot(model)]
for epoch in range(5):
    if epoch == 2:  # thaw, at a tenth of the rate
        for parameter in model.features.parameters():
            parameter.requires_grad = True
        for group in optimizer.param_groups:
            group["lr"] *= 0.1
    rate = optimizer.param_groups[0]["lr"]
    train_one_epoch(model, optimizer, seed=epoch)
    scheduler.step()
    snapshots.append(inspection.state_snapshot(model))
    rows.append({"epoch": epoch + 1, "rate": rate, "accuracy": test_accuracy(model)})
    print(f"epoch {epoch + 1}: rate {rate:.0e}, test accuracy {100 * rows[-1]['accuracy']:.1f} %")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
first_run = pd.DataFrame(rows).assign(run="classic recipe")
figure = plots.lines(
    first_run,
    "epoch",
    "accuracy",
    "run",
    xlabel="epoch",
    ylabel="test accuracy (%)",
    marks={2.5: "thawed"},
    chance=1 / len(data.class_names),
)
plots.show(
    figure,
    alt="Test accuracy after each of five epochs of the classic recipe, with a vertical mark between the second and the third epoch, where everything is thawed, and a dotted line at the level of guessing.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# What you have just run is small: a few hundred images. The same recipe on all 50,000 training images
# of CIFAR-10 needs a GPU. Where such a run has been recorded, the next cell shows it.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
try:
    full = experiments.read_record("classic_recipe_cifar10")
except FileNotFoundError:
    print("No such run has been recorded yet. On a machine with a GPU, this makes the record:")
    print("python -m benchmarks.lesson05.classic_recipe --data cifar10 --size 224 --seeds 0 1 2")
else:
    table = pd.DataFrame(full["rows"]).assign(run="all of CIFAR-10")
    figure = plots.lines(
        table,
        "epoch",
        "test_accuracy",
        "run",
        xlabel="epoch",
        ylabel="test accuracy (%)",
        marks={2.5: "thawed"},
    )
    plots.show(
        figure,
        alt="Test accuracy by epoch of the classic recipe on all of CIFAR-10, mean and spread over seeds.",
    )
    print(experiments.cite(full))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.3 Five faults
#
# **Fault 1: the backbone was not frozen.** You know it from lesson 04: `model.train()` let the
# batch norm statistics move in the frozen epochs. How far, over the whole backbone, before a single
# weight moved?


# %% tags=["slide-no-code"]
def backbone_movement(start, end):
    """Relative movement of the whole backbone between two snapshots, in percent."""
    blocks = list(start)[:-1]
    result = {}
    for kind, wanted in (("weights", False), ("statistics", True)):
        names = [
            (b, n)
            for b in blocks
            for n in start[b]
            if ("running_" in n) == wanted and "num_" not in n
        ]
        change = sum((end[b][n] - start[b][n]).square().sum() for b, n in names)
        result[kind] = (
            100 * (change / sum(start[b][n].square().sum() for b, n in names)).sqrt().item()
        )
    return result


moves = pd.DataFrame([backbone_movement(a, b) for a, b in itertools.pairwise(snapshots)])
moves.insert(0, "epoch", range(1, 6))
moves.insert(1, "rate", first_run["rate"])
moves["rate"] = moves["rate"].map("{:.0e}".format)
print(moves.round(3).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# The column of statistics is not zero in epochs 1 and 2. The head was trained on features that were
# changing under it.
#
# **Fault 2: two [schedules](GLOSSARY.md#schedule) that do not know of each other.** Read the column of rates. We wanted a
# tenth of the rate after the thaw. After epoch 3 the `StepLR` divided once more. Then look how far
# the weights moved in the last two epochs: what did those epochs achieve?
#
# **Fault 3: one optimizer across the thaw.** Adam keeps two running averages for each weight. For
# the head they have been gathered over two epochs at another rate. For the backbone they do not
# exist yet. (A new optimizer would have none for the backbone either. What differs is the head's.
# Section
# 5.6 measures what a new one is worth.)

# %% tags=["nbval-check-output"]
model = fresh_model()
model.features.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_one_epoch(model, optimizer, seed=0)
head, first_layer = model.classifier[1].weight, model.features[0][0].weight
print("Adam remembers the head:       ", head in optimizer.state)
print("Adam remembers the first layer:", first_layer in optimizer.state)

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Fault 4: no [warm-up](GLOSSARY.md#warm-up).** Adam divides a gradient by its usual size. When a weight has seen only one
# gradient, that one *is* its usual size.
#
# **Predict.** We thaw and take one step with rate 0.0001. The gradients of the backbone differ by
# many powers of ten. How do the first steps of its weights differ?

# %% slideshow={"slide_type": "subslide"}
model.features.requires_grad_(True)
for group in optimizer.param_groups:
    group["lr"] = 1e-4
weights = torch.cat([p.detach().flatten() for p in model.features.parameters()])
images, labels = next(batches(data.train_images, data.train_labels, 32, seed=1))
model.train()
optimizer.zero_grad()
F.cross_entropy(model(prepare(images)), labels.to(course.device)).backward()
gradients = torch.cat([p.grad.flatten() for p in model.features.parameters()]).abs()
optimizer.step()
taken = (torch.cat([p.detach().flatten() for p in model.features.parameters()]) - weights).abs()


# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def bars_by_power(axis, values, title):
    powers = values[values > 0].log10().clamp(-9, -1).cpu().numpy()
    axis.hist(powers, bins=40, color=plots.BLUE)
    axis.set(xlabel=f"{title}, power of ten", ylabel="weights", xlim=(-9, -1))


figure, axes = plots.new_figure(8, 2.8, 2)
bars_by_power(axes[0], gradients, "size of the gradient")
bars_by_power(axes[1], taken, "size of the first step")
plots.show(
    figure,
    alt="Two histograms over the backbone's weights on logarithmic scales. Left: sizes of the gradients. Right: sizes of the first Adam step.",
)
full_size = (taken / 1e-4 > 0.9).float().mean().item()
print(
    f"{100 * full_size:.0f} % of the backbone's weights took a step of at least 0.9 times the rate."
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Weights with tiny gradients, that hardly matter, are pushed as far as those that matter most, in a
# direction that one batch has decided. **Warm-up** is the remedy: begin with a rate near zero and let
# it rise while the averages fill.
#
# **Fault 5: the test set was watched.** We looked at the test accuracy after every epoch. Anyone
# who then keeps the best epoch, or tries another rate because of what they saw, has *chosen* by the
# test images, and their accuracy is no longer an honest forecast. The remedy is to [hold
# out](GLOSSARY.md#held-out-images) some training images as **validation** images, to choose by
# those, and to use the test images once.

# %% tags=["nbval-check-output"]
choosing = data.hold_out(len(data.train_images) // 5)
print(len(choosing.train_images), "to train on,", len(choosing.test_images), "to choose by")

# %% [markdown] slideshow={"slide_type": "fragment"}
# There was no **augmentation** either: images that are changed a little each time, so that the
# network cannot learn them by heart. Whether that is a fault depends on how long one trains. We
# shall see.
#
# ## 5.4 How large a rate?
#
# "A tenth of the usual rate" is a rule of thumb. We test it. The record below is from the Shapes
# world: head first, then three epochs of all blocks at the rate on the axis, three seeds each.
#
# **Predict.** Draw the curve in your mind, from 0.00001 on the left to 0.03 on the right. Where is its
# top? What happens at its right end?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record = experiments.read_record("fine_tuning_rates")
sweep = pd.DataFrame(record["rows"])
head_only = sweep["head_only"].mean()
figure = plots.lines(
    sweep.assign(run="all blocks"),
    "rate",
    "accuracy",
    "run",
    xlabel="learning rate of all blocks (logarithmic)",
    ylabel="accuracy on held-out images (%)",
    chance=0.1,
)
figure.axes[0].set_xscale("log")
figure.axes[0].axhline(100 * head_only, color="black", linestyle="--", linewidth=1)
figure.axes[0].annotate(
    "head only", (sweep["rate"].min(), 100 * head_only), va="bottom", fontsize=9
)
plots.show(
    figure,
    alt="Accuracy on held-out images after fine-tuning, against the learning rate on a logarithmic scale, with a band for the spread over seeds. A dashed line shows the accuracy of the trained head alone, a dotted line guessing.",
)
print(experiments.cite(record))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Right of the top the old knowledge is destroyed faster than new knowledge can come from a few
# hundred images. The best rate depends on data, network and schedule. What carries over is the shape
# of the curve, and that it must be searched in steps of about three, not guessed.
#
# Look at the left end too. At such rates the weights hardly move, so one expects the accuracy of the
# head alone. If the line lies below it, something else has moved. You know a suspect: in training,
# batch norm follows the batches, whatever the rate. We test that with no rate at all: forward passes
# in train mode, and not a single step.

# %% slideshow={"slide_type": "subslide"}
model = fresh_model()
for _ in recipes.train_head(model, data, prepare, count=10):
    pass
accuracy_before = test_accuracy(model)
model.train()
with torch.no_grad():
    for epoch in range(3):
        for images, _ in batches(data.train_images, data.train_labels, 32, seed=epoch):
            model(prepare(images))  # only the batch norm statistics change
accuracy_moved = test_accuracy(model)
print(f"head only: {100 * accuracy_before:.1f} %    new statistics: {100 * accuracy_moved:.1f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The difference of the two is what moving statistics do before any weight has learned to make up for
# it. It is a single run, and a few points: with other images the price can be larger, or none. A tiny
# rate pays it and buys nothing.
#
# ### The other end, live
#
# At the right end of the curve the thaw wrecks the network. The live lab of
# [lesson 09](09_the_live_lab.ipynb) shows the moment: 30 steps of the head alone, then everything is
# thawed for 8 steps. It does so twice, with a moderate rate for the backbone and with one that is 30
# times as large. The head's rate stays the same.
#
# **Predict.** How many steps does it take to wreck what a long pretraining has built?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"}
lab = Lab(train=200, test=100, seed=0)
at_thaw, afterwards = {}, {}
for rate in (1e-3, 3e-2):
    lab.reset(preset="head only", backbone_rate=rate, seed=0)
    lab.run(30)
    at_thaw[rate] = lab.session.evaluate()
    lab.preset("all")
    lab.run(8)
    afterwards[rate] = lab.session.evaluate()
lab

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
for rate in at_thaw:
    print(
        f"backbone's rate {rate:<5}: {100 * at_thaw[rate]:.1f} % of the held-out images at the thaw, "
        f"{100 * afterwards[rate]:.1f} % eight steps later"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# The faint line is the first run, the strong one the second. The bars tell how far the weights have
# gone from where the pretraining had left them, as a share of their size. The panel works: press
# **Start** and see whether it recovers, freeze the backbone and see whether that helps, or **Reset**
# and thaw fewer blocks. Nothing below needs it.
#
# ## 5.5 A better recipe
#
# **First the head, as long as the record of 5.1 advised.** Frozen means frozen (batch norm in eval
# mode), so the features can be cached, and an epoch takes no time. This is `recipes.train_head`.

# %%
model = fresh_model()
*_, last = recipes.train_head(model, choosing, prepare, count=max(1, head_epochs), watch=True)
print(f"head only: {100 * last.test_accuracy:.1f} % of the validation images")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Then a new optimizer, with two rates.** The head is new and may still move fast; the backbone
# should move slowly. Rates that differ by depth are called **[discriminative learning rates](GLOSSARY.md#discriminative-learning-rates)**. We use
# [AdamW](GLOSSARY.md#adamw), which is Adam with *[weight decay](GLOSSARY.md#weight-decay)*: each step also shrinks the weights a little, here those of
# convolutions and the head only. Norms and biases are spared: shrinking them would only push them
# towards a useless zero.

# %% slideshow={"slide_type": "subslide"}
model.requires_grad_(True)
groups = []
for part, rate in ((model.features, 1e-3), (model.classifier, 3e-3)):
    filters = [p for p in part.parameters() if p.ndim > 1]
    rest = [p for p in part.parameters() if p.ndim <= 1]  # norms and biases
    groups.append({"params": filters, "lr": rate, "weight_decay": 0.05})
    groups.append({"params": rest, "lr": rate, "weight_decay": 0.0})
optimizer = torch.optim.AdamW(groups)

# %% [markdown]
# **And one schedule.** `OneCycleLR` raises the rates from near zero (the warm-up), then lowers them
# along a cosine to zero. It is stepped after every *batch*.

# %%
steps = 3 * math.ceil(len(choosing.train_images) / 32)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=[group["lr"] for group in groups], total_steps=steps, pct_start=0.2,
    cycle_momentum=False
)

# %% slideshow={"slide_type": "subslide"}
seen = []
for epoch in range(3):
    model.train()
    for images, labels in batches(choosing.train_images, choosing.train_labels, 32, seed=epoch):
        loss = F.cross_entropy(model(prepare(images)), labels.to(course.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(scheduler.get_last_lr()[0])
        scheduler.step()
    result = training.evaluate(model, choosing.test_images, choosing.test_labels, prepare)
    print(f"epoch {epoch + 1}: {100 * result.accuracy:.1f} % of the validation images")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
figure, (axis,) = plots.new_figure(6, 2.2)
axis.plot(range(1, len(seen) + 1), seen, color=plots.BLUE)
axis.set(xlabel="step", ylabel="backbone's learning rate")
plots.show(
    figure,
    alt="The backbone's learning rate by step: a rise over the first fifth of the steps, then a smooth fall to zero.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# From here on `recipes.classic` and `recipes.fine_tune` stand for these lines.
#
# ## 5.6 Which remedy does what?
#
# The record below goes from the classic recipe to the better one in the Shapes world. Each step
# changes one setting and keeps those before it. Accuracies are on validation images, five seeds. The
# last step adds augmentation: each image is mirrored with probability one half.
#
# **Predict.** Eight steps. Which one brings most? Does one bring nothing, or even cost something?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # the number of a step, 1 to 8

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_ladder = experiments.read_record("fine_tuning_ladder")
ladder = pd.DataFrame(record_ladder["rows"])
plots.show(
    plots.dots(ladder, "accuracy", "arm", xlabel="accuracy on held-out images (%)"),
    alt="Nine rows from the classic recipe at the top to the better one with mirrored images at the bottom, each with one more setting changed than the row above it; one dot a seed and a bar at the mean.",
)
print(experiments.cite(record_ladder))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
by_seed = 100 * ladder.pivot(index="seed", columns="arm", values="accuracy")
by_seed = by_seed[ladder["arm"].unique()]  # in the order of the ladder
means, gains = by_seed.mean(), by_seed.diff(axis=1)
for arm in by_seed:
    gain = "" if arm == "classic" else f"  ({gains[arm].mean():+.1f} ± {gains[arm].std():.1f})"
    print(f"{arm:36} {means[arm]:5.1f} %{gain}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The way from 83.5 to 91.6 % is made by two steps, and both are larger *rates*: raising the head's
# rate gains four points, raising the backbone's four and a half. Next to them the faults of 5.3
# cost little here. A new optimizer, and a single schedule with warm-up in place of `StepLR`, bring
# less than a point each, about their own spread, and weight decay changes nothing. Keeping batch
# norm still while frozen even costs 1.7 points in this recipe: it is what lets features be cached,
# not what makes this network better. A fault in principle need not cost much in practice. And the
# order matters: a step is measured on top of those before it.
#
# Whether mirroring pays is a question for measurement, not for belief. In three epochs a network
# hardly has time to learn images by heart, and a mirrored shape may be one that never occurs. We
# let the validation images of the record decide:

# %% tags=["slide-no-code"]
mirror = bool(means.iloc[-1] > means.iloc[-2])
print("the better recipe mirrors images:", mirror)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.7 Which is better?
#
# Now the comparison. Fair means: same images, same pretrained weights, same number of thawed epochs,
# three seeds each (which draw other training images, another head and another order). Two things are
# not equal. The better recipe's settings were chosen on the record's held-out images, while the classic
# ones are taken as they are found. And these test images have been looked at before, in 5.2 and 5.4,
# though nothing was chosen by them. As a third contender comes the head alone, ten epochs on cached
# features at its own rate, without any fine-tuning.
#
# **Predict.** Order the three: classic recipe, head only, better recipe.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # three names, the best one first


# %% slideshow={"slide_type": "subslide"}
def accuracy_of(seed, recipe):
    data = course.draw(seed)
    model = fresh_model(seed)
    if recipe == "classic":
        events = list(recipes.classic(model, data, prepare, seed=seed, batch_size=32, watch=False))
    else:
        count = 10 if recipe == "head only" else max(1, head_epochs)
        events = list(recipes.train_head(model, data, prepare, count=count, seed=seed))
    if recipe == "better":
        augment = Augment() if mirror else None  # mirrored at random
        events += recipes.fine_tune(model, data, prepare, count=3, seed=seed, augment=augment)
    result = training.evaluate(model, data.test_images, data.test_labels, prepare)
    return {"accuracy": result.accuracy, "seconds": sum(event.seconds for event in events)}


names = ["classic", "head only", "better"]
comparison = experiments.repeat(accuracy_of, seeds=[0, 1, 2], recipe=names)

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.dots(comparison, "accuracy", "recipe", xlabel="test accuracy (%)"),
    alt="Three rows of three dots each, one dot a seed, with a bar at the mean: test accuracy of the classic recipe, of the head alone, and of the better recipe.",
)
for recipe, group in comparison.groupby("recipe", sort=False):
    print(
        f"{recipe:9} {experiments.mean_and_std(group['accuracy'])}, "
        f"{group['seconds'].mean():.1f} s of training"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# Three seeds are few. If the clouds of dots overlap, be careful with the word "better"; if they are
# apart, the difference is larger than what chance does here.
#
# Look at the row in the middle. Where the head alone comes out ahead of the classic recipe, do not
# conclude that thawing did harm. The classic head had two epochs at a rate of 0.001, the head alone
# ten at 0.003: it is simply trained further. Section 5.6 takes the differences apart.
#
# ## 5.8 Thawing by degrees
#
# Between "head only" and "everything" lie all the depths. Thawing the last few blocks is cheaper, by
# the cached prefix of lesson 04. Is it also better when there are few images?
#
# **Predict.** With 100 training images, how many blocks would you thaw? With 1,000?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_depth = experiments.read_record("fine_tuning_depth")
by_depth = pd.DataFrame(record_depth["rows"])
by_depth["images"] = by_depth["train"].astype(str) + " training images"
figure = plots.lines(
    by_depth,
    "thawed",
    "accuracy",
    "images",
    xlabel="blocks thawed, counted from the head",
    ylabel="accuracy on held-out images (%)",
)
plots.show(
    figure,
    alt="Accuracy on held-out images against the number of thawed blocks, one line with a band for each number of training images.",
)
print(experiments.cite(record_depth))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
best = by_depth.groupby(["train", "thawed"])["accuracy"].agg(["mean", "std"]).reset_index()
for train, group in best.groupby("train"):
    top, head = group.loc[group["mean"].idxmax()], group[group["thawed"] == 1].iloc[0]
    print(
        f"{train:5} images: head only {100 * head['mean']:.1f} ± {100 * head['std']:.1f} %, "
        f"best {100 * top['mean']:.1f} ± {100 * top['std']:.1f} % with {int(top['thawed'])} blocks thawed"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# With 1,000 images thawing pays: from 89 % for the head alone to 95 % with 14 blocks thawed. With
# 100 images it gains nothing beyond the spread, and a few thawed blocks do worse than none. One
# warning: the budgets differ. 100 images got 40 steps of fine-tuning and 1,000 got 128, so part of
# the difference may be training time rather than data.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.three_rates.hint()` gives
# a hint, each call a plainer one; `check.three_rates.solution()` prints a solution.
#
# ### Exercise 5.1
#
# Build an AdamW optimizer for a fresh model with *three* rates: 0.0001 for blocks 0 to 13 of
# `model.features`, 0.001 for the other blocks, 0.003 for the head. Every parameter must be in
# exactly one group.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_model = ...
my_optimizer = ...
check.three_rates(my_model, my_optimizer)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 5.2
#
# Spot the bug. A classmate builds `torch.optim.Adam(model.classifier.parameters(), lr=1e-3)`, trains
# two epochs, and thaws with the function below. She sees no change at all.
#
# ```python
# def my_thaw(model, optimizer):
#     model.features.requires_grad_(True)
#     return optimizer
# ```
#
# Write it so that the backbone learns with a tenth of the head's rate, and the head goes on.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_thaw = ...
check.thaw_that_works(my_thaw)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 5.3
#
# Choose a strategy. You have a few hundred images of a similar task and time for three epochs of all
# blocks. Which one of the rates in the record of 5.4 do you take? And which of them (a list) end
# below the dashed line, where you had better not thaw at all? Answer from the figure first, then
# look the numbers up in `sweep`.

# %% tags=["nbval-check-output", "slide-no-output"]
best_rate = ...
rates_below_the_line = ...
check.rates_to_choose(best_rate, rates_below_the_line)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 5.4 (open)
#
# Beat the classic recipe on validation images, with at most five epochs in which anything but the
# head is trained, and by as much as you can. Write a function `my_recipe(model, data, prepare, seed)`
# that trains the model it is given, a pretrained one with a new head. The check runs it and the
# classic recipe with three seeds, on validation images that your function never sees. That takes
# some seconds. Change one thing at a time.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_recipe = ...
check.beat_the_recipe(my_recipe, course)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - Training the head first is usual and cheap. Whether it matters is a question for measurement,
#   and the usual reason for it need not be the true one.
# - The classic recipe works, and hides faults: a backbone that is not quite frozen, two schedules
#   that multiply, first steps of full size, a test set used for choosing. What cost most here was none
#   of them, but rates that are too small.
# - The learning rate decides a great deal. Too small gains nothing; too large destroys.
# - Whether thawing pays depends on how much data there is.

# %% tags=["slide-no-code"]
scores = comparison.groupby("recipe")["accuracy"].apply(list)
print(f"classic recipe: {experiments.mean_and_std(scores['classic'])}")
print(f"head only:      {experiments.mean_and_std(scores['head only'])}")
print(f"better recipe:  {experiments.mean_and_std(scores['better'])}")
print(f"The best rate in the record is {sweep.groupby('rate')['accuracy'].mean().idxmax():g};")
print(
    f"eight steps at 0.03 took a network from {100 * at_thaw[3e-2]:.0f} % to {100 * afterwards[3e-2]:.0f} %."
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}")
print(f"weights  {course.weights.title}")
print(
    f"setting  {course.size} px, {len(data.train_images)} training images a run, seeds 0, 1, 2, on {course.device.type}"
)
for kept in (record_heads, record, record_ladder, record_depth):
    print(f"record   {kept['command']}: {kept['data']}, {kept['hardware']}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Sources.** Adam: "Adam: A Method for Stochastic Optimization", Diederik P. Kingma and Jimmy Ba,
# 2015. AdamW: "Decoupled Weight Decay Regularization", Ilya Loshchilov and Frank Hutter, 2019.
# Discriminative rates and thawing by degrees: "Universal Language Model Fine-tuning for Text
# Classification", Jeremy Howard and Sebastian Ruder, 2018. One cycle: "Super-Convergence: Very Fast
# Training of Neural Networks Using Large Learning Rates", Leslie N. Smith and Nicholay Topin, 2017.
# Warm-up: "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", Priya Goyal and others, 2017.
# Head first: "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution",
# Ananya Kumar, Aditi Raghunathan, Robbie Jones, Tengyu Ma and Percy Liang, 2022.
#
# ## Next
#
# Back to [00 · Start here](00_start_here.ipynb) for the map of the course.
