"""Every claim's judge, on tables in which the claim is plainly true and plainly false."""

from pathlib import Path

from course_utils import environment
from course_utils.lesson11.claims import CLAIMS
from course_utils.lesson11.comparisons import Tables
from course_utils.lesson11.findings import Verdict
from tests.lesson11.made_up import tables

import pytest

CASES = [pytest.param(claim, id=f"{claim.number}") for claim in CLAIMS]


def test_there_are_twenty_claims_in_order_each_of_a_lesson() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 21))
    assert all(claim.lesson[:2].isdigit() and claim.records for claim in CLAIMS)
    assert (
        len({claim.short for claim in CLAIMS}) == len({claim.statement for claim in CLAIMS}) == 20
    )


@pytest.mark.parametrize("claim", CASES)
def test_a_true_claim_holds(claim) -> None:
    finding = claim.judge(tables(claim.number, true=True))
    assert finding.verdict == Verdict.HOLDS, finding.sentence
    assert finding.core, "a cheap re-run needs an effect to compare"
    assert {effect.direction for effect in finding.core} == {1}


@pytest.mark.parametrize("claim", CASES)
def test_a_false_claim_does_not_hold(claim) -> None:
    finding = claim.judge(tables(claim.number, true=False))
    assert finding.verdict == Verdict.DOES_NOT_HOLD, finding.sentence
    assert all(effect.outcome != "yes" for effect in finding.solid)


@pytest.mark.parametrize("claim", CASES)
def test_without_a_record_it_says_so(claim, tmp_path: Path) -> None:
    for finding in (claim.judge(Tables({})), claim.finding(tmp_path)):
        assert finding.verdict == Verdict.NOT_MEASURED
        assert "no record" in finding.sentence


@pytest.mark.parametrize("claim", CASES)
def test_two_seeds_are_too_few(claim) -> None:
    few = {name: table[table["seed"] < 2] for name, table in tables(claim.number, True).items()}
    finding = claim.judge(Tables(few))
    assert all(effect.runs == 0 for effect in finding.solid), "only what was counted counts"


@pytest.mark.parametrize("claim", CASES)
def test_the_sentence_holds_the_numbers(claim) -> None:
    finding = claim.judge(tables(claim.number, true=True))
    for effect in finding.solid:
        assert f"{effect.label}: {effect}" in finding.sentence


def test_the_published_figures_are_quoted_as_published() -> None:
    claim = CLAIMS[3]
    text = claim.judge(tables(4, true=True)).sentence
    assert "Published for all of CIFAR-10 at 224 px: 76.52% after epoch 1, 94.31% after" in text
    assert "not repeated here" in text


def test_every_lesson_that_a_claim_names_will_be_there() -> None:
    there = {path.stem for path in (environment.PROJECT / "lessons" / "source").glob("*.py")}
    known = {claim.lesson for claim in CLAIMS}
    assert {name[:2] for name in known} <= {f"{n:02}" for n in range(11)}
    assert known & there, "some of the lessons exist"
