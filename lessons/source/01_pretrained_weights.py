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
# # 1 · Pretrained weights
#
# In lesson 00 a file made the difference. With its numbers in the network, a few hundred images
# were enough. On a backbone with random numbers, the same head learned little. This lesson opens
# the file. What is in it, what do the numbers see in an image, what are they worth, and may you
# trust a file that somebody else has made?
#
# **You will**
#
# - open a [checkpoint](GLOSSARY.md#checkpoint) and account for every [tensor](GLOSSARY.md#tensor), down to the last byte;
# - find that the network cannot do without some numbers that nobody has trained;
# - see what [filters](GLOSSARY.md#filter) and [channels](GLOSSARY.md#channel) respond to, shallow and deep, and check what you see by measuring;
# - train the same network from random and from pretrained weights, several times;
# - save, load and check a file, and see why a careless load runs a stranger's program.
#
# **Before you start.** [Start here](00_start_here.ipynb) shows the whole journey in a minute.

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import hashlib
import json
import pickle
import pickletools
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2, resnet18

from course_utils.lesson01 import activations, figures as figures_01
from course_utils import experiments, plots
from course_utils.training import freezing
from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.lesson01 import check
from course_utils.images.datasets import balanced_choice, batches
from course_utils.networks.blocks import split_into_blocks

course = course_utils.begin(lesson=1, train=300, test=150)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.1 Open the file
#
# A **checkpoint** is a file in which a network's numbers are kept. We read the one of this world, and
# look at some of its entries.

# %%
path = course.weights.path
state = read_checkpoint(path)
print(course.weights.title)
for name in sorted(state)[:9]:
    print(f"  {name:34} {tuple(state[name].shape)!s:15} {state[name].dtype}")
print(f"  ... {len(state)} tensors in all")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It is a dictionary: names on the left, tensors on the right. There is no program in it, no picture
# of the network, no list of layers. The names must fit a network that *you* build. `features.0.0` is
# the first layer of the first block, a [convolution](GLOSSARY.md#convolution) with 32 filters of 3 colours and 3 x 3 pixels.
#
# `load_state_dict` copies each tensor to the place of its name, and complains if one does not fit.

# %% tags=["nbval-check-output"]
old_classes = len(state["classifier.1.bias"])
model = mobilenet_v2(num_classes=old_classes)
print(model.load_state_dict(state))
model = model.to(course.device, memory_format=torch.channels_last).eval()

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** The network has 52 convolutions, and the head has weights as well. There
# are many more tensors than that in the file. Which layers do the others belong to?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write the name of a kind of layer

# %% slideshow={"slide_type": "subslide"}
buffers = {name for name, _ in model.named_buffers()}
rows = []
for name in model.state_dict():  # in the order of the layers
    tensor = state[name]
    owner, _, last = name.rpartition(".")
    rows.append({
        "layer": type(model.get_submodule(owner)).__name__,
        "tensor": last,
        "kind": "buffer" if name in buffers else "parameter",
        "numbers": tensor.numel(),
        "bytes": tensor.numel() * tensor.element_size(),
    })
