"""Exercise 11.3: what another rule would have said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson11 import rules
from course_utils.lesson11.claims import CLAIMS
from course_utils.lesson11.comparisons import Tables

USUAL = rules.SAME  # as the course has it, whatever a lesson sets later
STRICT, LENIENT = 0.005, 0.05
LEANING = (rules.harmless, rules.agreement, rules.good_choice)  # the rules that read SAME
View = tuple[dict[int, str], dict[int, tuple[str, ...]]]


@contextmanager
def _rule(same: float) -> Iterator[None]:
    """Set another threshold for "no harm", and put the old one back afterwards."""
    before = rules.SAME
    rules.SAME = same
    try:
        yield
    finally:
        rules.SAME = before


@cache
def _records(names: tuple[str, ...]) -> Tables:
    return Tables.stored(names)


@cache
def view(same: float) -> View:
    """Return the verdict of each claim that may lean on a threshold, and its settings' outcomes."""
    leaning = [c for c in CLAIMS if any(part.rule in LEANING for part in c.comparisons)]
    with _rule(same):
        found = {claim.number: claim.judge(_records(claim.records)) for claim in leaning}
    return (
        {number: str(finding.verdict) for number, finding in found.items()},
        {number: tuple(e.outcome for e in finding.solid) for number, finding in found.items()},
    )


def changed(same: float) -> tuple[set[int], set[int]]:
    """Return the claims whose verdict another threshold changes, and those with such a setting."""
    usual, other = view(USUAL), view(same)
    return (
        {n for n in usual[0] if usual[0][n] != other[0][n]},
        {n for n in usual[1] if usual[1][n] != other[1][n]},
    )


@exercise(
    "11.3",
    wanted="a guess, and two lists of claims' numbers: strict rule, lenient rule",
    guessed=True,
    seconds=600,  # nothing of the reader's runs here, and a busy machine may be slow
    hints=(
        "rules.SAME is read when a verdict is computed, so set it first and call report.findings() "
        "again after it.",
        "A table of all claims and verdicts under the usual rule, one under the other: in which "
        "rows do they differ?",
        "rules.SAME = 0.005; strict = report.table(report.findings()); rules.SAME = 0.02. Then "
        'strict["no."][strict["verdict"] != usual["verdict"]].',
    ),
    mistakes={
        "not-a-list": "{what} is a list of numbers, such as [3, 7], or [] for none; this is "
        "{seen}.",
        "not-a-claim": "{what} names {value:g}; claims are numbered 1 to {last}. (The index of a "
        "row begins at 0: take the column no.)",
        "left-changed": "rules.SAME is still {same:g}: every verdict that you compute from now on "
        "would follow that rule. Set it back to {usual:g}.",
        "swapped": "The two lists are exchanged. {strict:g} is strict: less counts as no harm.",
        "settings-not-verdicts": "With {points}: {found}. In these, single settings change sides. "
        "Asked is where the verdict of the whole claim changes: yes everywhere, yes somewhere, or "
        "nowhere.",
        "index-not-number": "With {points}: {found}. These are rows, counted from 0, not claims.",
        "wrong-scale": "With {points}: {found}. That comes out with rules.SAME = {scale:g}, which "
        "is {percent:g} points. It is a share: {points} is {same:g}.",
        "nothing-changed": "With {points}: {found}. At least one does. `everything` was computed "
        "under the usual rule and does not follow: call report.findings() again after setting "
        "rules.SAME.",
        "verdict-stays": "With {points}: {found}. Claim {claim} has the {verdict} under either "
        "rule.",
        "one-left-out": "With {points}: {found}. {count} missing. Compare the column verdict row "
        "by row; the two rules differ for a claim that is {verdict!r} under this one.",
    },
)
def other_rule(guess: Any, when_strict: Any, when_lenient: Any) -> str:
    """Verdicts that change with half a point, and with five, in place of two."""
    foreseen = recognise.number(guess, "Your guess")
    strict = _numbers(when_strict, "The list for the strict rule")
    lenient = _numbers(when_lenient, "The list for the lenient rule")
    if rules.SAME != USUAL:
        raise Mistake("left-changed", same=rules.SAME, usual=USUAL)
    right = changed(STRICT)[0], changed(LENIENT)[0]
    if (strict, lenient) == right[::-1] != right:
        raise Mistake("swapped", strict=STRICT)
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
    if not hasattr(answer, "__iter__") or isinstance(answer, str | bytes | dict):
        raise Mistake("not-a-list", what=what, seen=describe(answer))
    found = set()
    for one in islice(answer, 99):
        number = recognise.number(one, f"{what}: each item")
        if number not in {claim.number for claim in CLAIMS}:
            raise Mistake("not-a-claim", what=what, value=number, last=len(CLAIMS))
        found.add(int(number))
    return found


def _one_list(found: set[int], same: float, points: str) -> None:
    """Raise unless these are the claims whose verdicts change."""
    right, moved = changed(same)
    if found == right:
        return
    said: dict[str, Any] = {
        "points": points,
        "found": recognise.listed(found, "claim", "claims").replace("no claim", "no claim at all"),
        "same": same,
    }
    if found == moved:
        raise Mistake("settings-not-verdicts", **said)
    if {n + 1 for n in found} == right:
        raise Mistake("index-not-number", **said)
    for scale in (100 * same, 10 * same):
        if found == changed(scale)[0]:
            raise Mistake("wrong-scale", scale=scale, percent=100 * scale, **said)
    if not found:
        raise Mistake("nothing-changed", **said)
    usual, other = view(USUAL)[0], view(same)[0]
    if extra := sorted(found - right):
        verdict = f"verdict {usual[extra[0]]!r}" if extra[0] in usual else "same verdict"
        raise Mistake("verdict-stays", claim=extra[0], verdict=verdict, **said)
    missing = right - found
    raise Mistake("one-left-out", count=len(missing), verdict=other[min(missing)], **said)
