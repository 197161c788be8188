"""The scripts that compare source tasks run at a tiny size, and their rows say what they claim."""

import json
import sys
from argparse import Namespace

from benchmarks.lesson08 import source_pairs, source_tasks
from course_utils.images import shapes

import pytest
import torch
from PIL import Image


@pytest.fixture
def one_rate(monkeypatch):
    for module in (source_tasks, source_pairs):
        rates = {name: values[:2] for name, values in module.RATES.items()}
        monkeypatch.setattr(module, "RATES", rates)


def test_every_source_meets_every_treatment_with_as_many_steps(one_rate):
    rows = source_tasks.mark_chosen(
        source_tasks.knobs(
            0, [("other shapes", 64, 2), ("fabric", 64, 10)], steps=2, target_steps=2,
            target_images=40,
        )
    )  # fmt: skip
    pairs = {(row["source"], row["treatment"]) for row in rows}
    assert ("none", "scratch") in pairs
    assert ("none", "fine-tuned") not in pairs
    assert {("fabric", "frozen"), ("other shapes", "fine-tuned")} <= pairs
    chosen = [row for row in rows if row["chosen"]]
    assert sorted((r["source"], r["treatment"]) for r in chosen) == sorted(pairs)
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    assert all(("source_accuracy" in row) == (row["source"] != "none") for row in rows)


def test_the_rate_is_chosen_by_validation_images_over_all_seeds():
    rows = [
        {"source": "a", "treatment": "frozen", "seed": s, "rate": r, "validation": v, "accuracy": t}
        for s, r, v, t in [(0, 1, 0.5, 0.9), (0, 2, 0.6, 0.1), (1, 1, 0.5, 0.9), (1, 2, 0.45, 0.1)]
    ]
    chosen = [row for row in source_tasks.mark_chosen(rows) if row["chosen"]]
    assert [(row["seed"], row["rate"]) for row in chosen] == [(0, 2), (1, 2)]


def test_kinds_of_source_are_what_they_are_called():
    plain = source_tasks.source_data("other shapes", 50, 5, seed=1)
    mixed = source_tasks.source_data("other shapes, random labels", 50, 5, seed=1)
    dark = source_tasks.source_data("other shapes at night", 50, 5, seed=1)
    assert len(plain.class_names) == 5
    assert torch.equal(plain.train_images, mixed.train_images)
    assert not torch.equal(plain.train_labels, mixed.train_labels)
    assert dark.train_images.float().mean() < 0.7 * plain.train_images.float().mean()
    assert source_tasks.source_data("own classes", 20, 10, 0).class_names == shapes.class_names(
        "target"
    )


@pytest.mark.parametrize(("images", "passes"), [(320, 64), (1280, 16), (5120, 4), (20480, 1)])
def test_all_sources_get_equally_many_steps(images, passes):
    assert source_tasks.epochs_for(320, images, 64) == passes
    assert passes * images == 320 * 64


def test_photographs_split_their_classes(tmp_path, one_rate):
    for split in ("train", "test"):
        for label in range(4):
            place = tmp_path / split / f"class{label}"
            place.mkdir(parents=True)
            for i in range(16):
                image = Image.effect_noise((32, 32), 20 + 60 * label).convert("RGB")
                image.save(place / f"{i}.png")
    rows = source_tasks.photographs(
        0, tmp_path, images=16, steps=1, target_steps=1, target_images=8
    )
    assert {row["source"] for row in rows} == {
        "none", "other photographs", "own classes", "drawn shapes",
        "other photographs, random labels",
    }  # fmt: skip
    assert {row["target_images"] for row in rows} == {8}


def test_a_record_keeps_the_seeds_that_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["source_tasks.py"])
    args = Namespace(out=tmp_path, record=None, seeds=[0], data="shapes")
    about = {"what": "w", "data": "d", "weights": "w"}
    row = {"source": "a", "treatment": "frozen", "rate": 1, "validation": 0.5}
    source_tasks.keep(args, "tiny", [{**row, "seed": 0}], False, **about)
    source_tasks.keep(args, "tiny", [{**row, "seed": 1}], True, **about)
    record = json.loads((tmp_path / "tiny.json").read_text())
    assert record["seeds"] == [0, 1]
    assert [r["seed"] for r in record["rows"]] == [0, 1]


def test_pairs_are_the_nearest_and_the_farthest_and_share_no_class():
    names = list("abcdef")
    centres = torch.tensor([[0.0], [0.1], [1.0], [1.3], [5.0], [9.0]])
    found = source_pairs.extreme_pairs(names, centres, 2)
    assert [pair for pair, group in found.items() if group == "alike"] == [("a", "b"), ("c", "d")]
    assert next(p for p, group in found.items() if group == "unlike") == ("a", "f")
    assert len(found) == 4


def test_a_pair_meets_the_nearest_partner():
    centres = {n: torch.tensor([v]) for n, v in zip("abcd", (0.0, 1.0, 1.2, 0.3), strict=True)}
    expected = (0.3 + 0.2) / 2  # a with d, b with c
    assert source_pairs.crossing(centres, ("a", "b"), ("c", "d")) == pytest.approx(expected)


def test_each_pair_is_tried_on_each_other_pair(one_rate):
    rows = source_pairs.pairs(
        0, count=1, targets=1, images=40, target_images=8, tests=20, steps=2, target_steps=2
    )
    two = [row for row in rows if row["source_classes"] == 2]
    assert len({row["source"] for row in two}) == len({row["target"] for row in two}) == 2
    alike, unlike = (
        {row["source_distance"] for row in two if row["group"] == group}
        for group in ("alike", "unlike")
    )
    assert max(alike) < min(unlike)
    assert {row["group"] for row in rows} == {"none", "all 30", "alike", "unlike"}
