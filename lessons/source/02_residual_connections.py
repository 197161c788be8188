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
# # 2 · Residual connections
#
# The networks that this course adapts have something in common: in many of their blocks the input
# takes a second way, *around* the layers, and is added to what comes out. That addition costs
# nothing, has nothing to learn, and is in nearly every large network built since 2015. What is it
# good for? Every textbook has an answer. Here you measure, and then judge the answers.
#
# **You will**
#
# - build two networks that differ in one addition, and prove that they differ in nothing else;
# - train both side by side, and see where the addition matters and where it does not;
# - derive what it does to gradients in two lines, and check it;
# - measure gradients layer by layer, before you believe that they "vanish";
# - take blocks out of trained networks, and find the [shortcuts](GLOSSARY.md#shortcut) of two well-known ones by code.
#
# **Before this:** [00 · Start here](00_start_here.ipynb). You have trained a small convolutional
# network once; no more is needed.

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
from torchvision.models import mobilenet_v2, resnet18

from course_utils import experiments, plots
from course_utils.lesson02 import figures as figures_02, twins
from course_utils import training
from course_utils.training import freezing, recipes
from course_utils.networks.heads import replace_head
from course_utils.lesson02 import check
from course_utils.images.datasets import batches, load_shapes
from course_utils.networks.blocks import split_into_blocks

course = course_utils.begin(lesson=2, train=800, test=300)

# %% [markdown] slideshow={"slide_type": "subslide"}
# In this lesson networks learn from nothing, that is from random weights, so the task must be one
# that can be learned that way in seconds. In the Shapes world we take images without any shape: the
# class is the direction of the grain. Photographs and your own images are taken as they are.

# %% slideshow={"slide_type": "subslide"}
data = course.data
if course.world == "shapes":
    data = load_shapes("orientation", course.train, course.test)
