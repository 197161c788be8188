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
# # 10 · Other models
#
# So far there was one network, MobileNetV2. Yours may be another: a ResNet, a VGG, a [transformer](GLOSSARY.md#vision-transformer),
# a detector. This lesson takes the five steps that you know to other families, and looks at what
# stays the same and what does not. One word changes its meaning from tool to tool. It is "freeze".
#
# **You will**
#
# - find the head of a network that you have never seen, and count a network of half a gigabyte
#   without loading it;
# - take all five steps with a ResNet-18 and with a vision transformer;
# - measure whether the "wrong" normalisation does harm, and why it sometimes does not;
# - write `--freeze N` as YOLOv5 means it, with the dot that matters;
# - compare what PyTorch's tutorial, Keras, fastai and YOLOv5 let move while "frozen".
#
# **Before this:** [04 · Freezing](04_freezing.ipynb) and [05 · Fine-tuning](05_fine_tuning.ipynb).

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
from dataclasses import replace

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models as zoo

from course_utils import experiments, plots
from course_utils.lesson10 import figures as figures_10, freeze_conventions, small_networks as small
from course_utils import training
from course_utils.training import freezing, recipes
from course_utils.networks import inspection
from course_utils.networks.heads import find_head, replace_head
from course_utils.lesson10 import check
from course_utils.images.datasets import batches
from course_utils.images.preprocessing import Prepare, as_they_are

course = course_utils.begin(lesson=10, train=200, test=300)
data = course.data

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.1 Looking without loading
#
# The five steps are: **load** a network with its weights, give it a **new head**, **freeze** the
# backbone, **train**, then **thaw** and train a little more. Four of them name no network. Only
# one must know where the head is.
#
# To find the head you need the architecture, not the weights. PyTorch has a device for just that.
# A tensor on the **meta device** has a shape and a type, but no numbers: it takes no memory, and
# computing with it gives shapes only.
#
# **Predict.** VGG-16 was published in 2014, the vision transformer ViT-B/16 in 2020. Which one has
# more parameters? And where in each do you expect most of them to lie?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "VGG-16" or "ViT-B/16", and where

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
BUILDERS = {"MobileNetV2": zoo.mobilenet_v2, "ResNet-18": zoo.resnet18, "VGG-16": zoo.vgg16,
            "ViT-B/16": zoo.vit_b_16}
with torch.device("meta"):
    outlines = {name: build() for name, build in BUILDERS.items()}

weight = outlines["VGG-16"].classifier[0].weight
print(f"one weight of VGG-16: shape {tuple(weight.shape)}, on device {weight.device}")
print(f"it would take {weight.numel() * 4 / 1e6:.0f} MB, and takes none")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The head is the last linear layer: the one with 1000 outputs, for the 1000 classes of ImageNet.


# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
def describe(name, model):
    head, layer = find_head(model)
    cost = inspection.cost_by_block(model, 224)
    return {"network": name, "head": head, "features": layer.in_features,
            "parameters": f"{cost['parameters'].sum():,}",
            "MB": round(cost["parameters"].sum() * 4 / 1e6),
            "million MACs": round(cost["macs"].sum() / 1e6)}


