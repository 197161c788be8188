"""A cheap version of each experiment, judged as the record is: does the direction still hold?

A verdict itself needs more runs than a test has time for.  So each claim names its core effects,
and a cheap run must give them the direction that the record gives.
"""

from dataclasses import replace

from course_utils.lesson11.claims import CLAIMS
from course_utils.lesson11.findings import PHOTOS, Effect, Finding
from tests.lesson11.cheap import CHEAP

import pytest

SEEDS = (0,)
pytestmark = pytest.mark.slow


def is_clear(effect: Effect) -> bool:
    """Whether the whole interval lies on one side, or is a single number."""
    return effect.low == effect.high or effect.low > effect.null or effect.high < effect.null


def opponents(effect: Effect, stored: Finding) -> list[Effect]:
    """What a cheap effect is compared with: the same setting, or else all of the claim's core."""
    core = [e for e in stored.core if e.solid and e.world != PHOTOS and is_clear(e)]
    return [e for e in core if e.setting == effect.setting] or core


def flips(stored: Finding, cheap: Finding) -> list[str]:
    """Cheap core effects whose direction no record shows, in words."""
    return [
        f"{effect.label}: {effect}, but the record has {', '.join(map(str, known))}"
        for effect in cheap.core
        if (known := opponents(effect, stored))
        and effect.direction not in {e.direction for e in known}
    ]


@pytest.mark.parametrize("claim", [pytest.param(c, id=f"{c.number}") for c in CLAIMS])
def test_a_cheap_run_goes_the_way_of_the_record(claim) -> None:
    stored = claim.finding()
    if not any(e.solid and e.world != PHOTOS for e in stored.core):
        pytest.skip("not measured yet")
    if not any(opponents(effect, stored) for effect in stored.core):
        pytest.skip("the record itself shows no clear direction")
    cheap = claim.judge(CHEAP[claim.number](SEEDS))
    assert cheap.core, "the cheap run must measure the claim's core effect"
    assert any(opponents(effect, stored) for effect in cheap.core), "nothing was compared"
    assert flips(stored, cheap) == []


def made(mean: float, half: float, setting: str = "here") -> Finding:
    effect = Effect("Shapes", setting, "w", mean, mean - half, mean + half, 3, "points", 0.0,
                    "yes", core=True)  # fmt: skip
    return Finding("holds", "", (effect,))


def test_a_flip_is_noticed() -> None:
    assert flips(made(5, 1), made(3, 9)) == []
    [said] = flips(made(5, 1), made(-3, 9))
    assert said.startswith("Shapes, here: -3.0")
    assert flips(made(5, 1, "elsewhere"), made(-3, 9)), "another setting is better than none"
    assert flips(made(5, 9), made(-3, 9)) == [], "a record without direction cannot flip"
    assert flips(made(0, 0), made(1, 0)), "what was exactly equal is not any more"
    few = replace(made(5, 1).effects[0], runs=2)
    assert flips(Finding("holds", "", (few,)), made(-3, 9)) == []
