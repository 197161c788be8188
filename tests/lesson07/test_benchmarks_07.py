"""The scripts of lesson 07 at a tiny size: their records hold what the lesson reads."""

import json
from pathlib import Path

from benchmarks.lesson07.first_k_blocks import rates_by_block
from course_utils.networks.blocks import split_into_blocks
from tests.scripts import run
from tests.tiny import network

import pytest


def record(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


def test_the_map_has_a_row_for_each_setting_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    tiny = ["--tasks", "near", "fabric", "--sizes", "20", "--test", "20", "--seeds", "0"]
    keep, out = ["--keep", str(tmp_path / "rows.jsonl")], ["--out", str(tmp_path)]
    first = ["--strategies", "head only"]
    both = ["--strategies", "head only", "earlier block"]
    run("lesson07.data_and_similarity", *tiny, *keep, *first, "--only-keep", cwd=tmp_path)
    assert not (tmp_path / "data_and_similarity.json").exists()
    said = run("lesson07.data_and_similarity", *tiny, *keep, *both, *out, cwd=tmp_path)
    assert "head only" not in said  # it was there already
    rows = record(tmp_path, "data_and_similarity")["rows"]
    assert {(r["task"], r["strategy"]) for r in rows} == {
        (task, name) for task in ("near", "fabric") for name in ("head only", "earlier block")
    }
    assert all(r["train"] == 20 and 0 <= r["accuracy"] <= 1 for r in rows)
    assert all("train_accuracy" in r and "curve" not in r for r in rows)


def test_thirty_images_are_thirty(tmp_path: Path) -> None:
    options = ["--tasks", "near", "--test", "40", "--seeds", "0", "1", "--out", str(tmp_path)]
    run("lesson07.thirty_images", "--strategies", "head only", *options, cwd=tmp_path)
    rows = record(tmp_path, "thirty_images")["rows"]
    assert [r["images_seen"] for r in rows] == [30 * r["epochs"] for r in rows]
    assert len({r["classes"] for r in rows}) == 2
    said = record(tmp_path, "thirty_images")["command"]
    assert said.startswith(
        "python -m benchmarks.lesson07.thirty_images --strategies 'head only' --tasks"
    )
    assert str(tmp_path) not in said  # where the record lies is nobody's business
    assert all(len(r["classes"].split(", ")) == 3 for r in rows)
    assert min(r["accuracy"] for r in rows) > 1 / 3


def test_probes_have_a_row_for_each_block(tmp_path: Path) -> None:
    options = ["--train", "40", "--test", "20", "--seeds", "0", "--out", str(tmp_path)]
    run("lesson07.probes_by_depth", "--tasks", "orientation", *options, cwd=tmp_path)
    rows = record(tmp_path, "probes_by_depth")["rows"]
    kinds = {(r["network"], r["pooling"]) for r in rows}
    assert kinds == {("pretrained", "mean"), ("pretrained", "grid"), ("random", "mean")}
    assert len(rows) == 19 * len(kinds)
    last = [r for r in rows if r["depth"] == 19]
    assert {r["features"] for r in last} == {1280}


def test_first_blocks_are_measured_frozen_and_fine_tuned(tmp_path: Path) -> None:
    options = ["--blocks", "0", "17", "--train", "20", "--test", "20", "--epochs", "1"]
    more = ["--tasks", "near", "--seeds", "0", "--out", str(tmp_path)]
    run("lesson07.first_k_blocks", *options, *more, cwd=tmp_path)
    rows = record(tmp_path, "first_k_blocks")["rows"]
    assert [(r["k"], r["mode"]) for r in rows] == [
        (0, "fine-tuned"), (17, "frozen"), (17, "fine-tuned"),
    ]  # fmt: skip
    assert rows[1]["seconds"] < rows[2]["seconds"]


@pytest.mark.parametrize("k", [0, 2, 4])
def test_each_parameter_is_in_one_group_at_the_rate_of_its_block(k: int) -> None:
    model = network()
    groups = rates_by_block(model, k)
    rates = {id(p): g["lr"] for g in groups for p in g["params"]}
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters())) == len(rates)
    for place, block in enumerate(split_into_blocks(model)):
        assert {rates[id(p)] for p in block.parameters()} == {1e-3 if place < k else 3e-3}
    assert all(g["weight_decay"] == 0 for g in groups if g["params"][0].ndim == 1)
