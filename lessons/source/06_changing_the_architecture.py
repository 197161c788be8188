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
# # 6 · Changing the architecture
#
# So far we took a network as it was and gave it a new head. Sooner or later you will want to change
# more: a wider block, one block more, images with another number of channels. The pretrained
# weights were made for the old network. Some of them still fit, some do not, and some fit where
# they should not. PyTorch will not always tell you which.
#
# **You will**
#
# - load a checkpoint into a network that it was not made for, and account for every tensor;
# - meet three failures that raise no error, and learn to see each of them;
# - repair a checkpoint so that a changed network computes *exactly* what the old one did;
# - measure what each change costs, and whether training [from scratch](GLOSSARY.md#from-scratch) would have been better;
# - take an unfair comparison of two architectures apart, and make it fair.
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
from torchvision.models import mobilenet_v2
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.transforms.v2.functional import rgb_to_grayscale

from course_utils import experiments, plots
from course_utils.lesson06 import figures as figures_06, surgery
from course_utils.training import freezing, recipes
from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.networks.heads import replace_head
from course_utils.networks.partial_loading import load_matching
from course_utils.lesson06 import check

course = course_utils.begin(lesson=6, train=150, test=250)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.1 When everything fits
#
# Lesson 03 loaded a checkpoint in two steps: build a network with random weights, then copy the
# tensors in by their names. Here it is again, as the case to compare with.

# %% tags=["nbval-check-output"]
data, prepare = course.data, course.prepare
state = read_checkpoint(course.weights.path)
old_classes = len(state["classifier.1.bias"])


def build():
    """The old architecture with random weights."""
    return mobilenet_v2(num_classes=old_classes)


original = build()
print(original.load_state_dict(state))
print(len(state), "tensors")

# %% [markdown] slideshow={"slide_type": "subslide"}
# `load_state_dict` is **[strict](GLOSSARY.md#strict)** unless told otherwise. If one name is too many or too few, or one
# shape differs, it raises an error and you have to do something about it. That is a good thing.
#
# ## 6.2 Another head
#
# We build the network for our own classes at once, so its last layer has other shapes than the
# checkpoint's. Many people write `strict=False` here. It promises to be lenient.
#
# **Predict.** What happens: it loads all but the head, it loads nothing, or it raises an error?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "all but the head", "nothing" or "error"

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
ours = mobilenet_v2(num_classes=len(data.class_names))
try:
    ours.load_state_dict(state, strict=False)
except RuntimeError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "fragment"}
# `strict=False` forgives a name that is missing and a name that is not expected. It never forgives
# a shape. So we leave out what does not fit, and then read what the call returns. It returns two
# lists: `missing_keys`, which the network wanted and did not get, and `unexpected_keys`, which
# were offered and not wanted.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
own = ours.state_dict()
fitting = {name: tensor for name, tensor in state.items() if tensor.shape == own[name].shape}
result = ours.load_state_dict(fitting, strict=False)
print("missing:   ", result.missing_keys)
print("unexpected:", result.unexpected_keys)


# %% [markdown] slideshow={"slide_type": "fragment"}
# Each tensor has one of four fates. It is **[matched](GLOSSARY.md#matched)** (same name, same shape, so it is loaded),
# **[reshaped](GLOSSARY.md#reshaped)** (same name, another shape), **[missing](GLOSSARY.md#missing)** (only the network has it), or **[unexpected](GLOSSARY.md#unexpected)**
# (only the checkpoint has it). Counting them takes a few lines. Write them once, and print them
# every time you load something.


# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
def account(model, state):
    """How many tensors meet which fate."""
    own = model.state_dict()
    shared = own.keys() & state.keys()
    matched = [name for name in shared if own[name].shape == state[name].shape]
    return {
        "matched": len(matched),
        "reshaped": len(shared) - len(matched),
        "missing": len(own.keys() - state.keys()),
        "unexpected": len(state.keys() - own.keys()),
    }


print(account(original, state))
print(account(ours, state))

# %% [markdown] slideshow={"slide_type": "subslide"}
# From here on `load_matching` stands for these lines. It loads what matches and returns a
# report, in one line or block by block. You may know such a line from other tools, as "transferred
# n of m items". The last column says which share of the block's single numbers was loaded.

