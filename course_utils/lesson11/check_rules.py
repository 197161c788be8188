"""Exercise 11.3: what another rule would have said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.lesson11 import report, rules
from course_utils.lesson11.claims import CLAIMS

USUAL = rules.SAME  # as the course has it, whatever a lesson sets later
STRICT, LENIENT = 0.005, 0.05
View = tuple[dict[int, str], dict[int, tuple[str, ...]]]


@contextmanager
def _rule(same: float) -> Iterator[None]:
    """Another threshold for "no harm", put back afterwards."""
    before = rules.SAME
    rules.SAME = same
    try:
        yield
    finally:
        rules.SAME = before


@cache
def _view(same: float) -> View:
    """Verdicts by claim, and the outcome of each of its settings, under a threshold."""
    with _rule(same):
        pairs = report.findings()
    verdicts = {claim.number: str(finding.verdict) for claim, finding in pairs}
    return verdicts, {c.number: tuple(e.outcome for e in f.solid) for c, f in pairs}


def changed(same: float) -> tuple[set[int], set[int]]:
    """Claims whose verdict changes when `same` replaces the usual threshold; and those of which
    at least one setting does.
    """
    usual, other = _view(USUAL), _view(same)
    return (
        {n for n in usual[0] if usual[0][n] != other[0][n]},
        {n for n in usual[1] if usual[1][n] != other[1][n]},
    )


@exercise(
    "11.3",
    wanted="a guess, and two lists of claims' numbers: strict rule, lenient rule",
    guessed=True,
    hints=(
        "rules.SAME is read when a verdict is computed, so set it first and call report.findings() "
        "again after it.",
        "A table of all claims and verdicts under the usual rule, one under the other: in which "
        "rows do they differ?",
        "rules.SAME = 0.005; strict = report.table(report.findings()); rules.SAME = 0.02. Then "
        'strict["no."][strict["verdict"] != usual["verdict"]].',
    ),
)
def other_rule(guess: Any, when_strict: Any, when_lenient: Any) -> str:
    """Verdicts that change with half a point, and with five, in place of two."""
    foreseen = recognise.number(guess, "Your guess")
    strict = _numbers(when_strict, "The list for the strict rule")
    lenient = _numbers(when_lenient, "The list for the lenient rule")
    if rules.SAME != USUAL:
        raise wrong(
            "left-changed",
            f"rules.SAME is still {rules.SAME:g}: every verdict that you compute from now on would "
            f"follow that rule. Set it back to {USUAL:g}.",
        )
    right = changed(STRICT)[0], changed(LENIENT)[0]
    if (strict, lenient) != right:
        if (strict, lenient) == right[::-1]:
            raise wrong(
                "swapped",
                f"The two lists are exchanged. {STRICT:g} is strict: less counts as no harm.",
            )
        _one_list(strict, STRICT, "half a point")
        _one_list(lenient, LENIENT, "five points")
    moved = changed(STRICT)[1] | changed(LENIENT)[1]
    count = len(right[0] | right[1])
    surprise = "as you foresaw" if foreseen == count else f"you expected {foreseen:g}"
    return (
        f"Verdicts that lean on the number two: {count} of {len(CLAIMS)} ({surprise}), though in "
        f"{len(moved)} claims single settings changed sides. A verdict that another reasonable "
        "rule would turn around deserves a note beside it."
    )


def _numbers(answer: Any, what: str) -> set[int]:
    """The answer as a set of numbers of claims; it may be empty."""
    iterable = hasattr(answer, "__iter__") and not isinstance(answer, str | bytes | dict)
    listed = list(islice(answer, 99)) if iterable else [answer]
    if not iterable:
        raise wrong(
            "not-a-list",
            f"{what} is a list of numbers, such as [3, 7], or [] for none; this is "
            f"{describe(answer)}.",
        )
    found = set()
    for one in listed:
        number = recognise.number(one, f"{what}: each item")
        if number not in {claim.number for claim in CLAIMS}:
            raise wrong(
                "not-a-claim",
                f"{what} names {number:g}; claims are numbered 1 to {len(CLAIMS)}. (The index of a "
                "row begins at 0: take the column no.)",
            )
        found.add(int(number))
    return found


def _one_list(found: set[int], same: float, points: str) -> None:
    """Raise unless these are the claims whose verdicts change."""
    right, moved = changed(same)
    if found == right:
        return
    seen = f"With {points}: {_named(found)}."
    if found == moved:
        raise wrong(
            "settings-not-verdicts",
            f"{seen} In these, single settings change sides. Asked is where the verdict of the "
            "whole claim changes: yes everywhere, yes somewhere, or nowhere.",
        )
    if {n + 1 for n in found} == right:
        raise wrong("index-not-number", f"{seen} These are rows, counted from 0, not claims.")
    for wrong_scale in (100 * same, 10 * same):
        if found == changed(wrong_scale)[0]:
            raise wrong(
                "wrong-scale",
                f"{seen} That comes out with rules.SAME = {wrong_scale:g}, which is "
                f"{100 * wrong_scale:g} points. It is a share: {points} is {same:g}.",
            )
    if not found:
        raise wrong(
            "nothing-changed",
            f"{seen} At least one does. `everything` was computed under the usual rule and does "
            "not follow: call report.findings() again after setting rules.SAME.",
        )
    usual, other = _view(USUAL)[0], _view(same)[0]
    if extra := sorted(found - right):
        n = extra[0]
        raise wrong(
            "verdict-stays",
            f"{seen} Claim {n} has the verdict {usual[n]!r} under either rule.",
        )
    n = min(right - found)
    raise wrong(
        "one-left-out",
        f"{seen} {len(right - found)} missing. Compare the column verdict row by row; the two "
        f"rules differ for a claim that is {other[n]!r} under this one.",
    )


def _named(numbers: set[int]) -> str:
    if not numbers:
        return "no claim at all"
    return f"claim{'s' * (len(numbers) > 1)} {', '.join(map(str, sorted(numbers)))}"