print(pd.DataFrame([describe(*item) for item in outlines.items()]).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Nothing was downloaded or stored, and yet sizes and costs are known. A **MAC** is one
# multiplication with one addition, as in lesson 03. (For the transformer, the work of its
# [attention](GLOSSARY.md#attention) is counted as well.) The column "head" is what you need for the second step:
#
# ```python
# model.classifier[1] = nn.Linear(1280, 10)      # MobileNetV2
# model.fc = nn.Linear(512, 10)                  # ResNet-18
# model.classifier[6] = nn.Linear(4096, 10)      # VGG-16
# model.heads.head = nn.Linear(768, 10)          # ViT-B/16
# ```
#
# Now to the other half of the question: where are the parameters?

# %% slideshow={"slide_type": "subslide"}
vgg = inspection.cost_by_block(outlines["VGG-16"], 224)
plots.show(
    plots.block_bars(
        vgg, {"parameters": "% of all parameters", "macs": "% of all MACs"}, percent_of_total=True
    ),
    alt="VGG-16 block by block from the image at the top to the head at the bottom. Left its share of all parameters, nearly all in the last bar; right its share of the work, in the bars above.",
)

# %% slideshow={"slide_type": "subslide"}
vit = inspection.cost_by_block(outlines["ViT-B/16"], 224)
plots.show(
    plots.block_bars(
        vit, {"parameters": "% of all parameters", "macs": "% of all MACs"}, percent_of_total=True
    ),
    alt="ViT-B/16 block by block. Twelve equal bars between a small first and a small last one, both for parameters and for work.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The two could not differ more. VGG-16 keeps its parameters in three large linear layers at the
# end, and does its work in the convolutions before them. The transformer is a stack of equal
# blocks. This has a consequence for freezing.
#
# **Predict.** You freeze every convolution of VGG-16, exchange `classifier[6]` for ten classes, and
# train the rest. Which share of the parameters still learns: 0.03 %, 3 %, or nearly 90 %?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a share in percent

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
with torch.device("meta"):
    model = zoo.vgg16()
model.classifier[6] = nn.Linear(4096, 10, device="meta")
total = sum(p.numel() for p in model.parameters())

model.features.requires_grad_(False)
print(f"convolutions frozen:    {100 * freezing.count_trainable(model) / total:.2f} % can learn")
model.requires_grad_(False)
model.classifier[6].requires_grad_(True)
print(f"all but the head frozen: {100 * freezing.count_trainable(model) / total:.2f} % can learn")

# %% [markdown] slideshow={"slide_type": "fragment"}
# "Freeze the features" is a phrase that fits MobileNetV2, whose classifier is one layer. In VGG-16
# it leaves more than a hundred million parameters to your few images. So do not freeze by a word.
# Freeze everything, then put the new head in, and *count* what can learn.
#
# ## 10.2 Five steps with a ResNet-18
#
# ResNet-18 is the network of many first lessons in transfer learning. Which weights do we have for
# it here? The next cell checks and reports.

# %%
name, own = small.resnet18_at_hand(course.world)
print(f"network  {name}")
print(f"weights  {own.title}")
print(f"inputs   {own.size} px, mean {own.mean}, standard deviation {own.std}")
if course.world != "shapes" and name in small.OWN:
    print("These weights have never met a photograph. Expect much less of them than of ImageNet's.")
prepare = Prepare(min(own.size, course.size), own.mean, own.std, course.device)

# %% [markdown] slideshow={"slide_type": "subslide"}
# `resnet18_slim` is torchvision's ResNet-18 with half the channels in every layer, which makes a
# quarter of the parameters. The course trained it on the same 30 shapes as its MobileNetV2. All
# names are those of the whole one.
#
# Here are the five steps in full. We take the recipe that is often given with this network: **[SGD](GLOSSARY.md#sgd)**,
# the plain optimizer that follows the gradient, with a learning rate of 0.001. Its **[momentum](GLOSSARY.md#momentum)** of
# 0.9 keeps nine tenths of the last step's direction. Ten epochs, batches of 32.

# %%
torch.manual_seed(0)
model = small.load(name, own.path).to(course.device)  # 1. load
model.requires_grad_(False)  # 3. freeze: before the new head comes, which must learn
model.fc = nn.Linear(model.fc.in_features, len(data.class_names)).to(course.device)  # 2. new head
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
print(f"{freezing.count_trainable(model):,} of {sum(p.numel() for p in model.parameters()):,}"
      " parameters can learn")


# %% slideshow={"slide_type": "subslide"}
def train_one_epoch(seed, frozen):
    model.train(not frozen)  # batch norm of a frozen backbone must keep its statistics: lesson 04
    for images, labels in batches(data.train_images, data.train_labels, 32, seed=seed):
        loss = F.cross_entropy(model(prepare(images)), labels.to(course.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_accuracy():
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** How accurate will it be after ten epochs with the backbone frozen? And after two more
# with everything thawed, at a tenth of the rate?

# %% slideshow={"slide_type": "skip"}
my_guess_frozen, my_guess_thawed = ..., ...

# %% slideshow={"slide_type": "subslide"}
for epoch in range(10):  # 4. train
    train_one_epoch(seed=epoch, frozen=True)
resnet_frozen = test_accuracy()
print(f"frozen, 10 epochs:  {100 * resnet_frozen:.1f} %")

model.requires_grad_(True)  # 5. thaw, with a new optimizer
optimizer = torch.optim.SGD(model.parameters(), lr=0.0001, momentum=0.9)
for epoch in range(10, 12):
    train_one_epoch(seed=epoch, frozen=False)
resnet_thawed = test_accuracy()
print(f"thawed, 2 epochs:   {100 * resnet_thawed:.1f} %   (guessing: {100 / len(data.class_names):.0f} %)")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare these lines with those of lesson 05. The steps are the same: load, a new head, freeze,
# train, thaw. The head is called `fc` here, and optimizer, rates and numbers of epochs are this
# network's own.
#
# Is 0.001 a good rate? It has become a habit, and with few images ten epochs of it are few, small
# steps: there is no adaptive optimizer here to make them larger. Write 0.01 into both cells, and
# run them again.
#
# ## 10.3 Does the normalisation matter?
#
# Weights expect images on the scale that they were trained on: from each channel its mean was
# subtracted, and the rest divided by its standard deviation. Many recipes write
# `Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))` instead, whatever the weights, and say that it does
# no harm.
#
# **Predict.** The head is trained anew on the features in either case. How much accuracy does the
# wrong normalisation cost: nothing, a few points, or most of it?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # in percentage points

# %% slideshow={"slide_type": "subslide"}
half = (0.5, 0.5, 0.5)
PREPARATIONS = {"the weights' own": prepare, "0.5 / 0.5": replace(prepare, mean=half, std=half)}


def with_normalisation(seed, normalisation):
    """The frozen recipe on features computed once (lesson 04)."""
    torch.manual_seed(seed)
    network, few, ready = small.load(name, own.path), course.draw(seed), PREPARATIONS[normalisation]
    replace_head(network, len(few.class_names))
    plan = freezing.freeze_backbone(network.to(course.device))
    freezing.apply(network, plan)
    tail, features = training.cache_features(network, plan, few, ready, batch_size=32)
    sgd = torch.optim.SGD(tail.parameters(), lr=0.001, momentum=0.9)
    for _ in training.epochs(tail, sgd, features, as_they_are, plan=plan,
                             count=10, batch_size=32, seed=seed, watch=False):
        pass
    result = training.evaluate(tail, features.test_images, features.test_labels, as_they_are)
    return {"accuracy": result.accuracy}


# %% slideshow={"slide_type": "subslide"}
live = experiments.repeat(with_normalisation, seeds=[0, 1, 2], normalisation=list(PREPARATIONS))
plots.show(
    plots.dots(live, "accuracy", "normalisation", xlabel="test accuracy (%)"),
    alt="Two rows of three dots, one a seed, with a bar at the mean: test accuracy with the weights' own normalisation and with 0.5 / 0.5.",
)
for normalisation, group in live.groupby("normalisation", sort=False):
    print(f"{normalisation}: {experiments.mean_and_std(group['accuracy'])}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# These runs were small. The record has more images, other networks, and one more question: what if
# batch norm in the frozen backbone is in **train** mode, as `model.train()` leaves it?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_norm = experiments.read_record("normalisation")
kept = pd.DataFrame(record_norm["rows"])
kept["run"] = kept["network"] + ", batch norm " + kept["batch_norm"] + ", " + kept["normalisation"]
plots.show(
    plots.dots(kept.sort_values(["network", "batch_norm"], kind="stable"), "accuracy", "run",
               xlabel="test accuracy (%)"),
    alt="Rows of three dots with a bar at the mean: accuracy of each network with batch norm in eval and in train mode, each with its own normalisation and with 0.5 / 0.5.",
)
print(experiments.cite(record_norm))

# %% slideshow={"slide_type": "subslide"}
record_photos = experiments.read_record("normalisation_cifar10")


def print_costs(record):
    table = pd.DataFrame(record["rows"])
    keys = ["network", "batch_norm", "seed", "normalisation"]
    pairs = table.groupby(keys)["accuracy"].mean().unstack()
    points = 100 * (pairs["own"] - pairs["0.5 / 0.5"])
    print(f"{record['data']}:")
    for (network, mode), values in points.groupby(["network", "batch_norm"]):
        print(f"  {network:14} batch norm in {mode:5} mode: 0.5 / 0.5 costs "
              f"{experiments.mean_and_std(values, percent=False)} points")


print_costs(record_norm)
print_costs(record_photos)
print(experiments.cite(record_photos))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the two modes of the same network. If the cost is smaller in train mode, there is a
# reason that we can test. Another normalisation stretches and shifts each channel of the image. A
# convolution hands that on. Behind it, batch norm in train mode subtracts the mean of the batch and
# divides by its standard deviation, and so takes both away again. In eval mode it uses the old mean
# and the old deviation, and everything behind it gets numbers on the wrong scale.
#
# **Predict.** By how many percent do the numbers behind the *first* batch norm change, when the
# normalisation is exchanged: in eval mode, and in train mode?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two numbers


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def change_behind_first_norm(mode, edge):
    """Relative change of the first norm's output, without `edge` rows and columns all around."""
    network = small.load(name, own.path).to(course.device).train(mode == "train")
    right, wrong = (network.bn1(network.conv1(ready(data.train_images[:64])))
                    for ready in PREPARATIONS.values())
    inner = slice(edge, right.shape[-1] - edge)
    right, wrong = right[..., inner, inner], wrong[..., inner, inner]
    return ((wrong - right).norm() / right.norm()).item()


shift = {mode: change_behind_first_norm(mode, edge=0) for mode in ("eval", "train")}
for mode, value in shift.items():
    print(f"batch norm in {mode:5} mode: the output changes by {100 * value:.0f} %")
print(f"in train mode, inside the edges: {100 * change_behind_first_norm('train', edge=2):.0f} %")

# %% [markdown] slideshow={"slide_type": "subslide"}
# What is left in train mode sits mostly at the edges, where the image is padded with zeros: zero
# means another colour on another scale. Inside, little is left. (It would be nothing at all if the
# edges did not count in the mean of the batch, and if all three channels were stretched alike.)
#
# So whether it does harm depends on whether batch norm may adapt. A backbone that is truly frozen
# cannot adapt. That is no advice to leave batch norm in train mode, which has a price of its own
# (lesson 04). It costs nothing to do it right: the weights come with two triples of numbers.
#
# ## 10.4 Five steps with a vision transformer
#
# A **vision transformer** cuts the image into square **patches**. A linear map turns each patch
# into a row of numbers, a **[token](GLOSSARY.md#token)**. One more token is put in front, the **[class token](GLOSSARY.md#class-token)**, and each
# gets a learned mark of its **[position](GLOSSARY.md#position)**. Then come equal blocks. In each, every token gathers from
# all others what it finds relevant, which is called **attention**, and is then changed by two
# linear layers. In the end, the head reads the class token alone.

# %% tags=["nbval-check-output"]
vit_own = small.weights("vit_tiny")
model = small.load("vit_tiny", vit_own.path)
print(f"patches of {model.patch_size} x {model.patch_size} pixels, image {model.image_size} px:"
      f" {(model.image_size // model.patch_size) ** 2} tokens and the class token")
print(freezing.block_table(model).to_string(index=False))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
pretraining = {one: experiments.read_record(f"pretrain_others_{one}") for one in small.OWN}
print(f"weights  {vit_own.title}")
for one, kept_run in pretraining.items():
    print(f"on its own {len(vit_own.class_names)} classes {one} is right on "
          f"{100 * kept_run['accuracy']:.1f} % of new images, after {kept_run['images']:,} to learn from")
if course.world != "shapes":
    print("Both have seen drawn shapes and no photograph.")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Nothing in a transformer's build says that neighbouring patches belong together. It must learn
# that as well, and needs many more images for it. So ours had a teacher: beside the labels, it was
# trained to give the answers of the course's MobileNetV2, and to find the same features on the way.
# Learning from another network's answers is called **[distillation](GLOSSARY.md#distillation)**.
#
# Now look at the column "buffers". It is zero everywhere. A transformer has no batch norm. Its
# **[layer norm](GLOSSARY.md#layer-norm)** computes mean and deviation anew for each token, from that token's own numbers, in
# training and afterwards alike. It keeps no running statistics.
#
# **Predict.** We set `requires_grad = False` on every parameter, leave `model.train()` on, and show
# the network some batches. How many tensors of the state have changed afterwards: in the ResNet,
# and in the transformer?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two numbers


# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
def tensors_that_move(network, ready):
    """Tensors of the state that differ after three batches in train mode, without any gradient."""
    network.requires_grad_(False).train()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    for images, _ in batches(data.train_images, data.train_labels, 32, seed=0):
        network(ready(images[:16]))
    return sum(not torch.equal(t, before[key]) for key, t in network.state_dict().items())


vit_prepare = Prepare(vit_own.size, vit_own.mean, vit_own.std)
print("slim ResNet-18:    ", tensors_that_move(small.load("resnet18_slim"), vit_prepare), "tensors moved")
print("vision transformer:", tensors_that_move(small.load("vit_tiny"), vit_prepare), "tensors moved")

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the transformer, the half truth of lesson 04 becomes the whole truth: a parameter without
# gradient is frozen, and there is nothing else that could move. The same holds for VGG-16, which
# has no norm at all:

# %% tags=["nbval-check-output"]
for title, outline in outlines.items():
    kinds = [type(m).__name__ for m in outline.modules()]
    running = sum(b.numel() for b in outline.buffers() if b.is_floating_point())
    print(f"{title:12} {kinds.count('BatchNorm2d'):2} batch norms, {kinds.count('LayerNorm'):2} "
          f"layer norms, {running:6,} running statistics")

# %% [markdown] slideshow={"slide_type": "fragment"}
# There is a price for positions: the transformer has learned one mark for each patch of a 64-pixel
# image. Give it another size, and it refuses. A convolutional network takes any size.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
try:
    model(torch.zeros(1, 3, 96, 96))
except AssertionError as error:
    print("vision transformer:", error)
print("slim ResNet-18:    ", tuple(small.load("resnet18_slim")(torch.zeros(2, 3, 96, 96)).shape))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Now the five steps, for both families and three seeds. The helpers are those of lesson 05:
# `train_head` freezes the backbone and trains the head on features computed once; `fine_tune` thaws
# all blocks, with a small rate for the backbone, and warm-up. Neither knows which network it has.
#
# **Predict.** For which of the two will thawing gain more, and will it gain more than the dots
# scatter?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "ResNet-18" or "transformer"


# %% slideshow={"slide_type": "subslide"}
def five_steps(seed, network):
    own = small.weights(network)
    few, ready = course.draw(seed), Prepare(own.size, own.mean, own.std, course.device)
    torch.manual_seed(seed)
    model = small.load(network).to(course.device)  # 1. load
    replace_head(model, len(few.class_names))  # 2. new head
    for phase, passes in (
        ("frozen", recipes.train_head(model, few, ready, count=10, seed=seed)),  # 3., 4.
        ("thawed", recipes.fine_tune(model, few, ready, count=2, backbone_rate=3e-4, seed=seed)),
    ):
        for _ in passes:
            pass
        result = training.evaluate(model, few.test_images, few.test_labels, ready)
        yield {"phase": phase, "accuracy": result.accuracy}


# %% slideshow={"slide_type": "subslide"}
families = experiments.repeat(five_steps, seeds=[0, 1, 2], network=list(small.OWN))
families["run"] = families["network"] + ", " + families["phase"]
plots.show(
    plots.dots(families.sort_values("network", kind="stable"), "accuracy", "run",
               xlabel="test accuracy (%)"),
    alt="Four rows of three dots with a bar at the mean: the slim ResNet-18 and the small vision transformer, each with its backbone frozen and after thawing.",
)
for run, group in families.groupby("run", sort=False):
    print(f"{run}: {experiments.mean_and_std(group['accuracy'])}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The lines are the same for both. Whether there is a gain, the dots must tell: compare the distance
# of the bars with the spread in each row. If thawing gained nothing, think of lesson 05: few
# images, two epochs, and a rate that nobody has chosen for this network. Do not read this as a
# contest of families. The two differ in size and in how well they were pretrained, and a comparison
# of architectures needs more care than that ([06 · Changing the
# architecture](06_changing_the_architecture.ipynb)).
#
# ## 10.5 `--freeze N`
#
# Detectors such as YOLOv5 are fine-tuned with a command-line option: `--freeze 10`. YOLOv5 keeps its
# modules in one list called `model`, so its parameters have names such as `model.0.conv.weight`.
# Freezing goes by these names. Here is a toy with thirteen modules.


# %% slideshow={"slide_type": "subslide"}
class Toy(nn.Module):
    def __init__(self, modules=13):
        super().__init__()
        self.model = nn.Sequential(*[
            nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)) for _ in range(modules)
        ])


def freeze_by_name(network, marks):
    for parameter_name, parameter in network.named_parameters():
        parameter.requires_grad = not any(mark in parameter_name for mark in marks)


def frozen_modules(network):
    return sorted({int(n.split(".")[1]) for n, p in network.named_parameters() if not p.requires_grad})


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** A colleague wants the first two modules frozen and writes
# `freeze_by_name(toy, ["model.0", "model.1"])`. Which modules are frozen then?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a list of numbers

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
toy = Toy()
freeze_by_name(toy, ["model.0", "model.1"])
print("without the dot:", frozen_modules(toy))
freeze_by_name(toy, ["model.0.", "model.1."])
print("with the dot:   ", frozen_modules(toy))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The name `model.10.0.weight` begins with `model.1` as well. The dot behind the number makes the
# difference. (The test is `in`, so a mark counts wherever it stands in a name. That is how YOLOv5
# does it, too.) Two more things hide in these lines. The loop gives `True` to every parameter that
# it does not freeze, so whatever you froze before is *forgotten*. And it never says `eval()`.
# `freeze_conventions.yolov5_freeze` stands for these lines with YOLOv5's way of reading its option:
# one number N means the first N modules, several numbers mean just these.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
toy = Toy()
toy.requires_grad_(False)  # everything was frozen before
for option in ([0], [3], [3, 11]):
    freeze_conventions.yolov5_freeze(toy, option)
    print(f"--freeze {' '.join(map(str, option)):5} freezes modules {frozen_modules(toy)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.6 What "frozen" means to others
#
# You will read code for other tools and take it over. "Freeze the backbone, then unfreeze" means
# something else in each. Four of them, with their usual settings:
#
# - PyTorch's tutorial on transfer learning freezes by `requires_grad` and calls `model.train()`.
# - In **Keras**, `trainable = False` on a batch norm also makes it use its stored statistics, and the
#   guide keeps it so (`training=False`) after thawing.
# - **fastai**'s `fine_tune` freezes all but the last group for one epoch, but lets every norm layer
#   learn meanwhile (`train_bn=True`). Then it thaws, with rates that rise from the first group to
#   the last.
# - **YOLOv5**'s `--freeze` goes by name, as above, and stays as it is to the end.
#
# `course_utils/lesson10/freeze_conventions.py` writes each as a few lines of PyTorch. It needs none
# of the tools. Then it takes *one* training step, and looks which tensors have changed. (fastai
# splits a ResNet into three groups; we use two, as it does for other networks.)
#
# **Predict.** In which of the four does a "frozen" backbone stay as it is, to the last bit?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # names of tools


# %% slideshow={"slide_type": "subslide"}
def fresh_resnet():
    torch.manual_seed(0)
    network = small.load("resnet18_slim").to(course.device)
    replace_head(network, len(data.class_names))
    return network


shapes_prepare = replace(vit_prepare, device=course.device)
x, y = shapes_prepare(data.train_images[:32]), data.train_labels[:32].to(course.device)
conventions = freeze_conventions.table(fresh_resnet, x, y)
kinds = list(freeze_conventions.KINDS)
plots.show(
    figures_10.what_moved(conventions, kinds),
    alt="A grid: one row for each tool and phase, one column each for the backbone's weights, its norms, its running statistics, and the head. Each square says whether these tensors moved in one training step.",
)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
print(conventions[["tool", "phase", *kinds]].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read the rows with "frozen". The first column agrees everywhere, and that is what the word
# promises. The other two columns of the backbone do not agree. A head that was trained by one
# convention and a backbone that is used by another will not fit together.
#
# The settings differ as much. These were read off each optimizer:

# %% tags=["nbval-check-output", "slide-no-code"]
columns = ["tool", "phase", "optimizer", "backbone rate", "norm rate", "head rate"]
print(conventions[columns].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# | tool | what becomes of the rates in time |
# | --- | --- |
# | PyTorch's tutorial | a tenth of the rate after every seven epochs |
# | Keras' guide | constant in either phase |
# | fastai `fine_tune` | frozen: rises during its one epoch; thawed: up, then down to nearly zero |
# | YOLOv5 | warm-up over three epochs, then along a line to a hundredth |
#
# From the smallest rate of the backbone to the largest there is a factor of a hundred, so "fine-tune
# with the default rate" says little without the name of the tool. The same table for the
# transformer is simpler:


# %% tags=["nbval-check-output"]
def fresh_vit():
    torch.manual_seed(0)
    network = small.load("vit_tiny").to(course.device)
    replace_head(network, len(data.class_names))
    return network


on_vit = freeze_conventions.table(fresh_vit, x, y)
print(on_vit.loc[on_vit["phase"] == "frozen", ["tool", *kinds]].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Without running statistics, three of the four mean the same. One still lets the norms learn.
#
# ## 10.7 Small, and fast?
#
# MobileNetV2 is recommended as small and fast. Small it is: you counted it above. Is it as fast as
# its MACs promise? The record below timed four networks at three image sizes.
#
# **Predict.** At 224 pixels ResNet-18 needs about six times the MACs of MobileNetV2. How many times
# longer does it take on a processor?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a factor

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_sizes = experiments.read_record("model_sizes")
sizes = pd.DataFrame(record_sizes["rows"])
in_batches = sizes[sizes["batch"] == sizes["batch"].max()]
plots.show(
    figures_10.time_by_cost(in_batches),
    alt="Milliseconds an image against multiply-accumulates, both on logarithmic scales, with one marker for each network and a dashed line for times in proportion to VGG-16's. Points above the line are slower than their work suggests.",
)
print(experiments.cite(record_sizes))

# %% slideshow={"slide_type": "subslide"}
whole = sizes[sizes["size"] == 224]
middle = whole.groupby(["batch", "network"])[["macs", "ms_per_image"]].median()
for batch, group in middle.groupby("batch"):
    base = group.xs("MobileNetV2", level="network").iloc[0]
    for (_, network), row in group.iterrows():
        print(f"{batch} at a time, {network:12} {row.macs / base.macs:5.1f} x the MACs, "
              f"{row.ms_per_image / base.ms_per_image:5.1f} x the time of MobileNetV2")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Where the second factor is smaller than the first, MobileNetV2 takes more time for its work than the
# other network. Where it is below 1, MobileNetV2 is even the slower of the two, with a fraction of
# the work. Lesson 03 gave the reason: a depthwise convolution does little arithmetic
# for every number that it fetches from memory. MACs are a fair measure within a family. Between
# families, take the time on the machine that will run it.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.two_heads.hint()` gives a
# hint, each call a plainer one; `check.two_heads.solution()` prints a solution.
#
# ### Exercise 10.1
#
# Two networks that you have not met: build torchvision's `efficientnet_b0` and `swin_t` on the meta
# device, find their heads, and put a new one with 7 outputs in the place of each.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_efficientnet = ...
my_swin = ...
check.two_heads(my_efficientnet, my_swin)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 10.2
#
# In your next project there is no `Prepare`. Write it yourself, in lines of PyTorch: a function of
# stored images, uint8 of shape (n, 3, h, w), that gives what the weights called `own` expect. They
# tell it: `own.size`, `own.mean`, `own.std`.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_prepare = ...
check.by_hand(my_prepare, own)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 10.3
#
# Predict, then write. A network has 24 modules, numbered from 0. Which of them are frozen by the mark
# `"model.2"`, without a dot? Then write `--freeze` as YOLOv5 means it (10.5), as a function
# `my_freeze(network, numbers)` with a list of numbers. The check tries it on such a network, once
# new and once with everything frozen.

# %% tags=["nbval-check-output", "slide-no-output"]
my_modules = ...  # a list of numbers
# Your code here
my_freeze = ...
check.freeze_option(my_modules, my_freeze)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 10.4
#
# Read a convention. You want to repeat a result that was made with fastai, on a ResNet, in plain
# PyTorch. Write a function `my_frozen(model)` that makes the network ready for the *frozen* phase as
# the row of fastai in 10.6 shows it. The check then takes one training step, and looks what moved.
#
# And for which of the four networks of the first table do PyTorch's tutorial and Keras mean the same
# by "frozen"?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_frozen = ...
my_networks = ...  # a list of names
check.as_fastai(my_frozen, my_networks)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - The five steps do not depend on the family. Only the line with the head's name does.
# - Without downloading anything you can know a network's size, cost, head and norms.
# - Normalisation: use the numbers that belong to the weights. Batch norm in train mode forgives
#   other ones; in eval mode it does not adapt.
# - Networks without batch norm have nothing that moves without a gradient. There, `requires_grad`
#   freezes every number that is stored. Dropout and stochastic depth still act in train mode, so put
#   the frozen part into eval mode all the same.
# - "Frozen" is a word with several meanings. Count what can learn, and look what moved.

# %% tags=["slide-no-code"]
gap = live.groupby("normalisation", sort=False)["accuracy"].mean()
print(f"ResNet-18 by the frozen recipe: {100 * resnet_frozen:.1f} %, after thawing {100 * resnet_thawed:.1f} %.")
print(f"0.5 / 0.5 cost {100 * (gap.iloc[0] - gap.iloc[1]):.1f} points here (batch norm in eval mode).")
for network, group in families.groupby("network", sort=False):
    by_phase = group.groupby("phase")["accuracy"].mean()
    print(f"{network}: frozen {100 * by_phase['frozen']:.1f} %, thawed {100 * by_phase['thawed']:.1f} %.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}")
for weights in (own, vit_own):
    print(f"weights  {weights.title}")
print(f"setting  {len(data.train_images)} training images a run, seeds 0, 1, 2, on {course.device.type}")
for kept_record in (record_norm, record_photos, record_sizes, *pretraining.values()):
    print(f"record   {kept_record['command']}: {kept_record['data']}, {kept_record['hardware']}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Sources.** ResNet: "Deep Residual Learning for Image Recognition", Kaiming He, Xiangyu Zhang,
# Shaoqing Ren and Jian Sun, 2015. VGG: "Very Deep Convolutional Networks for Large-Scale Image
# Recognition", Karen Simonyan and Andrew Zisserman, 2014. ViT: "An Image is Worth 16x16 Words:
# Transformers for Image Recognition at Scale", Alexey Dosovitskiy and others, 2020. Its teacher:
# "Training data-efficient image transformers & distillation through attention", Hugo Touvron and
# others, 2020, and "FitNets: Hints for Thin Deep Nets", Adriana Romero and others, 2014. Layer norm:
# "Layer Normalization", Jimmy Lei Ba, Jamie Ryan Kiros and Geoffrey Hinton, 2016. The tools: "Transfer
# Learning for Computer Vision Tutorial", Sasank Chilamkurthy (PyTorch's documentation); "Transfer
# learning & fine-tuning", François Chollet, 2020 (Keras' documentation); "fastai: A Layered API for
# Deep Learning", Jeremy Howard and Sylvain Gugger, 2020; "Transfer learning with frozen layers",
# Glenn Jocher (YOLOv5's documentation).
#
# ## Next
#
# You have seen many claims tested. The last lesson puts them in a row:
# [11 · What we measured](11_what_we_measured.ipynb)
