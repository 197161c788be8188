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
# # 3 · A new head
#
# A pretrained network answers a question that somebody else asked. To make it answer yours, you
# keep nearly all of it and exchange one layer. This lesson takes MobileNetV2 apart, so that you
# know what you keep, and then makes the exchange, line by line.
#
# **You will**
#
# - say what a [depthwise separable convolution](GLOSSARY.md#depthwise-separable-convolution) saves, and check it by counting
# - write MobileNetV2's building block yourself, and prove that it is the same block
# - find where a network keeps its parameters, and where it spends its time
# - replace the old output layer by a new one, and train that alone in plain PyTorch
# - measure what the size and the scaling of the input images do to the result
#
# **Before you start.** You have trained a small convolutional network once.
# [Start here](00_start_here.ipynb) shows the whole journey in a minute. It is a good page to
# read first.

# %% cellView="form" jupyter={"source_hidden": true} slideshow={"slide_type": "skip"}
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 'no address set, run `python -m authoring publish OWNER/NAME`' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?

# %% slideshow={"slide_type": "skip"}
import math
import statistics
import time
from dataclasses import replace

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2, resnet18, vgg16

from course_utils import experiments, plots
from course_utils.lesson03 import figures as figures_03
from course_utils.networks import inspection
from course_utils.networks.checkpoint_files import read_checkpoint
from course_utils.lesson03 import check
from course_utils.images.datasets import batches

course = course_utils.begin(lesson=3, train=900, test=500)

# %% [markdown] slideshow={"slide_type": "subslide"}
# These are the images of this lesson. The network was pretrained on others.

