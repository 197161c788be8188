"""Exercises of lesson 02; 2.2 is in identity_start.py, and 2.4 in own_block.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson02.identity_start import quiet_start
from course_utils.lesson02.own_block import measured_block

import pandas as pd
import torch
from torch import Tensor

__all__ = ["measured_block", "mended_forward", "quiet_start", "which_remedy"]


@exercise(
    "2.1",
    wanted="a function of layers and x that does what forward() should do",
    hints=(
        "Which x does the last line add? Follow the name x from line to line.",
        "The first line gives the name x to the layers' output. The input has no name any more.",
        "Keep the input: y = layers(x), then torch.relu(y + x).",
    ),
    mistakes={
        "with-self": "The function is no method: it is given the layers themselves, not a block "
        "that has them. Write layers(x) instead of self.layers(x).",
        "returned-nothing": "The function returned None: is there a return in it?",
        "no-tensor": "The function gave {seen}; wanted is a tensor.",
        "changed-its-input": "The sum was written into x itself (x += ... does that). Autograd "
        "keeps x to compute the gradient of the layers, and stops with an error once it has been "
        "overwritten. Make a new tensor: y + x.",
        "concatenated": "{before} went in and {after} came out. A shortcut adds, number by number; "
        "side by side, F(x) and x have more channels than the next block takes.",
        "still-doubled": "This is still 2 F(x): both terms of the sum come from the layers.",
        "plain": "This is F(x) alone: a plain block. x itself is missing.",
        "no-layers": "This is x alone. F(x) is missing, so nothing could be learned.",
        "no-relu": "F(x) + x is right; the ReLU behind the sum is missing, so the smallest output "
        "is {least:.2f}. (MobileNetV2 does without it; this block is to have it.)",
        "relu-too-early": "The ReLU was applied before the sum. Where F(x) is negative it should "
        "lower x; so it was cut off instead. First add, then the ReLU.",
        "multiplied": "F(x) was multiplied with x. The gradient then passes through F(x) as a "
        "factor, and the way around the layers is gone: the shortcut is a sum.",
        "layers-of-layers": "The layers were applied to their own output: that is F(F(x)). Wanted "
        "is F(x), once.",
        "another-function": "For one number x = {x:.2f} with F(x) = {inside:.2f} it gives "
        "{found:.2f}; relu(F(x) + x) is {right:.2f}.",
        "layers-twice": "The result is right, but layers was called {calls} times: that is {calls} "
        "times the work, and batch norm would count the batch more than once. Call it once and "
        "keep y.",
        "no-gradient": "The result is right, but no gradient leads back from it: it was computed "
        "under no_grad(), or detached.",
        "sum-in-place": "The result is right, but backward() fails: the sum was written into the "
        "layers' output (y += x does that). Her layers end in a ReLU, which needs its output for "
        "the gradient. Make a new tensor: y + x.",
        "gradient-cut": "The result is right, but its gradient does not come back {way}: was that "
        "term detached?",
    },
)
def mended_forward(function: Any) -> str:
    """A forward pass that adds the input to what the layers make of it."""
    forward = recognise.function(function, "my_forward")
    calls = 0

    def layers(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return 0.5 * x.roll(1, dims=0) - 0.75

    x = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    given = x.clone()
    try:
        returned = forward(layers, given)
    except AttributeError as error:
        if "no attribute 'layers'" not in str(error):
            raise
        raise Mistake("with-self") from error
    if returned is None:
        raise Mistake("returned-nothing")
    if not isinstance(returned, Tensor):
        raise Mistake("no-tensor", seen=describe(returned))
    if not torch.equal(given, x):
        raise Mistake("changed-its-input")
    inside = 0.5 * x.roll(1, dims=0) - 0.75
    if not _same(returned, torch.relu(inside + x)):
        _another_sum(returned, x, inside, layers)
    if calls > 1:
        raise Mistake("layers-twice", calls=calls)
    _gradient_comes_back(forward, x)
    return (
        "The block computed relu(2 F(x)): a plain block, twice as loud. It trains, so nobody "
        "notices. One more thing about her layers: they end in a ReLU, so F(x) can only push "
        "numbers up. That is why our twins have none before the sum."
    )


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def _another_sum(y: Tensor, x: Tensor, inside: Tensor, layers: Callable[[Tensor], Tensor]) -> None:
    """Raise with what was computed instead of relu(F(x) + x)."""
    relu, deeper = torch.relu, layers(inside)
    if y.shape != x.shape:
        raise Mistake("concatenated", before=tuple(x.shape), after=tuple(y.shape))
    known = {
        "still-doubled": (relu(2 * inside), 2 * relu(inside), 2 * inside),
        "plain": (relu(inside), inside),
        "no-layers": (relu(x), x),
        "no-relu": (inside + x,),
        "relu-too-early": (relu(inside) + x, relu(inside) + relu(x)),
        "multiplied": (relu(inside * x), inside * x),
        "layers-of-layers": (relu(deeper), relu(deeper + x), relu(deeper + inside)),
    }
    for code, results in known.items():
        if any(_same(y, result) for result in results):
            raise Mistake(code, least=y.min().item())
    right = relu(inside + x)
    place = (y - right).abs().argmax()  # where it shows best
    shown = {"x": x, "inside": inside, "found": y, "right": right}
    values = {name: tensor.flatten()[place].item() for name, tensor in shown.items()}
    raise Mistake("another-function", **values)


def _gradient_comes_back(forward: Callable[..., Any], x: Tensor) -> None:
    """Raise unless gradients of the sum arrive through the layers, and around them."""
    around, weight = x.clone().requires_grad_(), torch.tensor(0.5, requires_grad=True)
    y = forward(lambda inner: torch.relu(weight * inner), around * 1)
    if not y.requires_grad:
        raise Mistake("no-gradient")
    try:
        y.sum().backward()
    except RuntimeError as error:
        if "inplace" not in str(error):
            raise
        raise Mistake("sum-in-place") from error
    positive = (x > 0).float()  # elsewhere both ReLUs are at zero
    if weight.grad is None or not torch.isclose(weight.grad, (x * positive).sum(), rtol=1e-3):
        raise Mistake("gradient-cut", way="through the layers")
    if around.grad is None or not _same(around.grad, 1.5 * positive):
        raise Mistake("gradient-cut", way="around the layers")


DEPTH = 28  # layers of the plain twin that is to be helped
REMEDIES = ("rate 0.005", "rate 0.05", "equal steps", "shortcuts", "10 layers")
NO_HELP = {"rate 0.005": "slower-is-no-cure", "rate 0.05": "faster-is-no-cure"}
NOT_FIRST = {
    "shortcuts": "shortcuts-first",
    "equal steps": "equal-steps-first",
    "rate 0.005": "a-rate-first",
    "rate 0.05": "a-rate-first",
}


@exercise(
    "2.3",
    wanted="one of the five remedies, and a list of those that help",
    hints=(
        "Both records count passes, layers and training accuracy alike, so that their numbers can "
        "be set side by side: `last` is the one of 2.2, `rates` the one of 2.4.",
        "Look up the plain network with 28 layers at the usual rate 0.02: that is what every "
        "remedy must beat. A remedy helps if its worst seed is above the best seed of that.",
        'last.query("batch_norm").groupby(["kind", "depth"])["train_accuracy"].agg(["mean", "min", '
        '"max"]), and the same for rates.groupby("run").',
    ),
    mistakes={
        "slower-is-no-cure": "A smaller rate: {found}, against {nothing} without any change. If "
        "long gradients were the whole trouble, smaller steps would cure it. They do not.",
        "faster-is-no-cure": "A larger rate: {found}, against {nothing} without any change. Its "
        "seeds lie no higher.",
        "left-out": "{name!r} is not in your list: {found}, against {nothing} without any change. "
        "Its worst seed beats the best of these.",
        "shortcuts-first": "{name!r} ends at {found}. That is the largest gain at 28 layers, but "
        "one remedy ends {points:.0f} points higher on average and adds nothing at all. Look at "
        "the left end of the left panel in 2.2.",
        "equal-steps-first": "{name!r} ends at {found}. It treats the gradients' lengths, and the "
        "record shows that they are only a part of the trouble.",
        "a-rate-first": "{name!r} ends at {found}: about where the plain network is without it. No "
        "rate of the record rescues the deep plain network.",
    },
)
def which_remedy(best: Any, helping: Any) -> str:
    """Which change helps the plain twin with 28 layers within five passes, by the records."""
    runs = _remedies()
    nothing = runs.pop("nothing")
    said = {name: experiments.mean_and_std(values) for name, values in runs.items()}
    usual = experiments.mean_and_std(nothing)
    means = {name: sum(values) / len(values) for name, values in runs.items()}
    first, second = sorted(means, key=lambda name: -means[name])[:2]
    helps = {name for name in runs if min(runs[name]) > max(nothing)}
    chosen = recognise.choice(best, REMEDIES)
    named = {recognise.choice(item, REMEDIES) for item in recognise.items(helping, 5, "What helps")}
    for name in REMEDIES:
        if (name in named) != (name in helps):
            code = NO_HELP[name] if name in named else "left-out"
            raise Mistake(code, name=name, found=said[name], nothing=usual)
    if chosen != first:
        points = 100 * (means[first] - means[chosen])
        raise Mistake(NOT_FIRST[chosen], name=chosen, found=said[chosen], points=points)
    apart = "Apart" if min(runs[first]) > max(runs[second]) else "Their seeds overlap"
    return (
        f"{first!r} ends at {said[first]}, {second!r} at {said[second]}. {apart}: so try what is "
        "simple first. Depth pays where there is more time: after 25 passes the deep residual twin "
        "fits nearly all images."
    )


def _remedies() -> dict[str, list[float]]:
    """Return the training accuracy of each seed after five passes, by remedy and for "nothing"."""
    depths = pd.DataFrame(experiments.read_record("residual_twins")["rows"])
    rates = pd.DataFrame(experiments.read_record("residual_twins_rates")["rows"])
    depths = depths.query("batch_norm and epoch == epoch.max()")
    rates = rates.query("batch_norm and epoch == epoch.max() and kind == 'plain'")
    found = {
        "nothing": depths.query("kind == 'plain' and depth == @DEPTH"),
        "rate 0.005": rates.query("steps == 'one rate' and rate == 0.005"),
        "rate 0.05": rates.query("steps == 'one rate' and rate == 0.05"),
        "equal steps": rates.query("steps == 'equal steps'"),
        "shortcuts": depths.query("kind == 'residual' and depth == @DEPTH"),
        "10 layers": depths.query("kind == 'plain' and depth == 10"),
    }
    return {name: rows["train_accuracy"].tolist() for name, rows in found.items()}
