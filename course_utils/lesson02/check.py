"""Exercises of lesson 02, residual connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import Wrong, describe
from course_utils.lesson02.check_block import measured_block
from course_utils.lesson02.check_start import quiet_start

import pandas as pd
import torch
from torch import Tensor


@exercise(
    "2.1",
    wanted="a function of layers and x that does what forward() should do",
    hints=(
        "Which x does the last line add? Follow the name x from line to line.",
        "The first line gives the name x to the layers' output. The input has no name any more.",
        "Keep the input: y = layers(x), then torch.relu(y + x).",
    ),
)
def mended_forward(function: Any) -> str:
    """A forward pass that adds the input to what the layers make of it."""
    forward = recognise.function(function, "my_forward")
    calls = 0

    def layers(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return 0.5 * x.roll(1, dims=0) - 0.75

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 3, 3, generator=generator)
    given = x.clone()
    try:
        returned = forward(layers, given)
    except AttributeError as error:
        if "no attribute 'layers'" not in str(error):
            raise
        raise wrong(
            "with-self",
            "The function is no method: it is given the layers themselves, not a block that has "
            "them. Write layers(x) instead of self.layers(x).",
        ) from error
    if returned is None:
        raise wrong("returned-nothing", "The function returned None: is there a return in it?")
    if not isinstance(returned, Tensor):
        raise wrong("no-tensor", f"The function gave {describe(returned)}; wanted is a tensor.")
    if not torch.equal(given, x):
        raise wrong(
            "changed-its-input",
            "The sum was written into x itself (x += ... does that). Autograd keeps x to compute "
            "the gradient of the layers, and stops with an error once it has been overwritten. "
            "Make a new tensor: y + x.",
        )
    inside = 0.5 * x.roll(1, dims=0) - 0.75
    if not _same(returned, torch.relu(inside + x)):
        _another_sum(returned, x, inside, layers)
    if calls > 1:
        raise wrong(
            "layers-twice",
            f"The result is right, but layers was called {calls} times: that is {calls} times the "
            "work, and batch norm would count the batch more than once. Call it once and keep y.",
        )
    return (
        "The block computed relu(2 F(x)): a plain block, twice as loud. It trains, so nobody "
        "notices. One more thing about her layers: they end in a ReLU, so F(x) can only push "
        "numbers up. That is why our twins have none before the sum."
    )


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def _another_sum(y: Tensor, x: Tensor, inside: Tensor, layers: Callable[[Tensor], Tensor]) -> None:
    """Raise with what was computed instead of relu(F(x) + x)."""
    relu = torch.relu
    if y.shape != x.shape:
        raise wrong(
            "concatenated",
            f"{tuple(x.shape)} went in and {tuple(y.shape)} came out. A shortcut adds, number by "
            "number; side by side, F(x) and x have more channels than the next block takes.",
        )
    if _same(y, relu(2 * inside)) or _same(y, 2 * relu(inside)) or _same(y, 2 * inside):
        raise wrong(
            "still-doubled", "This is still 2 F(x): both terms of the sum come from the layers."
        )
    if _same(y, relu(inside)) or _same(y, inside):
        raise wrong("plain", "This is F(x) alone: a plain block. x itself is missing.")
    if _same(y, relu(x)) or _same(y, x):
        raise wrong("no-layers", "This is x alone. F(x) is missing, so nothing could be learned.")
    if _same(y, inside + x):
        raise wrong(
            "no-relu",
            f"F(x) + x is right; the ReLU behind the sum is missing, so the smallest output is "
            f"{y.min():.2f}. (MobileNetV2 does without it; this block is to have it.)",
        )
    if _same(y, relu(inside) + x) or _same(y, relu(inside) + relu(x)):
        raise wrong(
            "relu-too-early",
            "The ReLU was applied before the sum. Where F(x) is negative it should lower x; so it "
            "was cut off instead. First add, then the ReLU.",
        )
    if _same(y, relu(inside * x)) or _same(y, inside * x):
        raise wrong(
            "multiplied",
            "F(x) was multiplied with x. The gradient then passes through F(x) as a factor, and "
            "the way around the layers is gone: the shortcut is a sum.",
        )
    deeper = layers(inside)
    if any(_same(y, relu(deeper + rest)) for rest in (0 * x, x, inside)):
        raise wrong(
            "layers-of-layers",
            "The layers were applied to their own output: that is F(F(x)). Wanted is F(x), once.",
        )
    raise wrong(
        "another-function",
        f"For one number x = {x.flatten()[0]:.2f} with F(x) = {inside.flatten()[0]:.2f} it gives "
        f"{y.flatten()[0]:.2f}; relu(F(x) + x) is {relu(inside + x).flatten()[0]:.2f}.",
    )


DEPTH = 28  # layers of the plain twin that is to be helped
REMEDIES = ("rate 0.005", "rate 0.05", "equal steps", "shortcuts", "10 layers")


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
)
def which_remedy(best: Any, helping: Any) -> str:
    """Which change helps the plain twin with 28 layers within five passes, by the records."""
    runs = _remedies()
    nothing = runs.pop("nothing")
    means = {name: sum(values) / len(values) for name, values in runs.items()}
    first = max(means, key=lambda name: means[name])
    helps = {name for name in runs if min(runs[name]) > max(nothing)}
    chosen = recognise.choice(best, REMEDIES)
    named = {recognise.choice(item, REMEDIES) for item in recognise.items(helping, 5, "What helps")}
    for name in REMEDIES:
        if name in named and name not in helps:
            _no_help(name, runs[name], nothing)
        if name in helps and name not in named:
            raise wrong(
                "left-out",
                f"{name!r} is not in your list: {experiments.mean_and_std(runs[name])}, against "
                f"{experiments.mean_and_std(nothing)} without any change. Its worst seed beats the "
                "best of these.",
            )
    if chosen == first:
        rival = max((name for name in runs if name != first), key=lambda name: means[name])
        apart = min(runs[first]) > max(runs[rival])
        return (
            f"{first!r} ends at {experiments.mean_and_std(runs[first])}, {rival!r} at "
            f"{experiments.mean_and_std(runs[rival])}. "
            f"{'Apart' if apart else 'Their seeds overlap'}: so try what is simple first. "
            "Depth pays where there is more time: after 25 passes the deep residual twin fits "
            "nearly all images."
        )
    _another_first(chosen, runs, means, first)
    raise Wrong(
        "not-first", f"{chosen!r} ends at {experiments.mean_and_std(runs[chosen])}: not the best."
    )


def _remedies() -> dict[str, list[float]]:
    """Training accuracy of each seed after five passes, for each remedy and for "nothing"."""
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


def _no_help(name: str, values: list[float], nothing: list[float]) -> None:
    """Raise because a remedy is in the list that does not help."""
    before = experiments.mean_and_std(nothing)
    seen = f"{experiments.mean_and_std(values)}, against {before} without any change."
    if name == "rate 0.005":
        raise wrong(
            "slower-is-no-cure",
            f"A smaller rate: {seen} If long gradients were the whole trouble, smaller steps would "
            "cure it. They do not.",
        )
    if name == "rate 0.05":
        raise wrong("faster-is-no-cure", f"A larger rate: {seen} Its seeds lie no higher.")
    raise Wrong("no-help", f"{name}: {seen} Its worst seed does not beat the best of these.")


def _another_first(
    chosen: str, runs: dict[str, list[float]], means: dict[str, float], first: str
) -> None:
    """Raise with the reason why people take this one for the best."""
    seen = f"{chosen!r} ends at {experiments.mean_and_std(runs[chosen])}"
    if chosen == "shortcuts":
        raise wrong(
            "shortcuts-first",
            f"{seen}. That is the largest gain at 28 layers, but one remedy ends "
            f"{100 * (means[first] - means[chosen]):.0f} points higher on average and adds "
            "nothing at all. Look at the left end of the left panel in 2.2.",
        )
    if chosen == "equal steps":
        raise wrong(
            "equal-steps-first",
            f"{seen}. It treats the gradients' lengths, and the record shows that they are only a "
            "part of the trouble.",
        )
    if chosen.startswith("rate"):
        raise wrong(
            "a-rate-first",
            f"{seen}: about where the plain network is without it. No rate of the record rescues "
            "the deep plain network.",
        )


__all__ = ["measured_block", "mended_forward", "quiet_start", "which_remedy"]