# %% tags=["nbval-check-output"]
report = load_matching(ours, state)
print(report)
print(report.table(ours).iloc[[0, 1, 18, 19]].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.3 Other names: the failure that says nothing
#
# `nn.DataParallel`, which spreads a batch over several GPUs, wraps a network in an attribute called
# `module`. A checkpoint saved from inside the wrapper has `module.` in front of every name. Here is
# such a file, and a script that loads it.

# %% tags=["nbval-check-output"]
from_two_gpus = {f"module.{name}": tensor for name, tensor in state.items()}
victim = build()
before = {name: tensor.clone() for name, tensor in victim.state_dict().items()}
result = victim.load_state_dict(from_two_gpus, strict=False)
print("weights loaded")  # so says many a script at this point

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** No error and no warning. How many of the tensors have changed: all, nearly all, none?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
changed = [n for n, t in victim.state_dict().items() if not torch.equal(t, before[n])]
print("tensors that changed:", len(changed))
print("missing:", len(result.missing_keys), "  unexpected:", len(result.unexpected_keys))

# %% [markdown] slideshow={"slide_type": "subslide"}
# The return value knew. Nobody read it. Whoever goes on from here fine-tunes a random network and
# believes that it is a pretrained one. (The two numbers differ because our line of code
# made a plain dictionary of the state, without PyTorch's notes on versions. In such a dictionary
# PyTorch does not miss the counters of batch norm. You will meet them again below.)
#
# Two habits protect you. Read the two lists. And better: do not use `strict=False` where you
# believe that everything fits. `load_matching` refuses when nothing fits at all:

# %% tags=["nbval-check-output"]
try:
    load_matching(victim, from_two_gpus)
except CheckpointError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The remedy is to give the tensors the names that the network has for them.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
renamed = {name.removeprefix("module."): tensor for name, tensor in from_two_gpus.items()}
print(victim.load_state_dict(renamed))  # strict again

# %% [markdown] slideshow={"slide_type": "fragment"}
# The other direction happens as well: a network kept as `self.backbone` in a class of yours has
# names that begin with `backbone.`, and the checkpoint's do not.
#
# ## 6.4 One block more: tensors in the wrong place
#
# Now a real change. Block 4 gives out 32 channels and block 5 takes 32. Between the two there is
# room for one more block of the same kind, which keeps size and channels.


# %%
def with_one_block_more():
    """MobileNetV2 with a new block as `features[5]`, all of it random."""
    model = build()
    blocks = list(model.features)
    new = InvertedResidual(32, 32, stride=1, expand_ratio=6)
    model.features = nn.Sequential(*blocks[:5], new, *blocks[5:])
    return model


deeper = with_one_block_more()

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** The network has 20 blocks, and we add one. We load what matches by name and shape. How
# many of the 332 tensors will be loaded: about 70, about 250, or 314?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
report = load_matching(deeper, state)
print(report)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Most of it, then. That sounds like good news. But `features.5` in the file is the old block 5, and
# in the new network `features.5` is the new block. From there on every tensor went to the *next*
# block's place, wherever it happened to fit. The names should have moved up by one:


# %%
def moved_up(name):
    """The name that a tensor of the old network has in the new one."""
    parts = name.split(".")
    if parts[0] == "features" and int(parts[1]) >= 5:
        parts[1] = str(int(parts[1]) + 1)
    return ".".join(parts)


shifted = {moved_up(name): tensor for name, tensor in state.items()}

# %% [markdown]
# Knowing where each tensor belongs, we can tell which of those that were loaded are where they
# belong.

# %% slideshow={"slide_type": "subslide"}
verdicts = dict.fromkeys(deeper.state_dict())  # None: not loaded
for name in report.matched:
    verdicts[name] = "right place" if shifted.get(name) is state[name] else "wrong place"
truth = figures_06.count_by_origin(freezing.block_names(deeper), verdicts)

figure = figures_06.tensors_by_block(
    {"what the names say": report.table(deeper)}, ["matched", "reshaped", "missing", "unexpected"]
)
plots.show(
    figure,
    alt="One stacked bar for each block of the network with one block more, from the input at the top to the head at the bottom: how many of its tensors matched by name and shape, had another shape, were missing, or were left over in the checkpoint.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
figure = figures_06.tensors_by_block(
    {"where they came from": truth}, ["right place", "wrong place", "not loaded"]
)
plots.show(
    figure,
    alt="The same blocks, with other bars: how many tensors came from the block where they belong, how many from another block, how many were not loaded. Behind the new block, which is features.5, hardly any is in the right place.",
)
counts = truth[["right place", "wrong place", "not loaded"]].sum()
print(f"matched {len(report.matched)}: {counts['right place']} in the right place,"
      f" {counts['wrong place']} in a wrong one")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A report by name and shape sees a name and a shape. It cannot see that block 9 holds the filters
# of block 10. That is the second silent failure, and a count of matches even hides it.
#
# With the names moved up, what does the report say?

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
deeper = with_one_block_more()
report = load_matching(deeper, shifted)
print(report)
print("missing, all of them:", {name.split(".conv")[0] for name in report.missing})

# %% [markdown] slideshow={"slide_type": "fragment"}
# All old tensors are in their places. Only the new block is random, as it must be. It still disturbs
# what passes through. But it has a shortcut, so it computes F(x) + x, and we can make F vanish. The
# last layer of F is a batch norm, which multiplies each channel by a learned scale. We set that scale
# to zero.
#
# **Predict.** How far will the outputs of the new network be from those of the old one?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
nn.init.zeros_(deeper.features[5].conv[-1].weight)
images = prepare(data.test_images[:8]).cpu()
with torch.no_grad():
    difference = (deeper.eval()(images) - original.eval()(images)).abs().max()
print("largest difference of any output:", float(difference))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The network has one block more and computes the same to the last bit. The block is not dead: its
# scale gets a gradient, and can grow away from zero once training begins. Starting a residual block
# this way is common when networks are trained from scratch, too.
#
# ## 6.5 A wider block
#
# Block 14 expands to 576 inner channels. We want twice as many. Everything outside the block keeps
# its shape.

# %% tags=["nbval-check-output"]
wider = build()
surgery.widen_block(wider, place=14, factor=2.0)
report = load_matching(wider, state)
print(report)
print(report.table(wider).iloc[13:16].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Few tensors are lost, and all in one block. Can the old channels be kept? There are two ways.
#
# One is to copy the **[overlap](GLOSSARY.md#overlap)**: the old numbers fill a corner of each larger tensor, and the rest
# stays random. Then the new random channels add their noise to the block's output.
#
# The other is to make the new channels **copies** of old ones. The last convolution of the block sums
# over the inner channels. If a channel appears twice, each of the two gets half of the weight, and
# the sum is what it was. ("Net2Net: Accelerating Learning via Knowledge Transfer", Tianqi Chen, Ian
# Goodfellow and Jonathon Shlens, 2016.) Here are the lines, for that last convolution:

# %% tags=["nbval-check-output"]
last = state["features.14.conv.2.weight"].float()
origin = torch.cat([torch.arange(576), torch.randint(576, (576,))])  # whom each channel copies
copies = torch.bincount(origin)  # how often each old channel now appears
widened = last[:, origin] / copies[origin].view(1, -1, 1, 1)
print(tuple(last.shape), "became", tuple(widened.shape))
print("sum over the inner channels is the same:",
      torch.allclose(widened.sum(1), last.sum(1), atol=1e-4))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The layers before it, which make the inner channels, are copied without any division.
# `surgery.widen_weights` does all of this for one block.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
wider = build()
surgery.widen_block(wider, place=14, factor=2.0)
print(load_matching(wider, surgery.widen_weights(state, place=14, hidden=1152)))
with torch.no_grad():
    same = torch.allclose(wider.eval()(images), original(images), atol=1e-3)
print("same outputs as the old network:", same)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A twin and its original receive the same gradient, so they would stay twins for ever. The `noise`
# argument of `widen_weights` disturbs the new ones a little.
#
# ### Every block wider
#
# Torchvision can make all of MobileNetV2 wider by a factor. A quarter more is not much.
#
# **Predict.** Of the 314 tensors, how many still match? And which share of all the numbers do they
# hold?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number and a share

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
all_wider = mobilenet_v2(num_classes=old_classes, width_mult=1.25)
report = load_matching(all_wider, state)
elements = {name: tensor.numel() for name, tensor in all_wider.state_dict().items()}
loaded_numbers, numbers = sum(elements[name] for name in report.matched), sum(elements.values())
print(report)
print(f"{loaded_numbers:,} of {numbers:,} single numbers")
print(pd.Series([name.split(".")[-1] for name in report.matched]).value_counts().to_string())

# %% [markdown] slideshow={"slide_type": "fragment"}
# A sixth of the tensors match, and they carry almost no numbers. `num_batches_tracked` is batch norm's counter of
# batches. It is a tensor of one number, it fits everywhere, and it knows nothing about images. **Count
# numbers, not tensors.**
#
# ## 6.6 Other input channels
#
# X-ray images have one channel; satellites deliver four and more. Only the first convolution meets
# the image, so only one tensor is reshaped. But everything behind it depends on what it lets
# through.
#
# For **one channel** we add the three old kernels up. A grey image used to be given as three equal
# channels, and a sum of products with equal numbers is a product with the sum.

# %% slideshow={"slide_type": "subslide"}
grey_network = build()
grey_network.features[0][0] = nn.Conv2d(1, 32, 3, stride=2, padding=1, bias=False)
kernels = state["features.0.0.weight"].float()
summed = {**state, "features.0.0.weight": kernels.sum(dim=1, keepdim=True)}
print(grey_network.load_state_dict(summed))  # strict: every tensor fits

grey = rgb_to_grayscale(data.test_images[:8], num_output_channels=3)
with torch.no_grad():
    through_three = original(prepare(grey).cpu())
    through_one = grey_network.eval()(prepare(grey).mean(1, keepdim=True).cpu())
apart = (through_three - through_one).abs().max() / through_three.abs().max()
print(f"largest difference, relative to the largest output: {apart:.1e}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The difference is rounding if the weights were trained with the same normalisation in all three
# channels. [ImageNet](GLOSSARY.md#imagenet)'s differs a little from channel to channel, and so do the outputs.
#
# For **four channels** we keep the three old kernels and give the new channel a kernel of zeros. The
# output is the old one, whatever the fourth channel holds, and training can make use of it. (If the
# new channels resemble the old ones, one can also repeat the old kernels and scale them down, so that
# their sum stays. The record below has both.)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
four = build()
four.features[0][0] = nn.Conv2d(4, 32, 3, stride=2, padding=1, bias=False)
nothing = torch.zeros(len(kernels), 1, 3, 3)
print(four.load_state_dict({**state, "features.0.0.weight": torch.cat([kernels, nothing], dim=1)}))

with torch.no_grad():
    fourth = torch.randn(8, 1, *images.shape[2:])
    apart = (four.eval()(torch.cat([images, fourth], dim=1)) - original(images)).abs().max()
print("same outputs, whatever the fourth channel holds:", bool(apart < 1e-3))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.7 What no report can see
#
# The last change has no tensor at all. We exchange the [activation function](GLOSSARY.md#activation-function): **[SiLU](GLOSSARY.md#silu)**, which is
# x · sigmoid(x) and resembles ReLU with a soft bend, in place of ReLU6.

# %% tags=["nbval-check-output"]
softer = build()
replaced = surgery.replace_activations(softer, nn.ReLU6, nn.SiLU)
print(replaced, "activations replaced")
print(load_matching(softer, state))
with torch.no_grad():
    same = torch.allclose(softer.eval()(images), original(images), atol=1e-3)
print("same outputs as the old network:", same)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The report is perfect, and the network is another one. The same holds for a changed stride, a
# changed normalisation of the images, or channels in the order blue, green, red. That is the third
# silent failure: the weights are where they belong, and what they multiply is not what they were
# trained for.
#
# So a report is necessary and not enough. What is the network *worth*? That has to be measured.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.8 What each change costs
#
# For each changed network we load the weights, put on a new head, and train that alone, as in
# lesson 04. The backbone is frozen, so its accuracy shows what the loaded features are worth.


# %%
def changed(how):
    """A changed network with the old weights in it, and a new head for our classes."""
    model, weights = build(), state
    if how.startswith("inserted"):
        surgery.insert_block(model, 5)
        weights = surgery.shift_blocks(state, 5) if "shifted" in how else state
    elif how.startswith("block 14 wider"):
        surgery.widen_block(model, 14)
        weights = surgery.widen_weights(state, 14, 1152) if "copied" in how else state
    elif how == "SiLU for ReLU6":
        surgery.replace_activations(model, nn.ReLU6, nn.SiLU)
    if how != "names with a prefix":  # there, nothing is loaded
        load_matching(model, weights)
    replace_head(model, len(data.class_names))
    return model.to(course.device, memory_format=torch.channels_last)


# %% slideshow={"slide_type": "subslide"}
def head_accuracy(seed, change):
    """Test accuracy of a new head, trained on the frozen features of a changed network."""
    torch.manual_seed(seed)
    model = changed(change)
    *_, last = recipes.train_head(model, course.draw(seed), prepare, count=10, seed=seed, watch=True)
    return {"accuracy": last.test_accuracy}


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Order these seven from best to worst. Which ones will be no better than guessing?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # the worst ones

# %% slideshow={"slide_type": "subslide"}
changes = [
    "untouched",
    "names with a prefix",
    "inserted, names as they are",
    "inserted, keys shifted",
    "block 14 wider, as it is",
    "block 14 wider, channels copied",
    "SiLU for ReLU6",
]
costs = experiments.repeat(head_accuracy, seeds=[0, 1, 2], change=changes)
plots.show(
    plots.dots(costs, "accuracy", "change", xlabel="test accuracy with a frozen backbone (%)"),
    alt="Seven rows of three dots, one dot a seed, with a bar at the mean: test accuracy of a new head on the frozen features of the untouched network and of six changed ones.",
)

# %% slideshow={"slide_type": "subslide"}
score = costs.groupby("change", sort=False)["accuracy"].mean()
guessing = 1 / len(data.class_names)
for change, group in costs.groupby("change", sort=False):
    print(f"{change:32} {experiments.mean_and_std(group['accuracy'])}")
print(f"guessing: {100 * guessing:.1f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Compare each remedy with the row above it. A network that computes the same is worth the same. And
# look for rows at the level of guessing: three quarters of the tensors loaded, or all but a few, and
# yet nothing comes through.
#
# ### Why exactly at guessing?
#
# Random layers in the middle should garble the features, not extinguish them. We look at what the
# widened block gives out: how much its numbers differ from one image to the next, compared with the
# intact block.


# %%
@torch.no_grad()
def spread_behind(model, block):
    """Standard deviation over images of what block number `block` gives out, on average."""
    x = prepare(data.train_images[:64])
    for module in model.eval().features[: block + 1]:
        x = module(x)
    return x.std(dim=0).mean().item()


torch.manual_seed(0)
intact, broken = changed("untouched"), changed("block 14 wider, as it is")
spread_intact, spread_broken = spread_behind(intact, 14), spread_behind(broken, 14)
print(f"behind block 14: intact {spread_intact:.4f}, with the random wider block {spread_broken:.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# If the second number is close to zero, the block gives the same answer to every image. The cause is
# batch norm. In eval mode it divides by its *running* variance. For a new layer that is still 1, the
# value it was built with: no batch has ever been measured. If the layer's true variance is far
# smaller, dividing by 1 leaves next to nothing, and the next layer gets less still.
#
# This explanation can be tested. We let the batch norms measure their statistics on the training
# images, forward passes only, and change no weight.


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def renew_statistics(model, images):
    """Measure all batch norm statistics anew; not one weight changes."""
    for norm in freezing.batch_norms(model):
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's sign for a plain average
    model.train()
    for part in images.split(75):
        model(prepare(part))


def renewed_accuracy(seed, change):
    torch.manual_seed(seed)
    model, few = changed(change), course.draw(seed)
    renew_statistics(model, few.train_images)
    *_, last = recipes.train_head(model, few, prepare, count=10, seed=seed, watch=True)
    return {"accuracy": last.test_accuracy}


# %% slideshow={"slide_type": "subslide"}
again = ["block 14 wider, as it is", "inserted, names as they are"]
renewed = experiments.repeat(renewed_accuracy, seeds=[0, 1, 2], change=again)
for change, group in renewed.groupby("change", sort=False):
    print(f"{change:28} {100 * score[change]:.1f} % before, "
          f"{experiments.mean_and_std(group['accuracy'])} with new statistics")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Where the accuracy rises, the features had not been lost. They were there and were not let through.
# What remains between these numbers and the untouched network is the true damage: random
# weights in one block, or weights in the wrong places behind the new one.
#
# The exact level of guessing is worth remembering. A bad network scores *near* chance. One that
# scores exactly 1/n, seed after seed, gives one answer to everything: look for something broken.
#
# ## 6.9 Repair, retrain, or start again?
#
# "Once the structure has changed, the old weights are useless: train from scratch." You can read that
# in many a forum. The record below has more changes than this page, with three seeds each, and four
# treatments. *Frozen* and *new statistics* are what you have just seen. *Retrained* goes on from
# whatever was loaded and trains everything for ten epochs. *From scratch* throws the checkpoint away
# and trains for ten epochs, too. Both end with statistics measured anew, so that none is left from
# the start.
#
# **Predict.** A block inserted, keys not shifted: the worst case above. Which will be better after
# ten epochs, retrained or from scratch? And is either near the untouched network?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "retrained", "scratch" or "equal"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record = experiments.read_record("partial_loading")
loading = pd.DataFrame(record["rows"]).replace({"load": {"nothing": "as it is"}})
titles = {"frozen": "frozen", "renewed": "new statistics, frozen",
          "retrained": "retrained", "scratch": "from scratch"}
plots.show(
    figures_06.accuracy_by_change(loading, titles, chance=0.1),
    alt="One row for each change and way of loading. Marks of different shapes show the mean accuracy on held-out images of the frozen backbone, of the frozen backbone with new batch norm statistics, after retraining, and from scratch, with bars for the spread over seeds and a dotted line at guessing.",
)
print(experiments.cite(record))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
means = loading.groupby(["change", "load", "treatment"], sort=False)["accuracy"].agg(["mean", "std"])
wide = (100 * means).round(1).astype(str).agg(" ± ".join, axis=1).unstack("treatment")
wide[["frozen", "renewed", "retrained", "scratch"]].fillna("").rename_axis(columns=None)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read the table row by row.
#
# - Where a repair makes the network compute what it did, there is nothing to retrain.
# - New statistics are no cure-all. If the triangle in the first row lies left of the circle, then
#   measuring them anew on so few images has cost something where the old ones were good.
# - Without a repair, compare *retrained* with *from scratch*, at equal length. Even a network whose
#   weights are mostly in the wrong place may have kept something; or it may not.
# - All of this is for few images, 200 in the record. Lesson 07 varies their number.
#
# Does it depend on these images and these weights? A second record has the frozen column for
# photographs. Look for rows where the two columns disagree.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
photo_record = experiments.read_record("partial_loading_cifar10")
photos = pd.DataFrame(photo_record["rows"])
worlds = pd.concat([loading.assign(world="Shapes"), photos.assign(world="photographs")])
frozen = worlds[worlds["treatment"] == "frozen"].groupby(["change", "load", "world"], sort=False)
side_by_side = (100 * frozen["accuracy"].mean()).unstack("world").round(1)
print(experiments.cite(photo_record))
side_by_side.rename_axis(columns=None)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.10 A fair comparison
#
# A colleague wants to know whether one block more makes the network better. He takes the pretrained
# network, inserts a block, loads the weights ("transferred most of the tensors"), trains, and
# compares with the pretrained network as it was. You have measured both sides of his comparison:

# %% tags=["slide-no-code"]
plain, broken = score["untouched"], score["inserted, names as they are"]
repaired = score["inserted, keys shifted"]
print(f"his verdict:            one block more changes accuracy by {100 * (broken - plain):+.1f} points")
print(f"with the keys shifted:  one block more changes accuracy by {100 * (repaired - plain):+.1f} points")

# %% [markdown] slideshow={"slide_type": "subslide"}
# His number is real, and it answers another question: what does it cost to *lose the weights*? About
# the architecture it says nothing. One network came with its pretraining and the other without.
#
# What would be fair? Both must start alike. There are two ways to do that.
#
# - **No weights for anybody.** All start from random numbers.
# - **The same pretraining for everybody.** Each architecture is pretrained on the same images for as
#   long, then transferred in the same way.
#
# The second one costs a pretraining for each architecture, and few people can afford that with
# ImageNet. With small networks we can. The record compares three: **A**; **B**, which has one block
# more; **C**, which is wider by half. Each has a learning rate tuned for it, on images
# that are used for nothing else. All have the same images, epochs, and seeds.
#
# **Predict.** For each of the three protocols, who will be first and who last?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # such as "unfair: A B C, no weights: C B A, same pretraining: C A B"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
fair_record = experiments.read_record("fair_comparison")
fair = pd.DataFrame(fair_record["rows"])
leftovers, alike = "what fits of A's", "pretrained alike"
rules = {
    "unfair: A's weights,\nwhatever fits": {"A": alike, "B": leftovers, "C": leftovers},
    "fair: no weights\nfor anybody": dict.fromkeys("ABC", "scratch"),
    "fair: the same pretraining\nfor everybody": dict.fromkeys("ABC", alike),
}
plots.show(
    figures_06.accuracy_by_protocol(fair, rules, names={"A": "A", "B": "B: deeper", "C": "C: wider"}),
    alt="Three panels, one for each protocol. In each, one column of dots for architectures A, B and C, one dot a seed, with a bar at the mean and its value: test accuracy in per cent.",
)
print(experiments.cite(fair_record))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
average = fair.groupby(["start", "architecture"])["accuracy"].mean()
spread = fair.groupby(["start", "architecture"])["accuracy"].std()
for title, starts in rules.items():
    order = sorted(starts, key=lambda name: -average[starts[name], name])
    said = ", ".join(f"{n} {100 * average[starts[n], n]:.1f} ± {100 * spread[starts[n], n]:.1f}"
                     for n in order)
    print(f"{title.replace(chr(10), ' '):45} {said}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Compare the order in the left panel with the order in the other two, and the size of the gaps with
# the spread of the dots. Where two clouds overlap, the honest verdict is "no difference was shown".
#
# Then compare the two fair panels with each other. They may agree or not. They answer different
# questions: which architecture *learns more from few images*, and which one is *better after a
# pretraining*. (For the last panel the rate of the pretraining was tuned for each as well: a wide
# network may want another one than a narrow one.) If you are going to use pretrained weights in the
# end, the second question is yours, and dropping the weights is not the only fair way, nor the best
# one. It is the cheap one.
#
# There is a third way where a repair exists: carry the weights over so that both networks compute the
# same at the start. In the record B has such a row.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
carried = average["A's, refitted", "B"] - average[alike, "A"]
print(f"B with A's weights, keys shifted, new block as identity: "
      f"{100 * carried:+.1f} points against A")
fitted = fair[fair["start"] == leftovers].groupby("architecture")
print(fitted[["tensors_matched", "tensors_total"]].first().to_string())
sizes = fair.groupby("architecture")[["parameters"]].first()
print(sizes.to_string())

# %% [markdown] slideshow={"slide_type": "subslide"}
# The first table explains the left panel: so many of A's tensors fitted B and C by name and shape.
# If only counters fitted, that protocol is nothing else than training from scratch. The second table
# is part of fairness, too: report that a larger network is larger.
#
# A list to keep. Two architectures are compared fairly if
#
# 1. both start alike: no weights, the same pretraining, or weights carried over *exactly*;
# 2. both see the same images, the same augmentation, and the same number of epochs (or the same
#    seconds; say which);
# 3. each has a learning rate tuned for it, with equal effort, on validation images;
# 4. there are several seeds, and the spread is shown;
# 5. parameters and MACs are reported;
# 6. what was loaded is reported, in numbers and by block.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.careful_load.hint()` gives
# a hint, each call a plainer one; `check.careful_load.solution()` prints a solution.
#
# ### Exercise 6.1
#
# Spot the bug. A colleague loads all her checkpoints with this function. It has never failed.
#
# ```python
# def my_load(model, state):
#     own = model.state_dict()
#     state = {n: t for n, t in state.items() if n in own and t.shape == own[n].shape}
#     model.load_state_dict(state, strict=False)
#     print("weights loaded")
# ```
#
# That is what is wrong with it. Write it so that it loads a backbone under a head of another size
# (names of the head begin with `classifier.`), and raises an error whenever any other tensor of the
# network would be left without weights. The check tries it on five checkpoints.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_load = ...
check.careful_load(my_load)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 6.2
#
# Predict, then count. In 6.4 a block was inserted as `features[5]`. Now one with a shortcut is
# inserted as `features[15]` of `build()`, and the keys are not shifted. How many of the tensors that
# match will be in the right place? Write down your guess. Then count how many match, and how many of
# these are right. (`surgery.insert_block` inserts, `surgery.shift_blocks` shifts the keys.)

# %% tags=["nbval-check-output", "slide-no-output"]
my_guess = ...
# Your code here
my_matched = ...
my_in_the_right_place = ...
check.one_more_at_15(my_guess, my_matched, my_in_the_right_place)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 6.3
#
# There is a simpler way than copies to widen a block without changing its output: leave the new inner
# channels random, and set to zero what the last convolution takes from them. Do it for block 14, twice
# as wide, in a network `my_wider` that gives the same outputs as `original`. (`surgery.copy_overlap`
# fills the corner; the last convolution is `my_wider.features[14].conv[2]`. To write into a weight,
# use its `.data`, or do it under `torch.no_grad()`.)

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_wider = ...
check.wider_and_same(my_wider, original)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 6.4
#
# What is wrong with this comparison? A colleague reports: "I made network A wider by half and called it
# C. I loaded A's pretrained weights into C, wherever they fitted, tuned the learning rate of each, and
# trained five seeds of both on the same images. C is far behind A, so wider networks do not transfer."
# His runs are in the record of 6.10, and so is his number:

# %% tags=["slide-no-code"]
his_gap = 100 * (average[leftovers, "C"] - average[alike, "A"])
print(f"the report: C less A, {his_gap:+.1f} points")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Which point of the list in 6.10 explains that number: `"start"` (1), `"images"` (2), `"rate"` (3),
# `"seeds"` (4) or `"size"` (5)? How many points is C ahead of A (negative: behind) when both had the
# same pretraining? And was a difference shown then: `"yes"` if the dots of the two lie apart, `"no"` if
# they overlap? The check looks it up in the record.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-output"]
my_fault = ...
fair_gap = ...
was_shown = ...
check.unfair_report(my_fault, fair_gap, was_shown)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A tensor is matched, reshaped, missing or unexpected. `strict=False` forgives the last two, never
#   a shape, and tells you only if you read what it returns.
# - Three failures are silent: other names (nothing is loaded), an inserted block (most is loaded, into
#   the wrong places), another function of the same tensors (all is loaded, and means something else).
# - Many changes can be made without changing the function: names shifted and a last norm of zero,
#   copied channels, summed or padded input kernels. Then nothing is lost.
# - Part of the damage of a new random layer is not in the weights, but in batch norm statistics that
#   were never measured.
# - Compare architectures only if they start alike.

# %% tags=["slide-no-code"]
print(f"frozen features, untouched: {100 * plain:.1f} %")
print(f"one block inserted, names as they are: {100 * broken:.1f} %, keys shifted: {100 * repaired:.1f} %")
print(f"every block a quarter wider: {loaded_numbers} of {numbers:,} numbers fitted by name and shape")
inserted = loading[loading["change"] == "a block inserted at 5"]
inserted = inserted[inserted["load"] == "as it is"].set_index("treatment")
for treatment, title in titles.items():
    runs = inserted.loc[[treatment]]
    print(f"record, one block inserted, names as they are, {title}: "
          f"{experiments.mean_and_std(runs['accuracy'])}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}")
print(f"weights  {course.weights.title}")
print(f"setting  {course.size} px, {len(data.train_images)} training images a run, "
      f"seeds 0, 1, 2, on {course.device.type}")
for kept in (record, photo_record, fair_record):
    print(f"record   {kept['command']}: {kept['data']}, {kept['hardware']}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Sources.** Copied channels: "Net2Net: Accelerating Learning via Knowledge Transfer", Tianqi Chen,
# Ian Goodfellow and Jonathon Shlens, 2016. The last norm at zero: "Accurate, Large Minibatch SGD:
# Training ImageNet in 1 Hour", Priya Goyal and others, 2017. SiLU: "Gaussian Error Linear Units
# (GELUs)", Dan Hendrycks and Kevin Gimpel, 2016, which gave it its name, and "Searching for Activation Functions",
# Prajit Ramachandran, Barret Zoph and Quoc V. Le, 2017, where it is called Swish. The blocks of
# MobileNetV2: "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Mark Sandler, Andrew Howard,
# Menglong Zhu, Andrey Zhmoginov and Liang-Chieh Chen, 2018.
#
# ## Next
#
# Weights can be carried from one network to another. How far can they be carried from one *task* to
# another? [07 · How far features travel](07_how_far_features_travel.ipynb)
