"""The scripts behind the shipped weights and the GPU record run, at a tiny size, from anywhere."""

import json
from pathlib import Path

from course_utils.networks.mobilenet import load_mobilenet_v2
from tests.scripts import run

import torch


def test_pretraining_writes_weights_that_the_course_reads_and_their_record(tmp_path: Path) -> None:
    tiny = ["--images", "128", "--validation", "64", "--out", str(tmp_path)]
    run("pretraining.pretrain_shapes", *tiny, cwd=tmp_path)
    model = load_mobilenet_v2(tmp_path / "mobilenet_v2-shapes.safetensors")
    assert model.classifier[1].out_features == 30
    assert all(torch.isfinite(p).all() for p in model.parameters())
    record = json.loads((tmp_path / "records" / "pretraining" / "pretrain_shapes.json").read_text())
    assert record["arguments"]["images"] == 128
    assert record["curve"][-1]["images"] == 128
    assert len(record["sha256"]) == 64
    assert not (tmp_path / "partial.safetensors").exists()


def test_the_classic_recipe_writes_one_row_for_each_epoch_and_seed(tmp_path: Path) -> None:
    numbers = {"--train": 16, "--test": 8, "--size": 32, "--batch": 8}
    small = [str(word) for pair in numbers.items() for word in pair]
    options = ["--data", "shapes", "--seeds", "0", "1", "--out", str(tmp_path)]
    run("lesson05.classic_recipe", *small, *options, cwd=tmp_path)
    record = json.loads((tmp_path / "classic_recipe_shapes.json").read_text())
    assert [(row["seed"], row["epoch"]) for row in record["rows"]] == [
        (seed, epoch) for seed in (0, 1) for epoch in range(1, 6)
    ]
    assert record["rows"][0]["trainable"] < record["rows"][2]["trainable"]
    assert "16 training" in record["data"]
    assert "Shapes" in record["data"]
