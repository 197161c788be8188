"""A reader's own runs, judged by the rules that judge the records.

Twelve of the claims say which of two ways gives the higher accuracy, so two arms over some seeds
are a test of them.  The others are about time, counts, or differences of differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.lesson11.findings import Effect, Verdict
from course_utils.lesson11.report import findings
from course_utils.lesson11.rules import Rule, combine, difference, good_choice, harmless

import pandas as pd


@dataclass(frozen=True)
class Test:
    """How two arms test a claim.

    Parameters
    ----------
    first : str
        The arm that the claim speaks for.
    second : str
        What it is compared with.
    rule : callable
        One of the rules; it gets the differences, first minus second, one a seed.
    """

    __test__ = False  # no test of pytest's

    first: str
    second: str
    rule: Rule


TESTS: dict[int, Test] = {
    1: Test("pretrained start", "random start", difference),
    2: Test("residual", "plain", difference),
    4: Test("thawed", "kept frozen", difference),
    5: Test("without buffers", "everything loaded", harmless),
    6: Test("pretrained start", "random start", difference),
    8: Test("trained anew", "old weights loaded", good_choice),
    9: Test("head only", "fine-tuned", difference),
    11: Test("similar source", "other source", difference),
    13: Test("frozen", "fine-tuned", difference),
    17: Test("prescribed way", "best other way", good_choice),
    19: Test("as much frozen as prescribed", "best other way", good_choice),
    20: Test("0.5 / 0.5", "own", harmless),
}
"""The claims that two arms can test, by number."""


def table() -> pd.DataFrame:
    """Return one row a claim that can be tested: number, claim, the first arm, the second."""
    rows = [
        {"no.": number, "claim": claim.short, "first arm": test.first, "second arm": test.second}
        for number, test in TESTS.items()
        for claim, _ in findings([number])
    ]
    return pd.DataFrame(rows)


def judge(
    number: int, differences: Sequence[float], world: str, setting: str
) -> tuple[Effect, Verdict, Verdict]:
    """Judge a reader's runs beside the records.

    Parameters
    ----------
    number : int
        Of a claim in `TESTS`; another raises KeyError.
    differences : sequence of float
        First arm minus second, one a seed, on the scale of 0 to 1.
    world, setting : str
        Names of the reader's setting.

    Returns
    -------
    tuple of (Effect, Verdict, Verdict)
        The effect in that setting, the records' verdict, and the verdict with both.
    """
    test = TESTS[number]
    effect = test.rule(differences, world, setting, f"{test.first} minus {test.second}")
    [(_, finding)] = findings([number])
    return effect, finding.verdict, combine([*finding.solid, effect])
