"""Exercises of lesson 11, what we measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import Wrong, describe
from course_utils.lesson11 import rules
from course_utils.lesson11.check_own_test import own_verdict
from course_utils.lesson11.check_rules import other_rule

import numpy as np
import pandas as pd

FIVE = (2.1, -0.4, 1.6, 0.9, 3.0)
NORMAL = 1.96  # standard errors, if the spread were known and not estimated from a few runs


def _three(answer: Any, example: str) -> tuple[float, float, float]:
    """The answer as mean, low and high."""
    if isinstance(answer, int | float):
        raise wrong(
            "only-one",
            f"This is one number, {answer:g}. Wanted are three: the mean, the low end and the high "
            f"end of its interval, such as {example}.",
        )
    found = [recognise.number(x, "Each end") for x in recognise.items(answer, 99, "An interval")]
    if len(found) != 3:
        raise wrong(
            "not-three",
            f"There are {len(found)} numbers; wanted are (mean, low, high), which rules.interval "
            "makes of the differences.",
        )
    return found[0], found[1], found[2]


def _widths(values: Sequence[float]) -> dict[str, float]:
    """Half widths that people take by mistake, by the code of the mistake."""
    n, sd = len(values), float(np.std(values, ddof=1))
    error = sd / math.sqrt(n)
    return {
        "normal-interval": NORMAL * error,
        "standard-error": error,
        "deviation-not-error": sd,
        "t-times-deviation": rules.t_quantile(n - 1) * sd,
        "divided-by-n": rules.t_quantile(n - 1) * float(np.std(values)) / math.sqrt(n),
        "freedom": rules.t_quantile(n) * error,
    }


def _why(code: str, n: int) -> str:
    """What is wrong with such a half width."""
    t = rules.t_quantile(n - 1)
    return {
        "normal-interval": f"The ends are {NORMAL} standard errors from the mean. That is for very "
        f"many runs; with {n} the spread itself is badly known, and it takes {t:.2f}.",
        "standard-error": f"The ends are one standard error from the mean; with {n} runs an "
        f"interval of 95 % takes {t:.2f} of them.",
        "deviation-not-error": "The ends are one standard deviation from the mean: that tells how "
        f"single runs scatter. The mean of {n} is surer, and 95 % ask for more than one error.",
        "t-times-deviation": "The standard deviation was not divided by the root of the number of "
        "runs: that would be an interval for the next single run.",
        "divided-by-n": f"The deviation was computed with {n} below the line, as np.std does. From "
        f"{n} runs one divides by {n - 1} (ddof=1), or the spread comes out too small.",
        "freedom": f"You took t_quantile({n}). {n} runs have {n - 1} degrees of freedom: one is "
        "spent on the mean.",
    }[code]


def _right_interval(found: tuple[float, float, float], values: Sequence[float], tol: float) -> None:
    """Raise unless this is the interval of these values."""
    mean, low, high = found
    right = rules.interval(values)
    if all(abs(a - b) <= tol for a, b in zip(found, right, strict=True)):
        return
    seen = f"You have {mean:.3g}, from {low:.3g} to {high:.3g}."
    if not low <= mean <= high:
        raise wrong("order", f"{seen} Wanted in this order: mean, low end, high end.")
    if abs(mean - right[0]) > tol:
        if abs(mean - float(np.median(values))) <= tol:
            raise wrong("median", f"{seen} That is the median; the interval is for the mean.")
        raise wrong("another-mean", f"{seen} The mean of the differences is {right[0]:.3g}.")
    if abs(low - min(values)) <= tol and abs(high - max(values)) <= tol:
        raise wrong(
            "smallest-and-largest",
            f"{seen} The ends are the smallest and the largest value. With more runs that range "
            "grows, and an interval for the mean must shrink.",
        )
    for code, half in _widths(values).items():
        if abs(high - mean - half) <= tol and abs(mean - low - half) <= tol:
            raise Wrong(code, f"{seen} {_why(code, len(values))}")
    raise wrong(
        "another-interval", f"{seen} The mean is right, the ends are not. Use rules.interval."
    )


@exercise(
    "11.1",
    wanted="(mean, low, high) of the five differences, and True or False",
    hints=(
        "rules.interval does the work. What does it return, and in which order?",
        "An effect is larger than its spread if the interval does not hold zero.",
        "my_interval = rules.interval(five_differences), then compare its low end with 0.",
    ),
)
def interval_of_five(interval: Any, larger: Any) -> str:
    """The 95 % interval of five differences, and whether it excludes zero."""
    _right_interval(_three(interval, "rules.interval(five_differences)"), FIVE, 0.011)
    mean, low, high = rules.interval(FIVE)
    if not isinstance(larger, bool | np.bool_):
        raise wrong("no-truth", f"The second answer is True or False; this is {describe(larger)}.")
    if larger:
        raise wrong(
            "zero-is-inside",
            f"The interval goes from {low:.2f} to {high:.2f}, and zero lies in it: differences as "
            "small as none at all are compatible with these runs. Four of five runs are above "
            "zero, and that is not enough.",
        )
    return (
        f"{mean:.2f}, from {low:.2f} to {high:.2f}: unclear. With {NORMAL} standard errors in "
        f"place of {rules.t_quantile(4):.2f} it would have looked like a discovery."
    )


@exercise(
    "11.2",
    wanted="a function of a table of runs that gives (mean, low, high) of B minus A",
    hints=(
        "Print the table. In which order do the seeds of either recipe come?",
        "Which two runs have something in common that can be subtracted away? Not those in the "
        "same place, nor the best of each.",
        'rules.interval(rules.paired(rows, "accuracy", "recipe", "B", "A"))',
    ),
)
def paired_by_seed(function: Any) -> str:
    """The interval of a difference between two recipes, paired by seed."""
    compare = recognise.function(function, "my_comparison")
    rows = _runs()
    found = _three(compare(rows.copy()), "rules.interval(...)")
    by_seed = rules.paired(rows, "accuracy", "recipe", "B", "A").tolist()
    a, b = (rows[rows["recipe"] == name]["accuracy"].to_numpy() for name in "AB")
    _not_paired(found, a, b, by_seed)
    _right_interval(found, by_seed, 1e-4)
    _one_run_is_missing(compare)
    mean, low, high = (100 * x for x in rules.interval(by_seed))
    return (
        f"Paired, B is ahead by {mean:.1f} points, from {low:.1f} to {high:.1f}, in runs whose "
        "accuracies overlap widely. What the seed does to both recipes has been subtracted."
    )


def _runs() -> pd.DataFrame:
    """Runs of two recipes, in the order in which they ended; the seeds differ in how hard they are.

    The harder seeds gain more, so sorting by accuracy does not pair by seed.
    """
    luck = {0: 0.71, 1: 0.80, 2: 0.74, 3: 0.79, 4: 0.73}
    gain = {0: 0.060, 1: 0.021, 2: 0.048, 3: 0.035, 4: 0.024}
    a = [{"seed": s, "recipe": "A", "accuracy": luck[s]} for s in (0, 1, 2, 3, 4)]
    b = [{"seed": s, "recipe": "B", "accuracy": luck[s] + gain[s]} for s in (3, 0, 4, 2, 1)]
    return pd.DataFrame([*a, *b])


def _not_paired(
    found: tuple[float, float, float], a: np.ndarray, b: np.ndarray, by_seed: list[float]
) -> None:
    """Raise for the known ways to compare two recipes otherwise than seed by seed."""
    mean, low, high = found
    right = rules.interval(by_seed)
    seen = f"From {100 * low:.1f} to {100 * high:.1f} points."

    def close(values: tuple[float, float, float]) -> bool:
        return all(abs(x - y) < 1e-4 for x, y in zip(found, values, strict=True))

    if close((-right[0], -right[2], -right[1])):
        raise wrong("sign", "That is A minus B. Asked was B minus A: is B ahead?")
    if close((100 * right[0], 100 * right[1], 100 * right[2])):
        raise wrong(
            "in-points",
            "Right, but times 100: the accuracies in the table are shares, and so must be the "
            "interval, or the next function multiplies once more.",
        )
    if close(rules.interval(b - a)):
        raise wrong(
            "by-position",
            f"{seen} This subtracts run from run as they stand in the table. The seeds of B come "
            "in another order, so hard images are subtracted from easy ones. The mean does not "
            "notice; the interval does.",
        )
    if close(rules.interval(np.sort(b) - np.sort(a))):
        raise wrong(
            "sorted-by-accuracy",
            f"{seen} Each recipe was sorted by accuracy: the best run of B meets the best of A, "
            "whichever seeds these were. That makes the spread of the differences small by force.",
        )
    errors = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    for t in (NORMAL, *(rules.t_quantile(n) for n in range(len(a) - 1, 2 * len(a) - 1))):
        if close((right[0], right[0] - t * errors, right[0] + t * errors)):
            raise wrong(
                "unpaired",
                f"{seen} This takes the spread of A and that of B as independent. Most of it is "
                "the seed's doing and common to both: subtract within each seed first.",
            )
    for name, values in (("A", a), ("B", b)):
        if abs(mean - values.mean()) < 1e-4:
            raise wrong(
                "one-recipe-alone",
                f"{seen} This is the interval of {name} alone. Two intervals that overlap do not "
                "tell whether the difference is zero.",
            )


def _one_run_is_missing(compare: Any) -> None:
    """Raise unless the function leaves out a seed that one recipe lacks."""
    rows = _runs()
    rows = rows[(rows["seed"] != 2) | (rows["recipe"] != "B")].reset_index(drop=True)
    hint = "Right while every run is there. With one run of B lost"
    try:
        found = compare(rows.copy())
    except (ValueError, KeyError, IndexError) as error:
        raise wrong(
            "missing-run", f"{hint}, it raises {type(error).__name__}: leave that seed out."
        ) from error
    right = rules.interval(rules.paired(rows, "accuracy", "recipe", "B", "A"))
    try:
        same = all(abs(float(x) - y) < 1e-4 for x, y in zip(found, right, strict=True))
    except (TypeError, ValueError):
        same = False
    if not same:
        raise wrong(
            "missing-run",
            f"{hint}, it no longer pairs by seed, or gives NaN: leave that seed out of both.",
        )


__all__ = ["interval_of_five", "other_rule", "own_verdict", "paired_by_seed"]
