"""The records that the verdicts rest on are there, and hold what the judges read."""

from course_utils import experiments
from course_utils.lesson11.claims import CLAIMS
from course_utils.lesson11.comparisons import SUFFIXES
from course_utils.lesson11.findings import Verdict

import pytest

MUST_EXIST = (
    "cached_features",
    "checkpoint_parts",
    "classic_recipe",
    "data_and_similarity",
    "fair_comparison",
    "fine_tuning_depth",
    "first_k_blocks",
    "freezing_costs",
    "gradients",
    "gradients_frozen",
    "model_sizes",
    "normalisation",
    "partial_loading",
    "probes_by_depth",
    "rates_by_start",
    "residual_twins",
    "source_tasks",
    "thaw_control",
    "thirty_images",
    "two_starts",
)


def stored(name: str) -> list[dict]:
    there = {path.stem for path in experiments.RECORDS.rglob("*.json")}
    names = [f"{name}{suffix}" for suffix in SUFFIXES]
    return [experiments.read_record(name) for name in names if name in there]


def test_every_record_of_a_claim_is_in_the_list() -> None:
    assert {name for claim in CLAIMS for name in claim.records} == set(MUST_EXIST)


@pytest.mark.parametrize("name", MUST_EXIST)
def test_the_record_is_there_with_three_seeds(name: str) -> None:
    found = stored(name)
    assert found, f"no record {name}: the claims that rest on it are not measured"
    for record in found:
        assert len({row["seed"] for row in record["rows"]}) >= 3, record["command"]


@pytest.mark.parametrize("claim", [pytest.param(c, id=f"{c.number}") for c in CLAIMS])
def test_a_claim_with_a_record_has_a_verdict_with_numbers(claim) -> None:
    finding = claim.finding()
    if claim.records[0] in MUST_EXIST:  # the first is the experiment, others add to it
        assert finding.verdict != Verdict.NOT_MEASURED, finding.sentence
    assert (finding.verdict == Verdict.NOT_MEASURED) == (not finding.solid)
    assert all(effect.low <= effect.mean <= effect.high for effect in finding.solid)
