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
# # 0 · Start here
#
# Somebody has trained a network on many thousands of images, for hours or days. You have a few
# hundred images of something else, and five minutes. **[Transfer learning](GLOSSARY.md#transfer-learning)** means: take over what
# that network has learned, and teach it your task. This page does it once, from start to finish.
#
# **You will**
#
# - see a trained network answer questions that it was never made for;
# - exchange one [layer](GLOSSARY.md#layer), [freeze](GLOSSARY.md#freeze) the rest, and watch the network learn new words in seconds;
# - check that the [weights](GLOSSARY.md#weights) deserve the credit, with a [control](GLOSSARY.md#control);
# - see where it ends: how [accuracy](GLOSSARY.md#accuracy) grows with the number of [training images](GLOSSARY.md#training-images).
#
# **Before you start** you need nothing but a first small network of your own, trained once, in any
# course. You do not have to understand each line here: the other lessons take them one by one.
#
# **How to work.** Click into a grey cell and press *Shift + Enter* to run it. Start with the next
# one, and go on downwards. At each **Predict**, write your guess into the cell before you run it.
# A wrong guess is worth more than a right one: it shows you what to think about.

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from course_utils.images import datasets
from course_utils import experiments, plots
from course_utils.lesson00 import figures as figures_00
from course_utils import training
from course_utils.training import freezing
from course_utils.lesson00 import check
from course_utils.exercises import catalogue
from course_utils.lab import Lab

