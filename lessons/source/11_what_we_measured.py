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
# # 11 · What we measured
#
# Textbooks and tutorials about transfer learning repeat the same sentences: freezing saves time, few
# images overfit, the rate should be a tenth. Some come with a reference, hardly one with a number.
# This course has tried to test each of them. Here are twenty such claims, what the experiments say
# about each, and how a pile of runs becomes a verdict.
#
# Count for yourself how often the books are right. The interesting part is the small print: under
# which *if*.
#
# **You will**
#
# - see how an effect, its spread over seeds, and a rule written down in code make a verdict;
# - give your own verdict on twenty claims, before you see ours;
# - repeat two of the experiments, and compare;
# - judge a claim by runs of your own;
# - learn what these experiments cannot tell you.
#
# **Before this:** ideally all other lessons. Each claim names the lesson that belongs to it, so you
# can also begin here and go where you do not believe us.

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import textwrap

import pandas as pd
import torch
from IPython.display import Markdown, display

from course_utils import environment, experiments, plots
from course_utils.lesson11 import figures as figures_11
from course_utils.networks.heads import replace_head
from course_utils import training
from course_utils.training import recipes
from course_utils.lesson11 import check
from course_utils.lesson11 import own_runs, report, rules

course = course_utils.begin(lesson=11, train=200, test=400)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.1 From runs to a verdict
#
# We begin with one claim, as an example: *it does no harm to normalise images with mean 0.5 and
# deviation 0.5 in place of the numbers that the weights were trained with.* Many tutorials do just
# that. We train a head on frozen features, as in lesson 04, with either normalisation. Everything
# else is equal, and each seed draws other training images and another head.
#
# **Predict.** Does the wrong normalisation cost anything? If so, more than five points of accuracy?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # points of accuracy


# %% slideshow={"slide_type": "subslide"}
def head_accuracy(seed, prepare, model):
    """A new head on frozen features; accuracy on the test images."""
    data = course.draw(seed)
    replace_head(model, len(data.class_names))
    for _ in recipes.train_head(model, data, prepare, count=10, seed=seed):
        pass
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


# %% slideshow={"slide_type": "subslide"}
own = course.prepare
half = type(own)(own.size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), own.device)
rows = []
for seed in (0, 1, 2):
    for name, prepare in (("own", own), ("0.5 / 0.5", half)):
        environment.seed_everything(seed)
        accuracy = head_accuracy(seed, prepare, course.pretrained())
        rows.append({"seed": seed, "normalisation": name, "accuracy": accuracy})
runs = pd.DataFrame(rows)
print(runs.pivot(index="seed", columns="normalisation", values="accuracy").round(3))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Three numbers on either side. Four steps lead from them to a verdict.
#
# **Pair by seed.** Both runs of a seed had the same training images. Lucky images help both. So we
# subtract within each seed, and luck of that kind cancels out.

