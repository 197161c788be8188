"""Exercise 11.3 with verdicts made up: what it says must not hang on today's records."""

from course_utils.lesson11 import changed_rule, rules
from course_utils.lesson11.changed_rule import LENIENT, STRICT, USUAL, other_rule

import pytest

VERDICTS = {
    USUAL: {1: "holds", 2: "holds if", 3: "does not hold", 4: "holds"},
    STRICT: {1: "holds if", 2: "holds if", 3: "does not hold", 4: "holds"},
    LENIENT: {1: "holds", 2: "holds", 3: "holds if", 4: "holds"},
    10 * LENIENT: {1: "holds", 2: "holds", 3: "holds", 4: "holds if"},
}
MOVED = {STRICT: {1, 2}, LENIENT: {2, 3, 4}}


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(same: float) -> changed_rule.View:
        outcomes: dict[int, tuple[str, ...]] = {
            n: ("no" if n in MOVED.get(same, ()) else "yes",) for n in (1, 2, 3, 4)
        }
        return VERDICTS.get(same, VERDICTS[USUAL]), outcomes

    monkeypatch.setattr(changed_rule, "view", view)
    monkeypatch.setattr(rules, "SAME", rules.SAME)  # put back after each test


def test_the_right_lists() -> None:
    verdict = other_rule.judge(3, [1], [3, 2])
    assert verdict.kind == "right"
    assert "lean on the number two: 3 of 20 (as you foresaw)" in verdict.message
    assert "in 4 claims single settings" in verdict.message


@pytest.mark.parametrize(
    ("code", "strict", "lenient", "said"),
    [
        ("one-left-out", [1], [2], "1 missing"),
        ("verdict-stays", [1, 4], [2, 3], "Claim 4 has the verdict 'holds' under either rule"),
        ("swapped", [2, 3], [1], "exchanged"),
        ("settings-not-verdicts", [1, 2], [2, 3], "single settings"),
        ("settings-not-verdicts", [1], [2, 3, 4], "single settings"),
        ("nothing-changed", [], [2, 3], "does not follow"),
        ("index-not-number", [1], [1, 2], "counted from 0"),
        ("wrong-scale", [1], [2, 3, 4, 5], "50 points"),
    ],
)
def test_what_is_wrong_is_told(
    code: str, strict: list[int], lenient: list[int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code == "wrong-scale":
        monkeypatch.setitem(VERDICTS, 10 * LENIENT, {1: "holds", 2: "x", 3: "x", 4: "x", 5: "x"})
        for known in (USUAL, STRICT, LENIENT):
            monkeypatch.setitem(VERDICTS, known, {**VERDICTS[known], 5: "holds"})
    verdict = other_rule.judge(0, strict, lenient)
    assert (verdict.kind, verdict.code) == ("wrong", code)
    assert said in verdict.message


def test_a_rule_left_changed_is_noticed() -> None:
    rules.SAME = STRICT
    verdict = other_rule.judge(0, [1], [2, 3])
    assert verdict.code == "left-changed"
    assert rules.SAME == STRICT  # the check leaves the reader's setting as it is