# %% tags=["slide-no-code"]
data = course.data
print(data)
print(f"stored at {data.train_images.shape[-1]} x {data.train_images.shape[-2]} pixels")
sheet = plots.class_sheet(data.train_images, data.train_labels, data.class_names)
plots.show(sheet, alt="Six training images of each class, one row for each class.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Load the pretrained network
#
# A **checkpoint** is a file of named tensors: everything that a network has learned. Loading it
# takes two steps. You build a network of the same architecture, and you copy the tensors in.
# First we only read the file.

# %%
state = read_checkpoint(course.weights.path)

print(course.weights.title)
print(f"{len(state)} tensors, for example:")
for name in ("features.0.0.weight", "features.0.1.running_mean", "classifier.1.bias"):
    print(f"  {name:26} {tuple(state[name].shape)!s:15} {state[name].dtype}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# `read_checkpoint` is a few lines around `torch.load(path, weights_only=True)`, or around the
# reader of the `.safetensors` format. Both read nothing but tensors. A checkpoint is a file from a
# stranger, and a careless reader would run whatever code hides in it.
#
# `classifier.1.bias` has one number for each class that the old network knew. So we build
# MobileNetV2 with as many outputs. `load_state_dict` then copies each tensor to its place, found
# by its name, and complains if a name or a shape does not fit. (Some files keep numbers in
# `float16`, which halves their size. In the copy they become `float32` again.)

# %% slideshow={"slide_type": "subslide"}
model = mobilenet_v2(num_classes=len(state["classifier.1.bias"]))
message = model.load_state_dict(state)
print(message)

model = model.to(course.device, memory_format=torch.channels_last)
model.eval()
print(model.classifier)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two parts matter from now on.
#
# - `model.features` is the **backbone**: all the layers that turn an image into a description.
# - `model.classifier` is the **head**: the layer that turns the description into one number for
#   each class. Those numbers are called **scores**.
#
# `channels_last` changes no number. It is an order in memory that convolutions on a processor
# like better. In later lessons `course.pretrained()` stands for the cell above.
#
# The backbone holds all the costly learning, so we look at its parts first.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A cheaper convolution
#
# An ordinary 3 x 3 convolution does two jobs at once. It looks at a 3 x 3 neighbourhood, and it
# mixes all input channels into each output channel. MobileNet does one job after the other:
#
# - a **[depthwise](GLOSSARY.md#depthwise-convolution)** convolution looks at the neighbourhood, in each channel by itself;
# - a **[pointwise](GLOSSARY.md#pointwise-convolution)** convolution, of size 1 x 1, mixes the channels, in each pixel by itself.
#
# The pair is called a **depthwise separable convolution** ("MobileNets: Efficient Convolutional
# Neural Networks for Mobile Vision Applications", Andrew Howard and others, 2017). In PyTorch,
# the depthwise part is an ordinary `nn.Conv2d` with `groups` equal to the number of channels.
#
# **Predict.** For 8 channels in and 8 channels out, an ordinary 3 x 3 convolution has
# 8 · 8 · 9 = 576 weights. How many has the pair? 72, 136, or 288?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
standard = nn.Conv2d(8, 8, kernel_size=3, padding=1, bias=False)
depthwise = nn.Conv2d(8, 8, kernel_size=3, padding=1, groups=8, bias=False)
pointwise = nn.Conv2d(8, 8, kernel_size=1, bias=False)

for name, layer in {"standard": standard, "depthwise": depthwise, "pointwise": pointwise}.items():
    print(f"{name:10} {layer.weight.numel():4} weights, shape {tuple(layer.weight.shape)}")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
layers = {"standard 3 x 3": standard, "depthwise 3 x 3": depthwise, "pointwise 1 x 1": pointwise}
plots.show(
    figures_03.connections(layers),
    alt="Three tables with input channels across and output channels down. A number says how many "
    "weights join two channels: 9 everywhere in the standard convolution, 9 on the diagonal only "
    "in the depthwise one, 1 everywhere in the pointwise one.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the standard convolution every pair of channels has nine weights of its own. The pair of
# layers has nine for each channel and one for each pair of channels. It cannot do everything that
# the standard one can, since each channel is now looked at in one single way. The bet is that it
# can do enough.
#
# The saving grows with the number of channels. To see the cost in time as well, we count
# **[MACs](GLOSSARY.md#mac)**, multiply-accumulate operations. A MAC is one multiplication and one addition. Each
# weight of a convolution is used once at every position of its output, so
#
# > MACs = weights · output height · output width.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
channels, side = 96, 32
wide_standard = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
wide_separable = nn.Sequential(
    nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
    nn.Conv2d(channels, channels, 1, bias=False),
)
weights = [sum(p.numel() for p in net.parameters()) for net in (wide_standard, wide_separable)]
macs = [n * side * side for n in weights]
for name, n, operations in zip(("standard", "separable"), weights, macs, strict=True):
    print(f"{name:10} {n:7,} weights  {operations / 1e6:6.1f} million MACs")
print(f"the separable pair needs 1/{weights[0] / weights[1]:.1f} of both")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A count is not a time. Memory has to be moved too, and a processor is not equally good at every
# kind of layer.
#
# **Predict.** The separable pair needs about an eighth of the operations. How many times faster
# is it on this machine: eight times, four times, twice, or not at all?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def milliseconds(network, x, repeats=15):
    """Median time of a forward pass; three passes to warm up are not counted."""
    times = []
    for _ in range(repeats + 3):
        begun = time.perf_counter()
        network(x).sum().item()  # reading a number waits until a GPU has finished, too
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[3:])


x = torch.rand(16, channels, side, side).to(course.device, memory_format=torch.channels_last)
pair = [net.to(course.device, memory_format=torch.channels_last)
        for net in (wide_standard, wide_separable)]
conv_times = [milliseconds(net, x) for net in pair]
print(f"standard {conv_times[0]:.1f} ms, separable {conv_times[1]:.1f} ms for 16 images")
print(f"{macs[0] / macs[1]:.1f} times fewer MACs, {conv_times[0] / conv_times[1]:.1f} times faster")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the two numbers of the last line. They are seldom equal. A depthwise layer does little
# arithmetic for every number that it fetches from memory, so it waits for memory more often. When
# somebody tells you MACs, ask for milliseconds as well.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The block: narrow, wide, narrow
#
# MobileNetV2 stacks a block called the **[inverted residual](GLOSSARY.md#inverted-residual)** ("MobileNetV2: Inverted Residuals
# and Linear Bottlenecks", Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov and
# Liang-Chieh Chen, 2018). It has three layers:
#
# 1. *expand*: a 1 x 1 convolution to six times as many channels;
# 2. *depthwise*: a 3 x 3 convolution on the many channels, which is cheap there;
# 3. *project*: a 1 x 1 convolution back to few channels, with **no** ReLU after it. ReLU
#    sets everything negative to zero. Among many channels some copy of what is lost survives;
#    among few it does not.
#
# Where input and output have the same shape, the block also adds its input to its output. That
# path is the **shortcut**, and a block with one is called residual. An older residual block is
# wide at its ends and narrow in the middle; this one is the other way round, hence "inverted".
#
# Here it is in full. **[ReLU6](GLOSSARY.md#relu6)** is ReLU cut off at 6, which keeps numbers in a range that the
# coarse arithmetic of phones can handle.


# %% slideshow={"slide_type": "subslide"}
class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride=1, expand=6):
        super().__init__()
        wide = expand * inputs
        self.shortcut = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.shortcut else y


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** The middle of the block is six times as wide as its ends. Which of its three
# convolutions has the fewest weights? The next figure shows the block with its numbers.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "expand", "depthwise" or "project"

# %% slideshow={"slide_type": "subslide"}
ours = InvertedResidual(24, 24).eval()
plots.show(
    figures_03.block_from_the_side(ours, ours.shortcut),
    alt="The block as a row of bars whose heights show the number of channels: low, high, high, "
    "low. Arrows between them name the convolutions. A dashed path leads from the input over "
    "everything to a plus sign at the end.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The depthwise convolution works where the block is widest, and still has the fewest weights. That
# is what makes the wide middle affordable.
#
# Is this really torchvision's block? Two tests decide. Both must have the same number of
# parameters, and with the same weights both must give the same output. `features[3]` goes from
# 24 channels to 24.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
theirs = model.features[3]


def parameters_of(module):
    return sum(p.numel() for p in module.parameters())


copied = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
ours.load_state_dict(copied)
ours.to(course.device)

x = torch.randn(2, 24, 16, 16, device=course.device)
with torch.no_grad():
    same = torch.allclose(ours(x), theirs(x), atol=1e-4)
print(f"parameters: ours {parameters_of(ours):,}, torchvision's {parameters_of(theirs):,}")
print(f"same output from the same weights: {same}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The names of the tensors differ, so we paired them by their order. A wrong order would have
# failed on shapes, or on the output.
#
# A block with stride 2 halves height and width: its depthwise convolution visits every second
# position only. Such a block has no shortcut, since input and output no longer fit together.
#
# **Predict.** MobileNetV2 has 17 of these blocks. How many have a shortcut?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
blocks = [(i, b) for i, b in enumerate(model.features) if hasattr(b, "use_res_connect")]
with_shortcut = [i for i, b in blocks if b.use_res_connect]
halving = [i for i, b in blocks if b.stride == 2]
print(f"{len(blocks)} inverted residual blocks")
print(f"{len(with_shortcut)} with a shortcut: features {with_shortcut}")
print(f"{len(halving)} that halve the picture: features {halving}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The other blocks halve the map, or they end in another number of channels than they began with.
# In either case there is nothing of the right shape to add.
#
# ## Where the parameters are, and where the work is
#
# Around the 17 blocks there is an ordinary convolution at the start, `features.0`, one at the
# end, `features.18`, and the head. That makes 20 parts. For each of them we count parameters and
# MACs for one image.
#
# **Predict.** Think of the first half, close to the image, and the second half, close to the
# head. Which holds more of the parameters? Which does more of the work? Or is it about even?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # parameters: "first", "second" or "even"; work: the same

# %% slideshow={"slide_type": "subslide"}
cost = inspection.cost_by_block(model, course.size)
plots.show(
    plots.block_bars(
        cost, {"parameters": "% of all parameters", "macs": "% of all MACs"}, percent_of_total=True
    ),
    alt="Two bar charts side by side with one bar for each part of the network, from the first "
    "convolution at the top to the head at the bottom. Left: its share of all parameters. Right: "
    "its share of all multiply-accumulate operations.",
)

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
share = cost[["parameters", "macs"]] / cost[["parameters", "macs"]].sum()
for half, rows in {"first ten": share[:10], "last ten": share[10:]}.items():
    print(f"{half:9} parts: {100 * rows.parameters.sum():4.1f}% of the parameters,"
          f" {100 * rows.macs.sum():4.1f}% of the MACs")
    used = cost.macs[rows.index].sum() / cost.parameters[rows.index].sum()
    print(f"{'':16} each parameter is used {used:.0f} times for an image")
print(f"in all: {cost.parameters.sum():,} parameters, {cost.macs.sum():,} MACs"
      f" at {course.size} x {course.size} pixels")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Going deeper, the channels become more numerous and the maps smaller. Many channels mean many
# weights, so nearly all parameters sit deep. But a shallow weight is used at many positions, and a
# deep one at few. The two effects nearly cancel: the work is spread far more evenly.
#
# Remember the two shapes. The first half of the network has little to learn in it, and yet a large
# share of the work. The next lesson makes use of that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Small and fast?
#
# We set MobileNetV2 beside two classics. VGG-16 is so large that building it would fill half a
# gigabyte of memory. We only want to count, so we build all three on the **meta device**, where
# a tensor has a shape but no content.
#
# **Predict.** How many times more parameters than MobileNetV2 has ResNet-18? And VGG-16?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write two numbers here

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
with torch.device("meta"):
    networks = {"MobileNetV2": mobilenet_v2(), "ResNet-18": resnet18(), "VGG-16": vgg16()}

rows = []
for name, network in networks.items():
    total = inspection.cost_by_block(network, 224)[["parameters", "macs"]].sum()
    rows.append({"network": name, "million parameters": total.parameters / 1e6,
                 "million MACs": total.macs / 1e6})
sizes = pd.DataFrame(rows)
print("with 1000 classes, one image of 224 x 224 pixels:")
print(sizes.round(1).to_string(index=False))

# %% [markdown] slideshow={"slide_type": "fragment"}
# So much for small. Fast needs a clock. We let ResNet-18 and MobileNetV2 classify the same batch,
# at the size that this lesson uses. For a clock the weights do not matter, so they are random.
#
# **Predict.** ResNet-18 needs about six times the MACs. How many times as long does it take?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"}
batch = course.prepare(data.test_images[:32])
seconds = {}
for name, build in {"MobileNetV2": mobilenet_v2, "ResNet-18": resnet18}.items():
    network = build().eval().to(course.device, memory_format=torch.channels_last)
    seconds[name] = milliseconds(network, batch, repeats=7)
    print(f"{name:12} {seconds[name]:6.1f} ms for {len(batch)} images")

mac_ratio = sizes["million MACs"][1] / sizes["million MACs"][0]
time_ratio = seconds["ResNet-18"] / seconds["MobileNetV2"]
print(f"ResNet-18 needs {mac_ratio:.1f} times the MACs, and {time_ratio:.1f} times the time")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Fewer operations do not mean as much less time. The usual explanation is memory: depthwise
# convolutions and batch norm do few operations for every number that they fetch. We have not
# measured that here; `torch.profiler` would show it. Run the cell a second time. The counts stay;
# the times depend on what else the machine is doing. "Small" is a fact about the network. "Fast" is
# a fact about the network *and* the machine, so measure it where it is to run.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What the old head says
#
# The head still knows the old classes and nothing else. It will put one of those names on any
# image that you show it.
#
# **Predict.** What will it say about our images: one and the same name for nearly all of them,
# names at random, or names with some sense in them?


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def scores_of(network, images):
    """One row of scores for each image, computed in eval mode."""
    network.eval()
    parts = [network(course.prepare(part)).cpu() for part in images.split(64)]
    return torch.cat(parts)


answers = scores_of(model, data.test_images).argmax(dim=1)
old_names = course.weights.class_names
print(f"{len(old_names)} old classes, such as: {', '.join(old_names[:6])}")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
first = [int((data.test_labels == label).nonzero()[0]) for label in range(len(data.class_names))]
first = first[:10]  # your own images may have many more classes
titles = [f"{data.class_names[data.test_labels[i]][:14]}\n{old_names[answers[i]][:14]}?"
          for i in first]
plots.show(
    plots.image_grid(data.test_images[first], titles, columns=5, zoom=1.2),
    alt="One test image of each class. Under it the true class, and below that, with a question "
    "mark, the class that the old head names.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
table = pd.DataFrame({
    "true class": [data.class_names[i] for i in data.test_labels],
    "old answer": [old_names[i] for i in answers],
})
counts = table.groupby("true class")["old answer"].value_counts(normalize=True)
favourite = counts.rename("share of images").reset_index().drop_duplicates("true class")
favourite["share of images"] = favourite["share of images"].map("{:.0%}".format)
favourite.set_index("true class")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The table shows the old head's favourite answer for each class. The names are not ours, though
# some come close. Look at the shares: if names were drawn at random, the favourite of 30 names among 50
# images would get about 10 %. Where images of one class keep getting the same name, the backbone sees
# something that they share. The sense is in the features; only the names do not fit.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Take the old head off
#
# What does the head receive? The backbone ends in 1280 small maps. MobileNetV2 averages each map
# to a single number, so that every image becomes 1280 numbers. We call them its **features**.
#
# While the backbone does not change, neither do the features of an image. So we compute them once
# and keep them. That makes everything below quick.


# %%
@torch.no_grad()
def features_of(images, prepare):
    """The 1280 features of each image: the backbone's last maps, averaged."""
    model.eval()
    parts = [model.features(prepare(part)).mean(dim=(2, 3)) for part in images.split(64)]
    return torch.cat(parts)


train_features = features_of(data.train_images, course.prepare)
train_labels = data.train_labels.to(course.device)
print(tuple(train_features.shape), "features", tuple(train_labels.shape), "labels")

# %% [markdown] slideshow={"slide_type": "subslide"}
# `torch.no_grad()` says that no gradients will be wanted, so nothing is kept for computing them.
# `model.eval()` makes batch norm use its stored statistics, and switches [dropout](GLOSSARY.md#dropout) off.
#
# ## Put a new head on
#
# The exchange itself is one line. The new layer takes 1280 numbers and gives one score for each
# of our classes. Its weights are random. (`Dropout`, before it, silences a fifth of the features
# at random while a whole network trains. We shall train the [linear layer](GLOSSARY.md#linear-layer) by itself.)

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
classes = len(data.class_names)

model.classifier[1] = nn.Linear(1280, classes).to(course.device)

print(model.classifier)
print(f"{parameters_of(model.classifier):,} parameters in the new head = (1280 + 1) x {classes}")
print(f"{parameters_of(model.features):,} parameters in the backbone, which stay as they are")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Why no [softmax](GLOSSARY.md#softmax)?** A softmax turns scores into probabilities, and many people expect one at the
# end of a classifier. In PyTorch, `cross_entropy` takes the scores themselves and applies the
# softmax inside, in a way that is safe for large numbers. With a softmax in the model it would be
# applied twice. The cell checks what happens inside.

# %% tags=["nbval-check-output"]
scores = model.classifier(train_features)
direct = F.cross_entropy(scores, train_labels)

probabilities = scores.softmax(dim=1)
of_true_class = probabilities[range(len(train_labels)), train_labels]
by_hand = -of_true_class.log().mean()

print("cross_entropy is minus the log of the true class's probability, on average:",
      torch.allclose(direct, by_hand, atol=1e-5))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** A new head knows nothing. If it gave every class the same probability, 1 / *n* for
# *n* classes, what would the loss be? And how far from that will a real new head start?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"}
start_losses = []
for seed in range(5):
    torch.manual_seed(seed)
    head = nn.Linear(1280, classes).to(course.device)
    start_losses.append(F.cross_entropy(head(train_features), train_labels).item())

zeros = torch.zeros(len(train_labels), classes, device=course.device)
print(f"log({classes}):           {math.log(classes):.3f}")
print(f"all scores equal:  {F.cross_entropy(zeros, train_labels):.3f}")
print("five new heads:   ", "  ".join(f"{loss:.3f}" for loss in start_losses))

# %% [markdown] slideshow={"slide_type": "subslide"}
# A new head starts **at chance**: it does about as well as guessing, and its loss lies near
# log(*n*). It is not exactly log(*n*), because random scores are not equal scores. The head prefers
# some classes for no reason. On average over many random heads that costs a little; a single head
# can be lucky, as some of the five are. The larger the features, the stronger its random opinions.
#
# This is a useful check in any project. A first loss many times log(*n*) points to images that
# were not scaled, or to a head with far too large weights.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Train the head, and nothing else
#
# **Predict.** Guessing is right once in *n* times. Right now the whole network should do about as
# well as that. How accurate will it be after 20 passes over the features?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a percentage here


# %% slideshow={"slide_type": "subslide"}
def test_accuracy(network):
    right = scores_of(network, data.test_images).argmax(dim=1) == data.test_labels
    return right.float().mean().item()


before = test_accuracy(model)
print(f"new head, untrained: {100 * before:.1f}% of {len(data.test_labels)} test images right")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Now the training loop, in plain PyTorch. The [optimizer](GLOSSARY.md#optimizer) gets the parameters of the head and no
# others, so the backbone cannot move.

# %% slideshow={"slide_type": "subslide"}
head = model.classifier[1]
optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
batch_size = min(32, len(train_labels))

begun = time.perf_counter()
for epoch in range(20):
    losses = []
    for x, y in batches(train_features, train_labels, batch_size, seed=epoch):
        loss = F.cross_entropy(head(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2}   training loss {statistics.mean(losses):.3f}")
print(f"{time.perf_counter() - begun:.1f} s for 20 epochs")

# %% slideshow={"slide_type": "subslide"}
after = test_accuracy(model)
print(f"before {100 * before:.1f}%, after {100 * after:.1f}% right on the test images")

answers = scores_of(model, data.test_images[first]).argmax(dim=1)
right = (answers == data.test_labels[first]).tolist()
plots.show(
    plots.image_grid(
        data.test_images[first], [data.class_names[i][:12] for i in answers],
        columns=5, right=right, zoom=1.2,
    ),
    alt="The same test images as before, now with the new head's answer under each: a tick where "
    "it is right, a cross and bold type where it is wrong.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# One layer learned; everything below it stayed as it was. This way of using a network is called
# **feature extraction**.
#
# We looked at the test images twice, before and after, and chose nothing by them. That is what
# they are for.
#
# Later lessons use three helpers instead of these lines. `replace_head` makes the exchange
# for any network, `training.cache_features` computes features once, and `training.epochs` is
# the loop. For the two experiments below, we put our own loop into a function.


# %% slideshow={"slide_type": "subslide"}
def train_head(features, labels, seed, epochs=20):
    """Train a new head on cached features, as above, and return it."""
    torch.manual_seed(seed)
    head = nn.Linear(1280, classes).to(features.device)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    batch_size = min(32, len(labels))
    for epoch in range(epochs):
        for x, y in batches(features, labels, batch_size, seed=1000 * seed + epoch):
            loss = F.cross_entropy(head(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why images are enlarged first
#
# On the way from image to features the maps are halved again and again. The cell follows the
# shapes for three sizes of input, and shows the parts where the size changes.
#
# **Predict.** The network halves its input five times. How large is the last map for an image of
# 32 x 32 pixels?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # write a number here

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
shapes = {f"{size} px": inspection.cost_by_block(model, size)["output"] for size in (32, 64, 96)}
trace = pd.DataFrame({"part": cost["block"], **shapes})
map_side = trace["32 px"].str.split(" x ").str[-1]
changes = map_side != map_side.shift()
print("output as channels x height x width")
print(trace[changes].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# The last row is the head: no map any more, only scores. From `features.14` on, an image of 32
# pixels has shrunk to a single position. The 3 x 3 filters behind it look at one number in a
# frame of zeros, and eight of their nine weights do nothing.
#
# There is a second reason to care about size. The weights were trained at one size. Enlarging an
# image brings no new detail. But it brings edges and parts to the scale that the filters know.
#
# So how much does it matter? We train heads on features taken at several input sizes. The
# backbone is the same; its images come from the same files. For each size there are three runs.
# Each has its own random third of the training images and its own random head.
#
# **Predict.** Draw the curve of accuracy over input size in your mind. Does it rise all the way?
# Where does 32 px lie: near guessing, half way, or close to the best?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # accuracy at 32 px, and at the best size


# %% slideshow={"slide_type": "subslide"}
pool = course.load(900, 500)
third = len(pool.train_images) // 3


def with_features(prepare):
    """The same data with features in place of images."""
    return replace(pool, train_images=features_of(pool.train_images, prepare),
                   test_images=features_of(pool.test_images, prepare))


def accuracy(features, seed):
    """Test accuracy of a head trained on a random third of the training images."""
    part = features.subset(train=third, seed=seed)
    labels = part.train_labels.to(course.device)
    head = train_head(part.train_images, labels, seed)
    right = head(part.test_images).argmax(dim=1).cpu() == part.test_labels
    return {"accuracy": right.float().mean().item()}


# %% slideshow={"slide_type": "subslide"}
input_sizes = [32, 48, 64, 96] if course.world == "shapes" else sorted({32, 64, 96, course.size})
at_size = {size: with_features(replace(course.prepare, size=size)) for size in input_sizes}

resolution = experiments.repeat(
    lambda seed, size: accuracy(at_size[size], seed), seeds=[0, 1, 2], size=input_sizes
)
figure = plots.lines(
    resolution.assign(what="new head,\nfrozen backbone"), "size", "accuracy", by="what",
    xlabel="side of the network's input in pixels", ylabel="test accuracy in %",
    chance=1 / classes,
)
figure.axes[0].set_xticks(input_sizes)
plots.show(
    figure,
    alt="Test accuracy against the size of the network's input: the mean of three runs with a band "
    "of one standard deviation. A dotted line marks guessing.",
)

# %% slideshow={"slide_type": "subslide"}
trained_at = course.weights.size
by_size = experiments.summary(resolution, "size", "accuracy")
best = int(by_size.loc[by_size["mean"].idxmax(), "size"])
for size, runs in resolution.groupby("size"):
    note = "  <- best" if size == best else ""
    print(f"{size:4} px: {experiments.mean_and_std(runs['accuracy'])}{note}")
print(f"guessing: {100 / classes:.1f} %. These weights were trained at {trained_at} px.")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The images are the same, the weights are the same, the training is the same. All that changes is
# the number of pixels that the network is given. Look at the left end of the curve, and compare
# it with the line for guessing.
#
# Look at the right end as well, and at the size that the weights were trained at. If the curve
# falls beyond that size, small maps cannot be the reason, for the maps have grown. It may be
# the scale: everything in the image is now larger than what the filters know. (Other things change
# along with it, such as the share of each map that touches the border, so this is a suspicion.) More
# pixels are not better in themselves. They also cost: twice the side means four times the work.
#
# A word about the band. It tells how much the runs differ by their training images and their
# random start. All runs share one set of test images, so its luck is in all of them alike.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which normalisation?
#
# Pixels are **[normalised](GLOSSARY.md#normalisation)** before they enter: subtract a mean, divide by a standard deviation
# (sd), for each colour. During pretraining that was done with the statistics of the images used
# then, so that the network met numbers around 0 with a spread around 1. Tutorials often replace
# them by 0.5 and 0.5, and say that it does no harm. Others forget the step.

# %%
recipes = {
    "the weights' own": (course.weights.mean, course.weights.std),
    "0.5 and 0.5": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none (0 to 1)": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
prepares = {name: replace(course.prepare, mean=m, std=s) for name, (m, s) in recipes.items()}
for name, prepare in prepares.items():
    x = prepare(pool.train_images[:200])
    print(f"{name:17} input has mean {x.mean():5.2f}, sd {x.std():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The three recipes contain the same information: each is another one stretched and shifted. But
# our weights have only ever met one of them.
#
# **Predict.** What do the other two cost, with a frozen backbone: nothing, a few points of
# accuracy, or nearly everything?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # points lost with 0.5 and 0.5, and with none

# %% slideshow={"slide_type": "subslide"}
at_recipe = {
    name: at_size[course.size] if name == "the weights' own" else with_features(prepare)
    for name, prepare in prepares.items()
}
normalisation = experiments.repeat(
    lambda seed, recipe: accuracy(at_recipe[recipe], seed), seeds=[0, 1, 2], recipe=list(recipes)
)
plots.show(
    plots.dots(normalisation, "accuracy", "recipe", xlabel="test accuracy in %"),
    alt="One row for each normalisation: the weights' own, 0.5 and 0.5, none. A mark for the test "
    "accuracy of each of three runs, and a bar at their mean.",
)

# %% slideshow={"slide_type": "subslide"}
runs = normalisation.pivot(index="seed", columns="recipe", values="accuracy")
lost = {name: 100 * (runs["the weights' own"] - runs[name]) for name in list(recipes)[1:]}
for name, points in lost.items():
    print(f"{name}: {experiments.mean_and_std(points, percent=False)} points lost;"
          f" worse in {(points > 0).sum()} of {len(points)} runs")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Each difference is taken within a seed: both runs have the same training images and the same
# random start, so only the recipe differs. If the losses are much larger than their spread, then
# "does no harm" does not hold for a frozen backbone.
#
# The likely reason lies in the first layers. Their batch norms keep statistics of the maps that
# they met in pretraining. Other inputs give other maps, and nothing in a frozen backbone adjusts.
# What happens when the backbone may learn as well is another question, and this experiment says
# nothing about it.
#
# The remedy costs nothing: use the numbers that come with the weights. Here they are in
# `course.weights`; torchvision's own weights carry them in `weights.transforms()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.head_size.hint()` gives a
# hint, each call a plainer one; `check.head_size.solution()` prints a solution.
#
# ### Exercise 3.1
#
# Work out by hand how many parameters a new head has for MobileNetV2 and 37 classes. Then build
# the layer and let PyTorch count.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
parameters_by_hand = ...
parameters_counted = ...
check.head_size(parameters_by_hand, parameters_counted)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3.2
#
# torchvision's ResNet-18 calls its head `fc`, and it is a plain `nn.Linear`, not a part of a
# `classifier`. Build one with `resnet18()` and replace its head by one with 5 outputs. Do not type
# the number of its inputs: read it from the old layer. Which shape do the scores of two random
# images of 64 x 64 pixels have?

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_resnet = ...
shape_of_scores = ...
check.resnet_head(my_resnet, shape_of_scores)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3.3
#
# Which input size gives a last map of 7 x 7? Work it out from the number of halvings, then check
# it with `inspection.cost_by_block(model, size)`. Is there more than one answer? A list of sizes is
# welcome.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
size_for_7x7 = ...
check.seven_by_seven(size_for_7x7)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 3.4
#
# Spot the bug. This loss runs without an error, and a head trained with it even learns something.
#
# ```python
# def suspicious_loss(head, x, y):
#     probabilities = torch.softmax(head(x), dim=1)
#     return F.cross_entropy(probabilities, y)
# ```
#
# A head that is right and completely certain about every image should reach a loss of zero. What is
# the smallest loss that it can reach here, with 10 classes? Then write the function as it should be.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
smallest_loss = ...
mended_loss = ...
check.softmax_twice(smallest_loss, mended_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A depthwise separable convolution looks first and mixes afterwards. For many channels it needs
#   about a ninth of the weights and operations. The gain in time has to be measured.
# - MobileNetV2's block is a dozen lines: expand, depthwise, project without ReLU, and a shortcut
#   where the shapes fit.
# - The second half of the network holds nearly all parameters. The work is spread more evenly.
# - The head is one linear layer on 1280 features. Replacing it is one line, and a new one starts
#   at chance, with a loss of about log(*n*).
# - `cross_entropy` wants scores. A softmax before it is a mistake.
# - A frozen backbone is particular about its input: its size and its normalisation should be
#   close to those of its training.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
own = normalisation.loc[normalisation["recipe"] == "the weights' own", "accuracy"]
at_32 = resolution.loc[resolution["size"] == 32, "accuracy"]
at_best = resolution.loc[resolution["size"] == best, "accuracy"]
print("Measured on this machine, in this run:")
print(f"- separable convolution: {macs[0] / macs[1]:.1f} times fewer MACs,"
      f" {conv_times[0] / conv_times[1]:.1f} times faster")
print(f"- MobileNetV2 against ResNet-18: {mac_ratio:.1f} times fewer MACs,"
      f" {time_ratio:.1f} times faster at {course.size} px")
print(f"- a new head, {len(data.train_labels)} images: {100 * before:.1f}% before,"
      f" {100 * after:.1f}% after training")
print(f"- {third} images at 32 px: {experiments.mean_and_std(at_32)};"
      f" at {best} px: {experiments.mean_and_std(at_best)}")
print(f"- {third} images with the weights' own normalisation: {experiments.mean_and_std(own)}")
for name, points in lost.items():
    print(f"  {name}: {experiments.mean_and_std(points, percent=False)} points less")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"images      {data}")
print(f"weights     {course.weights.title}")
print(f"seeds       0, 1, 2; each with its own {third} training images,"
      f" tested on {len(pool.test_labels)}")
print(f"resolution  {course.size} px, and {', '.join(map(str, input_sizes))} px in the comparison")
print("training    new head only, AdamW 1e-3, batch 32, 20 epochs, cached features")
print(f"device      {course.device}; torch {torch.__version__}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Next
#
# The backbone did not move: its features were computed once, and the optimizer held the head alone. In
# [4 · Freezing](04_freezing.ipynb) you freeze it properly, find out what freezing stops and what
# it does not, and see what it saves.
