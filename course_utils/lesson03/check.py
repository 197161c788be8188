"""Exercises of lesson 03, a new head."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet, resnet18

INPUTS, CLASSES = 1280, 37
HEAD = INPUTS * CLASSES + CLASSES
HALVINGS = 5
CERTAIN = -math.log(math.e / (math.e + 9))  # of ten classes, all probability on the right one


@exercise(
    "3.1",
    wanted="two whole numbers: worked out by hand, and counted by PyTorch",
    hints=(
        "A linear layer has a weight for each pair of an input and an output, and something more.",
        "Each output also has a bias: 1280 x 37 weights and 37 biases.",
        "sum(p.numel() for p in nn.Linear(1280, 37).parameters())",
    ),
    mistakes={
        "no-bias": "{what}: {value:,.0f} are the weights. Each class has a bias too.",
        "bias-of-inputs": "{what}: {value:,.0f} counts a bias for each of the 1280 inputs. A bias "
        "belongs to an output.",
        "old-head": "{what}: {value:,.0f} is the old head with its 1000 classes.",
        "whole-network": "{what}: {value:,.0f} is as much as the whole network has, or more. Count "
        "the new layer alone.",
        "another-number": "{what}: {value:,.0f}. Inputs times outputs, and the biases.",
    },
)
def head_size(by_hand: Any, counted: Any) -> str:
    """Parameters of a head from 1280 features to 37 classes."""
    for answer, what in ((by_hand, "The number by hand"), (counted, "The counted number")):
        recognise.number(
            answer,
            what,
            right=HEAD,
            tolerance=0,
            near={
                "no-bias": INPUTS * CLASSES,
                "bias-of-inputs": INPUTS * CLASSES + INPUTS,
                "old-head": INPUTS * 1000 + 1000,
                "whole-network": (2_000_000, math.inf),
            },
        )
    return (
        f"{HEAD:,}: a weight for each pair of feature and class, and a bias for each class. All of "
        "the old knowledge is in the layers below."
    )


@exercise(
    "3.2",
    wanted="a ResNet-18 with a new head of 5 outputs, and the shape of its scores for two images",
    hints=(
        "ResNet's head has another name than MobileNetV2's: print(resnet18()) and look at the end.",
        "resnet.fc.in_features tells how many inputs the old head has.",
        "my_resnet.fc = nn.Linear(my_resnet.fc.in_features, 5), then "
        "my_resnet(torch.randn(2, 3, 64, 64)).shape",
    ),
    mistakes={
        "other-network": "This is {seen}; wanted is torchvision's ResNet-18.",
        "other-name": "The new layer went to model.classifier, which ResNet never calls: forward() "
        "uses model.fc, and that is still the old head.",
        "only-the-number": "fc.out_features says 5, but its weights still have {rows} rows: that "
        "attribute is only a note. Make a new nn.Linear.",
        "wrong-inputs": "The network cannot run: {error}. Its features have 512 numbers, the new "
        "head expects {inputs}.",
        "not-replaced": "The network still gives 1000 scores: its head is the old one.",
        "wrong-width": "The network gives scores of shape {shape} for two images; wanted are five "
        "for each.",
        "softmax-in-head": "The outputs sum to one: there is a softmax in the head. Cross-entropy "
        "takes raw scores and has its own.",
        "log-softmax-in-head": "The exponentials of the outputs sum to one: there is a LogSoftmax "
        "in the head. Cross-entropy takes raw scores and has its own.",
        "scores": "These are the scores themselves; wanted is their shape: add .shape.",
        "one-image": "The shape is {shape}; two images give two rows of scores.",
        "old-scores": "(2, 1000) is what the old head gave. Run the network again.",
        "wrong-shape": "The shape is {shape}; five scores for each of two images?",
    },
)
def resnet_head(network: Any, shape: Any) -> str:
    """ResNet-18 with five outputs."""
    model = recognise.network(network, example="my_resnet")
    with torch.device("meta"):
        blocks = resnet18().layer1.state_dict().keys() | resnet18().layer4.state_dict().keys()
    if not isinstance(model, ResNet) or blocks != (
        model.layer1.state_dict().keys() | model.layer4.state_dict().keys()
    ):
        raise Mistake("other-network", seen=describe(model))
    _five_outputs(model)
    if isinstance(shape, Tensor) and shape.ndim == 2:
        raise Mistake("scores")
    given = tuple(recognise.number(n, "A size") for n in recognise.items(shape, 4, "A shape"))
    if given != (2, 5):
        codes: dict[Any, str] = {(5,): "one-image", (1, 5): "one-image", (2, 1000): "old-scores"}
        said = f"({', '.join(f'{n:g}' for n in given)})"
        raise Mistake(codes.get(given, "wrong-shape"), shape=said)
    return "Five scores an image, from the 512 features that the old head read as well."


def _five_outputs(model: ResNet) -> None:
    """Raise unless the network gives five scores that are scores."""
    if "classifier" in model._modules:
        raise Mistake("other-name")
    weight = next((p for p in model.fc.parameters() if p.ndim == 2), None)
    if getattr(model.fc, "out_features", None) == 5 and weight is not None and len(weight) != 5:
        raise Mistake("only-the-number", rows=len(weight))
    images = torch.randn(2, 3, 64, 64).to(model.conv1.weight.device)
    try:
        with torch.no_grad():
            scores = copy_of(model).eval()(images)
    except RuntimeError as error:
        inputs = getattr(model.fc, "in_features", "another number")
        first = str(error).splitlines()[0]
        raise Mistake("wrong-inputs", error=first, inputs=inputs) from error
    if scores.shape == (2, 1000):
        raise Mistake("not-replaced")
    if scores.shape != (2, 5):
        raise Mistake("wrong-width", shape=tuple(scores.shape))
    if recognise.is_softmax(scores):
        raise Mistake("softmax-in-head")
    if recognise.is_softmax(scores.exp()):
        raise Mistake("log-softmax-in-head")


@exercise(
    "3.3",
    wanted="a size in pixels, or a list of all sizes that fit",
    hints=(
        "How often does MobileNetV2 halve height and width? The table of lesson 3 shows it.",
        "Five times: a map of 7 x 7 comes from an image 2 * 2 * 2 * 2 * 2 times as large.",
        "7 * 32 = 224. Halving rounds up, so some smaller sizes end at 7 too: which is the least?",
    ),
    mistakes={
        "no-size": "{value:g} is no number of pixels.",
        "the-map-itself": "{seen} 7 is the size of the map; wanted is the image.",
        "halvings": "{seen} You counted {halvings:g} halvings; there are 5.",
        "too-small": "{seen} The image must be larger.",
        "too-large": "{seen} The image must be smaller.",
    },
)
def seven_by_seven(size: Any) -> str:
    """Input size whose last map is 7 x 7."""
    many = isinstance(size, Iterable) and not isinstance(size, str) and getattr(size, "ndim", 1) > 0
    for one in recognise.items(size, 999, "It") if many else [size]:
        _one_size(recognise.number(one, "A size"))
    fit = [n for n in range(1, 300) if _last_map(n) == 7]
    return (
        f"Five halvings, each rounded up: {len(fit)} sizes end at 7 x 7, from {fit[0]} to "
        f"{fit[-1]}. That 224 is the largest of them is one reason why it is so common."
    )


def _last_map(size: int) -> int:
    """Height of the last map: every halving rounds up."""
    for _ in range(HALVINGS):
        size = math.ceil(size / 2)
    return size


def _one_size(value: float) -> None:
    """Raise unless the last map at this size is 7 x 7."""
    if value != int(value) or value < 1:
        raise Mistake("no-size", value=value)
    found = _last_map(int(value))
    if found == 7:
        return
    seen = f"At {value:.0f} pixels the last map is {found} x {found}."
    if value == 7:
        raise Mistake("the-map-itself", seen=seen)
    if value in [7 * 2**n for n in (1, 2, 3, 4, 6)]:
        raise Mistake("halvings", seen=seen, halvings=math.log2(value / 7))
    raise Mistake("too-small" if found < 7 else "too-large", seen=seen)


@exercise(
    "3.4",
    wanted="the smallest loss, a number, and a function of head, x and y that gives the right loss",
    hints=(
        "cross_entropy takes raw scores and applies a softmax itself. What does it get here?",
        "The best that can come in is probability 1 for the right class and 0 for nine others; "
        "cross_entropy makes another softmax of these ten numbers.",
        "The smallest loss is -log(e / (e + 9)); mended, the line is F.cross_entropy(head(x), y).",
    ),
    mistakes={
        "zero": "Zero would be right with one softmax. Here the best that goes in is 1 and nine "
        "zeros, and a softmax of these is not yet certain.",
        "guessing": "{value:.2f} is log 10: the loss of a head that only guesses.",
        "a-probability": "{value:.3f} is the probability after the second softmax. The loss is "
        "minus its logarithm.",
        "sign": "{value:.2f} has the wrong sign: the loss is minus the logarithm.",
        "another-number": "{value:.3f} is not it. Put the ten numbers 1, 0, 0, ... into "
        "F.cross_entropy.",
        "no-loss": "The function gave {seen}; wanted is a tensor with one number, to train on.",
        "plain-number": "The function gave {seen}: a plain number, which no gradient leads back "
        "from. Return the tensor, without item() or float().",
        "still-softmax": "The loss still gets probabilities: two softmaxes in a row.",
        "three-softmaxes": "The loss gets a softmax of a softmax, and makes a third one.",
        "sigmoid": "The scores go through a sigmoid before the loss. Cross-entropy takes them raw.",
        "label-smoothing": "This is cross-entropy with label smoothing: a useful loss, and another "
        "one. Here the plain one is wanted.",
        "nll-of-probabilities": "nll_loss wants logarithms of probabilities and got the "
        "probabilities themselves.",
        "summed": "This is the sum over the batch: it grows with the batch size.",
        "another-loss": "For one batch it gives {value:.3f}; cross-entropy is {right:.3f}.",
        "no-gradient": "The value is right, but no gradient leads back to the head: it was "
        "computed under no_grad(), or through item() or detach().",
    },
)
def softmax_twice(smallest: Any, loss: Any) -> str:
    """The floor under a loss with two softmaxes, and the loss without it."""
    recognise.number(
        smallest,
        "The smallest loss",
        right=CERTAIN,
        near={
            "zero": (-1e-6, 1e-6),
            "guessing": math.log(10),
            "a-probability": (0.2289, 0.2349),
            "sign": -CERTAIN,
        },
    )
    function = recognise.function(loss, "mended_loss")
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 8, generator=generator), torch.arange(16) % 10
    head = nn.Linear(8, 10)
    with torch.no_grad():
        head.weight.copy_(torch.randn(10, 8, generator=generator) * 3)
    given = function(head, x, y)
    if isinstance(given, int | float):
        raise Mistake("plain-number", seen=describe(given))
    if not isinstance(given, Tensor) or given.numel() != 1:
        raise Mistake("no-loss", seen=describe(given))
    _right_loss(given.item(), head(x).detach(), y)
    if not given.requires_grad:
        raise Mistake("no-gradient")
    return (
        f"With a second softmax the loss can never fall below {CERTAIN:.2f}, and its gradient is "
        "weak where the head is most wrong. No error tells you."
    )


def _right_loss(value: float, scores: Tensor, y: Tensor) -> None:
    """Raise unless a loss is the cross-entropy of these scores."""
    shares = scores.softmax(1)
    smoothed = [F.cross_entropy(scores, y, label_smoothing=s / 100).item() for s in range(1, 51)]
    recognise.number(
        value,
        "The loss",
        right=F.cross_entropy(scores, y).item(),
        tolerance=1e-4,
        near={
            "still-softmax": F.cross_entropy(shares, y).item(),
            "three-softmaxes": F.cross_entropy(shares.softmax(1), y).item(),
            "sigmoid": F.cross_entropy(scores.sigmoid(), y).item(),
            "nll-of-probabilities": F.nll_loss(shares, y).item(),
            "summed": F.cross_entropy(scores, y, reduction="sum").item(),
            "label-smoothing": list(smoothed),
        },
        otherwise="another-loss",
    )
