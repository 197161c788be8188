"""The small statistics behind the verdicts: an effect, its spread over seeds, and what that shows.

All thresholds stand here, with their reasons, so that a reader who would choose others can change
them and run the lesson again.

A rule makes an `Effect` of numbers, one a seed: differences between two accuracies on the scale of
0 to 1, which become points, or ratios. They are called as `rule(values, world, setting, what)`;
`core=True` marks what a cheap re-run must reproduce.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from course_utils.lesson11.findings import (
    EXACT,
    PHOTOS,
    SEEDS,
    SHAPES,
    Effect,
    Finding,
    Outcome,
    Verdict,
)

import numpy as np
import pandas as pd

LEVEL = 0.95
"""Of intervals made like ours, this share holds the true value, if seeds scatter normally."""

SAME = 0.02
"""Accuracies that differ by less than two points count as "no harm": few would act on less."""

ENOUGH = 0.8
"""With three classes, four right answers in five: what one may call a classifier that works."""

TENFOLD = (10 / math.sqrt(10**0.5), 10 * math.sqrt(10**0.5))
"""What passes for "ten times": 5.6 to 18, half a step either way on a grid in steps of three."""

Rule = Callable[..., Effect]


def t_quantile(freedom: int) -> float:
    """Return the half width of a 95 % interval in standard errors, for so many runs less one.

    Few seeds make wide intervals: 4.3 standard errors for 3 runs, against 2.0 for very many.
    The first values are those of any table of Student's distribution; the others are the first
    terms of Cornish and Fisher's expansion, right to two digits.
    """
    if freedom < 1:
        return math.inf
    table = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
    if freedom <= len(table):
        return table[freedom - 1]
    return 1.960 + 2.372 / freedom + 2.823 / freedom**2


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of some runs and the ends of its 95 % interval; infinite for a single run.

    Raises
    ------
    ValueError
        If there is no value, or one that is not a finite number.
    """
    numbers = np.asarray(list(values), dtype=float)
    if numbers.size == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"an interval needs finite numbers, at least one, not {numbers.tolist()}")
    mean = float(numbers.mean())
    if numbers.size == 1:
        return mean, -math.inf, math.inf
    half = t_quantile(numbers.size - 1) * float(numbers.std(ddof=1)) / math.sqrt(numbers.size)
    return mean, mean - half, mean + half


def by_seed(
    table: pd.DataFrame, value: str, arm: str, first: object, second: object
) -> tuple[pd.Series, pd.Series]:
    """Return the values of two arms, each indexed by the seeds that have both.

    Several rows of one seed and arm are averaged.

    Raises
    ------
    KeyError
        If an arm does not occur at all; the message lists those there are.
    """
    known = list(table[arm].unique())
    for wanted in (first, second):
        if wanted not in known:
            raise KeyError(f"column {arm!r} has no {wanted!r}; it has {known}")
    wide = table.pivot_table(index="seed", columns=arm, values=value, aggfunc="mean")
    both = wide[[first, second]].dropna()
    return both[first], both[second]


def paired(table: pd.DataFrame, value: str, arm: str, first: object, second: object) -> pd.Series:
    """Subtract `second` from `first`, seed by seed: what the seed does to both cancels out.

    Several rows of one seed and arm are averaged. A seed that lacks one of the two is left out.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run, with a column `seed`.
    value : str
        The column to subtract, such as "accuracy".
    arm : str
        The column that tells the two apart.
    first, second : object
        Its two values; a KeyError lists those there are if one does not occur.
    """
    one, other = by_seed(table, value, arm, first, second)
    return one - other


def greater(low: float, high: float, null: float = 0.0) -> Outcome:
    """Return yes if the whole interval lies above `null`, no if below, unclear if it holds it."""
    return "yes" if low > null else "no" if high < null else "unclear"


def _points(
    values: Sequence[float], world: str, setting: str, what: str, null: float, core: bool
) -> Effect:
    """Make an effect in points of differences; its outcome is what `greater` says of zero."""
    mean, low, high = (100 * number for number in interval(values))
    outcome = greater(low, high)
    return Effect(world, setting, what, mean, low, high, len(values), "points", null, outcome, core)