prepare = replace(course.prepare, size=32)
batch_size = min(32, len(data.train_labels))
print(data)
sheet = plots.class_sheet(data.train_images, data.train_labels, data.class_names)
plots.show(sheet, alt="Six training images of each class, one row for each class.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.1 One addition
#
# Our networks are chains of **blocks**. A block has two convolutions, each followed by **batch
# norm**, a layer that shifts and scales every channel to mean 0 and standard deviation 1 over the
# batch. Call all of that *F*. A **[plain](GLOSSARY.md#plain-network)** block returns *F(x)*. A **[residual](GLOSSARY.md#residual)** block returns
# *F(x) + x*: the layers only have to learn what must be *added* to the input, the **residual**. The
# way of *x* around the layers is the **shortcut**. In either case a [ReLU](GLOSSARY.md#relu) comes last.


# %% slideshow={"slide_type": "subslide"}
class Block(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.shortcut = shortcut
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        y = self.layers(x)
        return torch.relu(y + x if self.shortcut else y)


# %% [markdown] slideshow={"slide_type": "subslide"}
# `twins.twin` strings such blocks together: an ordinary convolution first (the *[stem](GLOSSARY.md#stem)*), three groups
# of blocks, between two groups a convolution that halves the map and doubles the channels, and the
# head. The **[depth](GLOSSARY.md#depth)** is the number of layers with weights, one after the other. This is the
# shallowest one:

# %% tags=["nbval-check-output"]
classes = len(data.class_names)
shallow = twins.twin("residual", 10, classes)
print(freezing.block_table(shallow)[["block", "kind"]].to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** A plain and a residual network of 28 layers. How many more parameters does the
# residual one have?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # a number

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
plain, residual = twins.twin("plain", 28, classes), twins.twin("residual", 28, classes)
counts = [sum(p.numel() for p in net.parameters()) for net in (plain, residual)]
ours, theirs = plain.state_dict(), residual.state_dict()

print("difference in parameters:", counts[1] - counts[0])
print("same names, same order:  ", list(ours) == list(theirs))
print("same numbers to the bit: ", all(torch.equal(ours[name], theirs[name]) for name in ours))
x = torch.rand(4, 3, 32, 32)
print("same answers:            ", torch.allclose(plain(x), residual(x)))

# %% [markdown] slideshow={"slide_type": "fragment"}
# An addition has no parameters. So these are **[twins](GLOSSARY.md#twins)**: same layers, same random start, and one
# `+ x` in each block that only one of them has. Whatever they do differently, the addition does.
#
# ## 2.2 Side by side
#
# Deeper networks can do more. So more layers should do no harm: if ten layers suffice, the others
# could simply pass on what they get. In 2016 Kaiming He and others reported the opposite. Of two
# plain networks the deeper one did worse, and not only on new images. It did worse on the images
# that it was *trained* on. That is not **[overfitting](GLOSSARY.md#overfitting)**, where a network learns its training images
# too well. It fails to learn them. They called it **[degradation](GLOSSARY.md#degradation)**.
#
# That is why we watch the accuracy on the *training* images in this lesson. The loop:


# %% slideshow={"slide_type": "subslide"}
def train(net, epochs=5):
    """Train, and give the accuracy on the training images in each pass."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    accuracies = []
    for epoch in range(epochs):
        net.train()
        right = 0
        for images, labels in batches(data.train_images, data.train_labels, batch_size, seed=epoch):
            labels = labels.to(course.device)
            scores = net(prepare(images))
            loss = F.cross_entropy(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += (scores.argmax(1) == labels).sum().item()
        accuracies.append(right / len(data.train_labels))
    return accuracies


# %% [markdown] slideshow={"slide_type": "subslide"}
# **Predict.** Four networks: plain and residual, with 10 and with 28 layers. Order them by their
# training accuracy after five passes.

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # for example ["residual 28", "plain 28", "residual 10", "plain 10"]

# %% slideshow={"slide_type": "subslide"}
trained, rows = {}, []
for depth in (10, 28):
    for kind in twins.KINDS:
        net = twins.twin(kind, depth, classes).to(course.device, memory_format=torch.channels_last)
        accuracies = train(net)
        trained[kind, depth] = net
        rows += [{"depth": f"{depth} layers", "network": kind, "epoch": epoch, "accuracy": a}
                 for epoch, a in enumerate(accuracies, 1)]
        print(f"{kind:8} {depth} layers: {100 * accuracies[-1]:.0f} % of the training images")

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
curves = pd.DataFrame(rows)
plots.show(
    figures_02.panels(curves, "epoch", "accuracy", "network", "depth", percent=True,
                      chance=1 / classes, xlabel="pass over the data",
                      ylabel="accuracy on training images (%)"),
    alt="Accuracy on the training images by pass. Left: the twins with 10 layers, right: those with "
    "28. One line for the plain network, one for the residual one, and guessing as a dotted line.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the gap between the twins on the left with the gap on the right. Then compare the two
# plain networks with each other: the deeper one has more layers and more parameters. If its line
# ends lower all the same, this run shows the degradation.
#
# One run is an anecdote. The record below holds three seeds for each depth, which differ in images,
# random weights and order.
#
# **Predict.** Draw two curves in your mind, training accuracy against depth from 10 to 52 layers.
# Where do they part? Do both fall in the end?

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record = experiments.read_record("residual_twins")
by_depth = pd.DataFrame(record["rows"])
last = by_depth[by_depth["epoch"] == by_depth["epoch"].max()]
last = last.assign(norm=last["batch_norm"].map({True: "with batch norm", False: "without batch norm"}))
plots.show(
    figures_02.panels(last, "depth", "train_accuracy", "kind", "norm", percent=True, chance=0.1,
                      xlabel="layers", ylabel="accuracy on training images (%)"),
    alt="Accuracy on the training images after five passes against depth, plain and residual, with "
    "a band from the lowest to the highest of three runs. Left with batch norm, right without.",
)
print(experiments.cite(record))

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
for (norm, depth), part in last.groupby(["norm", "depth"]):
    fit = part.groupby("kind")["train_accuracy"].apply(experiments.mean_and_std)
    print(f"{norm:18} {depth} layers   plain {fit['plain']:22} residual {fit['residual']}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Read the left panel from left to right. With 10 layers both twins learn: 80 % and 90 % of the
# training images. There the shortcut helps, but one could do without it. Then both curves fall, and
# the plain one falls much sooner. It is at 53 % with 16 layers and at 20 % with 28, where the
# residual network still has 71 %, though its three runs lie far apart (58 to 85 %). With 52 layers
# neither of them learns anything in five passes. The shortcut moves the limit; it does not abolish
# it.
#
# The right panel is a warning. Without batch norm, and with 28 layers, both twins stay at guessing.
# The addition alone does not rescue a deep network: here it needs batch norm. (A more careful start
# might do as well. We have not tried it.)
#
# ### Slower, or never?
#
# Five passes are few. Would the plain network get there if we waited?
#
# **Predict.** The plain twin with 28 layers, after 25 passes instead of 5: still near guessing, half
# way, or level with its twin?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "guessing", "half way" or "level"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_long = experiments.read_record("residual_twins_long")
long_run = pd.DataFrame(record_long["rows"])
long_run = long_run.rename(columns={"train_accuracy": "training images",
                                    "test_accuracy": "test images"})
long_run = long_run.melt(["seed", "kind", "epoch"], ["training images", "test images"],
                         var_name="images", value_name="accuracy")
plots.show(
    figures_02.panels(long_run, "epoch", "accuracy", "kind", "images", percent=True, chance=0.1,
                      xlabel="pass over the data", ylabel="accuracy (%)"),
    alt="Accuracy of the twins with 28 layers over 25 passes. Left on training images, right on "
    "test images. The band goes from the lowest to the highest of three runs.",
)
print(experiments.cite(record_long))

# %% slideshow={"slide_type": "subslide"}
on_train = long_run[long_run["images"] == "training images"]
final = on_train[on_train["epoch"] == on_train["epoch"].max()]
for kind, part in on_train.groupby("kind"):
    runs = part.groupby("epoch")["accuracy"].mean()
    reached = f"in pass {runs.ge(0.6).idxmax()}" if runs.max() >= 0.6 else "in no pass"
    end = experiments.mean_and_std(final.loc[final["kind"] == kind, "accuracy"])
    print(f"{kind:8} reached 60 % {reached}, and ended with {end} of the training images")

# %% [markdown] slideshow={"slide_type": "fragment"}
# After 25 passes the plain network has 88 % of the training images, and its twin all of them. So
# "plain networks of this depth cannot be trained" would be wrong: this one is slower, by about a
# factor of three to the same level, and it still ends lower. With only five passes to spend, late
# and never look the same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.3 Two lines of mathematics
#
# Training moves each weight against its **gradient**, which says how the loss *L* responds to a small
# change. Gradients are computed from the head back to the input, block by block. For a residual
# block *y = F(x) + x*:
#
# > d*y* / d*x* = d*F* / d*x* + 1
# >
# > d*L* / d*x* = d*L* / d*y* · d*F* / d*x* + d*L* / d*y*
#
# The second term is the gradient of the output, passed on unchanged. (The 1 is the [identity](GLOSSARY.md#identity) matrix,
# since *x* is many numbers.) We check it on one block, without the ReLU after the sum: autograd
# must give the same as our formula.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
torch.manual_seed(0)
block = Block(8, shortcut=True).double()
x = torch.randn(2, 8, 6, 6, dtype=torch.float64, requires_grad=True)
from_above = torch.randn(2, 8, 6, 6, dtype=torch.float64)  # stands for dL/dy

(through_layers,) = torch.autograd.grad(block.layers(x), x, from_above)
(measured,) = torch.autograd.grad(block.layers(x) + x, x, from_above)
print("autograd agrees with the formula:", torch.allclose(measured, through_layers + from_above))

# %% [markdown] slideshow={"slide_type": "fragment"}
# And without autograd: nudge *x* by a tiny step in some direction. The change of *L* must be the
# gradient times that step.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
direction, step = torch.randn_like(x), 1e-6
with torch.no_grad():
    ahead, behind = (block.layers(z) + z for z in (x + step * direction, x - step * direction))
    change = ((ahead - behind) * from_above).sum() / (2 * step)
print("so does a nudge:", torch.allclose(change, (measured * direction).sum(), rtol=1e-4))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Now many blocks in a row. To see the effect alone, let a block be a single number: *F(x) = w · x*.
# The gradient through 12 plain blocks, as many as a twin with 28 layers has, is *w* to the power 12;
# through residual ones it is *1 + w* to that power.
#
# **Predict.** For *w* = 0.5, which of the two is far from 1? And for *w* = -0.1?

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output", "slide-no-code"]
table = pd.DataFrame({"w": [-0.5, -0.1, 0.1, 0.5, 1.0]})
table["plain"] = table["w"] ** 12
table["residual"] = (1 + table["w"]) ** 12
print(table.to_string(index=False, float_format="{:.4g}".format))

# %% [markdown] slideshow={"slide_type": "fragment"}
# With small weights the plain gradient is as good as gone, while the residual one stays within a
# factor of four of 1. This is the textbook's story: without shortcuts gradients
# **[vanish](GLOSSARY.md#vanishing-gradient)** on the [way back](GLOSSARY.md#backward-pass), and
# shallow layers learn nothing. But read the first and the last rows too. A residual gradient can
# grow without bound. And where the layers work against *x*, as with *w* = -0.5, it vanishes exactly
# as the plain one does. The shortcut offers a second path; it guarantees nothing.
#
# And one number per block is not a network with batch norm. Before we tell that story, we measure.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.4 What the gradients really do
#
# **Predict.** Twins with 28 layers and batch norm, before their first step. Think of the gradient
# of the first layer's weights. Is it shorter in the plain network than in the residual one, about
# equal, or longer?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "shorter", "equal" or "longer"


# %% slideshow={"slide_type": "subslide"}
def gradient_lengths(seed, kind, batch_norm):
    """Length of the gradient of every layer's weights, for one batch at the start."""
    net = twins.twin(kind, 28, classes, batch_norm=batch_norm, seed=seed).to(course.device)
    batch = data.subset(train=min(64, len(data.train_labels)), seed=seed)
    scores = net(prepare(batch.train_images))
    F.cross_entropy(scores, batch.train_labels.to(course.device)).backward()
    weights = [p for p in net.parameters() if p.ndim > 1]  # no biases, no batch norm
    return [{"layer": i, "length": p.grad.norm().item()} for i, p in enumerate(weights, 1)]


gradients = experiments.repeat(
    gradient_lengths, seeds=[0, 1, 2], kind=twins.KINDS, batch_norm=[True, False]
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
gradients["norm"] = gradients["batch_norm"].map({True: "with batch norm", False: "without batch norm"})
plots.show(
    figures_02.panels(gradients, "layer", "length", "kind", "norm", log=True,
                      xlabel="layer, from the input to the head", ylabel="length of the gradient"),
    alt="Length of the gradient of each layer's weights on a logarithmic scale, from the first "
    "layer at the left to the head at the right, for the plain and the residual network. Left panel "
    "with batch norm, right panel without. Bands go from the lowest to the highest of three runs.",
)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
mean = gradients.groupby(["norm", "kind", "layer"])["length"].mean()
for norm in ("with batch norm", "without batch norm"):
    for kind in twins.KINDS:
        first, middle = mean[norm, kind, 1], mean[norm, kind, 14]
        print(f"{norm:18} {kind:8} first layer {first:.2g}, layer 14 {middle:.2g}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Look at the left panel first, and follow the plain line from right to left, the way that gradients
# go. With batch norm it *rises*: the plain network's gradients do not vanish on their way to the
# shallow layers. They **[explode](GLOSSARY.md#exploding-gradient)**. He and others said of their
# own plain networks that vanishing gradients were unlikely to be the cause, because of batch norm.
# A theory for it came later ("A Mean Field Theory of Batch Normalization", Greg Yang, Jeffrey
# Pennington, Vinay Rao, Jascha Sohl-Dickstein and Samuel S. Schoenholz, 2019).
#
# Then the right panel. Without batch norm the plain line is low and nearly flat. It would be
# tempting to say that nothing got lost on the way back. The figure cannot tell. It shows gradients
# of *weights*, and such a gradient is a product of two things: what arrives from the head, and what
# comes in from the image. In a plain chain of ReLU layers without biases, the inner product of a
# layer's weights and their gradient is the same in every layer, so a flat line is expected whatever
# happens. The next cell takes the two apart.

# %% slideshow={"slide_type": "subslide"}
def both_ways(seed):
    """For each block of a plain network without batch norm: its output, and dL/d(output)."""
    net = twins.twin("plain", 28, classes, batch_norm=False, seed=seed).to(course.device)
    batch = data.subset(train=min(64, len(data.train_labels)), seed=seed)
    x, outputs = prepare(batch.train_images), []
    for block in split_into_blocks(net):
        x = block.forward(x)
        outputs.append(x)
    loss = F.cross_entropy(outputs.pop(), batch.train_labels.to(course.device))
    pairs = zip(outputs, torch.autograd.grad(loss, outputs), strict=True)
    return [{"block": i, "forward": y.std().item(), "back": g.norm().item()}
            for i, (y, g) in enumerate(pairs, 1)]


arrived = experiments.repeat(both_ways, seeds=[0, 1, 2]).groupby("block").mean()
for direction in ("forward", "back"):
    first, last_block = arrived[direction].iloc[0], arrived[direction].iloc[-1]
    print(f"{direction:8} after the stem {first:.2g}, after the last block {last_block:.2g}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Both shrink. Going [forward](GLOSSARY.md#forward-pass), the images fade from block to block; going back, the gradient fades
# from the head to the stem. So without batch norm the plain network's gradients do vanish, and its
# signal does too. The residual network has the opposite trouble: each addition makes the numbers
# larger, and nothing brings them down again.
#
# The record has other depths, measured at the weights of the first layer. With batch norm the plain
# gradient grows with depth, to more than 600 times its length from 10 to 52 layers. Without batch
# norm it falls, to about a forty-fifth.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_gradients = experiments.read_record("gradients")
first_layer = pd.DataFrame(record_gradients["rows"]).query("layer == 1")
first_layer = first_layer.assign(norm=first_layer["batch_norm"].map({
    True: "with batch norm", False: "without batch norm"}))
plots.show(
    figures_02.panels(first_layer, "depth", "gradient", "kind", "norm", log=True, xlabel="layers",
                      ylabel="gradient of the first layer"),
    alt="Length of the first layer's gradient on a logarithmic scale against depth, plain and "
    "residual. Left with batch norm, right without.",
)
print(experiments.cite(record_gradients))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Are the long gradients to blame?
#
# An explanation makes predictions. If the plain network fails *because* its shallow gradients are
# too long, then we can cure it: stretch or shrink the gradient of every layer so that all layers
# move equally far, relative to their weights. We call that *equal steps*. Perhaps a smaller
# learning rate would do as well.
#
# **Predict.** Twins with 28 layers, five passes. Does the plain network catch up with equal steps:
# not at all, in part, or entirely?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "not", "in part" or "entirely"

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
record_rates = experiments.read_record("residual_twins_rates")
rates = pd.DataFrame(record_rates["rows"]).query("batch_norm and epoch == epoch.max()")
usual = last.query("batch_norm and depth == 28").assign(steps="one rate", rate=0.02)  # from 2.2
rates = pd.concat([rates, usual])
rates["run"] = [f"{r.kind}, {r.steps}" + (f" {r.rate:g}" if r.steps == "one rate" else "")
                for r in rates.itertuples()]
plots.show(
    plots.dots(rates.sort_values(["kind", "steps", "rate"]), "train_accuracy", "run",
               xlabel="accuracy on training images (%)"),
    alt="One row for each twin and each way to take steps: three learning rates, and equal steps. "
    "One dot a seed, and a bar at their mean.",
)
print(experiments.cite(record_rates))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The fair comparison is between the best rows, each network with the steps that suit it: with equal
# steps the plain network reaches 34 % and the residual one 79 %. Equal steps help the plain
# network, from 20 to 34 %, so its uneven gradients were part of the trouble. Most of the distance
# remains, so they were not the whole of it. The plain network's three runs at rate 0.05 differ so
# much (19.9 ± 17.3 %) that their mean says nothing.
#
# ## 2.5 A butterfly in the network
#
# Here is another suspect. A gradient says what happens for a *small* change. How small must it be?
# We change the images by very little noise, 1 % of their standard deviation, and follow that change
# from block to block. We measure it against the differences between images: 1 would mean that the
# noise moves an image as far as images typically lie from their mean.
#
# **Predict.** How large is the change after the last block of the plain network with 28 layers:
# 0.01, 0.1, or 0.5? And with 52?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two numbers


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def nudge(seed, depth, kind):
    """How far a little noise in the images changes the output of each block."""
    net = twins.twin(kind, depth, classes, seed=seed).to(course.device)
    x = prepare(data.train_images[:64])
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x.device)
    other, rows = x + 0.01 * x.std() * noise, []
    for number, block in enumerate(split_into_blocks(net)[:-1], 1):
        x, other = block.forward(x), block.forward(other)
        differences = x - x.mean(dim=0)  # what tells one image from another
        rows.append({"block": number, "change": ((other - x).norm() / differences.norm()).item()})
    return rows


nudges = experiments.repeat(nudge, seeds=[0, 1, 2], depth=[28, 52], kind=twins.KINDS)

# %% slideshow={"slide_type": "subslide"}
nudges["layers"] = nudges["depth"].astype(str) + " layers"
plots.show(
    figures_02.panels(nudges, "block", "change", "kind", "layers", log=True,
                      xlabel="block, from the input on", ylabel="change, relative"),
    alt="How far a noise of 1 % changes the output of each block, on a logarithmic scale, for the "
    "plain and the residual network. Left with 28 layers, right with 52.",
)
ends = nudges[nudges["block"] == nudges.groupby("depth")["block"].transform("max")]
for (depth, kind), part in ends.groupby(["depth", "kind"]):
    print(f"{depth} layers, {kind:8}: 1 % of noise becomes"
          f" {experiments.mean_and_std(part['change'])} after the last block")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Each block stretches a difference a little, and the next one stretches the result. In the plain
# network with 52 layers, 1 % of noise ends up as large as the distance of an image from the mean of
# all: a picture and its noisy copy, which no eye can tell apart, end nearly as far from each other
# as any two pictures. To a head on top of such a network similar images look unrelated, and a
# weight update that is right for one image says little about its neighbour. In the residual network
# *x* itself is in the sum, and it is not stretched: its line is much flatter.
#
# This is the exploding gradient once more, seen from the other side: the gradient of the output
# with respect to the input *is* the response to a small nudge. Equal steps correct the gradients'
# lengths. They leave this jumble of images as it is, which may be why they helped only in part; we
# have not tested that. ("The Shattered Gradients Problem: If resnets are the answer, then what is
# the question?", David Balduzzi, Marcus Frean, Lennox Leary, J. P. Lewis, Kurt Wan-Duo Ma and Brian
# McWilliams, 2017, describes how gradients come to resemble noise.)
#
# ## 2.6 Taking blocks out
#
# Shortcuts give a signal many paths through the network: through every block or around it. In a chain
# there is one path. Andreas Veit, Michael Wilber and Serge Belongie had an idea to tell the two
# apart: remove a block after training ("Residual Networks Behave Like Ensembles of Relatively
# Shallow Networks", 2016). Our blocks keep the shape, so in either twin `nn.Identity()` can stand in
# for a block. Nothing is trained after that.
#
# **Predict.** We take one block out of the plain network with 10 layers, and one out of its residual
# twin. How much accuracy does each lose?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # points lost by the plain one, and by the residual one

# %% slideshow={"slide_type": "subslide"}
rows = []
for kind in twins.KINDS:
    net = trained[kind, 10]
    whole = training.evaluate(net, data.test_images, data.test_labels, prepare).accuracy
    rows.append({"network": kind, "block": "-", "kept": "all", "accuracy": whole})
    for name in ("block1", "block2", "block3"):
        block = net.get_submodule(name)
        setattr(net, name, nn.Identity())
        less = training.evaluate(net, data.test_images, data.test_labels, prepare).accuracy
        rows.append({"network": kind, "block": name, "kept": "x", "accuracy": less})
        setattr(net, name, block)  # put it back
lost = pd.DataFrame(rows)

# %% tags=["slide-no-code"]
wide = lost.assign(accuracy=(100 * lost["accuracy"]).round(1)).pivot(
    index="network", columns="block", values="accuracy")
print("test accuracy in %, whole network ('-') and without one block")
print(wide.to_string())

# %% [markdown] slideshow={"slide_type": "subslide"}
# Three blocks, one run: not much to go by. The record has the twins with 28 layers after 25 passes,
# 12 blocks each, three seeds. It also tries the opposite: to keep the layers of a residual block, and
# to cut the shortcut around them.

# %% tags=["slide-no-code"]
record_blocks = experiments.read_record("residual_twins_blocks")
removed = pd.DataFrame(record_blocks["rows"])
plots.show(
    figures_02.without_blocks(removed, "kind", ["x", "F(x)"], xlabel="block that was changed"),
    alt="Test accuracy of trained twins with one changed block, against the number of that block; "
    "one mark a seed. Circles: the layers are removed and x is kept. Squares, in the residual "
    "network only: the shortcut is cut and F(x) is kept. A dashed line shows the whole network.",
)
print(experiments.cite(record_blocks))

# %% slideshow={"slide_type": "subslide"}
def points_lost(table, by):
    """Accuracy of the whole network less that of the changed one, in points, seed by seed."""
    whole = table[table["kept"] == "all"].set_index(["seed", *by])["accuracy"].rename("whole")
    changed = table[table["kept"] != "all"].join(whole, on=["seed", *by])
    changed["lost"] = 100 * (changed["whole"] - changed["accuracy"])
    return changed.groupby([*by, "kept", "seed"])["lost"].mean().reset_index()


lost_in_twins = points_lost(removed, ["kind"])
for (kind, kept), part in lost_in_twins.groupby(["kind", "kept"]):
    print(f"{kind:8} {kept:4} kept: "
          f"{experiments.mean_and_std(part['lost'], percent=False)} points lost,"
          " mean over blocks")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Compare the circles of the two panels. Without the layers of one block the residual network loses
# 6 points on average; with one block taken out the plain network loses 66, and lands at 16 %, not
# far above guessing. In a chain every layer expects what the one before it makes. A block that only
# *adds* a correction can mostly be spared. Mostly: the fifth block, the first after the map was
# halved, costs 36 points on its own. The small network above has one block for each size of map,
# and fewer to spare.
#
# Then compare circles and squares on the right. Cutting a shortcut costs 33 points on average, five
# times as much as removing the layers it bypasses: the shortcut carries everything that the blocks
# before it made. But it differs from block to block, from nothing for the last block to 77 points
# for the seventh.
#
# Is that so in a network in real use? We give the pretrained MobileNetV2 a new head for
# our images (trained on top of the frozen network; lessons 03 and 04 explain it), and then change
# one residual block at a time.
#
# **Predict.** For MobileNetV2, what costs more: the layers of a block, or its shortcut?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # "layers" or "shortcut"

# %% slideshow={"slide_type": "subslide"}
few = course.data.subset(train=min(300, len(course.data.train_labels)))
torch.manual_seed(0)
mobilenet = course.pretrained()
replace_head(mobilenet, len(few.class_names))
for _ in recipes.train_head(mobilenet, few, course.prepare, count=10):
    pass


def mobilenet_accuracy():
    return training.evaluate(mobilenet, few.test_images, few.test_labels, course.prepare).accuracy


# %% slideshow={"slide_type": "subslide"}
rows = [{"seed": 0, "network": "MobileNetV2", "block": "-", "kept": "all",
         "accuracy": mobilenet_accuracy()}]
for i, block in enumerate(mobilenet.features):
    if getattr(block, "use_res_connect", False):  # torchvision's name for "has a shortcut"
        for kept, part in {"x": nn.Identity(), "F(x)": block.conv}.items():
            mobilenet.features[i] = part
            rows.append({"seed": 0, "network": "MobileNetV2", "block": f"features.{i}",
                         "kept": kept, "accuracy": mobilenet_accuracy()})
        mobilenet.features[i] = block
changed = pd.DataFrame(rows)

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
plots.show(
    figures_02.without_blocks(changed, "network", ["x", "F(x)"], xlabel="changed block of features"),
    alt="Test accuracy of MobileNetV2 with one changed block, against that block's place. Circles: "
    "only x is kept. Squares: only F(x) is kept. A dashed line shows the whole network.",
)
lost_here = points_lost(changed, ["network"])
for kept, part in lost_here.groupby("kept"):
    print(f"{kept:4} kept: {part['lost'].mean():.1f} points lost, mean over blocks")

# %% slideshow={"slide_type": "subslide"}
record_mobilenet = experiments.read_record("residual_blocks_mobilenet")
lost_in_mobilenet = points_lost(pd.DataFrame(record_mobilenet["rows"]), ["network"])
for kept, part in lost_in_mobilenet.groupby("kept"):
    print(f"{kept:4} kept: {experiments.mean_and_std(part['lost'], percent=False)} points lost")
print(experiments.cite(record_mobilenet))

# %% [markdown] slideshow={"slide_type": "fragment"}
# On average the layers of a block cost 5 points, its shortcut 47. And the blocks are not alike:
# look how the circles differ by place. In MobileNetV2 each group of blocks of the same width starts
# with a block that has no shortcut. Over the record's three seeds, removing the layers costs most,
# within each width, in the first residual block after such a start.
#
# ## 2.7 Where are the shortcuts?
#
# A shortcut can only add what has the same shape. Where a block halves the map or changes the number
# of channels, there are two ways out: a **[projection](GLOSSARY.md#projection)**, which is a 1 x 1 convolution that brings *x*
# into the new shape, or no shortcut at all. ResNet-18 takes the first way and MobileNetV2 the
# second. We need no weights to see this, so we build both on the **[meta device](GLOSSARY.md#meta-device)**, where tensors have
# a shape and no content.
#
# **Predict.** ResNet-18 has 8 blocks, MobileNetV2 has 17. How many of each have a shortcut that is
# just *x*?

# %% slideshow={"slide_type": "skip"}
my_guess = ...  # two numbers


# %% slideshow={"slide_type": "skip"}
def why_not(stride, inputs, outputs):
    """The reason why x does not fit, or nothing."""
    reasons = ["halves the map"] if stride > 1 else []
    reasons += [f"{inputs} to {outputs} channels"] if inputs != outputs else []
    return ", ".join(reasons)


# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
with torch.device("meta"):
    resnet, mobile = resnet18(), mobilenet_v2()

rows = []
for name, block in resnet.named_modules():
    if type(block).__name__ == "BasicBlock":
        kind = "identity" if block.downsample is None else "projection"
        reason = why_not(block.stride, block.conv1.in_channels, block.conv2.out_channels)
        rows.append({"block": name, "shortcut": kind, "why not x": reason})
resnet_blocks = pd.DataFrame(rows)
print(resnet_blocks.to_string(index=False))

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
rows = []
for name, block in mobile.named_modules():
    if type(block).__name__ == "InvertedResidual":
        convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        kind = "identity" if block.use_res_connect else "none"
        reason = why_not(block.stride, convolutions[0].in_channels, block.out_channels)
        rows.append({"block": name, "shortcut": kind, "why not x": reason})
mobile_blocks = pd.DataFrame(rows)
print(mobile_blocks.to_string(index=False))

# %% [markdown] slideshow={"slide_type": "subslide"}
# In each table the rows without an identity are just those with a reason. We let the code confirm it,
# and count what ResNet's projections cost.

# %% tags=["nbval-check-output"]
for name, blocks in {"ResNet-18": resnet_blocks, "MobileNetV2": mobile_blocks}.items():
    identity = blocks["shortcut"] == "identity"
    print(f"{name}: {identity.sum()} of {len(blocks)} shortcuts are x itself;",
          "identity exactly where nothing changes:", (identity == (blocks["why not x"] == "")).all())
projections = sum(p.numel() for n, p in resnet.named_parameters() if "downsample" in n)
total = sum(p.numel() for p in resnet.parameters())
print(f"ResNet-18's projections have {projections:,} of its {total:,} parameters")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Our twins do as MobileNetV2 does: no shortcut where the map is halved. One difference remains.
# ResNet, and our twins, put a ReLU after the sum. MobileNetV2 adds and leaves it at that, so its
# shortcut is a true identity.
#
# ## Exercises
#
# Run a cell, and its check says what it sees in your answer. Stuck? `check.mended_forward.hint()`
# gives a hint, each call a plainer one; `check.mended_forward.solution()` prints a solution.
#
# ### Exercise 2.1
#
# Spot the bug. A classmate writes the block below. It trains without any error, and is no residual
# block. What does it compute?
#
# ```python
# class SuspiciousBlock(nn.Module):
#     def __init__(self, channels):
#         super().__init__()
#         self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
#
#     def forward(self, x):
#         x = self.layers(x)
#         return torch.relu(x + x)
# ```
#
# Write what `forward` should do as a function `my_forward(layers, x)`. (The check calls it with
# layers of its own.)

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
my_forward = ...
check.mended_forward(my_forward)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2.2
#
# Predict before you compute. In a residual twin with 28 layers, set the weight of the *last* batch
# norm of every block to zero: `nn.init.zeros_(block.layers[-1].weight)`. What does each block compute
# now? Write down what you think becomes of 1 % of noise after the last block of such a network.
# Then build `my_network` so, and measure: `twins.nudge(my_network, some_images)` gives one row for
# each block, with the `change` after it. (Many recipes start that way: "Accurate, Large Minibatch
# SGD: Training ImageNet in 1 Hour", Priya Goyal and others, 2017.)

# %%
some_images = prepare(data.train_images[:64])

# %% tags=["nbval-check-output", "slide-no-output"]
my_guess = ...
# Your code here
my_network = ...
my_last_change = ...
check.quiet_start(my_guess, my_network, my_last_change, some_images)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2.3
#
# Choose a strategy. The plain twin with 28 layers is to fit its training images in five passes, and you
# may change one thing: `"rate 0.005"`, `"rate 0.05"`, `"equal steps"`, `"shortcuts"`, or `"10 layers"`
# instead of 28. Which of these help? Say so of those whose *worst* seed is above the *best* seed of
# the unchanged network. And which one ends highest on average? The records have tried all five: `last`
# is the table of 2.2, `rates` the one of 2.4.

# %% tags=["nbval-check-output", "slide-no-output"]
best_remedy = ...
remedies_that_help = ...  # a list
check.which_remedy(best_remedy, remedies_that_help)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Exercise 2.4 (open)
#
# Write a residual block of your own, a class `MyBlock(inputs, outputs, stride)`. Where the shapes
# are equal, *x* itself must get around its layers. With `stride=2` it halves the map, and there you
# choose one of the two ways out of 2.7. What the layers are is up to you.
#
# The check builds deep stacks of your block and measures them: the gradient after the first and
# after the last block, the accuracy after a short training and without one block, and the
# parameters. It shows the same numbers for plain blocks. That takes some seconds. The images are the
# course's own, so your numbers can be compared with anybody's. Change one thing at a time.

# %% tags=["nbval-check-output", "slide-no-output"]
# Your code here
MyBlock = ...
check.measured_block(MyBlock)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you saw
#
# - A shortcut is one addition. It has no parameters, so a plain and a residual network can be
#   compared with everything else equal.
# - Degradation shows on *training* images: it is a failure to learn, not overfitting. How much it
#   shows depends on the depth: shallow twins both learn, and too deep ones can both fail.
# - d(F(x) + x)/dx = dF/dx + 1: the gradient has a second path around every block. That makes it less
#   likely to vanish. It does not rule it out, and it does not keep the gradient from growing.
# - "Vanishing" has to be measured before it is claimed. With batch norm, the plain network's gradients
#   exploded towards the input; without it they vanished, and so did its signal.
# - A trained residual network can often do without the layers of one block, where a plain network
#   breaks. What it costs to cut a shortcut instead differs much from block to block.
# - Shortcuts are there where shapes fit. Elsewhere there is a projection, or nothing.

# %% slideshow={"slide_type": "subslide"} tags=["slide-no-code"]
fit = last[last["batch_norm"]].groupby(["depth", "kind"])["train_accuracy"].apply(list)
print("Records:")
for depth in (10, 28):
    print(f"- {depth} layers, 5 passes, training images: plain"
          f" {experiments.mean_and_std(fit[depth, 'plain'])},"
          f" residual {experiments.mean_and_std(fit[depth, 'residual'])}")
for kind, part in final.groupby("kind"):
    print(f"- 28 layers, {final['epoch'].max()} passes: {kind}"
          f" {experiments.mean_and_std(part['accuracy'])}")
print("This run:")
ratio = mean["with batch norm", "plain", 1] / mean["with batch norm", "residual", 1]
print(f"- at the start, with batch norm, the plain network's first gradient is {ratio:.1f} times"
      " as long as its twin's")
print("- MobileNetV2 loses", ", ".join(
    f"{part['lost'].mean():.1f} points with only {kept}"
    for kept, part in lost_here.groupby("kept")), "kept")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What was measured

# %% tags=["slide-no-code"]
print(f"data     {data}; MobileNetV2 on {few.name}")
print(f"weights  random for the twins; {course.weights.title}")
print(f"setting  twins at 32 px, MobileNetV2 at {course.size} px, on {course.device.type};"
      " one seed where a network was trained here, else seeds 0, 1, 2")
for kept in (record, record_long, record_gradients, record_rates, record_blocks, record_mobilenet):
    print(f"record   {kept['command']}: {kept['data']}, {kept['hardware']}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Sources.** Residual networks and degradation: "Deep Residual Learning for Image Recognition",
# Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, 2016. MobileNetV2: "MobileNetV2: Inverted
# Residuals and Linear Bottlenecks", Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov and
# Liang-Chieh Chen, 2018. Batch norm: "Batch Normalization: Accelerating Deep Network Training by
# Reducing Internal Covariate Shift", Sergey Ioffe and Christian Szegedy, 2015.
#
# ## Next
#
# You know now why most blocks of MobileNetV2 are bridged.
# [03 · A new head](03_a_new_head.ipynb) takes that network apart, and gives it a new task.
