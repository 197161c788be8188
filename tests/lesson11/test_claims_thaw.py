"""The classic recipe with and without its thaw, at a tiny size."""

import json
from pathlib import Path

from tests.scripts import run


def test_both_arms_are_one_until_the_thaw(tmp_path: Path) -> None:
    small = ["--train", "40", "--held-out", "20", "--size", "32", "--seeds", "3"]
    run("lesson11.claims_thaw", *small, "--out", str(tmp_path), cwd=tmp_path)
    record = json.loads((tmp_path / "thaw_control.json").read_text())
    arms = {
        arm: [row for row in record["rows"] if row["arm"] == arm]
        for arm in ("thawed", "kept frozen")
    }
    assert [row["epoch"] for row in arms["thawed"]] == [1, 2, 3, 4, 5]
    for first, second in zip(arms["thawed"][:2], arms["kept frozen"][:2], strict=True):
        assert first["accuracy"] == second["accuracy"]
        assert first["train_accuracy"] == second["train_accuracy"]
    assert "Shapes (target): 40 training and 20 held-out images at 32 px" in record["data"]