def difference(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge differences that the claim says are above zero."""
    return _points(values, world, setting, what, 0.0, core)


def harmless(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge differences that the claim says are zero: no harm done.

    Yes only if the whole interval lies above minus `SAME`: too few runs prove no harmlessness.
    No if it lies wholly below zero.
    """
    effect = _points(values, world, setting, what, -100 * SAME, core)
    no_harm = effect.low > effect.null
    return effect.judged("yes" if no_harm else "no" if effect.high < 0 else "unclear")


def agreement(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge differences between two answers that the claim says are the same.

    Yes if they differ by no more than `SAME` on the average, no if the interval excludes zero.
    """
    effect = _points(values, world, setting, what, 0.0, core)
    close = abs(effect.mean) <= 100 * SAME
    return effect.judged("yes" if close else "unclear" if effect.outcome == "unclear" else "no")


def good_choice(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge differences between what is prescribed and the best of the alternatives.

    Yes if the prescription is at most `SAME` behind on the average: it need not win, only not cost.
    No if it is further behind, and the whole interval lies below zero; else unclear.
    """
    effect = _points(values, world, setting, what, -100 * SAME, core)
    close = effect.mean > effect.null
    return effect.judged("yes" if close else "no" if effect.high < 0 else "unclear")


def factor(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge ratios that the claim says are above one (means of logarithms).

    Ratios of exactly one in every run say no: nothing has changed at all.

    Raises
    ------
    ValueError
        If a ratio is not positive.
    """
    if any(value <= 0 for value in values):
        raise ValueError(f"{what}: ratios must be positive, not {list(values)}")
    mean, low, high = (_exp(x) for x in interval([math.log(value) for value in values]))
    untouched = len(values) > 1 and all(value == 1 for value in values)
    outcome: Outcome = "no" if untouched else greater(low, high, 1.0)
    return Effect(world, setting, what, mean, low, high, len(values), "times", 1.0, outcome, core)


def tenfold(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge ratios that the claim says are about ten: yes if their mean lies in `TENFOLD`."""
    effect = factor(values, world, setting, what, core=core)
    return effect.judged("yes" if TENFOLD[0] <= effect.mean <= TENFOLD[1] else "no")


def counted(
    values: Sequence[float], world: str, setting: str, what: str, *, core: bool = False
) -> Effect:
    """Judge ratios that are counted, and so are the same for every seed: yes if above one."""
    ratio = float(np.mean(values))
    outcome: Outcome = "yes" if ratio > 1 else "no"
    return Effect(world, setting, what, ratio, ratio, ratio, EXACT, "times", 1.0, outcome, core)


RATIOS: tuple[Rule, ...] = (factor, tenfold, counted)
"""The rules that want ratios; the others want differences."""


def best(table: pd.DataFrame, value: str, arm: str, among: Sequence[object] | None = None) -> Any:
    """Return the arm with the highest mean, of some or of all.

    Raises
    ------
    ValueError
        If none of them occurs.
    """
    some = table if among is None else table[table[arm].isin(list(among))]
    if some.empty:
        raise ValueError(f"none of {among} occurs in column {arm!r}")
    return some.groupby(arm)[value].mean().idxmax()


def combine(effects: Sequence[Effect]) -> Verdict:
    """Make one verdict of all settings: yes everywhere, somewhere, or nowhere.

    An unclear effect counts as "not shown". So a claim holds only where the data say so, and an
    experiment that is too small cannot make a claim true.
    """
    if not effects:
        return Verdict.NOT_MEASURED
    yes = sum(effect.outcome == "yes" for effect in effects)
    if yes == len(effects):
        return Verdict.HOLDS
    return Verdict.HOLDS_IF if yes else Verdict.DOES_NOT_HOLD


_IN_PART = {
    Verdict.HOLDS: "holds",
    Verdict.HOLDS_IF: "holds in part",
    Verdict.DOES_NOT_HOLD: "does not hold",
}


def conclude(effects: Sequence[Effect], remark: Callable[[], str] = str) -> Finding:
    """Make verdict and sentence of all effects of a claim; the worlds apart where they disagree.

    Effects of fewer than `SEEDS` runs are kept, and have no say. `remark` gives a sentence
    with more numbers, put at the end; it is asked only if something was measured.
    """
    solid = [effect for effect in effects if effect.solid]
    verdict = combine(solid)
    if verdict == Verdict.NOT_MEASURED:
        text = f"There is no record of this experiment with {SEEDS} seeds yet."
        return Finding(verdict, text, tuple(effects))
    parts = [_describe(solid)]
    by_world = {w: combine([e for e in solid if e.world == w]) for w in (SHAPES, PHOTOS)}
    measured = {w: v for w, v in by_world.items() if v != Verdict.NOT_MEASURED}
    if len(set(measured.values())) > 1:
        said = ", ".join(f"in {world} it {_IN_PART[v]}" for world, v in measured.items())
        parts.append(f"The worlds disagree: {said}.")
    return Finding(verdict, " ".join([*parts, remark()]).strip(), tuple(effects))


def _describe(effects: Sequence[Effect]) -> str:
    words = {"yes": "Shown if", "unclear": "Not shown if", "no": "The contrary is so if"}
    if combine(effects) == Verdict.HOLDS:
        words["yes"] = "Shown everywhere"
    parts = []
    for outcome, word in words.items():
        some = [e for e in effects if e.outcome == outcome]
        if some:
            parts.append(f"{word}: " + "; ".join(f"{e.label}: {e}" for e in some) + ".")
    return " ".join(parts)


def _exp(x: float) -> float:
    return math.inf if x > 700 else math.exp(x)
