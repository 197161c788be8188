"""The scripts around the twins, at a tiny size."""

import json
from pathlib import Path
from typing import Any

from tests.scripts import run

import pytest


def rows(folder: Path, name: str, script: str, *arguments: str) -> list[dict[str, Any]]:
    run(f"lesson02.{script}", *arguments, "--out", str(folder), cwd=folder)
    record = json.loads((folder / f"{name}.json").read_text())
    assert record["command"].startswith(f"python -m benchmarks.lesson02.{script} {arguments[0]}")
    return list(record["rows"])


SMALL = ["--seeds", "0", "--train", "64", "--test", "32", "--epochs", "2", "--depth", "10"]


def test_depth_gives_a_row_for_each_twin_and_epoch(tmp_path: Path) -> None:
    depths = ["--depths", "10", "--depths-without", "10"]
    found = rows(tmp_path, "residual_twins", "residual_twins", "depth", *SMALL, *depths)
    assert [(r["kind"], r["batch_norm"], r["epoch"]) for r in found] == [
        (kind, bn, epoch) for kind in ("plain", "residual") for bn in (True, False)
        for epoch in (1, 2)
    ]  # fmt: skip
    assert all(0 <= r["train_accuracy"] <= 1 and r["loss"] > 0 for r in found)


def test_rates_differ_in_what_they_do(tmp_path: Path) -> None:
    name = "residual_twins_rates"
    found = rows(tmp_path, name, "residual_twins", "rates", *SMALL, "--quick")
    assert {r["rate"] for r in found} == {0.005}
    losses = [r["loss"] for r in found if r["epoch"] == 2]
    assert len(set(losses)) == len(losses) == 4


def test_a_trained_twin_loses_its_blocks_one_at_a_time(tmp_path: Path) -> None:
    name = "residual_twins_blocks"
    found = rows(tmp_path, name, "residual_twins", "long", *SMALL)
    assert [(r["block"], r["kept"]) for r in found if r["kind"] == "plain"] == [
        (0, "all"), (1, "x"), (2, "x"), (3, "x")
    ]  # fmt: skip
    parts = {r["kept"] for r in found if r["kind"] == "residual"}
    assert parts == {"all", "x", "F(x)"}
    assert (tmp_path / "residual_twins_long.json").is_file()


def test_the_script_puts_every_block_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.lesson02 import residual_twins
    from course_utils import world
    from course_utils.lesson02 import twins

    data, prepare = residual_twins.images(world.choose(2, "shapes", 32, 16), 0, 32, 16)
    net = twins.twin("residual", 10, len(data.class_names))
    before = list(net)
    found = list(residual_twins.without_one_block(net, data, prepare, [1, 3, 5]))
    assert len(found) == 1 + 2 * 3
    assert all(a is b for a, b in zip(before, net, strict=True))


def test_gradients_are_listed_from_the_input_to_the_head(tmp_path: Path) -> None:
    small = ["--seeds", "0", "--train", "16", "--depths", "10"]
    found = rows(tmp_path, "gradients", "gradients", "start", *small)
    one = [r for r in found if r["kind"] == "plain" and r["batch_norm"]]
    assert [r["layer"] for r in one] == list(range(1, 11))
    assert all(r["gradient"] > 0 and r["relative"] > 0 for r in found)


def test_freezing_the_first_blocks_changes_no_gradient_behind_them(tmp_path: Path) -> None:
    small = ["--seeds", "0", "--train", "8"]
    found = rows(tmp_path, "gradients_frozen", "gradients", "frozen", *small)
    assert {r["frozen"] for r in found} == {0, 5, 7, 10, 14}
    assert all(r["changed"] == 0 for r in found)

    def norm(mode: str) -> float:
        chosen = {"first": 14, "frozen": 14, "batch_norm": mode, "block": "features.17"}
        (row,) = (r for r in found if chosen.items() <= r.items())
        return float(row["norm"])

    assert norm("train") != norm("eval")  # batch norm's mode is what makes a difference


def test_a_command_for_anybody_names_no_place_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from benchmarks import script
    from benchmarks.lesson02 import residual_twins

    words = ["depth", "--depths", "10", "28", "--keep", "kept.jsonl", "--data"]
    names = ["--data-name", "photographs of mine", "--seeds", "0", "--out", str(tmp_path)]
    path = str(Path(residual_twins.__file__))
    line = script.command([path, *words, str(tmp_path), *names])
    wanted = "residual_twins depth --depths 10 28 --data FOLDER --seeds 0"
    assert line == f"python -m benchmarks.lesson02.{wanted}"
