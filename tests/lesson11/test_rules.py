"""The statistics behind the verdicts, against numbers that are known from elsewhere."""

import math

from course_utils.lesson11 import rules
from course_utils.lesson11.findings import EXACT, PHOTOS, SHAPES, Effect, Verdict

import numpy as np
import pandas as pd
import pytest

RUNS = pd.DataFrame(
    [
        {"seed": seed, "arm": arm, "accuracy": base + gain + wobble}
        for seed, base in ((0, 0.2), (1, 0.5), (2, 0.8))
        for arm, gain, wobble in (("a", 0.1, 0.01 * seed), ("b", 0.0, 0.0))
    ]
)


@pytest.mark.parametrize(("freedom", "table"), [(1, 12.706), (2, 4.303), (10, 2.228)])
def test_quantiles_of_few_runs_are_those_of_the_table(freedom: int, table: float) -> None:
    assert rules.t_quantile(freedom) == table


@pytest.mark.parametrize(("freedom", "table"), [(11, 2.201), (20, 2.086), (60, 2.000)])
def test_quantiles_of_more_runs_are_close_to_the_table(freedom: int, table: float) -> None:
    assert rules.t_quantile(freedom) == pytest.approx(table, abs=0.003)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    dice = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        _, low, high = rules.interval(dice.normal(1.0, 3.0, 3))
        hits += low <= 1.0 <= high
    assert hits / 2000 == pytest.approx(rules.LEVEL, abs=0.015)


def test_one_run_tells_nothing_about_spread() -> None:
    assert rules.interval([0.7]) == (0.7, -math.inf, math.inf)
    assert not rules.difference([0.7], SHAPES, "s", "w").solid
    assert not rules.difference([0.7, 0.7], SHAPES, "s", "w").solid
    assert rules.counted([3.0], SHAPES, "s", "w").solid


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf]])
def test_an_interval_of_nothing_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        rules.interval(values)


def test_pairing_removes_what_the_seed_does_to_both() -> None:
    differences = rules.paired(RUNS, "accuracy", "arm", "a", "b")
    assert differences.tolist() == pytest.approx([0.10, 0.11, 0.12])
    paired = rules.difference(differences, SHAPES, "s", "w")
    assert paired.outcome == "yes", "the seeds differ by 60 points, the arms by 10 in each"
    assert paired.mean == pytest.approx(11)


def test_a_seed_that_lacks_an_arm_is_left_out() -> None:
    differences = rules.paired(RUNS.iloc[1:], "accuracy", "arm", "a", "b")
    assert differences.index.tolist() == [1, 2]


def test_an_unknown_arm_is_named() -> None:
    with pytest.raises(KeyError, match=r"no 'c'.*'a', 'b'"):
        rules.paired(RUNS, "accuracy", "arm", "a", "c")


CLEAR, NOISY = [0.05, 0.06, 0.07], [0.00, 0.06, 0.12]


@pytest.mark.parametrize(
    ("rule", "values", "outcome"),
    [
        (rules.difference, CLEAR, "yes"),
        (rules.difference, NOISY, "unclear"),
        (rules.difference, [-x for x in CLEAR], "no"),
        (rules.harmless, CLEAR, "yes"),
        (rules.harmless, [-0.01, -0.011, -0.009], "yes"),
        (rules.harmless, [-x for x in CLEAR], "no"),
        (rules.harmless, [0.0, -0.06, 0.06], "unclear"),
        (rules.good_choice, NOISY, "yes"),
        (rules.good_choice, [-0.01, -0.011, -0.009], "yes"),
        (rules.good_choice, [-x for x in CLEAR], "no"),
        (rules.good_choice, [-x for x in NOISY], "unclear"),
        (rules.agreement, [-0.10, 0.0, 0.11], "yes"),
        (rules.agreement, CLEAR, "no"),
        (rules.agreement, NOISY, "unclear"),
        (rules.factor, [2.0, 2.1, 1.9], "yes"),
        (rules.factor, [0.5, 0.51, 0.49], "no"),
        (rules.factor, [0.5, 1.0, 2.0], "unclear"),
        (rules.tenfold, [10, 3, 30], "yes"),
        (rules.tenfold, [3, 3, 3], "no"),
        (rules.tenfold, [30, 30, 10], "no"),
    ],
)
def test_each_rule_gives_its_three_answers(rule, values: list[float], outcome: str) -> None:
    assert rule(values, SHAPES, "s", "w").outcome == outcome


