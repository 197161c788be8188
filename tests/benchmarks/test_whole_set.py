"""The whole set at a tiny size: the clock holds everything, and the floor lies below it."""

import json
from pathlib import Path

from tests.scripts import run


def test_a_row_for_each_seed_with_all_its_seconds(tmp_path: Path) -> None:
    tiny = ["--train", "70", "--test", "20", "--sizes", "32", "48", "--seeds", "0"]
    run("races.whole_set", *tiny, "--shift", "2", "--out", str(tmp_path), cwd=tmp_path)
    record = json.loads((tmp_path / "whole_set.json").read_text())
    (row,) = record["rows"]
    assert row["seconds"] > row["seconds_before_training"] > 0.5, "importing torch takes longer"
    assert 0 < row["floor_seconds"] < row["seconds"]
    assert len(row["losses"]) == 2
    assert 0 <= row["accuracy"] <= 1
    assert record["command"].endswith("whole_set " + " ".join([*tiny, "--shift", "2"]))
