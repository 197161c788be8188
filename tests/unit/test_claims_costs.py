"""What steps cost with frozen blocks, at a tiny size."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_frozen_blocks_keep_less_for_the_way_back(tmp_path: Path) -> None:
    small = ["--train", "96", "--size", "32", "--seeds", "0"]
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "claims_costs.py"), *small, "--out", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "COURSE_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "freezing_costs.json").read_text())["rows"]
    assert [row["frozen_blocks"] for row in rows] == [0, 7, 14, 19]
    for column in ("kept_mb", "trainable"):
        values = [row[column] for row in rows]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values)
    assert all(row["cpu_seconds"] > 0 for row in rows)