def test_ratios_are_averaged_as_logarithms() -> None:
    effect = rules.factor([0.5, 1.0, 2.0], SHAPES, "s", "w")
    assert effect.mean == pytest.approx(1.0)
    assert effect.low * effect.high == pytest.approx(1.0)
    with pytest.raises(ValueError, match="must be positive"):
        rules.factor([1.0, 0.0], SHAPES, "s", "w")


def effect(outcome: str, world: str = SHAPES, runs: int = 3) -> Effect:
    return Effect(world, f"case {outcome}", "w", 1.0, 0.5, 1.5, runs, "points", 0.0, outcome)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["yes", "yes"], Verdict.HOLDS),
        (["yes", "unclear"], Verdict.HOLDS_IF),
        (["yes", "no"], Verdict.HOLDS_IF),
        (["unclear", "no"], Verdict.DOES_NOT_HOLD),
        (["unclear"], Verdict.DOES_NOT_HOLD),
        ([], Verdict.NOT_MEASURED),
    ],
)
def test_settings_combine_to_a_verdict(outcomes: list[str], verdict: Verdict) -> None:
    assert rules.combine([effect(o) for o in outcomes]) == verdict


def test_effects_of_too_few_runs_have_no_say() -> None:
    finding = rules.conclude([effect("yes"), effect("no", runs=2)])
    assert finding.verdict == Verdict.HOLDS
    assert len(finding.effects) == 2
    assert "case no" not in finding.sentence
    assert rules.conclude([effect("yes", runs=1)]).verdict == Verdict.NOT_MEASURED
    assert rules.conclude([effect("yes", runs=EXACT)]).verdict == Verdict.HOLDS


def test_worlds_that_disagree_are_told() -> None:
    finding = rules.conclude([effect("yes"), effect("no", PHOTOS)])
    assert finding.verdict == Verdict.HOLDS_IF
    assert "The worlds disagree: in Shapes it holds, in photographs it does not hold." in (
        finding.sentence
    )
    assert "disagree" not in rules.conclude([effect("yes"), effect("yes", PHOTOS)]).sentence


def test_the_sentence_names_where_it_holds_and_where_not() -> None:
    finding = rules.conclude([effect("yes"), effect("unclear"), effect("no")], lambda: "A remark.")
    assert finding.sentence.index("Shown if: Shapes, case yes: +1.0 [+0.5, +1.5] points") < (
        finding.sentence.index("Not shown if: Shapes, case unclear")
    )
    assert "The contrary is so if: Shapes, case no" in finding.sentence
    assert finding.sentence.endswith("A remark.")


def test_the_best_arm_is_the_one_with_the_highest_mean() -> None:
    assert rules.best(RUNS, "accuracy", "arm") == "a"
    assert rules.best(RUNS, "accuracy", "arm", ["b"]) == "b"
    with pytest.raises(ValueError, match="none of"):
        rules.best(RUNS, "accuracy", "arm", ["c"])


@pytest.mark.parametrize(
    ("unit", "values", "text"),
    [
        ("points", (1.0, -0.25, 2.5), "+1.0 [-0.2, +2.5] points"),
        ("times", (5.13, 0.0361, 6851.2), "5.1 [0.036, 6,851] times"),
        ("times", (3.25, 3.25, 3.25), "3.2 times"),
        ("", (7.0, 6.0, 8.0), "7 [6, 8]"),
    ],
)
def test_effects_read_well(unit: str, values: tuple, text: str) -> None:
    assert str(Effect(SHAPES, "s", "w", *values, 3, unit, 0.0, "yes")) == text
