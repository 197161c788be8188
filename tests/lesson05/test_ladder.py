"""The ladder of lesson 05: one change a step, and each change does what its name says."""

import json
from itertools import pairwise
from pathlib import Path

from benchmarks.lesson05 import ladder
from course_utils.experiments import read_record
from tests.scripts import run

import pandas as pd
import pytest


@pytest.mark.parametrize(
    ("before", "after"), list(pairwise(ladder.ARMS)), ids=lambda name: name.removeprefix("+ ")
)
def test_neighbouring_arms_differ_in_one_setting(before: str, after: str) -> None:
    changed = ladder.difference(ladder.ARMS[before], ladder.ARMS[after])
    assert len(changed) == 1, changed


def test_the_record_has_every_arm_and_five_seeds() -> None:
    rows = read_record("fine_tuning_ladder")["rows"]
    assert list(dict.fromkeys(row["arm"] for row in rows)) == list(ladder.ARMS)
    assert {row["seed"] for row in rows} == {0, 1, 2, 3, 4}


def test_the_record_says_what_the_lesson_says() -> None:
    table = pd.DataFrame(read_record("fine_tuning_ladder")["rows"])
    gains = 100 * table.pivot(index="seed", columns="arm", values="accuracy")[list(ladder.ARMS)]
    gains = gains.diff(axis=1).iloc[:, 1:]
    large = ["+ head's rate 3e-3 throughout", "+ backbone's rate 1e-3"]
    assert (gains[large] > 0).all(axis=None), "both help on every seed"
    assert gains[large].mean().min() > 2 * gains.drop(columns=large).mean().max()
    assert gains["+ batch norm still while frozen"].max() < 0, "it costs on every seed"
    assert gains["+ mirrored images"].mean() < 0


@pytest.mark.slow
def test_every_arm_trains(tmp_path: Path) -> None:
    run("lesson05.ladder", "--seeds", "0", "--train", "32", "--out", str(tmp_path), cwd=tmp_path)
    rows = json.loads((tmp_path / "fine_tuning_ladder.json").read_text())["rows"]
    assert [row["arm"] for row in rows] == list(ladder.ARMS)
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
