"""The classic recipe with and without its thaw, at a tiny size."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_both_arms_are_one_until_the_thaw(tmp_path: Path) -> None:
    small = ["--train", "40", "--held-out", "20", "--size", "32", "--seeds", "3"]
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "claims_thaw.py"), *small, "--out", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "COURSE_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert result.returncode == 0, result.stderr
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
