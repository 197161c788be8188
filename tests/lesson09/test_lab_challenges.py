"""The script behind the targets of the lab's challenges, at a tiny size."""

import json
from pathlib import Path

from course_utils.experiments import read_record
from course_utils.lesson09 import challenges
from tests.scripts import run

import pytest


@pytest.mark.slow
def test_every_strategy_is_tried_on_every_seed(tmp_path: Path) -> None:
    small = ["--seeds", "0", "--share", "0.01", "--train", "32", "--processes", "1"]
    run("lesson09.lab_challenges", *small, "--out", str(tmp_path), cwd=tmp_path)
    record = json.loads((tmp_path / "lab_challenges.json").read_text())
    rows = {(row["challenge"], row["strategy"]): row for row in record["rows"]}
    assert {challenge for challenge, _ in rows} == {c.name for c in challenges.CHALLENGES}
    assert len(rows) == len(record["rows"]) == 16
    few, many = rows["fewest parameters", "features.3"], rows["fewest parameters", "all"]
    assert rows["rescue", "head only"]["trained"] < few["trained"] < many["trained"]
    assert all(0 <= row["accuracy"] <= 1 and row["steps"] >= 1 for row in record["rows"])


def test_no_target_is_a_gift_and_none_is_luck() -> None:
    """What the stored record says about the targets."""
    record = read_record("lab_challenges")
    best: dict[tuple[str, str], list[float]] = {}
    for row in record["rows"]:
        best.setdefault((row["challenge"], row["strategy"]), []).append(row["accuracy"])
    target = challenges.fewest_parameters.target
    assert max(best["fewest parameters", "head only"]) < target
    assert min(best["fewest parameters", "features.3 to 5"]) >= target
    assert max(best["rescue", "head only"] + best["rescue", "all"]) < challenges.rescue.target
    assert min(best["rescue", "the damaged block at 1e-2"]) >= challenges.rescue.target
    margin = challenges.beat_the_default.margin
    for default, better in zip(
        best["beat the default", "default"], best["beat the default", "last five"], strict=True
    ):
        assert better >= default + margin