# %% slideshow={"slide_type": "subslide"}
differences = rules.paired(runs, "accuracy", "normalisation", "0.5 / 0.5", "own")
print((100 * differences).round(1).to_string())

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Mean and [interval](GLOSSARY.md#confidence-interval).** The mean of three differences is an estimate. How far may it be off? If
# seeds scatter normally, an interval of so many *[standard errors](GLOSSARY.md#standard-error)* (the standard deviation, divided
# by the root of the number of runs) around the mean holds the true value in 95 of 100 experiments.
# How many standard errors that is was worked out by "Student" ("The Probable Error of a Mean", 1908).
# With three runs it is a great deal:

# %% tags=["nbval-check-output"]
for runs_made in (2, 3, 5, 10, 30):
    print(f"{runs_made:3} runs: {rules.t_quantile(runs_made - 1):5.2f} standard errors")

# %% slideshow={"slide_type": "subslide"}
mean, low, high = rules.interval(differences)
print(f"{100 * mean:+.1f} points; from {100 * low:+.1f} to {100 * high:+.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **A rule for one setting.** The claim predicts something about this interval, and the rule says
# what counts. There are three answers: *yes*, *no*, and *unclear*. An effect that is not larger than
# its spread is unclear, however much we like it.

# %% [markdown] slideshow={"slide_type": "fragment"}
# | the claim says | yes | no |
# | --- | --- | --- |
# | more, better, faster | the whole interval lies above zero | it lies below zero |
# | it does no harm | the whole interval lies above -2 points | it lies below zero |
# | do this, in this case | on the average at most 2 points behind the best alternative | further behind, and the interval lies below zero |
# | ten times | the mean ratio lies between 5.6 and 18 | it does not |
# | counted, such as parameters | as counted | as counted |

# %% slideshow={"slide_type": "subslide"}
effect = rules.harmless(differences, course.world, "a head on frozen features", "0.5 minus own")
print(f"does no harm? {effect.outcome}   ({effect})")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **From settings to a verdict.** One setting is an anecdote. We measure a claim in several: other
# numbers of images, other tasks, other networks, and where we can in two worlds, drawn shapes and
# photographs. Then:
#
# - **holds**: yes in every setting;
# - **holds if**: yes in some settings and not in others, and we say in which;
# - **does not hold**: yes in none.
#
# *Unclear* counts as "not shown". So an experiment that is too small cannot make a claim true. It
# can make one fail that a larger experiment would have confirmed; that is the price. Settings with
# fewer than three seeds do not count at all. And where the two worlds come to different verdicts,
# the text says so.
#
# A rule is worth most when it was fixed before anybody saw the numbers. We have not always managed
# that: for claims 1, 8, 10 and 19 we changed or added a comparison after a first look at their rows.
# Take these four with an extra grain of salt.
#
# All of it is code in `course_utils/lesson11`: the rules in `rules.py`, each claim in `how_tested.py`.
# The verdicts are computed now, from the records:

# %% tags=["slide-no-code"]
everything = report.findings()
measured = [pair for pair in everything if pair[1].solid]
settings = sum(len(finding.solid) for _, finding in measured)
print(f"{len(measured)} of {len(everything)} claims have been measured, in {settings} settings")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.2 Your verdicts first
#
# Here are the claims, in our own words.

# %% tags=["nbval-check-output", "slide-no-code"]
for claim, _ in everything:
    print(f"{claim.number:2}  {claim.statement}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Write "holds", "holds if" or "does not hold" in place of the dots. Leave blank what you
# have no opinion about. At the end we count.

# %% slideshow={"slide_type": "subslide"}
my_verdicts = {
    1: ..., 2: ..., 3: ..., 4: ...,
    5: ..., 6: ..., 7: ..., 8: ...,
    9: ..., 10: ..., 11: ..., 12: ...,
    13: ..., 14: ..., 15: ..., 16: ...,
    17: ..., 18: ..., 19: ..., 20: ...,
}

# %% [markdown]
# All figures that follow are read in the same way. A panel is a claim, a row is a setting. The mark
# is the mean effect and the bar its interval. Circles are Shapes, squares photographs, and diamonds
# need no images. Full marks speak for the claim; at an open one the words at the right say why not.
# The dashed line is where the claim begins: at no difference, or at a loss of two points for claims of
# the kind "it does no harm".


# %% slideshow={"slide_type": "skip"}
def show_effects(group):
    """The figure of some claims, or a word where none has been measured yet."""
    if not any(finding.solid for _, finding in group):
        print("None of these claims has been measured yet.")
        return
    plots.show(
        figures_11.effects(group),
        alt="One panel for each claim, with its verdict in the title; one row a setting, with a mark at the mean effect, a bar for its interval, and at the right the word shown, not shown, or the contrary.",
    )


def say(group):
    """Verdict and numbers of some claims, in lines that fit a page."""
    for claim, finding in group:
        print(f"{claim.number} · {claim.short}: {str(finding.verdict).upper()}")
        print(textwrap.fill(finding.sentence, 100, initial_indent="  ", subsequent_indent="  "))


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.3 What pretraining gives
#
# Five claims about numbers of images: what a pretrained start is worth, and what happens when there
# are few. Lesson 01 trained the same network from both starts; lesson 07 drew the map of data size
# and similarity.
#
# **Predict.** With how many training images is a pretrained start worth most: thirty or a thousand?
# And on which task, photographs or shapes like those of the pretraining, or the direction of a
# grain?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # in a few words

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
group = report.findings([1, 6, 9, 13, 16])
show_effects(group)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
say(group)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Claims 1 and 6 look alike and ask different things. In 6 both starts get the same steps, and each
# its own best learning rate. In 1 the random start may also choose a smaller network, which is made
# for little data, and takes longer. A claim that survives its best opponent says more.
#
# In 9 and 13 look at the two kinds of rows. The *gap* between training and test accuracy is the
# usual sign of overfitting, and a network that knows all its thirty training images by heart has a
# large one. But a gap is not a loss. What counts is the other row: does the network do *worse on
# new images* than one that could not learn by heart? Where the gap is large and the cost is not
# shown, "it overfits" is true and harmless.
#
# Whether thirty images "suffice" depends on what for. We wrote down four right answers in five, for
# three classes, before we looked.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.4 Which features travel, and from where
#
# Four claims about near and far tasks. Far tasks here are drawn textures: which way does the grain
# run, what kind of weave is it? These are visual tasks without objects.
#
# **Predict.** A network was pretrained on objects. Is it worth anything when the question is the
# direction of a grain? Is it worth *less* than for other objects?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # in a few words

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
group = report.findings([7, 11, 15, 17])
show_effects(group)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
say(group)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Mind the words "depends on similarity". A difference between a near task and a far one has two
# sides: what pretrained weights give on each, and how hard each is from nothing. A task that a
# small network learns quickly from nothing leaves little to gain, near or far.
#
# Claim 17 is four prescriptions in one. For each case we let the prescribed way compete with the
# best of the others. It need not win; it must not cost more than two points. Where it says "not
# shown" or "the contrary", the figure's text in lesson 07 tells which way was better.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.5 How to fine-tune
#
# Five claims about the practice: thaw after the head, at a tenth of the rate, freeze more when
# there is less data, and why.
#
# **Predict.** The classic recipe gains accuracy after its thaw. How much of the gain would have
# come if nothing had been thawed?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # in a few words

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
group = report.findings([4, 12, 14, 18, 19])
show_effects(group)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
say(group)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Claim 4 is the one to remember for life. "We did X, then it rose" is how most recipes are
# defended. A row of the first kind compares *after* with *before*. A row of the second kind
# compares with the same run *without the thaw*, in which the head goes on learning. Only the second
# tells what the thaw was worth. If the first rows are shown and the second are not, then the jump
# is real and the explanation is wrong.
#
# In 18 the best rates come from a grid in steps of about three, so the ratio of two of them can
# only be 1, 3, 10 or 30 in a single run. "About ten" leaves half a step either way. Read the
# accuracies in the text as well: how much does it cost to follow the rule?
#
# Claim 12 compares processor time, and not the clock, because other programs disturb the clock.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.6 Networks and checkpoints
#
# Six claims about what networks are and what their files hold. Lessons 01, 02, 06 and 10 took them
# apart.
#
# **Predict.** MobileNetV2 has far fewer parameters than ResNet-18. Is it faster by the same factor
# on an ordinary processor?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # in a few words

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
group = report.findings([2, 3, 5, 8, 10, 20])
show_effects(group)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
say(group)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Small and fast are two words. Parameters and operations are counted; time depends on how well the
# processor likes the operations, and depthwise convolutions do much fetching for little computing.
#
# Claim 5 looks like hair-splitting, until the buffers are left out. Claim 8 is about *how* the
# weights are put into the changed network: the same change can cost all, or nothing, depending on
# whether what fits was carried over with care. Compare the rows of one change with each other.
#
# Claim 10 is a rule of fairness, so there is no effect that could be "true". We ask instead whether
# following it gives the right answer: does the comparison without weights come out like that of
# networks which were all pretrained alike?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.7 Do not believe us
#
# A record can be wrong, and so can a rule. The project's own tests repeat a small version of the
# experiments and complain when the direction of an effect is not that of the record. You can do the
# same. We repeat two here, with few images, on the images that *you* have.
#
# The first was in 11.1: the other normalisation. The second is claim 5, that a pretrained network is
# its weights and biases. We load all tensors but the **buffers**, batch norm's running averages,
# which keep the values of a new network.
#
# **Predict.** By how much does the accuracy of a new head fall: not at all, by some points, or to the
# level of guessing?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # accuracy without the buffers


# %% slideshow={"slide_type": "subslide"}
def without_buffers():
    """The pretrained network, with batch norm's statistics as in a new network."""
    model = course.pretrained()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
    return model


# %% slideshow={"slide_type": "subslide"}
for seed in (0, 1, 2):
    environment.seed_everything(seed)
    accuracy = head_accuracy(seed, own, without_buffers())
    rows.append({"seed": seed, "normalisation": "no buffers", "accuracy": accuracy})
runs = pd.DataFrame(rows)
plots.show(
    plots.dots(runs, "accuracy", "normalisation", xlabel="test accuracy (%)"),
    alt="Three rows of three dots, one dot a seed: a new head with the weights' own normalisation, with 0.5 and 0.5, and with all tensors loaded but the buffers.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the same rules as for the records, for your runs:

# %%
live = {
    5: rules.paired(runs, "accuracy", "normalisation", "no buffers", "own"),
    20: rules.paired(runs, "accuracy", "normalisation", "0.5 / 0.5", "own"),
}
for number, values in live.items():
    effect = rules.harmless(values, course.world, "this run", "changed minus own")
    [(claim, finding)] = report.findings([number])
    print(f"{number} · {claim.short}: {effect} in this run, so {effect.outcome}")
    print(f"     from the records: {finding.verdict}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# If your answer and the record's verdict differ, look at the settings first. A verdict comes from
# several settings, and yours is one of them, or a new one. A single setting that says *no* can turn
# "holds" into "holds if", which is how it should be.
#
# ## 11.8 The table
#
# **Predict.** Of the claims that were measured, how many hold without an *if*?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    figures_11.overview(everything),
    alt="A row for each of the twenty claims: a mark for every setting, full where it speaks for the claim and open where it does not, and the verdict in words at the right.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
print(report.table(everything).to_string(index=False))

# %% slideshow={"slide_type": "skip"}
print(report.score_in_words(my_verdicts, everything))
answered = report.score(my_verdicts, everything)
if len(answered):
    print(answered.to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Where to look it up, claim by claim:

# %% tags=["slide-no-code"]
display(Markdown(report.links(everything)))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.9 What these experiments cannot say
#
# - **Small images.** Most were made at 32 to 96 pixels. At 224 a network sees more, and the balance of
#   texture and shape is another.
# - **Little data, short training.** Some hundred images, some hundred steps. What comes after fifty
#   epochs on a million images is another subject.
# - **One family.** Nearly all of it is MobileNetV2. A claim about "pretrained networks" was tested on
#   one of them, and on two or three small relatives.
# - **Drawn shapes.** They let us turn the knobs of size and similarity, and they are not the world.
#   Where photographs were measured as well, the table says so. Where they were not, keep a doubt.
# - **Three seeds.** Enough to see a large effect, too few to see a small one. "Does not hold" often
#   means: not larger than what chance does here.
# - **Twenty claims, many settings.** Of a hundred intervals some five miss the truth. A single row in a
#   single figure is not a discovery.
# - **Our rules.** Two points, ten times within half a step, four in five: other choices are possible, and
#   they stand in one file so that you can make them.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.paired_by_seed.hint()`
# gives a hint, each call a plainer one; `check.paired_by_seed.solution()` prints a solution.
#
# ### Exercise 11.1
#
# Take the five differences below, in points. What are the mean and the ends of the 95 % interval?
# Is the effect larger than its spread? Use `rules.interval`, or compute it by hand.

# %%
five_differences = [2.1, -0.4, 1.6, 0.9, 3.0]

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_interval = ...  # (mean, low, high)
larger_than_spread = ...  # True or False
check.interval_of_five(my_interval, larger_than_spread)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 11.2
#
# Spot the bug. A colleague compares two recipes over three seeds, with the same images for each
# seed. Her computer runs several at a time, and the rows come back in the order in which they ended.
# She writes the function below, and concludes that nothing was shown.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
rows_as_they_came = pd.DataFrame(
    [(0, "A", 0.81), (1, "A", 0.84), (2, "A", 0.90), (2, "B", 0.93), (0, "B", 0.83), (1, "B", 0.86)],
    columns=["seed", "recipe", "accuracy"],
)


def her_comparison(rows):
    a = rows[rows["recipe"] == "A"]["accuracy"].to_numpy()
    b = rows[rows["recipe"] == "B"]["accuracy"].to_numpy()
    return rules.interval(b - a)


mean, low, high = her_comparison(rows_as_they_came)
print(f"B minus A: {100 * mean:+.1f} points, from {100 * low:+.1f} to {100 * high:+.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Write the function so that it answers the question: by how much is B ahead of A, and how sure is
# that? It returns `(mean, low, high)`. The check tries it on other runs, too, where one may be lost.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_comparison = ...
check.paired_by_seed(my_comparison)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 11.3
#
# Choose another rule. "No harm" means here: less than two points behind, `rules.SAME = 0.02`. That
# number is ours. For which claims would half a point change the verdict? For which would five? First
# guess how many of the twenty verdicts lean on it. Then set `rules.SAME`, compute
# `report.table(report.findings())` again, and set it back.

# %% tags=["nbval-check-output", "slide-no-output"]
my_guess = ...  # how many verdicts
# Your code here
changed_when_strict = ...  # numbers of claims, with half a point; [] for none
changed_when_lenient = ...  # the same, with five points
check.other_rule(my_guess, changed_when_strict, changed_when_lenient)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 11.4 (open)
#
# Choose a claim that you still believe against our verdict, or one that you doubt. Which setting
# would convince the two of us? Measure it: another number of images, another task, another network,
# with two arms that differ in one thing. (`dataclasses.replace(course, train=60).draw(seed)` draws
# sixty training images.) The check judges your rows by the course's own rules. It does not mind
# which way they come out, but it refuses to judge what shows nothing.
#
# Here are the claims that two arms can test. Of your two arms, list first the one that plays the part
# of the first arm in this table. Call them as you like.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
print(own_runs.table().to_string(index=False))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Each row of your table is a run: its `seed`, the name of its arm, and its `accuracy` on test images,
# as a share. If you tried several settings, such as rates, hand over *all* rows, with a column for
# the setting and one named `validation`, the accuracy on images that are neither trained on nor
# tested on. The check chooses by that, as you would have to.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_claim = ...  # its number
my_rows = ...  # a DataFrame, or a list of dictionaries
my_arms = ...  # the names of two arms
check.own_verdict(my_claim, my_rows, my_arms)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A verdict needs an effect, its spread over seeds, a comparison that leaves only one cause, and a
#   rule: best one that was fixed before anybody saw the numbers.
# - "After" against "before" is not a comparison. "With" against "without" is.
# - Many claims hold in some settings and not in others. The *if* is the useful part.
# - A claim that was not shown is not refuted. It has been tested as far as the numbers reach.

# %% tags=["slide-no-code"]
counts = pd.Series([str(finding.verdict) for _, finding in everything]).value_counts()
for verdict, count in counts.items():
    print(f"{verdict:16} {count:2} claims")
for number, values in live.items():
    print(f"claim {number:2}, live: {experiments.mean_and_std(100 * values, percent=False)} points")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {course.data}")
print(f"weights  {course.weights.title}")
print(f"setting  {course.size} px, {course.data.train_images.shape[0]} training images a run, seeds 0, 1, 2")
names = sorted({name for claim, _ in everything for name in claim.records})
print(f"records  {', '.join(names)}")
print("         each also with _cifar10 where it was made on photographs, in data/records")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Sources.** The interval: "The Probable Error of a Mean", Student (William S. Gosset), 1908. Features
# by depth: "How transferable are features in deep neural networks?", Jason Yosinski, Jeff Clune, Yoshua
# Bengio and Hod Lipson, 2014. On pretraining that pays in time and not in the end: "Rethinking ImageNet
# Pre-training", Kaiming He, Ross Girshick and Piotr Dollár, 2019. On what transfers, and how to measure
# it: "Do Better ImageNet Models Transfer Better?", Simon Kornblith, Jonathon Shlens and Quoc V. Le, 2019.
#
# ## Next
#
# You have reached the end of the lessons. The best next step is your own data: set `COURSE_DATA` to a
# folder of yours, and begin again at [00 · Start here](00_start_here.ipynb).
