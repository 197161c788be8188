"""A reader's runs are judged as the records of the same claim are."""

from course_utils.lesson11 import own_runs, report, rules
from course_utils.lesson11.findings import Verdict

import pytest


@pytest.mark.parametrize("number", own_runs.TESTS)
def test_the_rule_is_that_of_the_claim(number: int) -> None:
    [(_, finding)] = report.findings([number])
    if finding.verdict == Verdict.NOT_MEASURED:
        pytest.skip("this claim has no record yet")
    effect, before, _ = own_runs.judge(number, [0.04, 0.05, 0.06], "this run", "a setting")
    assert (effect.unit, effect.null) in {(e.unit, e.null) for e in finding.solid}
    assert effect.outcome == "yes"
    assert before == finding.verdict


def test_one_setting_more_can_turn_a_verdict_around() -> None:
    for differences in ([-0.1, -0.11, -0.12], [0.1, 0.11, 0.12]):
        [(_, finding)] = report.findings([6])
        effect, before, after = own_runs.judge(6, differences, "this run", "a setting")
        assert before == rules.combine(finding.solid)
        assert after == rules.combine([*finding.solid, effect])
        assert effect.runs == 3


def test_too_few_runs_are_unclear() -> None:
    effect, *_ = own_runs.judge(1, [0.3, -0.1], "this run", "a setting")
    assert effect.outcome == "unclear"


def test_the_table_names_each_claim_once() -> None:
    table = own_runs.table()
    assert table["no."].tolist() == list(own_runs.TESTS)
    assert table.notna().all(axis=None)


def test_a_claim_about_time_is_refused() -> None:
    with pytest.raises(KeyError):
        own_runs.judge(12, [0.1, 0.2, 0.3], "this run", "a setting")
