"""What steps cost with frozen blocks, at a tiny size."""

import json
from pathlib import Path

from tests.scripts import run


def test_frozen_blocks_keep_less_for_the_way_back(tmp_path: Path) -> None:
    small = ["--train", "96", "--size", "32", "--seeds", "0"]
    run("lesson11.claims_costs", *small, "--out", str(tmp_path), cwd=tmp_path)
    rows = json.loads((tmp_path / "freezing_costs.json").read_text())["rows"]
    assert [row["frozen_blocks"] for row in rows] == [0, 7, 14, 19]
    for column in ("kept_mb", "trainable"):
        values = [row[column] for row in rows]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values)
    assert all(row["cpu_seconds"] > 0 for row in rows)