course = course_utils.begin(lesson=0, train=2000, test=1000)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The lines above say in which **[world](GLOSSARY.md#world)** you are, that is, which images and which weights this run
# uses. Without a network connection the course draws its own images, so it works anywhere. To use
# photographs, or your own images, see the last line above. Everything below works in each world.
#
# ## These are our images

# %%
data = course.load(2000, 1000)  # fewer, if your own folder has fewer
names = data.class_names
chance = torch.bincount(data.test_labels).max().item() / len(data.test_labels)
print(data)
print(f"Always naming one and the same class would be right in {chance:.0%} of the test images.")
some = data.subset(train=min(300, len(data.train_labels)))  # shuffled, the classes level
sheet = plots.class_sheet(some.train_images, some.train_labels, names[:20])
plots.show(sheet, alt="Some training images of each class, one class a row, with its name.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask a network that has never seen these classes
#
# Training leaves a network with millions of numbers. These are its **[pretrained weights](GLOSSARY.md#pretrained-weights)**: numbers
# that were learned on some earlier task and saved in a file.

# %% tags=["nbval-check-output"]
model = course.pretrained().eval()  # eval(): we ask, nothing is trained
old_names = course.weights.class_names
print(course.weights.title)
print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} million numbers that can learn")
print(f"It knows {len(old_names)} classes, such as {', '.join(old_names[:6])}.")
print(f"Of our {len(names)} classes it knows {len(set(names) & set(old_names))} by name.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** We show it 20 of our images. What will it do?
# (a) answer "I do not know"; (b) name some old [class](GLOSSARY.md#class), with low confidence everywhere;
# (c) name some old class, and be sure of it more often than not.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write "a", "b" or "c" here

# %% slideshow={"slide_type": "subslide"}
few = datasets.balanced_choice(data.test_labels, min(20, len(data.test_labels)), seed=0)
with torch.no_grad():
    scores = model(course.prepare(data.test_images[few]))  # one score for each old class
sure, answer = scores.softmax(dim=1).cpu().max(dim=1)  # the largest becomes the answer
words = [name if len(name) < 15 else name[:13] + "…" for name in old_names]
titles = [f"{words[a]}\n{p:.0%} sure" for a, p in zip(answer, sure, strict=True)]
wall = plots.image_grid(data.test_images[few], titles)
plots.show(wall, alt="Test images; under each the old class it was taken for, and how surely.")
print(f"More than 50 % sure: {(sure > 0.5).sum()} of {len(few)}. Most sure: {sure.max():.0%}.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It has no way to say "I do not know". It has one output for each old class, and the largest wins.
# The percentages are shares among the old words, so they add up to 100 % even where none fits. A
# high one does not mean that the answer is right: it means that the other old words fit even less.
#
# ## Give it a new head
#
# The network has two parts. The **[backbone](GLOSSARY.md#backbone)** turns an image into a list of numbers that describe
# it, the [features](GLOSSARY.md#features). The **[head](GLOSSARY.md#head)** is the last layer, which turns these numbers into one [score](GLOSSARY.md#scores) a
# class. The backbone may be worth keeping. The head predicts the wrong classes, so we replace it:

# %% tags=["nbval-check-output"]
print("before:", model.classifier[1])
torch.manual_seed(0)
model.classifier[1] = nn.Linear(model.last_channel, len(names), device=course.device)
print("after: ", model.classifier[1])

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** The backbone is pretrained, and the new head is brand new: its weights are random
# numbers. How many percent of the [test images](GLOSSARY.md#test-images) will be right now? About 0, about as many as by
# [guessing](GLOSSARY.md#at-chance), or clearly more?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"}
before = training.evaluate(model, data.test_images, data.test_labels, course.prepare)
print(f"new head, not trained: {before.accuracy:.1%} right; guessing: about {chance:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It guesses. The features may be excellent, but a random head reads them at random. One head may
# land a little above chance and another a little below: that is luck.
#
# ## Freeze the backbone
#
# To **freeze** a layer is to forbid training to change it. In PyTorch that takes three lines:

# %% tags=["nbval-check-output"]
for parameter in model.features.parameters():
    parameter.requires_grad = False  # no gradient, so no optimizer can move it
model.features.eval()  # batch norm stops collecting statistics: lesson 04 shows what happens if not

learns = freezing.count_trainable(model)
total = sum(p.numel() for p in model.parameters())
print(f"{learns:,} of {total:,} numbers still learn: {learns / total:.1%}, all in the head")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A frozen backbone gives the same features for the same image, today and in the last [epoch](GLOSSARY.md#epoch). So we
# run it once for each image and keep the result. Training only a new head on features from a frozen
# backbone is called **[feature extraction](GLOSSARY.md#feature-extraction)**.

# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def features_of(network, images):
    """Run the backbone, then average over the positions in the image: float `(n, 1280)`."""
    network.eval()
    parts = [network.features(course.prepare(x)).mean(dim=(2, 3)) for x in images.split(64)]
    return torch.cat(parts)


# %% tags=["nbval-check-output"]
train_x, train_y = features_of(model, data.train_images), data.train_labels.to(course.device)
test_x, test_y = features_of(model, data.test_images), data.test_labels.to(course.device)
print(f"each image has become {train_x.shape[1]} numbers")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Watch it learn
#
# **Predict.** We train the head on these features, ten times through all training images. How many
# percent of the test images will be right at the end? And after the first tenth of the steps?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write two numbers here

# %% slideshow={"slide_type": "subslide"}
epochs, batch = 10, min(64, len(train_x))
steps = epochs * len(train_x.split(batch))
live = figures_00.LiveAccuracy(steps, before.accuracy, chance)
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=3e-3)
for epoch in range(epochs):
    for x, y in datasets.batches(train_x, train_y, batch, seed=epoch):
        model.classifier.train()
        loss = F.cross_entropy(model.classifier(x), y)  # how wrong the head is on this batch
        optimizer.zero_grad()
        loss.backward()  # which way each weight of the head should move
        optimizer.step()  # move them a little
        model.classifier.eval()
        with torch.no_grad():
            live.add((model.classifier(test_x).argmax(1) == test_y).float().mean().item())
live.finish()

# %% [markdown] slideshow={"slide_type": "subslide"}
# Look at where the curve bends: how much of the gain came within the first tenth of the steps? Part
# of the time you waited went into drawing the figure. The test images were only looked at: no weight
# was changed by them, and nothing was chosen.
#
# ## The same images again

# %%
after = training.evaluate(model, data.test_images, data.test_labels, course.prepare)
right = after.predictions == data.test_labels
answers, truth = ([names[i] for i in which[few]] for which in (after.predictions, data.test_labels))
titles = [a if a == t else f"{a}\n({t})" for a, t in zip(answers, truth, strict=True)]
wall = plots.image_grid(data.test_images[few], titles, right=right[few].tolist())
plots.show(wall, alt="The same images with the new answers: a tick where right; where wrong, a "
           "cross, and the true class in brackets.")
print(f"before training {before.accuracy:.1%}, after {after.accuracy:.1%} of the test images")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now it answers in our words. This figure came from the whole network, images in and classes out:
# the head that we trained on stored features fits the backbone they came from.
#
# **Predict.** Which two of our classes will it mix up most often?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write two class names here

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
wrong = pd.DataFrame({
    "true class": [names[i] for i in data.test_labels[~right]],
    "taken for": [names[i] for i in after.predictions[~right]],
})
if len(names) <= 20:
    table = figures_00.confusion(data.test_labels, after.predictions, names)
    plots.show(table, alt="Table of counts: a row for each true class, a column for each answer; "
               "the diagonal holds the right ones.")
wrong.value_counts().head(5).rename("times").reset_index()

# %% [markdown] slideshow={"slide_type": "subslide"}
# Right answers lie on the diagonal, mistakes beside it. Look at the images of the most frequent
# mistakes: are these mistakes that you could have made?
#
# ## Was it the weights?
#
# A head with more than a thousand features may learn something from *any* backbone. So we need a
# control: the same network, with random weights in the backbone, frozen, and the same head.
#
# One trap first. A random network's features are tiny. A head would see nothing but zeros, and the
# comparison would be won before it began. So we bring all features to the same scale, for both
# backbones: each has mean 0 and [standard deviation](GLOSSARY.md#standard-deviation) 1 over the training images.

# %% slideshow={"slide_type": "subslide"}
def train_head(train_x, train_y, test_x, test_y, seed, epochs=20):
    """Train a new head as above; return the share of test images that it gets right."""
    torch.manual_seed(seed)
    mean, scale = train_x.mean(0), train_x.std(0) + 1e-3 * train_x.std()
    train_x, test_x = (train_x - mean) / scale, (test_x - mean) / scale
    head = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, len(names))).to(course.device)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    batch = min(64, len(train_x))
    for epoch in range(epochs):
        for x, y in datasets.batches(train_x, train_y, batch, seed=100 * seed + epoch):
            loss = F.cross_entropy(head(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return (head.eval()(test_x).argmax(1) == test_y).float().mean().item()


# %% [markdown]
# One run could be luck. So each comparison is made three times, with different **[seeds](GLOSSARY.md#seed)**: numbers
# that decide everything random, here which images are drawn, the head's first weights, the order of
# the [batches](GLOSSARY.md#batch), and the weights of the random backbone.

# %% slideshow={"slide_type": "subslide"}
most = min(1000, len(data.train_images))
features = {}  # (backbone, seed) -> the features of that seed's images
for seed in (0, 1, 2):
    chosen = datasets.balanced_choice(data.train_labels, most, seed)
    features["pretrained", seed] = train_x[chosen], train_y[chosen], test_x
    torch.manual_seed(seed)
    network = mobilenet_v2().to(course.device, memory_format=torch.channels_last)  # random weights
    random_x = features_of(network, data.train_images[chosen])
    random_test_x = features_of(network, data.test_images)
    features["random", seed] = random_x, train_y[chosen], random_test_x

ratio = train_x.std() / features["random", 0][0].std()
print(f"The pretrained features are {ratio:.0e} times as large as the random ones.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** How many percent will the head reach on random features? Exactly chance, a little
# more, or nearly as much as on pretrained ones?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"}
def compare(seed, backbone, images):
    """One head, trained on the first `images` of a seed's training images."""
    x, y, tx = features[backbone, seed]
    return {"accuracy": train_head(x[:images], y[:images], tx, test_y, seed)}


control = experiments.repeat(
    compare, seeds=[0, 1, 2], backbone=["random", "pretrained"], images=[most]
)
label = f"test images right, % ({most} training images)"
dots = plots.dots(control, "accuracy", "backbone", xlabel=label)
plots.show(dots, alt="Two rows, random and pretrained backbone: a dot for each of three runs, and "
           "a bar at their mean.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Everything is equal in the two rows but the backbone's weights. The distance between the bars is
# therefore what the pretrained weights are worth here. The distance from the random row to chance
# is what a head can do with almost any features: it need not be zero.
#
# ## How many images does it take?
#
# **Predict.** We go down to a few dozen images. With so few, will a new head on pretrained features
# still beat a head on random features that has them all?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # yes or no

# %% slideshow={"slide_type": "subslide"}
sizes = [n for n in (30, 100, 300, 1000) if n < most]
smaller = experiments.repeat(
    compare, seeds=[0, 1, 2], backbone=["random", "pretrained"], images=sizes
) if sizes else control
curve = pd.concat([control, smaller]).drop_duplicates(["seed", "backbone", "images"])
figure = plots.lines(curve, "images", "accuracy", "backbone", xlabel="training images",
                     ylabel="test images right, %", chance=chance)
figure.axes[0].set_xscale("log")
figure.axes[0].set_xticks([*sizes, most], [str(n) for n in (*sizes, most)])
plots.show(figure, alt="Accuracy against the number of training images, on a logarithmic scale: "
           "one line for the random backbone and one for the pretrained, each with a band of one "
           "standard deviation over three runs.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read the figure in two directions. Upwards: with equally many images, how far apart are the lines?
# Sideways: does the random line ever come to where the pretrained one begins? And look at the right
# end of the pretrained line. If it still climbs, more images would help. But a frozen backbone
# describes images in terms that were learned for another task, and no number of images changes
# that. Getting further means letting the backbone learn too. That is lesson 05, and it can fail.
#
# ## The whole course in one panel
#
# In this course you will freeze and **[thaw](GLOSSARY.md#thaw)** (let learn again) parts of a network, and see what
# comes of it. The live lab does that while a network trains. The next cell trains the new head for
# 40 steps, thaws the whole backbone for 15, and freezes it again for 25.
#
# **Predict.** What does the thaw do within its 15 steps? Does the accuracy rise, fall, or stay? And
# how much longer does a step take while everything learns: 2, 5 or more than 20 times?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "rises", "falls" or "stays", and a number

# %% slideshow={"slide_type": "subslide"}
lab = Lab(train=300, test=200, seed=0)
lab.run(40)  # the backbone is frozen, and the new head learns
lab.preset("all")  # from the next step on, everything learns
lab.run(15)
lab.preset("head only")  # and now the backbone stands still again, as it is by then
lab.run(25)
lab

# %% slideshow={"slide_type": "subslide"}
seen = dict(lab.session.snapshot()["evaluations"])  # step -> accuracy on images held out
for step, what in [(0, "at the start"), (40, "head trained"), (55, "all thawed"), (80, "refrozen")]:
    print(f"step {step:2}, {what:12} {seen[step]:.1%} of the held-out images right")
pace = lab.history().groupby("trainable")["seconds"].median()  # few numbers learn, or all of them
times_as_long = pace.iloc[-1] / pace.iloc[0]
print(f"A step took {1000 * pace.iloc[0]:.1f} ms with the backbone frozen, "
      f"{1000 * pace.iloc[-1]:.0f} ms while all learned.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two things make the frozen steps so much faster. Only the head has
# to be corrected. And since a frozen backbone always gives the same answer, the lab runs it only once for
# each image and keeps the outputs; only the head is computed again. Without that trick, a frozen
# step would be a few times faster, not dozens of times. Lesson 04 takes the two savings apart.
#
# Follow the blue line from mark to mark. The panel is yours: press **Start**, click a [block](GLOSSARY.md#block) in the
# list to freeze or thaw it, press **Pause**, and **Reset** for a new run. You cannot break anything,
# and nothing below needs it. (On a page without Python behind it, such as on GitHub, you see a still
# picture instead.) One run shows how it works, and not which choice is better. That is what the
# lessons are for, and [lesson 09](09_the_live_lab.ipynb) is about nothing but this panel.
#
# ## Exercises
#
# Each lesson has two to four. Replace the dots, run the cell, and its check says what it sees in
# your answer. Stuck? `check.head_share.hint()` gives a hint, each call a plainer one, and
# `check.head_share.solution()` prints a solution.
#
# ### Exercise 0.1
#
# Which share of all the network's weights sits in the new head? Compute it from `model`, without
# using `learns` and `total`, as a number between 0 and 1.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
share_of_head = ...
check.head_share(share_of_head, model)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 0.2
#
# Find the test image for which the trained network is *wrong and most sure of it*. Store its place
# among the test images. Hint: `model.classifier(test_x).softmax(1).max(1)` gives how sure it is of
# each test image and which class it names; `right` says where it is right. Then look at the image
# with `plots.image_grid`: would you have known?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
most_sure_and_wrong = ...
check.sure_and_wrong(most_sure_and_wrong, model.classifier(test_x), test_y)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A network answers in the classes it was trained on, whatever you show it. It cannot say no.
# - With a new head it speaks of your classes, and at first it guesses.
# - With the backbone frozen, only the head learns: a small share of all weights, in seconds.
# - A control with random weights tells how much of the result the pretrained weights deserve.
# - The curve over the number of images tells what few of them give, and whether more would help.
# - Letting the backbone learn as well makes every step cost more, and its outputs can no longer be
#   kept. Whether it pays is the question of lesson 05.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
gap = control.groupby("backbone")["accuracy"].mean()
print(f"New head, untrained: {before.accuracy:.1%} of the test images right.")
print(f"Trained on {len(train_x)} images: {after.accuracy:.1%}.")
for backbone in ("pretrained", "random"):
    for n in sorted({curve["images"].min(), most}):
        rows = curve[(curve["backbone"] == backbone) & (curve["images"] == n)]
        print(f"{backbone:>10} backbone, {n:>4} images: "
              f"{experiments.mean_and_std(rows['accuracy'])}")
worth = 100 * (gap["pretrained"] - gap["random"])
print(f"Worth of the weights at {most} images: {worth:.1f} points.")
print(f"A step with everything thawed took {times_as_long:.0f} times as long as one of "
      "the head alone on kept outputs.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"images    {data}")
print(f"weights   {course.weights.title}; random ones: torchvision's own initialisation")
print(f"input     {course.size} x {course.size} pixels, on {course.device}")
print("head      dropout 0.2 and one linear layer; AdamW, rate 0.003, batches of up to 64")
print("runs      live curve: 1 run, seed 0, 10 epochs; comparison: seeds 0, 1 and 2, 20 epochs")
print("panel     1 run, seed 0; the backbone's rate is 0.001, the head's 0.003")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How the course works
#
# **Predict, run, explain.** Every lesson is built like this one. Exercises stand on their own:
# nothing below depends on them. What you have solved is kept in a small file on this computer, and
# sent nowhere. The last cell of this page lists it, as does `python -m course_utils progress`.
#
# **Which world am I in?** The second cell of each lesson says so. To change it, set `COURSE_DATA`
# before the kernel starts, or in a cell of its own at the very top, and restart the kernel:
# `os.environ["COURSE_DATA"] = "cifar10"` (photographs, downloaded once), `"shapes"` (drawn by the
# course, no network) or the path of a folder that holds one folder of images for each class.
#
# **Where do results come from?** From this very run, unless a figure says *[record](GLOSSARY.md#record)*. A record is a
# measurement that takes longer than a lesson may; it is stored with the course and names the
# command, the data and the hardware that it came from.
#
# **Something fails?** In a terminal, in the course's folder, run `python -m course_utils doctor`.
# It checks versions, memory, data, weights and network, and says what to do.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The lessons**
#
# | | lesson | what you see for yourself |
# | --- | --- | --- |
# | 00 | Start here | this page |
# | 01 | [Pretrained weights](01_pretrained_weights.ipynb) | what a checkpoint is, and what filters see |
# | 02 | [Residual connections](02_residual_connections.ipynb) | what a shortcut does to very deep networks |
# | 03 | [A new head](03_a_new_head.ipynb) | MobileNetV2 taken apart, and why image size matters |
# | 04 | [Freezing](04_freezing.ipynb) | what freezing stops, what it does not, and what it saves |
# | 05 | [Fine-tuning](05_fine_tuning.ipynb) | letting the backbone learn, and how that fails |
# | 06 | [Changing the architecture](06_changing_the_architecture.ipynb) | when weights no longer fit |
# | 07 | [How far features travel](07_how_far_features_travel.ipynb) | similar or far tasks, little or much data |
# | 08 | [Pretrain your own](08_pretrain_your_own.ipynb) | what makes a good source |
# | 09 | [The live lab](09_the_live_lab.ipynb) | freeze and thaw by hand, while it trains |
# | 10 | [Other models](10_other_models.ipynb) | the same steps on other networks |
# | 11 | [What we measured](11_what_we_measured.ipynb) | each textbook claim, and what the experiments say |
#
# **Your exercises so far:**

# %% slideshow={"slide_type": "subslide"}
catalogue.progress_table()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Next
#
# [Lesson 01: Pretrained weights](01_pretrained_weights.ipynb) opens the file that all of this came
# from.
