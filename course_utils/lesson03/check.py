"""Exercises of lesson 03, a new head."""

from __future__ import annotations

import math
from typing import Any

from course_utils.exercises import seeing
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import describe

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet

INPUTS, CLASSES = 1280, 37
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
)
def head_size(by_hand: Any, counted: Any) -> str:
    """Parameters of a head from 1280 features to 37 classes."""
    _head_size(seeing.a_number(by_hand, "The number by hand"), "By hand")
    _head_size(seeing.a_number(counted, "The counted number"), "The counted one")
    return (
        f"{INPUTS * CLASSES + CLASSES:,}: a weight for each pair of feature and class, and a bias "
        "for each class. All of the old knowledge is in the layers below."
    )


def _head_size(value: float, which: str) -> None:
    """Raise unless a number of parameters is right."""
    right = INPUTS * CLASSES + CLASSES
    if value == right:
        return
    if value == INPUTS * CLASSES:
        raise wrong("no-bias", f"{which}: {value:,.0f} are the weights. Each class has a bias too.")
    if value == INPUTS * CLASSES + INPUTS:
        raise wrong(
            "bias-of-inputs",
            f"{which}: {value:,.0f} counts a bias for each of the {INPUTS} inputs. A bias belongs "
            "to an output.",
        )
    if value == INPUTS * 1000 + 1000:
        raise wrong("old-head", f"{which}: {value:,.0f} is the old head with its 1000 classes.")
    if value > 2_000_000:
        raise wrong(
            "whole-network",
            f"{which}: {value:,.0f} is about the whole network. Count the new layer alone.",
        )
    raise wrong("another-count", f"{which}: {value:,.0f}. Inputs times outputs, and the biases.")


@exercise(
    "3.2",
    wanted="a ResNet-18 with a new head of 5 outputs, and the shape of its scores for two images",
    hints=(
        "ResNet's head has another name than MobileNetV2's: print(resnet18()) and look at the end.",
        "resnet.fc.in_features tells how many inputs the old head has.",
        "my_resnet.fc = nn.Linear(my_resnet.fc.in_features, 5), then "
        "my_resnet(torch.randn(2, 3, 64, 64)).shape",
    ),
)
def resnet_head(network: Any, shape: Any) -> str:
    """ResNet-18 with five outputs."""
    model = seeing.a_model(network, example="my_resnet")
    if not isinstance(model, ResNet):
        raise wrong("other-network", f"This is {describe(model)}; wanted is torchvision's ResNet.")
    _five_outputs(model)
    given = tuple(seeing.items(shape, 4, "A shape"))
    if given == (5,) or given == (1, 5):
        raise wrong("one-image", f"The shape is {given}; two images give two rows of scores.")
    if given == (2, 1000):
        raise wrong("old-scores", "(2, 1000) is what the old head gave. Run the network again.")
    if given != (2, 5):
        raise wrong("wrong-shape", f"The shape is {given}; five scores for each of two images?")
    return "Five scores an image, and the number of inputs was read off the old layer, not typed."


def _five_outputs(model: ResNet) -> None:
    """Raise unless the network gives five scores that are scores."""
    if "classifier" in model._modules:
        raise wrong(
            "other-name",
            "The new layer went to model.classifier, which ResNet never calls: forward() uses "
            "model.fc, and that is still the old head.",
        )
    weight = next((p for p in model.fc.parameters() if p.ndim == 2), None)
    if getattr(model.fc, "out_features", None) == 5 and weight is not None and len(weight) != 5:
        raise wrong(
            "only-the-number",
            f"fc.out_features says 5, but its weights still have {len(weight)} rows: that "
            "attribute is only a note. Make a new nn.Linear.",
        )
    trial = copy_of(model).eval()
    images = torch.zeros(2, 3, 64, 64, device=next(model.parameters()).device)
    try:
        with torch.no_grad():
            scores = trial(images)
    except RuntimeError as error:
        inputs = getattr(model.fc, "in_features", "?")
        raise wrong(
            "wrong-inputs",
            f"The network cannot run: {str(error).splitlines()[0]}. Its features have 512 numbers, "
            f"the new head expects {inputs}.",
        ) from error
    if scores.shape[1] == 1000:
        raise wrong("not-replaced", "The network still gives 1000 scores: its head is the old one.")
    if scores.shape[1] != 5:
        raise wrong("wrong-width", f"The network gives {scores.shape[1]} scores; wanted are 5.")
    if torch.allclose(scores.sum(1), torch.ones(2, device=scores.device)) and bool(
        (scores >= 0).all()
    ):
        raise wrong(
            "softmax-in-head",
            "The outputs sum to one: there is a softmax in the head. Cross-entropy takes raw "
            "scores and has its own.",
        )


