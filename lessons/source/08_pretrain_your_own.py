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
# # 8 · Pretrain your own
#
# So far somebody else had done the pretraining. Now we do it ourselves, from random weights to a
# file that another network can start from. Everything is small, so that the whole road takes less
# than a minute: a small network, small images, one short training.
#
# With the road in our hands we can ask what no downloaded file can answer: what makes a *good*
# pretraining? More images? More classes? Images that resemble ours?
#
# **You will**
#
# - choose a task to pretrain on, and pretrain a network on it, live;
# - save the weights, with everything that must be stored beside them;
# - load them into a new network for other classes, and measure what they are worth;
# - tell three things apart that are often thrown together: how many images the first task has, how
#   many classes, and how much it resembles the second;
# - test an old thought experiment: do geese and ducks help with cats and dogs?
#
# **Before this:** [05 · Fine-tuning](05_fine_tuning.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import json
import tempfile
from pathlib import Path

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from course_utils import experiments, plots
from course_utils.lesson08 import figures as figures_08
from course_utils import training
from course_utils.training import freezing, recipes
from course_utils.networks.partial_loading import load_matching
from course_utils.lesson08 import check
from course_utils.images.datasets import batches
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.small_net import SIZE, small_net, statistics
from course_utils.lesson08.source_task import source_and_target

course = course_utils.begin(lesson=8, train=320, test=500)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8.1 Two tasks
#
# The task that a network is pretrained on is the **[source task](GLOSSARY.md#source-task)**. The task that we want to solve in
# the end is the **[target task](GLOSSARY.md#target-task)**. Ours share not a single class.

# %%
source, target, what_they_are = source_and_target(course)
print(what_they_are)
print("source:", len(source.train_images), "images of", ", ".join(source.class_names))
few = min(320, len(target.train_images))  # the target is where data are scarce
print("target:", few, "images a run, of", ", ".join(target.class_names))


# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def one_of_each(data):
    """The first test image of every class; of the first 30, where there are more."""
    first = [int((data.test_labels == k).nonzero()[0]) for k in range(len(data.class_names))]
    return data.test_images[first[:30]]


for name, data in (("source", source), ("target", target)):
    figure = plots.image_grid(one_of_each(data), data.class_names[:30], columns=10)
    plots.show(figure, alt=f"One image of each class of the {name} task, with the class name below.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8.2 A network that is quick to train
#
# The weights in the banner are not used in this lesson: we make our own. Pretraining MobileNetV2 takes
# far too long for that. We have seconds, so we use a smaller network for images of 32 x 32 pixels: a
# first convolution, the **stem**, then four residual blocks, then a head. Each block is two
# convolutions with batch norm, and a shortcut around both.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
network = small_net(30)
table = freezing.block_table(network)
print(table[["block", "kind", "parameters", "state"]].to_string(index=False))
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Nothing in it is pretrained: all of these numbers are random.
#
# ## 8.3 Pretraining
#
# Pretraining is ordinary training. The first thing we need is a normalisation. There are no weights
# yet that could prescribe one, so we take the mean and the spread of our own source images. From now
# on these six numbers belong to the weights.

# %%
mean, std = statistics(source.train_images)
prepare = Prepare(SIZE, mean, std, course.device)
print("mean  ", [round(value, 3) for value in mean])
print("spread", [round(value, 3) for value in std])

# %% [markdown] slideshow={"slide_type": "fragment"}
# Then the network, an optimizer and one cycle of the learning rate, as in lesson 05. (`channels_last`
# is an order of numbers in memory that is faster on a CPU.)


# %% slideshow={"slide_type": "subslide"}
def fresh_network(data, seed=0):
    torch.manual_seed(seed)
    model = small_net(len(data.class_names)).to(memory_format=torch.channels_last)
    return model.to(course.device)


network = fresh_network(source)
passes = max(1, round(320 * 64 / len(source.train_images)))
steps = passes * -(-len(source.train_images) // 64)
optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.05)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.2, cycle_momentum=False
)
print(f"{passes} passes over the source, {steps} steps of up to 64 images")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Guessing among the source classes is right one time in *n* with *n* classes. What
# will our network reach on source images that it has not seen, after these few steps?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # percent

