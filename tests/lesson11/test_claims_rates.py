"""The sweep over learning rates from two starts, at a tiny size."""

import json
from pathlib import Path

from tests.scripts import run


def test_both_starts_are_tried_at_their_rates_and_the_record_says_how(tmp_path: Path) -> None:
    sizes = {"--train": 20, "--held-out": 10, "--epochs": 1, "--size": 32, "--batch": 10}
    small = ["--quick", "--seeds", "0", "1", *(str(w) for pair in sizes.items() for w in pair)]
    run("lesson11.claims_rates", *small, "--out", str(tmp_path), cwd=tmp_path)
    record = json.loads((tmp_path / "rates_by_start.json").read_text())
    tried = [(row["seed"], row["start"]) for row in record["rows"]]
    assert tried == [(s, start) for s in (0, 1) for start in ("scratch", "pretrained")]
    assert all(0 <= row["accuracy"] <= 1 for row in record["rows"])
    assert record["seeds"] == [0, 1]
    assert "20 training and 10 held-out images at 32 px" in record["data"]