@exercise(
    "3.3",
    wanted="a size in pixels, or a list of all sizes that fit",
    hints=(
        "How often does MobileNetV2 halve height and width? The table of lesson 3 shows it.",
        "Five times: a map of 7 x 7 comes from an image 2 * 2 * 2 * 2 * 2 times as large.",
        "7 * 32 = 224. Halving rounds up, so some smaller sizes end at 7 too: which is the least?",
    ),
)
def seven_by_seven(size: Any) -> str:
    """Input size whose last map is 7 x 7."""
    many = isinstance(size, list | tuple | set | range)
    sizes = [
        seeing.a_number(s, "A size") for s in (seeing.items(size, 999, "It") if many else [size])
    ]
    for value in sizes:
        _one_size(value)
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
        raise wrong("no-size", f"{value:g} is no number of pixels.")
    found = _last_map(int(value))
    if found == 7:
        return
    seen = f"At {value:.0f} pixels the last map is {found} x {found}."
    if value == 7:
        raise wrong("the-map-itself", f"{seen} 7 is the size of the map; wanted is the image.")
    for halvings in (1, 2, 3, 4, 6):
        if value == 7 * 2**halvings:
            raise wrong(
                "halvings", f"{seen} You counted {halvings} halvings; there are {HALVINGS}."
            )
    if found < 7:
        raise wrong("too-small", f"{seen} The image must be larger.")
    raise wrong("too-large", f"{seen} The image must be smaller.")


@exercise(
    "3.4",
    wanted="the smallest loss, a number, and a function of head, x and y that gives the right loss",
    hints=(
        "cross_entropy takes raw scores and applies a softmax itself. What does it get here?",
        "The best that can come in is probability 1 for the right class and 0 for nine others; "
        "cross_entropy makes another softmax of these ten numbers.",
        "The smallest loss is -log(e / (e + 9)); mended, the line is F.cross_entropy(head(x), y).",
    ),
)
def softmax_twice(smallest: Any, loss: Any) -> str:
    """The floor under a loss with two softmaxes, and the loss without it."""
    _floor(seeing.a_number(smallest, "The smallest loss"))
    function = seeing.a_function(loss, "mended_loss")
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 8, generator=generator), torch.arange(16) % 10
    head = nn.Linear(8, 10)
    with torch.no_grad():
        head.weight.copy_(torch.randn(10, 8, generator=generator) * 3)
    given = function(head, x, y)
    if not isinstance(given, Tensor) or given.numel() != 1:
        raise wrong(
            "no-loss", f"The function gave {describe(given)}; wanted is one number to train on."
        )
    _right_loss(given.item(), head(x), y)
    if not given.requires_grad:
        raise wrong(
            "no-gradient",
            "The value is right, but no gradient leads back to the head: it was computed under "
            "no_grad(), or through item() or detach().",
        )
    return (
        f"With a second softmax the loss can never fall below {CERTAIN:.2f}, and its gradient is "
        "weak where the head is most wrong. No error tells you."
    )


def _floor(value: float) -> None:
    """Raise unless this is the smallest loss behind two softmaxes."""
    if abs(value - CERTAIN) < 0.006:
        return
    if abs(value) < 1e-6:
        raise wrong(
            "zero",
            "Zero would be right with one softmax. Here the best that goes in is 1 and nine "
            "zeros, and a softmax of these is not yet certain.",
        )
    if abs(value - math.log(10)) < 0.006:
        raise wrong("guessing", f"{value:.2f} is log 10: the loss of a head that only guesses.")
    if abs(value - math.exp(-CERTAIN)) < 0.003:
        raise wrong(
            "a-probability",
            f"{value:.3f} is the probability after the second softmax. The loss is minus its "
            "logarithm.",
        )
    if abs(value + CERTAIN) < 0.006:
        raise wrong("sign", f"{value:.2f} has the wrong sign: the loss is minus the logarithm.")
    raise wrong(
        "another-floor",
        f"{value:.3f} is not it. Put the ten numbers 1, 0, 0, ... into F.cross_entropy.",
    )


def _right_loss(value: float, scores: Tensor, y: Tensor) -> None:
    """Raise unless a loss is the cross-entropy of these scores."""
    right = F.cross_entropy(scores, y).item()
    if math.isclose(value, right, rel_tol=1e-4):
        return
    probabilities = scores.softmax(1)
    if math.isclose(value, F.cross_entropy(probabilities, y).item(), rel_tol=1e-4):
        raise wrong("still-softmax", "The loss still gets probabilities: two softmaxes in a row.")
    if math.isclose(value, F.nll_loss(probabilities, y).item(), rel_tol=1e-4):
        raise wrong(
            "nll-of-probabilities",
            "nll_loss wants logarithms of probabilities and got the probabilities themselves.",
        )
    if math.isclose(value, right * len(y), rel_tol=1e-4):
        raise wrong("summed", "This is the sum over the batch: it grows with the batch size.")
    raise wrong(
        "another-loss", f"For one batch it gives {value:.3f}; cross-entropy is {right:.3f}."
    )