tensors = pd.DataFrame(rows)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
kinds = tensors.groupby(["kind", "layer", "tensor"], sort=False)
print(kinds["numbers"].agg(tensors="count", numbers="sum").reset_index().to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Most tensors belong to **[batch norm](GLOSSARY.md#batch-norm)**, the layer that follows each convolution. It brings every
# channel to mean 0 and standard deviation 1, then scales and shifts it. The table knows two kinds:
#
# - a **[parameter](GLOSSARY.md#parameter)** is trained: [gradients](GLOSSARY.md#gradient) say how to change it. The convolutions' weights, the
#   head's weight and [bias](GLOSSARY.md#bias), and batch norm's scale (`weight`) and shift (`bias`) are parameters.
# - a **[buffer](GLOSSARY.md#buffer)** is kept along with them, but no gradient ever reaches it. Batch norm keeps the
#   mean and the variance that each channel had in training (`running_mean`, `running_var`), and
#   counts its batches. It needs them later, when there is no batch to take a mean of.
#
# Does the sum come out? All numbers in the file must be the network's parameters and buffers, and
# nothing else.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
in_file = tensors.groupby("kind")["numbers"].sum()
in_network = {
    "parameter": sum(p.numel() for p in model.parameters()),
    "buffer": sum(b.numel() for b in model.buffers()),
}
for kind, count in in_network.items():
    print(f"{kind + 's':11} {count:9,} in the network, the same in the file: {count == in_file[kind]}")
print(f"{in_file['buffer'] / in_file.sum():.1%} of all numbers are buffers")

# %% [markdown] slideshow={"slide_type": "fragment"}
# And the bytes? A number of type `float32` takes four bytes, one of `float16` takes two.

# %% slideshow={"slide_type": "subslide"}
stored = tensors["bytes"].sum()
size = path.stat().st_size
print(f"{path.name}: {size:,} bytes")
print(f"  {stored:>12,} bytes of numbers, {stored / tensors['numbers'].sum():.2f} for each number")
print(f"  {size - stored:>12,} bytes around them: names, shapes, types ({1 - stored / size:.1%})")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A file format is no magic. The format `.safetensors` is so simple that we can read it by hand: eight
# bytes with the length of a header, the header (names, types, shapes, and where each tensor begins
# and ends), then nothing but numbers. We write the network in that format, and take the file apart.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
folder = Path(tempfile.mkdtemp())
ours = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
save_file(ours, folder / "ours.safetensors")

raw = (folder / "ours.safetensors").read_bytes()
length = int.from_bytes(raw[:8], "little")
header = json.loads(raw[8 : 8 + length])
print("features.0.0.weight:", header["features.0.0.weight"])
numbers = sum(t.numel() * t.element_size() for t in ours.values())
print(f"8 + {length:,} + {numbers:,} bytes are the whole file: {8 + length + numbers == len(raw)}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Where do the parameters sit? `freezing.block_table` counts them by block, from input to head.
#
# **Predict.** In which third of the blocks are most parameters: near the input, in the middle, or
# near the output? And the buffers?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "input", "middle" or "output"

# %% slideshow={"slide_type": "subslide"}
table = freezing.block_table(model)
plots.show(
    plots.block_bars(table, {"parameters": "parameters", "buffers": "buffers"}),
    alt="Two bar charts with one bar for each block, from the input at the top to the head at the "
    "bottom: how many parameters it has, and how many numbers in buffers.",
)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
deep = table["parameters"][14:].sum() / table["parameters"].sum()
print(f"the last {len(table) - 14} of {len(table)} blocks hold {deep:.0%} of the parameters")
print(f"features.0, which sees the image first, has {table['parameters'][0]:,}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Near the output there are more channels, and a layer that joins many channels to many channels has
# a weight for each pair. So "freeze the first half" freezes few parameters, and the file is large
# because of its last blocks.
#
# ## 1.2 "Just weights and biases"?
#
# People say that a pretrained model is its weights and biases. You have just seen a third thing, and
# it is so small that one might forget it: the buffers.
#
# **Predict.** We load everything except the buffers. They keep the values of a new network: mean 0,
# variance 1. For how many percent of the images will the network still give the same answer as the
# intact one? And without the very first convolution, or without the weights and biases of batch norm?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # three numbers


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def answers(network):
    """The old class that the network names for each test image."""
    network.eval()
    return torch.cat([network(course.prepare(x)).argmax(1) for x in test_images.split(50)]).cpu()


def load_without(left_out):
    """A network with random first values, and everything from the file but what is left out."""
    torch.manual_seed(7)
    network = mobilenet_v2(num_classes=old_classes)
    kept = {name: tensor for name, tensor in state.items() if name not in left_out}
    network.load_state_dict(kept, strict=False)  # False: do not complain about what is missing
    return network.to(course.device, memory_format=torch.channels_last)


# %% slideshow={"slide_type": "subslide"}
data = course.load(300, 150)  # as many on any machine; fewer, if your own folder has fewer
test_images, names = data.test_images, data.class_names
intact = answers(model)
norms = [n for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)]
parts = {
    "nothing left out": set(),
    "first convolution left out": {"features.0.0.weight"},
    "batch norm's weights and biases": {f"{n}.{p}" for n in norms for p in ("weight", "bias")},
    "buffers left out": buffers,
}
for title, left_out in parts.items():
    same = (answers(load_without(left_out)) == intact).float().mean()
    count = sum(state[name].numel() for name in left_out)
    print(f"{title:32} {count:6,} numbers   same answer for {same:4.0%} of the images")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The buffers are about one percent of the numbers. Look at what is left without them, and then without
# the first convolution, the layer that sees the image. No error was raised:
# `strict=False` keeps silent. The reason may be this: each layer was trained on channels that batch
# norm had brought to mean 0 and standard deviation 1. With the wrong [statistics](GLOSSARY.md#running-statistics) it gets something
# else, the next layer gets something stranger still, and so on through all of them.
#
# If that explanation is right, then the buffers are special in one way. They are nothing but averages
# over images, so we should be able to *measure them again*: without [labels](GLOSSARY.md#label), without a gradient, by
# running images through the network in [train mode](GLOSSARY.md#train-mode). We test that.


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def take_statistics(network, images):
    """Forget batch norm's statistics, and take them from images; no weight changes."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain average over all batches
    network.train()
    for part in images.split(50):
        network(course.prepare(part))


# %%
broken = load_without(buffers)
before = (answers(broken) == intact).float().mean().item()
take_statistics(broken, data.train_images)
after = (answers(broken) == intact).float().mean().item()
print(f"same answer as the intact network: {before:.0%} before, {after:.0%} after "
      f"a look at {len(data.train_images)} images without labels")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The answers need not come back in full. These are images of our new classes, and their statistics
# are not quite those of the old ones. With images of the *old* task they should. The record below
# measures that: the accuracy of the old head on its old classes, with one kind of tensor left out,
# and then with statistics taken anew.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
parts_record = experiments.read_record("checkpoint_parts")
measured = pd.DataFrame(parts_record["rows"])
old = measured[measured["measure"].str.startswith("old head")].copy()
old["run"] = old["part"] + old["measure"].str.replace("old head", "")
old["run"] = old["run"].str.replace("statistics refreshed", "new statistics")
old = old[~old["part"].isin(["without head", "nothing"])]
plots.show(
    plots.dots(old, "accuracy", "run", xlabel="accuracy of the old head on its old classes (%)"),
    alt="Rows in pairs, one pair for each kind of tensor that was left out of the checkpoint: "
    "accuracy as loaded, and with batch norm's statistics taken anew; one dot a seed, a bar at the "
    "mean.",
)
print(experiments.cite(parts_record))

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the two rows of each pair, and ask what can be repaired from unlabelled images. Buffers
# can, entirely: the old head falls to guessing without them, and is back at 97 % with statistics
# taken anew. They describe data, and data is at hand. Most of what goes with batch norm's weights
# and biases comes back as well (from 37 to 95 %), and a good part of what goes with the first
# convolution (from 78 to 90 %): fresh statistics undo some of the wrong scale. Without either of
# the other two kinds of convolutions nothing comes back. What these hold came from labels and from
# many steps of training.
#
# Batch norm's own weights and biases are as many numbers as its buffers, and they *were* trained. How
# much is lost with them? For an answer compare what the file holds with what a new network has:

# %%
tenths = torch.tensor([0.1, 0.5, 0.9])
held = {}
for tensor in ("weight", "bias", "running_mean", "running_var"):
    values = torch.cat([state[f"{n}.{tensor}"].float() for n in norms])
    held[tensor] = values.quantile(tenths).tolist()
spread = pd.DataFrame(held, index=["10 % lie below", "median", "90 % lie below"]).T
spread["in a new network"] = [1, 0, 0, 1]
spread["answers kept without it"] = [
    (answers(load_without({f"{n}.{tensor}" for n in norms})) == intact).float().mean().item()
    for tensor in held
]
spread.round(3)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Weights, biases and means lie near what a new network has. The variances do not: they come from
# layers of very different scale, and to take them all for 1 is to multiply each layer by a wrong
# factor. Leaving them out costs most. But the distance from the default does not tell everything:
# compare the last column for the biases and the means. What counts is what the later layers do with
# the error.
#
# Now the question that matters to *you*. You replace the old head anyway. What does each part bring
# to the new task? The next table has a new head on frozen features, and [fine-tuning](GLOSSARY.md#fine-tuning) of everything (a
# short training that may move all weights), each the mean over three seeds. Start with its first
# column of accuracies and the row "without buffers".

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
new_task = measured[~measured["measure"].str.contains("old head|same answer")]
wide = new_task.pivot_table(index="part", columns="measure", values="accuracy", sort=False)
(100 * wide).round(1).assign(numbers=measured.groupby("part")["dropped"].max())

# %% [markdown] slideshow={"slide_type": "subslide"}
# The column "numbers" says how many were left out. Size and worth have little to do with each other.
# And look at fine-tuning "without buffers", as it ends and with fresh statistics. If the two differ,
# then the weights learned well, and only the averages had not yet forgotten where they began: each
# batch moves them by a tenth. So save the buffers, load them, and never let them go unnoticed.
#
# ## 1.3 What the first layer looks for
#
# The first convolution sees the image itself, so we can draw its filters as small images.
#
# **Predict.** One panel below shows random filters, the other the pretrained ones. Will you be able
# to tell them apart by eye? What would you expect of a filter that has learned something?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # yes or no

# %% slideshow={"slide_type": "subslide"}
def random_network(seed):
    """The same architecture with random weights, as PyTorch makes them."""
    torch.manual_seed(seed)
    return mobilenet_v2().to(course.device, memory_format=torch.channels_last)


first = {"random": random_network(0).features[0][0].weight,
         "pretrained": model.features[0][0].weight}
plots.show(
    figures_01.filters(first),
    alt="Two panels of 32 filters of 3 x 3 coloured pixels, random on the left, pretrained on the "
    "right; the length of each filter is written under it.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Mid-grey stands for 0, and each filter has a scale of its own, or the weak ones could not be seen.
# The number under it is its length (the root of the sum of its squares). A filter of length 0 is
# dead: training has given it up.
#
# A filter that has learned something should look for something that occurs in images: an edge, a
# bar, a spot of one colour. In each of these, *neighbouring* weights are alike. So we need not trust
# our eyes: we can measure how alike neighbours are, on a scale from -1 to 1.

# %% slideshow={"slide_type": "subslide"}
similar = {"pretrained": figures_01.neighbour_similarity(first["pretrained"]).median().item()}
for seed in range(3):
    weights = random_network(seed).features[0][0].weight
    similar[f"random, seed {seed}"] = figures_01.neighbour_similarity(weights).median().item()
for title, value in similar.items():
    print(f"{title:15} median similarity of neighbouring weights {value:+.2f}")
dead = (~figures_01.alive(first["pretrained"])).sum()
print(f"{dead} of the 32 pretrained filters are as good as zero")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Random weights know nothing of their neighbours, so theirs is near 0. If the pretrained value is
# clearly above all three random ones, then training has left its mark, even where your eye sees only
# colourful noise. A filter need not be pretty to be learned.
#
# ## 1.4 One image on its way through the network
#
# Each channel of a block gives a [map](GLOSSARY.md#feature-map): how strongly it responds at each position of the image. We
# send one image through, and look at some **feature maps**, as these are called, at six depths.
#
# **Predict.** In which row will the thing in the image stop being recognisable, in the pretrained
# network and in the random one?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two numbers of blocks


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def maps_of(network, image, blocks=(0, 2, 4, 7, 11, 18)):
    """Block name -> what the block makes of one image, `(channels, height, width)`."""
    x, maps = course.prepare(image[None]), {}
    for block in split_into_blocks(network.eval())[:-1]:
        x = block.forward(x)
        maps[block.name] = x[0].cpu()
    return {f"features.{i}": maps[f"features.{i}"] for i in blocks}


image = data.train_images[3]
plots.show(plots.image_grid(image[None], [names[data.train_labels[3]]], zoom=1.4),
           alt="The image that is sent through the networks, with the name of its class.")

# %% slideshow={"slide_type": "subslide"}
maps = {"random": maps_of(random_network(0), image), "pretrained": maps_of(model, image)}
plots.show(
    figures_01.feature_maps(maps),
    alt="Two panels, random and pretrained network. Six rows of six feature maps of the same image, "
    "from a shallow block at the top to the last at the bottom; the maps get coarser downwards.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Drawn are the channels that vary most, each on a grey scale of its own. (It has to be. Without
# batch norm's statistics the random network's values shrink from block to block.)

# %% tags=["slide-no-code"]
for title, some in maps.items():
    sizes = ", ".join(f"{m.std():.0e}" for m in some.values())
    print(f"{title:10} spread of the values at the six depths: {sizes}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Did you expect the random network's first maps to look so sensible? A random filter is still a
# filter: it adds up neighbouring pixels, and a picture comes out. Further down the maps have a few
# pixels only, and the eye fails for both. So pictures like these, found in many textbooks, do *not*
# show that anything was learned. We need to ask what the maps tell apart. We do that twice: first by
# asking each channel for its favourites, then with a number.
#
# ## 1.5 What excites a channel?
#
# Instead of guessing what a channel means, one can ask the data: which [patches](GLOSSARY.md#patch) of our images excite
# it most? ("Visualizing and Understanding Convolutional Networks", Matthew D. Zeiler and Rob Fergus,
# 2014.) One position of a deep map sees only a square of the input, its **[receptive field](GLOSSARY.md#receptive-field)**. Each
# 3 x 3 convolution makes that square larger, and each halving of the map makes the next ones count
# double.

# %% tags=["nbval-check-output"]
fields = activations.receptive_fields(model)
for block in (0, 1, 2, 4, 6, 10, 14, 18):
    field = fields[f"features.{block}"]
    print(f"features.{block:<3} sees {field.side:3} x {field.side:<3} pixels, "
          f"in steps of {field.step}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Is the count right? [Autograd](GLOSSARY.md#autograd) knows: the gradient of *one* number of the map is zero at all pixels
# that this number cannot see.

# %%
noise = torch.randn(8, 3, 64, 64, device=course.device, requires_grad=True)
for block in (1, 3):
    response = model.features[: block + 1](noise)
    middle = response.shape[-1] // 2
    one = response[:, :, middle, middle].pow(2).sum()  # one position, all channels
    seen = torch.autograd.grad(one, noise)[0].abs().sum((0, 1)).nonzero()
    height, width = (seen.max(0).values - seen.min(0).values + 1).tolist()
    print(f"features.{block} sees {height} x {width} pixels, "
          f"as counted: {height == width == fields[f'features.{block}'].side}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# From about block 6 on a position may see the whole image, at this size. Now we run our images through
# the network, and note for each channel how strong its strongest response was, and where.
#
# For each channel we take the nine images that excite it most, at most one patch an image. If the nine
# are of one class, the channel has something to do with that class. The share of the most frequent
# class among the nine is the channel's **[purity](GLOSSARY.md#purity)**. To keep ourselves honest we show four channels
# a block by a fixed rule: the purest, two in between, and the least pure.

# %% slideshow={"slide_type": "subslide"}
train_answers = activations.summarise(model, data.train_images, course.prepare)
seen_images = activations.as_seen(data.train_images, course.prepare)


def favourites(block):
    """For four channels of a block the nine patches that excite them most."""
    answer, field = train_answers[block], fields[block]
    pure = activations.purity(answer.peak, data.train_labels)
    order = pure.argsort(descending=True)
    rows = {}
    for channel in (order[0], order[len(order) // 3], order[2 * len(order) // 3], order[-1]):
        best = answer.peak[:, channel].topk(9).indices
        patches = activations.crops(seen_images[best], answer.place[best, channel], field)
        shown = patches if field.side < seen_images.shape[-1] else seen_images[best]
        rows[f"channel {channel}\n{pure[channel]:.0%} one class"] = shown
    return figures_01.patches(rows)


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Block 1 sees patches of 7 x 7 pixels. What can the nine favourites of one of its channels
# have in common: a colour, an edge, a part of a thing, a whole thing?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # for block 1, for block 4, for block 14

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    favourites("features.1"),
    alt="Four channels of block 1, one a row: the nine patches of 7 x 7 pixels that excite each most.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    favourites("features.4"),
    alt="Four channels of block 4, one a row: the nine patches that excite each most. Grey is outside "
    "of the image.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    favourites("features.14"),
    alt="Four channels of block 14, one a row: the nine images that excite each most, drawn whole.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Look along the rows. Do you see edges that run the same way, then corners, holes or textures, then
# things of a kind? Grey is outside of the image. Where a row is full of it, the channel likes the
# image's rim: a map is [padded](GLOSSARY.md#padding) with zeros there, which makes an edge of its own.
#
# Four channels a block are an anecdote. What of *all* channels? And what would a random network give?
# Its channels have favourites too.
#
# **Predict.** Draw two curves in your mind: the mean purity by depth, pretrained and random.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "rises", "flat" or "falls", for each network

# %% slideshow={"slide_type": "subslide"}
half = min(150, len(data.train_images) // 2)
test_answers = activations.summarise(model, test_images, course.prepare)
scans = {}  # (network, seed) -> answers to that seed's training images, their labels, test answers
for seed in (0, 1, 2):
    chosen = balanced_choice(data.train_labels, half, seed)
    labels, other = data.train_labels[chosen], random_network(seed)
    own = {block: answer.select(chosen) for block, answer in train_answers.items()}
    scans["pretrained", seed] = own, labels, test_answers
    scans["random", seed] = (
        activations.summarise(other, data.train_images[chosen], course.prepare),
        labels,
        activations.summarise(other, test_images, course.prepare),
    )

# %% slideshow={"slide_type": "subslide"}
def by_depth(seed, network):
    """Purity and separation of each block, for one network and one draw of images."""
    train, labels, test = scans[network, seed]
    return [
        {
            "block": depth,
            "purity": activations.purity(train[name].peak, labels).mean().item(),
            "separation": activations.nearest_mean_accuracy(
                train[name].mean, labels, test[name].mean, data.test_labels
            ),
        }
        for depth, name in enumerate(train)
    ]


depth = experiments.repeat(by_depth, seeds=[0, 1, 2], network=["pretrained", "random"])

# %% slideshow={"slide_type": "subslide"}
labels = data.train_labels[balanced_choice(data.train_labels, half, 0)]
luck = activations.purity(torch.rand(half, 2000), labels).mean().item()
bright = data.train_images[balanced_choice(data.train_labels, half, 0)].float().mean((1, 2, 3))
both_ends = activations.purity(torch.stack([bright, -bright], dim=1), labels)
figure = plots.lines(depth, "block", "purity", "network", chance=luck, xlabel="block",
                     ylabel="mean purity of its channels (%)")
figure.axes[0].set_xticks(range(0, 19, 2))
plots.show(
    figure,
    alt="Mean purity of the channels against the block, a line with a band for the pretrained and "
    "for the random network, and a level for nine images drawn at random.",
)
print(f"nine images at random: {luck:.0%}; the nine brightest: {both_ends[0]:.0%}, "
      f"the nine darkest: {both_ends[1]:.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The dotted level is not zero, since among nine images some class is always the most frequent.
# Sorting by brightness alone gives about as much as luck (the two numbers above), so brightness
# does not explain a line above it. Where the pretrained line rises with depth, deep channels have
# come closer to classes, even to classes that they were never trained on. Keep in mind what purity
# asks for: *one* channel that stands for one class. A class may as well be spread over many
# channels, none of them pure. The next number asks all of them together.
#
# ## 1.6 How far apart are the classes?
#
# For each block we average the maps over all positions, so that an image becomes a list of numbers,
# its **features** at that depth. A class becomes the mean of its images. A test image is counted as
# right if it lies nearest to the mean of its own class. Nothing is trained here, so the score says how
# well the classes lie apart *as they are*. (Each feature is standardised
# first, so that one with large numbers does not outvote the others.)
#
# **Predict.** Where are the classes furthest apart? Is the last block the best?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number of a block, 0 to 18

# %% slideshow={"slide_type": "subslide"}
chance = torch.bincount(data.test_labels).max().item() / len(data.test_labels)
figure = plots.lines(depth, "block", "separation", "network", chance=chance, xlabel="block",
                     ylabel="nearest to its class mean (%)")
figure.axes[0].set_xticks(range(0, 19, 2))
plots.show(
    figure,
    alt="Share of test images that lie nearest to the mean of their class, against the block; a line "
    "with a band over three draws for the pretrained network and for three random networks.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
means = depth.groupby(["network", "block"])["separation"].mean()
for network in ("pretrained", "random"):
    best = means[network].idxmax()
    print(f"{network:10} best at block {best:2}: {means[network][best]:.0%}; "
          f"at the first {means[network].iloc[0]:.0%}, at the last {means[network].iloc[-1]:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# By this score [pretraining](GLOSSARY.md#pretraining) makes no difference at block 0. That does not
# mean that the first layer is worthless: its filters differ, as 1.3 has shown, and without it the
# old head loses 19 points (1.2). Averaging over all positions hides what single filters see. Follow
# the lines from there. The pretrained one climbs, the random one hardly does. Its top is not quite
# at the end: the new classes are told apart best a little before it. Perhaps the last blocks serve
# the *old* classes. Lesson 07 comes back to this.
#
# The same in pictures: the two directions in which the features vary most, at three depths.

# %% slideshow={"slide_type": "subslide"}
points = {f"block {i}": activations.principal_plane(train_answers[f"features.{i}"].mean)
          for i in (1, 9, 17)}
plots.show(
    figures_01.planes(points, data.train_labels, names),
    alt="Three panels, at a shallow, a middle and a deep block. Each training image is a point, drawn "
    "as the number of its class; a list beside says which number is which class.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.7 The same training from two starts
#
# Now the test that counts. Same network, same images, same order, same [rate](GLOSSARY.md#learning-rate), same number of steps.
# Only the start differs: random weights, or pretrained ones. The head is new and random in both.
#
# **Predict.** After a few steps, which start has the lower [loss](GLOSSARY.md#loss)? By the end, will the random start
# have caught up?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "pretrained" or "random"; yes or no


# %% slideshow={"slide_type": "subslide"}
def train(seed, start):
    """Three epochs from one of the two starts; the loss of every batch, and the accuracy at last."""
    few = data.subset(train=min(96, len(data.train_images)), seed=seed)
    network = course.pretrained() if start == "pretrained" else random_network(seed)
    torch.manual_seed(seed)
    network.classifier[1] = nn.Linear(network.last_channel, len(names)).to(course.device)
    optimizer, losses = torch.optim.AdamW(network.parameters(), lr=1e-3), []
    for epoch in range(3):
        network.train()
        for images, labels in batches(few.train_images, few.train_labels, 16, seed=epoch):
            loss = F.cross_entropy(network(course.prepare(images)), labels.to(course.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    end = {"accuracy": (answers(network) == data.test_labels).float().mean().item()}
    take_statistics(network, few.train_images)
    end["new statistics"] = (answers(network) == data.test_labels).float().mean().item()
    return [{"step": i, "loss": loss, **end} for i, loss in enumerate(losses, 1)]


live = experiments.repeat(train, seeds=[0, 1, 2], start=["pretrained", "random"])

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.lines(live, "step", "loss", "start", xlabel="training step", ylabel="loss of the batch",
                percent=False),
    alt="Loss of each training batch against the step, one line with a band over three seeds for the "
    "pretrained and one for the random start.",
)
ends = live.drop_duplicates(["seed", "start"])
for start, group in ends.groupby("start", sort=False):
    print(f"{start:10} test accuracy {experiments.mean_and_std(group['accuracy'])}; "
          f"with new statistics {experiments.mean_and_std(group['new statistics'])}; "
          f"guessing {chance:.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# A score that is *exactly* that of guessing, in every run, should make you suspicious. After so few
# batches batch norm's running averages still remember where they began, mean 0 and variance 1, and a
# network without its statistics is lost, as you have seen in 1.2. That is why the second score is
# there: after training, the statistics were taken anew from the training images. It helps the
# pretrained start a little. The random start stays at guessing within its spread, so statistics were
# not what it lacked.
#
# This was short, and in two ways unfair. The random start had little time. And both had the same
# rate, though a network that must learn everything may want a larger one than a network that must
# only adapt. The record below is longer, and it lets each start try three rates. The best rate of each
# was chosen on [validation images](GLOSSARY.md#validation-images), which are neither trained on nor tested on.

# %% slideshow={"slide_type": "skip"}
record = experiments.read_record("two_starts")
epochs = pd.DataFrame(record["rows"])
short = epochs["epochs"].min()
own = record["best_rates"]
shown = epochs[(epochs["epochs"] == short)
               & ((epochs["rate"] == 1e-3) | (epochs["rate"] == epochs["start"].map(own)))].copy()
shown["run"] = shown["start"] + ", rate " + shown["rate"].map("{:g}".format)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    plots.lines(shown, "epoch", "loss", "run", xlabel="epoch", ylabel="training loss", percent=False),
    alt="Training loss against the epoch, one line with a band over three seeds for each start at the "
    "common rate and at its own best rate.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    plots.lines(shown, "epoch", "test_accuracy", "run", xlabel="epoch", ylabel="test accuracy (%)",
                chance=0.1),
    alt="Test accuracy against the epoch, one line with a band over three seeds for each start at the "
    "common rate and at its own best rate, and the level of guessing.",
)
print(experiments.cite(record))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The record has one more kind of run: the random start at its best rate, and with four times as many
# epochs. Does patience help?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
ends = epochs[epochs["epoch"] == epochs["epochs"]].copy()
fair = ends["rate"] == ends["start"].map(own)
ends = ends[fair | ((ends["rate"] == 1e-3) & (ends["epochs"] == short))]
ends["run"] = (ends["start"] + ", rate " + ends["rate"].map("{:g}".format) + ", "
               + ends["epochs"].astype(str) + " epochs")
ends = ends.sort_values(["start", "epochs", "rate"])
plots.show(
    plots.dots(ends, "test_accuracy", "run", xlabel="test accuracy at the end (%)"),
    alt="One row for each kind of run, random and pretrained start at the common and at their own "
    "best rate, and the random start with four times as many epochs; one dot a seed, a bar at the mean.",
)

# %% slideshow={"slide_type": "subslide"}
for run, group in ends.groupby("run", sort=False):
    print(f"{run:38} {experiments.mean_and_std(group['test_accuracy'])}, "
          f"training images {100 * group['accuracy'].mean():.0f} %")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two claims are in every textbook: a pretrained start *[converges](GLOSSARY.md#convergence) faster*, and it *ends higher*. Look for
# each in the figures, at the fair rates too. Then look at the long run. If patience has helped, ask by
# how much, and read the last column. Once a network gets all of its training images right, there is
# little left to learn from them: what it lacks then is images, not time.
#
# Do not take more from this than was measured. With very many images and long training, a random
# start can catch up ("Rethinking ImageNet Pre-training", Kaiming He, Ross Girshick and Piotr Dollár,
# 2019). We have a few hundred images.
#
# ## 1.8 Save it, load it, check it
#
# `state_dict()` gives the tensors, `torch.save` writes them, and `load_state_dict` takes them back.
# Save the dictionary rather than the model: a saved model is tied to the program that made it.

# %% tags=["nbval-check-output"]
torch.save(model.state_dict(), folder / "ours.pt")
loaded = mobilenet_v2(num_classes=old_classes)
loaded.load_state_dict(torch.load(folder / "ours.pt", weights_only=True))
loaded = loaded.to(course.device, memory_format=torch.channels_last)
pairs = zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
print("every tensor the same to the last bit:", all(torch.equal(a, b) for a, b in pairs))
print("same answers:", torch.equal(answers(loaded), intact))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Files are copied, sent and cut off. A **[hash](GLOSSARY.md#hash)** is a short fingerprint of a file: the same bytes
# always have the same one, and other bytes another. Providers publish it beside the file. torchvision
# writes its first eight digits into the file's name.


# %% slideshow={"slide_type": "subslide"}
def sha256(path):
    """The fingerprint of a file, as 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


if path.suffix == ".safetensors":  # the course's own weights: their record holds the fingerprint
    promised = experiments.read_record("pretrain_shapes")["sha256"]
else:
    promised = path.stem.rpartition("-")[2]
print("promised", promised[:16])
print("found   ", sha256(path)[:16])
print("the file is the one that was promised:", sha256(path).startswith(promised))

# %% [markdown] slideshow={"slide_type": "fragment"}
# If the last line says False, the file is not the one that its name speaks of. Then find out why
# before you use it.
#
# **Predict.** We change a single byte in a copy of our file, of more than nine million. Will loading
# fail? Will the answers change?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # what happens

# %% slideshow={"slide_type": "subslide"}
start = 8 + length + header["features.1.conv.1.weight"]["data_offsets"][0]
for title, place, bit in (("a low byte", start, 1), ("a high byte", start + 3, 64)):
    copy = bytearray(raw)
    copy[place] ^= bit  # flip one bit
    (folder / "damaged.safetensors").write_bytes(copy)
    damaged = mobilenet_v2(num_classes=old_classes)
    damaged.load_state_dict(load_file(folder / "damaged.safetensors"))
    damaged = damaged.to(course.device, memory_format=torch.channels_last)
    same = (answers(damaged) == intact).float().mean()
    print(f"{title:11} loaded without an error; same answers {same:4.0%}; "
          f"same fingerprint: {sha256(folder / 'damaged.safetensors') == hashlib.sha256(raw).hexdigest()}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The four bytes of a `float32` are not equal. The lowest holds its last digits, the highest its
# magnitude. Loading noticed neither: a wrong number is a number. One of the two you might never find
# out by trying the network. The fingerprint notices both.
#
# ## 1.9 A stranger's file
#
# A fingerprint says that the file is *the* file. It does not say that it means well.
#
# The older formats (`.pt`, `.pth`, `.bin`) are built on **[pickle](GLOSSARY.md#pickle)**, Python's way to store objects of any
# kind. To store an object, pickle asks it: how can you be built again? The object answers with
# a function to call, and its arguments. Any function. Here is an object that gives a harmless answer.


# %%
class Surprise:
    """Says that it is built again by a call of `print`. It might have named any other function."""

    def __reduce__(self):
        return print, ("-- This line was printed by the file, while it was being loaded. --",)


stranger = folder / "great_model.pt"
torch.save({"head.weight": torch.zeros(10, 4), "extra": Surprise()}, stranger)

# %% [markdown]
# One can look into such a file without running it. It is a ZIP archive with a pickle in it, and a
# pickle is a list of instructions. `GLOBAL` fetches a function by its name, `REDUCE` calls it.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
with zipfile.ZipFile(stranger) as archive:
    program = archive.read("great_model/data.pkl")
for instruction, argument, _ in pickletools.genops(program):
    if instruction.name in ("GLOBAL", "REDUCE"):
        print(f"{instruction.name:7} {argument or ''}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Rebuilding a tensor takes such calls, too. That is why nobody is surprised to find some. One name in
# the list has nothing to do with tensors.
#
# **Predict.** We load the file the careless way, and do nothing with the result. Will the line be
# printed?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # yes or no

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
content = torch.load(stranger, weights_only=False)  # never do this with a file from elsewhere
print(list(content), "and extra is", content["extra"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# Loading *is* running. In place of `print` the file could have named a function that deletes your
# files or sends your keys away, and you would have seen no line at all. `weights_only=True` allows only
# the few functions that tensors need, and refuses the rest before calling it:

# %% tags=["nbval-check-output"]
try:
    torch.load(stranger, weights_only=True)
except pickle.UnpicklingError as error:
    print("torch.load refused:", type(error).__name__)

try:
    read_checkpoint(stranger)
except CheckpointError as error:
    print("our reader:", error)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Since PyTorch 2.6 `weights_only=True` is what `torch.load` does by itself. Many programs still say
# `weights_only=False`, and torch's own message offers that as a way out. Do not take it for a file that
# you have not made. Keep PyTorch up to date as well: this guard is itself a program, and holes
# were found in it, and mended in versions 2.6 (CVE-2025-32434) and 2.10 (CVE-2026-24747). The course
# asks for 2.10 or later.
#
# The other way is a format that cannot hold a program. You have read `.safetensors` by hand above:
# there is no place for a function.

# %% tags=["nbval-check-output"]
try:
    save_file({"extra": Surprise()}, folder / "stranger.safetensors")
except ValueError as error:
    print("safetensors refused:", str(error).partition(",")[0])

# %% [markdown] slideshow={"slide_type": "fragment"}
# So: prefer `.safetensors`, else `weights_only=True`, and compare the fingerprint with the
# published one.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.eight_bits.hint()` gives a
# hint, each call a plainer one; `check.eight_bits.solution()` prints a solution.
#
# ### Exercise 1.1
#
# A telephone has little room. How many bytes would the numbers of this checkpoint take if every float
# were stored in eight bits, and the counters of batches stayed `int64` (eight bytes)? Use `state`.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_bytes = ...
check.eight_bits(my_bytes, state)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1.2
#
# Spot the bug. A colleague keeps the network of the best epoch, trains on, and goes back to it at the
# end, with the two functions below. What she gets answers differently from what she kept.
#
# ```python
# def my_keep(model):
#     return list(model.parameters())
#
# def my_restore(model, kept):
#     for mine, theirs in zip(model.parameters(), kept):
#         mine.data.copy_(theirs)
# ```
#
# Two things are wrong. Write both functions so that the network is, to the last bit, what it was.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_keep = ...
my_restore = ...
check.best_epoch(my_keep, my_restore)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1.3
#
# Predict, then measure. torchvision's `resnet18` begins with a 7 x 7 convolution with [stride](GLOSSARY.md#stride) 2
# (`conv1`), a 3 x 3 [max pooling](GLOSSARY.md#pooling) with stride 2 (`maxpool`), and a block of two 3 x 3 convolutions with
# stride 1 (`layer1[0]`). How many pixels wide is the square that one position behind `layer1[0]` sees?
# Write down your guess. Then measure with autograd, as in 1.5. (The network's weights may be random:
# the square is a matter of the [architecture](GLOSSARY.md#architecture).)

# %% tags=["nbval-check-output", "slide-no-output"]
resnet = resnet18()
my_guess = ...
# Your code here
my_side = ...
check.resnet_field(my_guess, my_side)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 1.4
#
# Find the flipped bit of 1.8. Write a function `differing(first, second)` that takes two [state dicts](GLOSSARY.md#state)
# and gives the names of all tensors that are not the same in both, to the last bit, or that only one of
# the two has. With it compare `ours` to `load_file(folder / "damaged.safetensors")`. Which tensor is
# damaged?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
differing = ...
damaged_tensor = ...
check.what_differs(differing, damaged_tensor)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A checkpoint is names and tensors. Nearly all numbers are convolution weights of the last blocks.
# - Batch norm's buffers are about one number in a hundred, and nobody trained them. Without them
#   the network is lost, but they can be measured again from images without labels. For most
#   convolutions nothing like that helps.
# - Shallow channels respond to edges and colours, deep ones to things. Nice pictures prove little:
#   a random network makes some too. What differs is how well the classes lie apart.
# - The start decides how fast training converges and where it ends, with a few hundred images, even
#   if the random start may choose its own rate.
# - Loading a pickle runs it. Use `.safetensors` or `weights_only=True`, and check the fingerprint.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
print(f"Without buffers {before:.0%} of the answers were the intact network's; "
      f"with new statistics {after:.0%}.")
for network in ("pretrained", "random"):
    last = depth[(depth["network"] == network) & (depth["block"] == depth["block"].max())]
    print(f"Nearest class mean at the last block, {network}: "
          f"{experiments.mean_and_std(last['separation'])}")
for start, group in live.drop_duplicates(["seed", "start"]).groupby("start", sort=False):
    print(f"Three epochs from the {start} start: {experiments.mean_and_std(group['accuracy'])}")
for run, group in ends.groupby("run", sort=False):
    print(f"Record, {run}: {experiments.mean_and_std(group['test_accuracy'])}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}")
print(f"weights  {course.weights.title}")
print(f"setting  {course.size} px, seeds 0, 1, 2, on {course.device.type}; "
      f"separation from {half} training images a draw, training on {min(96, len(data.train_images))}")
for kept in (parts_record, record):
    print(f"record   {kept['command']}: {kept['data']}, {kept['hardware']}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Sources.** Batch norm: "Batch Normalization: Accelerating Deep Network Training by Reducing
# Internal Covariate Shift", Sergey Ioffe and Christian Szegedy, 2015. Patches that excite a
# channel: "Visualizing and Understanding Convolutional Networks", Matthew D. Zeiler and Rob Fergus,
# 2014. Two starts: "Rethinking ImageNet Pre-training", Kaiming He, Ross Girshick and Piotr Dollár,
# 2019.
#
# ## Next
#
# Some of MobileNetV2's blocks add their input to their output. [02 · Residual connections](02_residual_connections.ipynb)
# asks why.
