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
# # 7 · How far features travel
#
# So far the pretrained features were useful each time. But they were learned for another task. How
# different may the new task be before they are of no more use? And does the answer depend on how
# many images you have? Textbooks have four rules for this. In this lesson you put them to the test.
#
# **You will**
#
# - read off every block of a network what it knows about a task, with a [linear probe](GLOSSARY.md#linear-probe);
# - transfer only the first blocks of a network, and leave the others fresh;
# - train a classifier on thirty images, and see when that is enough;
# - compare the four rules for data size and similarity with a measured map;
# - tell learning from learning by heart.
#
# **Before this:** [04 · Freezing](04_freezing.ipynb) and [05 · Fine-tuning](05_fine_tuning.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from course_utils import experiments, plots
from course_utils.lesson07 import figures as figures_07, strategies
from course_utils.training import probes
from course_utils.lesson07 import check
from course_utils.lesson07.tasks import few_classes, load_task

course = course_utils.begin(lesson=7, train=300, test=300)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.1 A near task and a far one
#
# We need two tasks. The **[near](GLOSSARY.md#near-task)** one is the task of this course: other classes than those of the
# pretraining, but of the same kind, an object in a scene. (If these are your own images, judge for
# yourself how near they are.)

# %% slideshow={"slide_type": "subslide"}
prepare = course.prepare
near = load_task(course, "near", train=200, test=200, seed=0)
sheet = plots.class_sheet(near.train_images, near.train_labels, near.class_names)
plots.show(sheet, alt="Six training images of each class of the near task, one row for each class.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The **[far](GLOSSARY.md#far-task)** task has no object at all. Its images are grain, drawn by the course, and the class is
# the *direction* of the grain. Other things vary: colour, fineness, contrast.

# %% slideshow={"slide_type": "subslide"}
far = load_task(course, "orientation", train=200, test=200, seed=0)
sheet = plots.class_sheet(far.train_images, far.train_labels, far.class_names)
plots.show(sheet, alt="Six images of each of ten directions of grain, one row for each direction.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.2 A probe on every block
#
# Lesson 03 put a new head on the *last* block. Nothing forces us to take the last one. A **linear
# probe** is a linear layer trained on the output of some block, while the network stays frozen. It
# tells us how well the classes can be told apart *there*, by a straight cut
# ("Understanding intermediate layers using linear classifier probes", Guillaume Alain and Yoshua
# Bengio, 2016).
#
# The blocks give maps of different sizes. We average each channel over its map, as the network
# itself does behind its last block.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
model = course.pretrained().eval()
x = prepare(far.train_images[:8])
with torch.no_grad():
    for number, block in enumerate(model.features):
        x = block(x)
        if number in (0, 6, 12, 18):
            print(f"block {number:2}: maps {tuple(x.shape[1:])}, averaged {tuple(x.mean((2, 3)).shape)}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# From here on `probes.features_by_depth` stands for this loop, over all images and blocks.

# %% slideshow={"slide_type": "subslide"}
known = probes.features_by_depth(model, near.train_images, prepare)
new = probes.features_by_depth(model, near.test_images, prepare)
print(len(known), "blocks, from", next(iter(known)), "to", list(known)[-1])

# %% [markdown] slideshow={"slide_type": "fragment"}
# A linear layer on fixed features is a simple problem: its loss has a single minimum. So we need
# neither a learning rate nor a number of epochs, which would be one more thing to doubt. An
# optimizer for such cases, **[L-BFGS](GLOSSARY.md#l-bfgs)**, takes all images at once and walks down to the minimum. Two
# things belong to it: all features are brought to the same scale, and large weights cost a little,
# because otherwise there is no minimum when every training image is right.


# %% slideshow={"slide_type": "subslide"}
def fit_probe(features, labels, classes):
    layer = nn.Linear(features.shape[1], classes)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(layer(features), labels) + 0.005 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return layer


# %% slideshow={"slide_type": "subslide"}
block = "features.18"
middle, scale = known[block].mean(0), known[block].std(0) + 1e-6
layer = fit_probe((known[block] - middle) / scale, near.train_labels, len(near.class_names))
guesses = layer((new[block] - middle) / scale).argmax(1)
last_block = (guesses == near.test_labels).float().mean().item()
print(f"near task, probe on the last block: {100 * last_block:.1f} % of the test images")

# %% [markdown] slideshow={"slide_type": "fragment"}
# `probes.fit` stands for these lines. Now the same for each of the 19 blocks, both tasks, and three
# draws of training images.
#
# **Predict.** At which block will the probe be best for the near task: in the first third of the
# network, in the middle, or at the end? And for the far task?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two block numbers, from 0 (next to the image) to 18


# %% slideshow={"slide_type": "subslide"}
def probe_every_block(seed, task):
    data = load_task(course, task, train=200, test=200, seed=seed)
    known = probes.features_by_depth(model, data.train_images, prepare)
    new = probes.features_by_depth(model, data.test_images, prepare)
    for number, block in enumerate(known):
        probe = probes.fit(known[block], data.train_labels, len(data.class_names))
        yield {"block": number, "accuracy": probe.accuracy(new[block], data.test_labels)}


by_block = experiments.repeat(probe_every_block, seeds=[0, 1, 2], task=["near", "orientation"])

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
chance = 0.1 if len(near.class_names) == 10 else None
figure = figures_07.accuracy_by_block(by_block, "task", chance=chance)
plots.show(
    figure,
    alt="Test accuracy of a linear probe against the block it is put on, from the image on the left to the head on the right; one line with a band for the near task, one for the direction of grain.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
means = by_block.groupby(["task", "block"])["accuracy"].mean() * 100
for task in ("near", "orientation"):
    best = means[task].idxmax()
    print(f"{task:11}: best at block {best:2} with {means[task][best]:.1f} %, last block {means[task][18]:.1f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Compare where the two lines have their tops, and what is left at the right end. Where a line falls
# towards the end, the deeper blocks have made hard to read what this task needs. That is no fault.
# One may guess at a reason: the network was trained to name objects, and an object keeps its name when
# it is turned a little, so directions are of no more use in the end. The figure fits this story. It
# does not prove it.
#
# The usual summary is: **shallow features are general, deep ones are specific**. Read the left end
# of the near line before you agree to the first half. General does not mean sufficient: early on,
# little is lost, but little is made easy to read.
#
# ### Is it the depth?
#
# Before we believe the figure, two doubts. The first block has 32 channels and the last one 1280: a
# probe on the last block has forty times as many numbers to work with. And perhaps *any* network
# would show such lines, pretrained or not. Both doubts can be tested: by pooling every block to
# a grid that gives it about as many numbers as the last one has, and by probing a network with
# random weights. The record below has all of that, with 300 training images, and also two more
# tasks: the classes of the pretraining itself, and kinds of fabric.
#
# **Predict.** Which of the four tasks will be best at the very last block?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "source", "near", "fabric" or "orientation"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_probes = experiments.read_record("probes_by_depth")
deep = pd.DataFrame(record_probes["rows"])
deep["block"] = deep["depth"] - 1
plain = deep[(deep["network"] == "pretrained") & (deep["pooling"] == "mean")]
figure = figures_07.accuracy_by_block(plain, "task")
plots.show(
    figure,
    alt="Test accuracy of probes by block for four tasks: the source classes of the pretraining, the near task, kinds of fabric, and the direction of grain.",
)
print(experiments.cite(record_probes))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
doubts = deep.assign(kind=deep["network"] + ", " + deep["pooling"] + " of each map")
grain = doubts[doubts["task"] == "orientation"]
figure = figures_07.accuracy_by_block(grain, "kind", ylabel="direction of grain (%)", chance=0.1)
plots.show(
    figure,
    alt="Test accuracy of probes for the direction of grain by block, three lines: pretrained network with each map averaged, pretrained network with each map pooled to a grid, and a network with random weights.",
)


# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def ends_and_top(rows):
    line = 100 * rows.groupby("block")["accuracy"].mean()
    return f"first {line.iloc[0]:5.1f}, top {line.max():5.1f} at block {line.idxmax():2}, last {line.iloc[-1]:5.1f}"


for (task, kind), rows in doubts.groupby(["task", "kind"], sort=False):
    print(f"{task:11} {kind:33} {ends_and_top(rows)}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# If the top moves when every block has about as many numbers, the count had played a part. If it
# stays before the end, then depth itself costs the far task something. The random network is
# the zero line: what it reaches was not learned, it comes with the architecture.
#
# ## 7.3 Transfer the first k blocks
#
# A probe only *reads*. The next experiment *builds on* the blocks: the first k are taken from the
# pretrained network, all that follows is fresh, and the whole is trained on the new task. It is the
# experiment of "How transferable are features in deep neural networks?", Jason Yosinski, Jeff Clune,
# Yoshua Bengio and Hod Lipson, 2014. Copying blocks takes two lines:

# %%
k = 10
grafted = mobilenet_v2(num_classes=len(near.class_names)).to(course.device).eval()
for number in range(k):
    grafted.features[number].load_state_dict(model.features[number].state_dict())

# %% tags=["nbval-check-output"]
images = prepare(near.test_images[:8])
with torch.no_grad():
    for blocks in (k, k + 1):
        ours, theirs = grafted.features[:blocks](images), model.features[:blocks](images)
        print(f"same output after {blocks} blocks: {torch.allclose(ours, theirs, atol=1e-3)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Then there is a choice. The transferred blocks may stay **frozen**, or be **fine-tuned** together
# with the fresh ones. In the record below k takes a few values from 0 (everything fresh) to 19
# (only the head is fresh). All runs have the same 200 images and the same number of steps.
#
# **Predict.** For the near task: does each further block help? For the far task: is there a k
# beyond which the frozen version gets worse?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # near: yes or no; far: a number k, or "no"

# %% slideshow={"slide_type": "skip"}
record_blocks = experiments.read_record("first_k_blocks")
first_k = pd.DataFrame(record_blocks["rows"])
scratch_rows = first_k[first_k["k"] == 0].assign(mode="frozen")  # with k = 0 both are the same
first_k = pd.concat([first_k, scratch_rows], ignore_index=True)
first_k["run"] = "transferred blocks " + first_k["mode"]


def transfer_figure(task):
    return plots.lines(
        first_k[first_k["task"] == task], "k", "accuracy", "run",
        xlabel="blocks transferred, counted from the image", ylabel="test accuracy (%)", chance=0.1,
    )


# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    transfer_figure("near"),
    alt="Near task: test accuracy against the number of transferred blocks, one line for transferred blocks that stay frozen and one for transferred blocks that are fine-tuned.",
)
print(experiments.cite(record_blocks))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    transfer_figure("orientation"),
    alt="Direction of grain: test accuracy against the number of transferred blocks, one line for transferred blocks that stay frozen and one for transferred blocks that are fine-tuned.",
)
tops = first_k.groupby(["task", "mode", "k"])["accuracy"].mean() * 100
for task, mode in tops.index.droplevel("k").unique():
    line = tops[task, mode]
    print(f"{task:11} {mode:10}: scratch {line[0]:.1f}, top {line.max():.1f} at k = {line.idxmax()}, "
          f"k = 19 {line[19]:.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the two lines in each figure. Where the frozen line falls and the fine-tuned one does not,
# the deep blocks are in the way *as they are*, and are still a better start than random numbers.
# On the near task the frozen line, too, falls a little at the end: even there the last blocks are
# slightly in the way as they are.
#
# One caution. A network that is cut in the middle has another handicap: neighbouring blocks were
# trained together, and the fresh blocks behind the cut do not know their new neighbours. The paper
# calls this *[co-adaptation](GLOSSARY.md#co-adaptation)*. With few images and few steps, as here, many fresh blocks are a burden
# of their own.
#
# ## 7.4 Thirty images
#
# "With pretrained weights, thirty images are enough; without them, they are not." So one hears. We
# take three classes, and ten images of each.

# %% slideshow={"slide_type": "subslide"}
pool = load_task(course, "near", train=10 * len(near.class_names), test=300, seed=3)
each = min(10, int(pool.train_labels.bincount().min()))
thirty = few_classes(pool, classes=min(3, len(pool.class_names)), per_class=each, seed=3)
names = [thirty.class_names[label] for label in thirty.train_labels]
plots.show(
    plots.image_grid(thirty.train_images, names, columns=each),
    alt="The training images, ten of each of three classes (fewer where there are not so many), one row for each class, with the class name under each.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Three strategies, one run each:
#
# - **scratch**: a small residual network made for small images, from random weights, for many epochs;
# - **head only**: the pretrained network frozen, a new head on cached features (lesson 04);
# - **everything**: the head briefly, then all blocks fine-tuned (lesson 05).
#
# **Predict.** Guessing among three gives a third. What will each reach on new images?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # three numbers in percent

# %% slideshow={"slide_type": "subslide"}
rows = []
for name in ("scratch, small network", "head only", "everything"):
    result = strategies.STRATEGIES[name](course, thirty, seed=0)
    rows.append({"strategy": name, "training images (%)": 100 * result.train_accuracy,
                 "test images (%)": 100 * result.accuracy, "seconds": result.seconds})
print(pd.DataFrame(rows).round(1).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Look at the first column of numbers before the second. All thirty training images right says
# nothing about new ones: a network can learn thirty images by heart.
#
# One run with thirty images is an anecdote. Other classes, other images, another order, and the
# numbers change. So here is the record: five draws of everything, and `scratch` also for the same
# network that the others use. First the near task.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_thirty = experiments.read_record("thirty_images")
small = pd.DataFrame(record_thirty["rows"])
plots.show(
    plots.dots(small[small["task"] == "near"], "accuracy", "strategy", xlabel="near task, test accuracy (%)"),
    alt="Four strategies on thirty images of the near task, one dot a seed and a bar at the mean: scratch with the same network, scratch with a small network, head only, everything.",
)
print(experiments.cite(record_thirty))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** And the far task, three directions of grain with ten images each? Which strategy leads?

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.dots(small[small["task"] == "orientation"], "accuracy", "strategy",
               xlabel="direction of grain, test accuracy (%)"),
    alt="The same four strategies on thirty images of three directions of grain, one dot a seed and a bar at the mean.",
)
for (task, name), group in small.groupby(["task", "strategy"], sort=False):
    print(f"{task:11} {name:23} {experiments.mean_and_std(group['accuracy'])}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Three things to read here: the order of the bars, the *width* of the clouds, and the difference
# between the two figures. A claim about "thirty images" says nothing as long as it does not say
# images *of what*. Without pretraining, thirty images can be plenty for one task and hopeless for
# another.
#
# ## 7.5 Four cases
#
# Now the rules. Textbooks sort transfer into four cases and advise for each:
#
# | | near task | far task |
# | --- | --- | --- |
# | **little data** | train only a new head | train a linear classifier on *earlier* features |
# | **much data** | fine-tune everything | train from scratch, or fine-tune everything |
#
# The record holds six strategies, three seeds each: the four of the table, and besides
# `first blocks frozen` (14 of 20 blocks) and `scratch, small network`, which counts as training from
# scratch and is what wins for the advice in the last case. For `earlier block` the block
# is chosen on held-out training images, never on test images. Networks from scratch get more epochs
# than fine-tuned ones: `scratch` two thirds more, the small network three times as many as that.
#
# **Predict.** In which of the four cases does the advice win clearly?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # such as "little near, much near"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_map = experiments.read_record("data_and_similarity")
rows = pd.DataFrame(record_map["rows"])
four = figures_07.four_cases(
    rows, sizes={"little": 30, "much": 1000}, tasks={"near": "near", "far": "orientation"}
)
plots.show(
    figures_07.accuracy_by_case(rows, four),
    alt="Four panels of dots, little data above and much data below, near task left and far task right. In each panel one row a strategy with a dot a seed and a bar at the mean; the advised strategies are marked by an arrow, bold type and filled diamonds.",
)
print(experiments.cite(record_map))

# %% [markdown] slideshow={"slide_type": "subslide"}
# A table decides what the eye only suspects. In each case the best advised strategy meets the best
# of the others, on the same images, seed by seed. `lead` is the mean difference in points; the advice
# is ahead or behind only where the lead is larger than its own `spread` over seeds.

# %% tags=["slide-no-code"]
verdicts = figures_07.compare_advice(rows, four)
columns = ["amount", "similarity", "advised", "best_other", "lead", "spread", "verdict"]
print(verdicts[columns].round(1).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Where the table says "other ahead", the textbook's reason may still be right. The rule for little
# data, for example, rests on the fear that a large network learns few images by heart. It does, as
# you will see below. Whether that *hurts* is another question.
#
# Look at the panel at the top right once more, and at the width of the cloud of `earlier block`. Its
# runs differ in one more thing than the others: each had to *choose* its block. Which did they choose?

# %% slideshow={"slide_type": "subslide"}
chosen = rows[(rows["strategy"] == "earlier block") & (rows["task"] == "orientation")]
for train, group in chosen.groupby("train"):
    for run in group.itertuples():
        number = run.block.removeprefix("features.")
        print(f"{train:4} images, seed {run.seed}: block {number:>2}, {100 * run.accuracy:.1f} % of the test images")

# %% [markdown] slideshow={"slide_type": "subslide"}
# A quarter of thirty images is seven. Seven images cannot rank nineteen blocks: one lucky guess, and
# a poor block is in front. So a rule can be right, and following it can still fail, because the choice
# that it asks for must be made from the same few images. The probes of 7.2 saw more clearly, but they
# were judged by hundreds of labelled images, and if you had those, you would not have little data.
#
# Between the corners lies the way from one to the other:

# %% tags=["slide-no-code"]
panels = {"near": "near task", "orientation": "far task: direction of grain"}
plots.show(
    figures_07.accuracy_by_size(rows, panels, chance=0.1),
    alt="Test accuracy against the number of training images on a logarithmic axis, near task left and far task right, one line with error bars for each of six strategies.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Follow one line at a time. Which strategies keep rising, and which level off? A line that levels
# off gains no more from further images at this budget. For a head on frozen features there are two
# possible reasons: the features do not hold what it needs, or the head was not trained to its end.
# And look where lines *cross*: to the left of the crossing the one is the better choice, to the
# right the other.



# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
def worth(task, train):
    """Best strategy with pretrained weights minus best without (by their means), in points."""
    mine = rows[(rows["task"] == task) & (rows["train"] == train)]
    table = 100 * mine.pivot(index="seed", columns="strategy", values="accuracy")
    fresh = [name for name in table if name.startswith("scratch")]
    best_with, best_without = table.drop(columns=fresh).mean().idxmax(), table[fresh].mean().idxmax()
    return table[best_with] - table[best_without]


for task in panels:
    for train in sorted(rows["train"].unique()):
        gain = worth(task, train)
        print(f"{task:11} {train:4} images: pretraining is worth {gain.mean():+5.1f} ± {gain.std():.1f} points")

# %% [markdown] slideshow={"slide_type": "fragment"}
# And one question that every comparison must answer: had all of them finished? The table shows the
# accuracy on *training* images in the end, with 1000 of them.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
finished = rows[rows["train"] == 1000].pivot_table(
    index="strategy", columns="task", values="train_accuracy", sort=False
)
print((100 * finished).round(0).to_string())

# %% [markdown] slideshow={"slide_type": "fragment"}
# For a network that learns as a whole, a low number means that the training ended before it had
# fitted even its own images. With more epochs it would do better. So the map tells what a strategy
# gives for such a budget, a few hundred steps, and not what it could give in a week. The same
# holds for the head on frozen features: 50 % on its own training images is no proof that the features
# cannot tell the classes apart. `earlier block` trains its head to the end, by another optimizer, and
# `head only` does not; so part of the distance between these two rows is training, not depth.
#
# ## 7.6 Learned by heart
#
# A network **overfits** when it does better and better on its training images and not on new ones.
# The **[gap](GLOSSARY.md#gap)**, training minus test accuracy, shows it. Two sayings: pretrained weights with little data
# overfit, and freezing prevents it.
#
# **Predict.** For the near task, which strategy has the largest gap with 30 images? Is the gap of
# `head only` smaller than that of `everything`?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a strategy; yes or no

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
gaps = rows[(rows["task"] == "near") & rows["train"].isin([30, 1000])].copy()
gaps["gap"] = gaps["train_accuracy"] - gaps["accuracy"]
gaps["run"] = gaps["train"].astype(str) + " images, " + gaps["strategy"]
plots.show(
    plots.dots(gaps.sort_values("train", kind="stable"), "gap", "run",
               xlabel="training minus test accuracy, near task (points)"),
    alt="Twelve rows of dots, six strategies with 30 training images above and the same six with 1000 below: the gap between training and test accuracy, one dot a seed and a bar at the mean.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two networks can have the same gap and be worth very different things, since one has 100 % on the
# left of the minus sign whatever it does. So a gap is a symptom, not a verdict. What decides is the
# test accuracy, and you have seen it: compare the rows here with the panels above.
#
# Look at the upper six rows again. If fine-tuning everything has no larger gap than the frozen
# network, then freezing has prevented nothing here. A head of 1280 numbers a class is quite enough to
# learn thirty images by heart.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.right_end.hint()` gives a
# hint, each call a plainer one; `check.right_end.solution()` prints a solution. Where an exercise is
# judged by a record, runs are compared seed by seed, and a lead counts only where it is larger than
# its spread over the seeds. Where the record cannot tell two answers apart, both are right.
#
# ### Exercise 7.1
#
# Choose where to cut, for the direction of grain. You put a probe on one block of the pretrained
# network: on which (0 to 18)? You transfer the first k blocks and *freeze* them: which k of the
# record? You transfer the first k blocks and *fine-tune* them: which k now? Go by the records of 7.2
# and 7.3.

# %% tags=["nbval-check-output", "slide-no-output"]
best_block = ...
k_frozen, k_fine_tuned = ..., ...
check.where_to_cut(best_block, k_frozen, k_fine_tuned)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.2
#
# Spot the bugs. A classmate wants the first k blocks from `source`, frozen, and everything behind
# them fresh. The function below runs without an error, and does something else, in three ways.
#
# ```python
# def my_graft(source, k, classes):
#     network = mobilenet_v2(num_classes=classes)
#     for number in range(1, k + 1):
#         old, new = source.features[-number], network.features[-number]
#         new.load_state_dict(old.state_dict())
#         new.requires_grad = False
#     return network
# ```
#
# Mend it, for every k from 0 to 19. But first a prediction: the first 10 of the 19 blocks, what share
# of all parameters of the network do they hold? (A number between 0 and 1.)

# %% tags=["nbval-check-output", "slide-no-output"]
my_guess = ...
my_graft = ...
check.right_end(my_guess, my_graft)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.3
#
# Choose a strategy. Four friends ask you for advice. Each has a network like ours, time for one
# training like those of 7.5, and
#
# - little data and a near task: 30 images;
# - little data and a far task: 30 images of ten directions of grain;
# - much data and a near task: 1000 images;
# - much data and a far task: 1000 images of ten directions of grain.
#
# Which of the six strategies of 7.5 do you advise to each? Write their names as the record has them.

# %% tags=["nbval-check-output", "slide-no-output"]
little_near, little_far = ..., ...
much_near, much_far = ..., ...
check.four_cases(little_near, little_far, much_near, much_far)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 7.4 (open)
#
# Make the most of thirty images. Write a function `my_training(model, data, prepare, seed)` that
# trains `model`, a pretrained network with a new head of three outputs, on the thirty images in
# `data.train_images`, and gives it back ready for use. Or give back a network of your own that holds
# parts of it. The check runs your function with three draws of classes and images, on test images
# that your function never sees, and a head on frozen features beside it. That takes a minute or less.
#
# To be level with that head is enough. To be clearly ahead of it is hard: look at the record. What
# would you change first: what learns, for how long, mirrored images, the block that is read?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_training = ...
check.thirty_images(my_training, course)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A linear probe shows what can be read off a block. The best block depends on the task, and it
#   need not be the last one.
# - Blocks that are poor as they are can still be a good start for fine-tuning.
# - Thirty images may or may not suffice. It depends on what they show, and on what the network has
#   seen before.
# - The four rules are a first guess. Which strategy wins is a measurement, and it costs little.
# - A large gap between training and test accuracy does not tell which of two networks is better.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
print(f"Near task, best block {means['near'].idxmax()}; far task, best block {means['orientation'].idxmax()}:")
print(f"there the last block is {means['orientation'].max() - means['orientation'][18]:.1f} points behind.")
for (task, name), group in small.groupby(["task", "strategy"], sort=False):
    if name in ("scratch, small network", "head only"):
        print(f"Thirty images, {task}, {name}: {experiments.mean_and_std(group['accuracy'])}")
for row in verdicts.itertuples():
    print(f"{row.amount} data, {row.similarity} task: {row.verdict} ({row.lead:+.1f} ± {row.spread:.1f} points)")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {near}; {far}")
print(f"weights  {course.weights.title}")
print(f"setting  {course.size} px, 200 training images a run, seeds 0, 1, 2, on {course.device.type}")
for kept in (record_probes, record_blocks, record_thirty, record_map):
    print(f"record   {kept['command']}: {kept['data']}, {len(kept['seeds'])} seeds, {kept['hardware']}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Sources.** The probes and the transfer of first blocks are named where they appear. A measured map
# of how pretraining and target go together, for sixteen networks and twelve data sets: "Do Better
# ImageNet Models Transfer Better?", Simon Kornblith, Jonathon Shlens and Quoc V. Le, 2019. On when
# training from scratch catches up: "Rethinking ImageNet Pre-training", Kaiming He, Ross Girshick and
# Piotr Dollár, 2019.
#
# ## Next
#
# The distance between two tasks decides a good deal. What if you could choose what a network is
# pretrained on? [08 · Pretrain your own](08_pretrain_your_own.ipynb)
