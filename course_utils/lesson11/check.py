"""Exercises of lesson 11, what we measured; 11.3 and 11.4 have files of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson11 import rules
from course_utils.lesson11.changed_rule import other_rule
from course_utils.lesson11.valid_runs import own_verdict

import numpy as np
import pandas as pd

__all__ = ["interval_of_five", "other_rule", "own_verdict", "paired_by_seed"]

FIVE = (2.1, -0.4, 1.6, 0.9, 3.0)
NORMAL = 1.96  # standard errors, if the spread were known and not estimated from a few runs
Interval = tuple[float, float, float]

SEEN = "You have {mean:.3g}, from {low:.3g} to {high:.3g}. "
INTERVALS = {
    "only-one": "This is one number, {value:g}. Wanted are three: the mean, the low end and the "
    "high end of its interval, as rules.interval gives them.",
    "not-three": "There are {count} numbers; wanted are (mean, low, high), which rules.interval "
    "makes of the differences.",
    "order": SEEN + "Wanted in this order: mean, low end, high end.",
    "median": SEEN + "The first number is the median of the differences; their mean is "
    "{right[0]:.3g}.",
    "another-mean": SEEN + "The mean of the differences is {right[0]:.3g}.",
    "smallest-and-largest": SEEN + "The ends are the smallest and the largest value. With more "
    "runs that range grows, and an interval for the mean must shrink.",
    "normal-interval": SEEN + "The ends are 1.96 standard errors from the mean. That is for very "
    "many runs; with {n} the spread itself is badly known, and it takes {t:.2f}.",
    "standard-error": SEEN + "The ends are one standard error from the mean; with {n} runs an "
    "interval of 95 % takes {t:.2f} of them.",
    "deviation-not-error": SEEN + "The ends are one standard deviation from the mean: that tells "
    "how single runs scatter. The mean of {n} is surer, and 95 % ask for more than one error.",
    "t-times-deviation": SEEN + "The standard deviation was not divided by the root of the number "
    "of runs: that would be an interval for the next single run.",
    "divided-by-n": SEEN + "The deviation was computed with {n} below the line, as np.std does. "
    "From {n} runs one divides by one less (ddof=1), or the spread comes out too small.",
    "freedom": SEEN + "You took t_quantile({n}). {n} runs have one degree of freedom less: one is "
    "spent on the mean.",
    "another-interval": SEEN + "The mean is right, the ends are not. Use rules.interval.",
}
"""What is said of three numbers that are not the interval of some differences."""


def _three(answer: Any) -> Interval:
    """The answer as mean, low and high."""
    try:
        value = recognise.number(answer, "The answer")
    except Mistake:
        found = [
            recognise.number(x, "Each end") for x in recognise.items(answer, 99, "An interval")
        ]
        if len(found) != 3:
            raise Mistake("not-three", count=len(found)) from None
        return found[0], found[1], found[2]
    raise Mistake("only-one", value=value)


def _near(found: Interval, wanted: Iterable[float], tolerance: float) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


def _right_interval(found: Interval, values: Sequence[float], tolerance: float) -> None:
    """Raise unless this is the interval of these values."""
    mean, low, high = found
    right, n = rules.interval(values), len(values)
    if _near(found, right, tolerance):
        return
    t, sd = rules.t_quantile(n - 1), float(np.std(values, ddof=1))
    error = sd / math.sqrt(n)
    ends = {"smallest-and-largest": (min(values), max(values))}
    for code, half in {
        "normal-interval": NORMAL * error,
        "standard-error": error,
        "deviation-not-error": sd,
        "t-times-deviation": t * sd,
        "divided-by-n": t * float(np.std(values)) / math.sqrt(n),
        "freedom": rules.t_quantile(n) * error,
    }.items():
        ends[code] = (mean - half, mean + half)
    if not low <= mean <= high:
        code = "order"
    elif abs(mean - right[0]) > tolerance:
        median = abs(mean - float(np.median(values))) <= tolerance
        code = "median" if median else "another-mean"
    else:
        close = (c for c, (a, b) in ends.items() if _near(found, (mean, a, b), tolerance))
        code = next(close, "another-interval")
    raise Mistake(code, mean=mean, low=low, high=high, right=right, n=n, t=t)


@exercise(
    "11.1",
    wanted="(mean, low, high) of the five differences, and True or False",
    hints=(
        "rules.interval does the work. What does it return, and in which order?",
        "An effect is larger than its spread if the interval does not hold zero.",
        "my_interval = rules.interval(five_differences), then compare its low end with 0.",
    ),
    mistakes=INTERVALS
    | {
        "no-truth": "The second answer is True or False; this is {seen}.",
        "zero-is-inside": "The interval goes from {low:.2f} to {high:.2f}, and zero lies in it: "
        "differences as small as none at all are compatible with these runs. Four of five runs are "
        "above zero, and that is not enough.",
    },
)
def interval_of_five(interval: Any, larger: Any) -> str:
    """The 95 % interval of five differences, and whether it excludes zero."""
    _right_interval(_three(interval), FIVE, 0.011)
    mean, low, high = rules.interval(FIVE)
    if not isinstance(larger, bool | np.bool_):
        raise Mistake("no-truth", seen=describe(larger))
    if larger:
        raise Mistake("zero-is-inside", low=low, high=high)
    return (
        f"{mean:.2f}, from {low:.2f} to {high:.2f}: unclear. With {NORMAL} standard errors in "
        f"place of {rules.t_quantile(4):.2f} it would have looked like a discovery."
    )


POINTS = "From {a:.1f} to {b:.1f} points. "


@exercise(
    "11.2",
    wanted="a function of a table of runs that gives (mean, low, high) of B minus A",
    hints=(
        "Print the table. In which order do the seeds of either recipe come?",
        "Which two runs have something in common that can be subtracted away? Not those in the "
        "same place, nor the best of each.",
        'rules.interval(rules.paired(rows, "accuracy", "recipe", "B", "A"))',
    ),
    mistakes=INTERVALS
    | {
        "sign": "That is A minus B. Asked was B minus A: is B ahead?",
        "in-points": "Right, but times 100: the accuracies in the table are shares, and so must be "
        "the interval, or the next function multiplies once more.",
        "by-position": POINTS + "This subtracts run from run as they stand in the table. The seeds "
        "of B come in another order, so hard images are subtracted from easy ones. The mean does "
        "not notice; the interval does.",
        "sorted-by-accuracy": POINTS + "Each recipe was sorted by accuracy: the best run of B "
        "meets the best of A, whichever seeds these were. That makes the spread of the differences "
        "small by force.",
        "unpaired": POINTS + "This takes the spread of A and that of B as independent. Most of it "
        "is the seed's doing and common to both: subtract within each seed first.",
        "one-recipe-alone": POINTS + "This is the interval of {name} alone. Two intervals that "
        "overlap do not tell whether the difference is zero.",
        "row-order": "Right for rows in which A comes before B. The same runs in another order of "
        "rows give another answer: what is subtracted from what must go by the names of the "
        "recipes and the numbers of the seeds, never by place.",
        "missing-run": "Right while every run is there. With one run of {lost} lost, {what}: leave "
        "that seed out of both.",
    },
)
def paired_by_seed(function: Any) -> str:
    """The interval of a difference between two recipes, paired by seed."""
    compare = recognise.function(function, "my_comparison")
    rows = _runs()
    found = _three(compare(rows.copy()))
    by_seed = rules.paired(rows, "accuracy", "recipe", "B", "A").tolist()
    a, b = (rows[rows["recipe"] == name]["accuracy"].to_numpy() for name in "AB")
    _not_paired(found, a, b, rules.interval(by_seed))
    _right_interval(found, by_seed, 1e-4)
    for places in ((9, 3, 0, 6, 4, 5, 8, 1, 7, 2), (5, 0, 6, 1, 7, 2, 8, 3, 9, 4)):
        mixed = rows.iloc[list(places)].reset_index(drop=True)
        if _differs(compare, mixed):
            raise Mistake("row-order")
    for lost in "BA":
        left = rows[(rows["seed"] != 2) | (rows["recipe"] != lost)].reset_index(drop=True)
        if what := _differs(compare, left):
            raise Mistake("missing-run", lost=lost, what=what)
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


def _not_paired(found: Interval, a: np.ndarray, b: np.ndarray, right: Interval) -> None:
    """Raise for the known ways to compare two recipes otherwise than seed by seed."""
    mean, low, high = found
    errors = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    halves = [NORMAL * errors] + [
        rules.t_quantile(n) * errors for n in range(len(a) - 1, 2 * len(a) - 1)
    ]
    known: list[tuple[str, Iterable[float]]] = [
        ("sign", (-right[0], -right[2], -right[1])),
        ("in-points", [100 * x for x in right]),
        ("by-position", rules.interval(b - a)),
        ("sorted-by-accuracy", rules.interval(np.sort(b) - np.sort(a))),
        *(("unpaired", (right[0], right[0] - half, right[0] + half)) for half in halves),
    ]
    for code, wanted in known:
        if _near(found, wanted, 1e-4):
            raise Mistake(code, a=100 * low, b=100 * high)
    for name, values in (("A", a), ("B", b)):
        if abs(mean - values.mean()) < 1e-4:
            raise Mistake("one-recipe-alone", a=100 * low, b=100 * high, name=name)


def _differs(compare: Callable[[pd.DataFrame], Any], rows: pd.DataFrame) -> str:
    """What a function does with other rows than it should, in words; "" if it is right."""
    try:
        found = compare(rows.copy())
    except (ValueError, KeyError, IndexError) as error:
        return f"it raises {type(error).__name__}"
    right = rules.interval(rules.paired(rows, "accuracy", "recipe", "B", "A"))
    try:
        same = _near(_three(found), right, 1e-4)
    except Mistake:
        same = False
    return "" if same else "it no longer pairs by seed, or gives NaN"