# %% slideshow={"slide_type": "subslide"}
losses = []
for number in range(passes):
    network.train()
    for images, labels in batches(source.train_images, source.train_labels, 64, seed=number):
        loss = F.cross_entropy(network(prepare(images)), labels.to(course.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if len(losses) < steps - 1:
            scheduler.step()
        losses.append(loss.item())
    print(f"pass {number + 1} of {passes}: loss of the last 20 batches {sum(losses[-20:]) / 20:.2f}")

# %% slideshow={"slide_type": "subslide"}
plots.show(
    figures_08.loss_curve(losses, len(source.class_names)),
    alt="The loss on the source by step: a thin noisy line for each batch and a thick one for the mean of the last twenty batches, with a dotted line at the loss of guessing.",
)
unseen = training.evaluate(network, source.test_images, source.test_labels, prepare).accuracy
guessing = 1 / len(source.class_names)
print(f"Right on {100 * unseen:.1f} % of unseen source images; guessing: {100 * guessing:.1f} %.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# That was a pretraining. A real one does the same for days, with more of everything.
#
# ## 8.4 What belongs in the file
#
# The weights are tensors with names. We write them as **[safetensors](GLOSSARY.md#safetensors)**, a format that holds tensors
# and text and nothing that could run. But tensors alone are useless to whoever gets the file. They
# must also know which network the tensors fit, how images must be sized and normalised, and which
# class each output stands for. The format has room for such notes.

# %%
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "my_pretraining.safetensors"
notes = {
    "network": "small_net, width 16",
    "classes": json.dumps(source.class_names),
    "size": json.dumps(SIZE),
    "mean": json.dumps(mean),
    "std": json.dumps(std),
}
save_file({n: t.cpu().contiguous() for n, t in network.state_dict().items()}, path, metadata=notes)
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now we play the other person. All that we have is the file.

# %%
with safe_open(path, "pt") as file:
    found = {name: json.loads(text) for name, text in file.metadata().items() if name != "network"}
state = load_file(path)
loaded = small_net(len(found["classes"])).to(course.device)
fits = loaded.load_state_dict(state)
as_stored = Prepare(found["size"], tuple(found["mean"]), tuple(found["std"]), course.device)
print(f"{fits} {len(found['classes'])} classes, images of {found['size']} px")

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
network.eval(), loaded.eval()
with torch.no_grad():
    before = network(prepare(source.test_images[:100]))
    after = loaded(as_stored(source.test_images[:100]))
print("the same answers as before saving:", torch.allclose(before, after, atol=1e-4))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Suppose that the mean and the spread had not been written down, and the other person
# feeds images whose values run from 0 to 1, as they are. What becomes of the accuracy on the source?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # percent

# %% slideshow={"slide_type": "subslide"}
unnormalised = Prepare(SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), course.device)
for name, way in (("as stored", as_stored), ("not normalised", unnormalised)):
    result = training.evaluate(loaded, source.test_images, source.test_labels, way)
    print(f"{name:14} {100 * result.accuracy:5.1f} % of unseen source images")

# %% [markdown] slideshow={"slide_type": "fragment"}
# No error message, and the tensors are all right. The network merely sees images with another
# brightness and contrast than those that it was made for. A missing note is as bad as a damaged
# file, and harder to notice.
#
# ## 8.5 The transfer
#
# The target has other classes, so it needs a new head. We take the old one out of the file's tensors
# by name. Do not rely on its shape: where both tasks happen to have equally many classes, the old
# head would fit perfectly and mean something else.

# %%
backbone = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
learner = fresh_network(target)
report = load_matching(learner, backbone)
print(report)
print("left at random:", report.missing)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the question of the whole course, with nothing borrowed: what is our own pretraining worth? Three
# ways to use the same few target images, with equally many steps:
#
# - **from scratch**: the same network from random weights;
# - **frozen**: our backbone, and only the new head learns;
# - **fine-tuned**: our backbone, and everything learns.
#
# A comparison is fair only if each way has a learning rate that suits it. Which one that is was
# searched in the record that you meet below, on validation images, for the random start too. We use
# what was found there.

# %% tags=["slide-no-code"]
on_photographs = course.world != "shapes"
search = experiments.read_record("source_tasks_cifar10" if on_photographs else "source_tasks")
chosen = pd.DataFrame(search["rows"]).query("chosen")
chosen = chosen[chosen["source"].isin(["none", "other photographs", "other shapes"])]
most_alike = chosen.sort_values("source_images").groupby("treatment").last()
rates = {
    way: float(most_alike.loc[name, "rate"])
    for way, name in (("from scratch", "scratch"), ("frozen", "frozen"), ("fine-tuned", "fine-tuned"))
}
print(rates)


# %% slideshow={"slide_type": "subslide"}
def try_out(seed, way):
    """One way to learn the target from a few images that `seed` draws."""
    data = target.subset(train=few, seed=seed)
    model, rate = fresh_network(data, seed), rates[way]
    if way != "from scratch":
        load_matching(model, backbone)
    if way == "frozen":
        events = recipes.train_head(model, data, prepare, count=12, rate=rate, seed=seed)
    else:
        events = recipes.fine_tune(
            model, data, prepare, count=12, backbone_rate=rate, head_rate=max(rate, 3e-3), seed=seed
        )
    for _ in events:
        pass
    seen = training.evaluate(model, data.train_images, data.train_labels, prepare)
    new = training.evaluate(model, data.test_images, data.test_labels, prepare)
    return {"accuracy": new.accuracy, "on its training images": seen.accuracy}


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Write down three numbers: the accuracy on unseen target images from scratch, frozen,
# and fine-tuned.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # three numbers

# %% slideshow={"slide_type": "subslide"}
ways = ["from scratch", "frozen", "fine-tuned"]
comparison = experiments.repeat(try_out, seeds=[0, 1, 2], way=ways)
plots.show(
    plots.dots(comparison, "accuracy", "way", xlabel="accuracy on unseen target images (%)"),
    alt="Three rows of three dots each, one dot a seed, with a bar at the mean: accuracy on the target from scratch, with a frozen backbone, and fine-tuned.",
)

# %% slideshow={"slide_type": "subslide"}
for way, group in comparison.groupby("way", sort=False):
    print(
        f"{way:12} {experiments.mean_and_std(group['accuracy'])} on unseen images, "
        f"{100 * group['on its training images'].mean():.0f} % on its own training images"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# Read both columns. A network from random weights can learn its few training images by heart; whether
# that helps with unseen ones is another matter. Where the dots of a pretrained row lie clear of those
# from scratch, the backbone has brought what so few images cannot teach. Where they overlap, this
# pretraining was too small to show that, and the rest of the lesson asks what would have been better.
#
# The level from scratch differs much from seed to seed, and from one draw of images to the next. With
# so few images, what such a network learns is largely luck.
#
# ## 8.6 More images, or more classes?
#
# "Pretrained on a large data set" can mean two things: many images, or many classes. The record
# below, from the Shapes world, turns one knob at a time. On the left the source always has 30
# classes, and the number of images grows. On the right it always has 5,120 images, and they are
# spread over more and more classes. The number of training *steps* is the same for all, so a small
# source is simply seen more often.
#
# **Predict.** On which side do the lines rise more? From which point on is the pretraining better than
# none, the dotted line?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "images" or "classes"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record = experiments.read_record("source_tasks")
runs = pd.DataFrame(record["rows"]).query("chosen")
scratch = list(runs.loc[runs["treatment"] == "scratch", "accuracy"])
by_images = runs[(runs["source"] == "other shapes") & (runs["source_classes"] == 30)]
by_classes = runs[(runs["source"] == "other shapes") & (runs["source_images"] == 5120)]
figure = figures_08.by_number(
    {
        "source images (of 30 classes)": (by_images, "source_images"),
        "source classes (5,120 images)": (by_classes, "source_classes"),
    },
    scratch,
    "accuracy on the target (%)",
)
plots.show(
    figure,
    alt="Two panels with accuracy on the target, frozen and fine-tuned, with bars for the spread over seeds and a dotted level for training from scratch. Left: against the number of source images. Right: against the number of source classes.",
)
print(experiments.cite(record))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def table_of(runs, column):
    """Means over seeds, in percent: at the source itself, and on the target by treatment."""
    at_home = runs.groupby(column)["source_accuracy"].mean().rename("unseen source images")
    away = runs.pivot_table(index=column, columns="treatment", values="accuracy")
    return (100 * pd.concat([at_home, away], axis=1)).round(1)


table_of(by_images, "source_images")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
table_of(by_classes, "source_classes")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Look at the left column of the first table, the accuracy on source images that were not trained on.
# Where it is near guessing, there is nothing to carry over. We suspect that such a network has learned
# its source images by heart. That can be tested here: a short pretraining on 320 source images.

# %% slideshow={"slide_type": "subslide"}
small = source.subset(train=min(320, len(source.train_images)))
model = fresh_network(small)
for _ in recipes.fine_tune(model, small, prepare, count=20, backbone_rate=3e-3, batch_size=64):
    pass
by_heart = training.evaluate(model, small.train_images, small.train_labels, prepare).accuracy
understood = training.evaluate(model, small.test_images, small.test_labels, prepare).accuracy
print(f"pretrained on {len(small.train_images)} images: {100 * by_heart:.0f} % of these, "
      f"{100 * understood:.1f} % of unseen source images")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide"}
# The wider the gap, the more was learned by heart. Pretraining on too little is the same mistake as
# training on too little.
#
# Where the network begins to understand unseen source images, the transfer begins too. And where
# the column stops rising, so does the transfer. With 20,480 images every image is seen just once in
# 320 steps: more images no longer help, only more *steps* could. A large source needs a long
# training.
#
# In the second table the left column runs the *other* way. Telling two classes apart is easier than
# telling thirty apart. But an easy question needs few features, and only what was needed was learned.
#
# ## 8.7 What should the source look like?
#
# Now both numbers stand still: 5,120 images, 10 classes, the same steps. Only the kind of source
# changes:
#
# - the target's *own classes* (other images of them): an upper bound, since in practice one has no
#   such source;
# - *other shapes*, as before;
# - other shapes *at night*: dark images of low contrast;
# - *fabric*: woven patterns, without any shape;
# - *orientation*: grain in ten directions, without any shape;
# - other shapes with *random labels*: the right images, and nothing to learn about them.
#
# **Predict.** Put the six in order. Which of them are no better than random weights?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # six words, the best one first

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
kinds = runs[(runs["source_images"] == 5120) & (runs["source_classes"] == 10)]
order = ["own classes", "other shapes", "other shapes at night", "fabric", "orientation",
         "other shapes, random labels"]  # fmt: skip
kinds = kinds.set_index("source").loc[order].reset_index()
plots.show(
    figures_08.by_kind(kinds, scratch, "accuracy on the target (%)"),
    alt="Six rows, one for each kind of source: dots for each seed with a bar at the mean, frozen above and fine-tuned below, and a dotted vertical line with a band for training from scratch.",
)
print(experiments.cite(record))

# %% slideshow={"slide_type": "subslide"}
for name, group in kinds.groupby("source", sort=False):
    frozen, tuned = (group.loc[group["treatment"] == t, "accuracy"] for t in ("frozen", "fine-tuned"))
    print(f"{name:27} frozen {experiments.mean_and_std(frozen)}, "
          f"fine-tuned {experiments.mean_and_std(tuned)}")
print(f"{'from scratch':27} {experiments.mean_and_std(scratch)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two questions about the figure. First: how far apart are the circles (frozen) of the six sources,
# and how far the squares (fine-tuned)? A frozen backbone must be right as it is. A fine-tuned one
# need only be a good place to start from, and that is a weaker demand.
#
# Two controls belong to this figure. A network pretrained on *random labels* has learned nothing
# about shapes; its circle is near guessing.
# So a square far to the right of its circle does not prove that the weights helped: compare it with
# the row from scratch. And a frozen network with *random* weights (11 %) is the level of a backbone
# that knows nothing: a row near it is worthless as it stands, one above it has brought something,
# even if scratch does better.
#
# ## 8.8 Can one tell beforehand?
#
# **Predict.** A source network that is very good at its own task: is it a good start for ours? All the
# sources of this lesson in one figure, in order of the accuracy at home. Will it rise, fall, or
# neither?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "rise", "fall" or "neither"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
frozen = runs[(runs["treatment"] == "frozen") & (runs["source"] != "none")]
keys = ["source", "source_images", "source_classes"]
at_home = frozen.groupby(keys, sort=False)[["source_accuracy", "accuracy"]].mean().reset_index()
at_home["label"] = [
    f"{r.source}: {r.source_images:,} images, {r.source_classes} classes"
    for r in at_home.itertuples()
]
plots.show(
    figures_08.two_accuracies(at_home, "accuracy on the target, frozen (%)"),
    alt="One mark for each of twelve sources: accuracy on unseen images of the source on the horizontal axis, accuracy on the target with a frozen backbone on the vertical axis.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
link = at_home["source_accuracy"].rank().corr(at_home["accuracy"].rank())
easy = at_home[at_home["source_accuracy"] > 0.9]
print(f"rank correlation of the two accuracies: {link:+.2f} over {len(at_home)} sources")
print(f"sources with more than 90 % at home: on the target {100 * easy['accuracy'].min():.0f} to "
      f"{100 * easy['accuracy'].max():.0f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Being good at the source is no promise for the target: an easy source is soon learned, and teaches
# little. Being bad at it on unseen images is a warning: then nothing general was learned. What counts
# is whether solving the source *needs* the features that the target needs.
#
# ## 8.9 Geese and ducks for cats and dogs
#
# A thought experiment that one often meets: a network has learned to tell geese from ducks. Does that
# help it to tell cats from dogs? One says yes, since both times fine differences between similar
# animals count, and such features should carry over. One may also say no, since a beak tells nothing
# about a muzzle.
#
# We can try it. A source task of *two* classes, a target task of *two* others, and that for many
# pairs. How alike two classes are is measured by the course's MobileNetV2: the distance between the
# mean features of both, where 1 is as far as images of one class scatter around their own mean.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_pairs = experiments.read_record("source_tasks_pairs")
pairs = pd.DataFrame(record_pairs["rows"]).query("chosen")
used = pairs[pairs["source_classes"] == 2].drop_duplicates("source")
print(used[["source", "group", "source_distance"]].round(2).to_string(index=False))
goals = pairs.drop_duplicates("target")
print(goals[["target", "target_group", "target_distance"]].round(2).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Which two-class sources will help more with another pair: two classes that are hard to
# tell apart ("alike"), or two that are easy ("unlike")? Will they help at all, compared with random
# weights? Compared with a source that has the same number of images, but of all 30 classes?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "alike", "unlike" or "no difference"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
tuned = pairs[pairs["treatment"].isin(["scratch", "fine-tuned"])]
per_seed = tuned.groupby(["group", "seed"], sort=False)["accuracy"].mean().reset_index()
names = {"none": "random weights", "alike": "two classes, alike", "unlike": "two classes, unlike",
         "all 30": "all 30 classes"}  # fmt: skip
per_seed = per_seed.set_index("group").loc[list(names)].reset_index()
per_seed["source"] = per_seed["group"].map(names)
plots.show(
    plots.dots(per_seed, "accuracy", "source", xlabel="accuracy on target pairs, fine-tuned (%)"),
    alt="Four rows with a dot for each seed and a bar at the mean: accuracy on pairs of target classes after fine-tuning, from random weights, from sources of two alike classes, of two unlike classes, and of all thirty classes.",
)
print(experiments.cite(record_pairs))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Guessing between two classes is right half the time. Each dot is a mean over all pairs of one seed.
# Behind the means lie many single cases: every source pair met every target pair.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
start = pairs[pairs["treatment"] == "scratch"].set_index(["seed", "target"])["accuracy"]
gains = pairs[(pairs["source_classes"] == 2) & (pairs["treatment"] == "fine-tuned")].copy()
met = pd.MultiIndex.from_frame(gains[["seed", "target"]])
gains["gain"] = gains["accuracy"] - start.loc[met].to_numpy()
figure = figures_08.gain_by_distance(
    gains,
    {"source_distance": "distance within\nthe source pair",
     "crossing": "distance from source pair\nto target pair",
     "source_accuracy": "accuracy on unseen images\nof the source pair"},
    "gain", "gain over random weights (points)",
)  # fmt: skip
plots.show(
    figure,
    alt="Three scatter plots of the gain over random weights, one mark for each source pair, target pair and seed: against the distance within the source pair, against the distance from the source pair to the target pair, and against the accuracy on unseen images of the source pair. A dashed straight line is fitted to each.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def correlations(gains):
    """How the gain goes along with the two distances: mean and spread over the seeds."""
    for column, label in (("source_distance", "distance within the source pair"),
                          ("crossing", "distance to the target pair")):  # fmt: skip
        each = pd.Series([g[column].corr(g["gain"]) for _, g in gains.groupby("seed")])
        print(f"  gain and {label}: {each.mean():+.2f} ± {each.std():.2f} ({len(each)} seeds)")


print(f"gain of a two-class source: {100 * gains['gain'].mean():+.1f} ± "
      f"{100 * gains['gain'].std():.1f} points; {100 * (gains['gain'] > 0).mean():.0f} % of "
      f"{len(gains)} cases gain")  # fmt: skip
print("correlations:")
correlations(gains)

# %% [markdown] slideshow={"slide_type": "fragment"}
# If alike pairs came out *behind*, the right panel offers a reason. Two very similar classes are hard
# to tell apart, and some source networks hardly learned to do it in their few steps. From a network
# that has learned nothing, nothing can be carried over. Is that all? We test it: the same [correlations](GLOSSARY.md#correlation)
# without the source pairs that were not learned.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
learned = gains[gains["source_accuracy"] > 0.8]
left_out = sorted(set(gains["source"]) - set(learned["source"]))
print("left out, below 80 % at home in every seed:", ", ".join(left_out) or "none")
print("correlations of the others:")
correlations(learned)
for group, mine in learned.groupby("group", sort=False):
    per_seed = 100 * mine.groupby("seed")["gain"].mean()
    print(f"  {group:6} source pairs gain {per_seed.mean():+.1f} ± {per_seed.std():.1f} points")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare with the correlations before. What shrinks was due to the pairs that were not learned. For
# what is left, look at the spread: a correlation that is no larger than its spread has shown nothing.
# A negative one in the second line would mean that a pair helps more the nearer it is to the target
# pair, as the thought experiment has it. Mind that there are only eight source pairs: a single odd one
# can make or undo a correlation, and the spread over seeds does not show that.
#
# Then compare sizes. How much does any two-class source bring over random weights? How much does the
# choice of the pair change? And how far is the row of all thirty classes, with no more images and no
# more steps?
#
# What remains of the thought experiment? Any two outlines need edges and corners to be told
# apart, and these serve every other pair as well. Which pair it is matters less than that its task was
# learned at all. And a question with two answers asks for little: whoever can choose should spread the
# same images over more classes.
#
# ## 8.10 And with photographs?
#
# Drawn shapes are a tidy world. The record below is made of small photographs, with half of the
# classes as the source and the other half as the target. In one row the source is drawn shapes: no
# photograph at all.

# %% tags=["slide-no-code"]
record_photos = experiments.read_record("source_tasks_cifar10")
photos = pd.DataFrame(record_photos["rows"]).query("chosen")
photos_scratch = list(photos.loc[photos["treatment"] == "scratch", "accuracy"])
shown = photos[(photos["source"] != "none")].sort_values("source_images", ascending=False)
shown = shown.assign(
    source=shown["source"] + " (" + shown["source_images"].astype(str) + " images)"
)
ranks = shown.groupby("source")["accuracy"].mean().sort_values(ascending=False)
shown = shown.set_index("source").loc[ranks.index].reset_index()
plots.show(
    figures_08.by_kind(shown, photos_scratch, "accuracy on the target (%)"),
    alt="One row for each source, the best on average first: dots for each seed with a bar at the mean, frozen above and fine-tuned below, and a dotted vertical line with a band for training from scratch.",
)
print(experiments.cite(record_photos))

# %% slideshow={"slide_type": "subslide"}
for name, group in shown.groupby("source", sort=False):
    frozen, tuned = (group.loc[group["treatment"] == t, "accuracy"] for t in ("frozen", "fine-tuned"))
    print(f"{name:45} frozen {experiments.mean_and_std(frozen)}, "
          f"fine-tuned {experiments.mean_and_std(tuned)}")
print(f"{'from scratch':45} {experiments.mean_and_std(photos_scratch)}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Is the order of the kinds the same as with shapes? How large are the steps between them, compared
# with the spread? A few thousand photographs are a small source, and the gains are what such a source
# can give. Weights from a million photographs are another matter: that was lesson 03.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.safe_start.hint()` gives
# a hint, each call a plainer one; `check.safe_start.solution()` prints a solution.
#
# ### Exercise 8.1
#
# Somebody sends you a file like the one of 8.4: a `small_net`, with the same four notes beside the
# tensors. Its classes, its size and its normalisation are not ours. Write a function
# `my_reader(path)` that gives the network, ready to be asked, and the `prepare` that belongs to it.
# The check writes such a file and hands you its path.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_reader = ...
check.read_whole_file(my_reader)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 8.2
#
# Choose a source, going by the record of 8.6 and 8.7. You can have 5,120 labelled images of other
# shapes. Over how many classes would you spread them (2, 5, 10 or 30) if the backbone is to stay
# *frozen*? And if it is to be *fine-tuned*?
#
# Then the six kinds of source in 8.7: which of them (a list of their names) has the record *not*
# shown to be better than training from scratch, when the backbone is frozen?
#
# Compare seed by seed, and believe a lead only where it is larger than its spread over the seeds.
# Where the record cannot tell two answers apart, both are right.

# %% tags=["nbval-check-output", "slide-no-output"]
if_frozen, if_fine_tuned = ..., ...
not_to_freeze = ...
check.choose_source(if_frozen, if_fine_tuned, not_to_freeze)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 8.3
#
# Spot the bug. A classmate starts networks from the tensors of a file with the function below. It
# has worked with every file of 30 classes. With a file of 10 classes, as many as her task has, it
# goes wrong; with one whose names all begin with `module.`, as some training programs write them, it
# goes wrong in another way. There is no error message.
#
# ```python
# def my_start(state, classes):
#     model = small_net(classes)
#     own = model.state_dict()
#     fits = {n: t for n, t in state.items() if n in own and t.shape == own[n].shape}
#     model.load_state_dict(fits, strict=False)
#     return model
# ```
#
# Mend it: the backbone from the file, a head that is new in every case, and an error where the file
# does not fit.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_start = ...
check.safe_start(my_start)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 8.4 (open)
#
# Pretrain a better backbone than ours. Train a `small_net` on the source for as long as you like, on
# images normalised by `prepare`, and hand it over. The check freezes your network and `network` of
# section 8.3, gives each a new head for the target, with three draws of target images, and compares
# them on test images. More steps, more images, more classes, mirrored images: change one thing at a
# time, and write down what you expect. Does the accuracy on the *source* tell you which one will win?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_network = ...
check.better_backbone(my_network, network, prepare, target)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - Pretraining is ordinary training. What makes it useful to others is the file, and the notes in it:
#   architecture, size, normalisation, classes.
# - The number of images and the number of classes are different knobs. Too few images are learned by
#   heart, and nothing carries over; too few classes ask for too few features.
# - The source need not *be* the target, and it need not look like it in all respects. It must need
#   the same features. Among the sources of 30 shapes, those that were learned better helped more
#   (8.6). Across tasks of 2 to 30 classes the accuracy at home says little, since easy tasks are
#   learned well and teach little.
# - Fine-tuning forgives a poor source; a frozen backbone does not.
# - Whether two tasks "feel" alike to us is a guess about features, and guesses can be tested.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def on_target(name, treatment, classes=10, images=5120):
    mine = runs[(runs["source"] == name) & (runs["treatment"] == treatment)]
    mine = mine[(mine["source_classes"] == classes) & (mine["source_images"] == images)]
    return experiments.mean_and_std(mine["accuracy"])


live = comparison.groupby("way")["accuracy"].apply(list)
print(f"Here: from scratch {experiments.mean_and_std(live['from scratch'])},")
print(f"      our own pretraining, frozen {experiments.mean_and_std(live['frozen'])}.")
print("In the record, on the target with a frozen backbone:")
print(f"  30 classes, 320 source images     {on_target('other shapes', 'frozen', 30, 320)}")
print(f"  30 classes, 20,480 source images  {on_target('other shapes', 'frozen', 30, 20480)}")
print(f"  2 classes, 5,120 source images    {on_target('other shapes', 'frozen', 2)}")
print(f"  no shapes at all (orientation)    {on_target('orientation', 'frozen')}")
print(f"  from scratch                      {experiments.mean_and_std(scratch)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     source: {source}")
print(f"         target: {target}")
print(f"weights  our own: a small residual network, {steps} steps")
print(f"setting  {SIZE} px, {few} target images a run, seeds 0, 1, 2, on {course.device.type}")
for kept in (record, record_pairs, record_photos):
    print(f"record   {kept['command']}: {kept['data']}, {kept['hardware']}")
folder.cleanup()

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Sources.** How the number of images and of classes in the pretraining matter: "What makes ImageNet
# good for transfer learning?", Minyoung Huh, Pulkit Agrawal and Alexei A. Efros, 2016. Pretraining
# compared with long training from scratch: "Rethinking ImageNet Pre-training", Kaiming He, Ross
# Girshick and Piotr Dollár, 2019. Accuracy on the source and worth on the target: "Do Better ImageNet
# Models Transfer Better?", Simon Kornblith, Jonathon Shlens and Quoc V. Le, 2019. Random labels:
# "Understanding deep learning requires rethinking generalization", Chiyuan Zhang, Samy Bengio, Moritz
# Hardt, Benjamin Recht and Oriol Vinyals, 2017. Residual blocks: "Deep Residual Learning for Image
# Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, 2016.
#
# ## Next
#
# [09 · The live lab](09_the_live_lab.ipynb): freeze and thaw by hand while a network trains.
