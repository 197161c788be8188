"""The script behind the record of the two starts, at a tiny size."""

import json
from pathlib import Path

from benchmarks.lesson01 import two_starts
from tests.scripts import run


def test_every_start_rate_and_epoch_has_a_row_and_the_random_start_goes_on(tmp_path: Path) -> None:
    small = "--train 36 --held-out 10 --test 10 --epochs 1 --longer 2 --size 32 --seeds 0 1"
    where = ["--keep", str(tmp_path / "kept"), "--out", str(tmp_path)]
    run("lesson01.two_starts", *small.split(), *where, cwd=tmp_path)
    record = json.loads((tmp_path / "two_starts.json").read_text())
    short = [row for row in record["rows"] if row["epochs"] == 1]
    tried = {(row["seed"], row["start"], row["rate"]) for row in short}
    assert tried == {
        (seed, start, rate)
        for seed in (0, 1)
        for start, rates in two_starts.RATES.items()
        for rate in rates
    }
    long = [row for row in record["rows"] if row["epochs"] == 2]
    assert {(row["start"], row["rate"]) for row in long} == {
        ("random", record["best_rates"]["random"])
    }
    assert [row["epoch"] for row in long] == [1, 2, 1, 2]
    assert all(0 <= row["test_accuracy"] <= 1 and row["loss"] > 0 for row in record["rows"])


def test_the_best_rate_is_chosen_by_validation_not_by_test() -> None:
    rows = [
        {"seed": seed, "start": "random", "rate": rate, "epoch": epoch,
         "test_accuracy": test, "validation_accuracy": validation}
        for seed in (0, 1)
        for epoch in (1, 2)
        for rate, test, validation in ((0.1, 0.9, 0.2), (0.01, 0.3, 0.4))
    ]  # fmt: skip
    assert two_starts.best_rates(rows) == {"random": 0.01}


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    calls = []

    def run() -> two_starts.Rows:
        calls.append(1)
        return [{"epoch": 1}]

    assert two_starts.kept(tmp_path / "new", "a", run) == [{"epoch": 1}]
    assert two_starts.kept(tmp_path / "new", "a", run) == [{"epoch": 1}]
    assert two_starts.kept(None, "a", run) == [{"epoch": 1}]
    assert len(calls) == 2
