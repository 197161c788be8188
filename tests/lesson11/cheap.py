"""A small version of each claim's experiment: the functions of the benchmarks, at tiny sizes.

Each function takes seeds and returns tables like those of the records.  They run in the Shapes
world, mostly at 32 px, and are made so that the direction of the core effects does not depend on
the seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from unittest import mock

from benchmarks.lesson01 import checkpoint_parts, two_starts
from benchmarks.lesson02 import gradients
from benchmarks.lesson03 import normalisation
from benchmarks.lesson05 import fine_tuning
from benchmarks.lesson06 import fair_comparison, partial_loading
from benchmarks.lesson07 import data_and_similarity, probes_by_depth, thirty_images
from benchmarks.lesson10 import model_sizes
from benchmarks.lesson11 import claims_costs, claims_rates, claims_thaw, drawing
from course_utils import world
from course_utils.lesson07 import strategies
from course_utils.lesson11.comparisons import Tables
from course_utils.world import Course

import pandas as pd

Seeds = Sequence[int]


def shapes(train: int, test: int, size: int = 32) -> Course:
    """The Shapes world at a size that is quick: 32 px take a quarter of the time of 64."""
    return replace(world.choose(11, "shapes", train, test), size=size)


def tables(**rows: object) -> Tables:
    return Tables({name: pd.DataFrame(list(some)) for name, some in rows.items()})  # type: ignore[call-overload]


@cache
def similarity_map(seeds: tuple[int, ...]) -> Tables:
    """One small map serves five claims; every strategy has a third of its time."""
    whole = strategies.tune_epochs
    with mock.patch.object(strategies, "tune_epochs", lambda n, base=4: whole(n, base) // 3):
        rows = data_and_similarity.measure(
            shapes(120, 200), seeds=seeds, tasks=("near", "orientation"), sizes=(30, 120), test=200,
            names=("scratch, small network", "head only", "everything"), watched_size=0,
        )  # fmt: skip
    return tables(data_and_similarity=rows)


def from_the_map(seeds: Seeds) -> Tables:
    return similarity_map(tuple(seeds))


def grain(seeds: Seeds) -> Tables:
    """The part of the map where one seed and small images show the direction beyond doubt."""
    rows = similarity_map(tuple(seeds)).get("data_and_similarity")
    assert rows is not None
    return Tables({"data_and_similarity": rows[rows["task"] == "orientation"]})


def near_and_many(seeds: Seeds) -> Tables:
    """Fine-tuning against the head alone at full resolution: small images blur the difference."""
    rows = data_and_similarity.measure(
        shapes(240, 200, size=64), seeds=seeds, tasks=("near",), sizes=(30, 240), test=200,
        names=("head only", "everything"), watched_size=0,
    )  # fmt: skip
    return tables(data_and_similarity=rows)


def residual(seeds: Seeds) -> Tables:
    course, args = shapes(64, 10), SimpleNamespace(train=64)
    rows = [
        {"seed": seed, "depth": 28, "kind": kind, "batch_norm": bn, **row}
        for seed, kind, bn in itertools.product(seeds, ("plain", "residual"), (True, False))
        for row in gradients.start(course, args, seed, depth=28, kind=kind, batch_norm=bn)
    ]
    return tables(gradients=rows)


def sizes(seeds: Seeds) -> Tables:
    names = ("MobileNetV2", "ResNet-18")
    return tables(model_sizes=model_sizes.rows(names, [32], [1], len(seeds), 1))


def thaw(seeds: Seeds) -> Tables:
    course = shapes(150, 10)
    draw = drawing.drawer(course, "target", 150, 200)
    rows = claims_thaw.compare(draw, course.pretrained, course.prepare, seeds=seeds)
    return tables(thaw_control=rows)


def parts(seeds: Seeds) -> Tables:
    course, some = shapes(100, 100), ("everything", "without buffers")
    rows = [
        row
        for seed in seeds
        for row in checkpoint_parts.measure(course, seed, some, source=50, unlabelled=50, epochs=1)
    ]
    return tables(checkpoint_parts=rows)


def starts(seeds: Seeds) -> Tables:
    rows = two_starts.compare(
        shapes(140, 200), seeds, epochs=4, held_out=40, longer=1,
        rates={"random": [3e-3], "pretrained": [1e-3]},
    )  # fmt: skip
    return tables(two_starts=rows)


def loading(seeds: Seeds) -> Tables:
    course = shapes(100, 10)
    cases = [c for c in partial_loading.CASES if c.load in ("keys shifted, last norm zero",)]
    cases += [c for c in partial_loading.CASES if c.change == "untouched"]
    rows = [
        row
        for seed in seeds
        for row in partial_loading.measure(
            course, seed, cases, train=100, held_out=100, epochs=1, scratch_epochs=2
        )
    ]
    return tables(partial_loading=rows)


def costs(seeds: Seeds) -> Tables:
    course = shapes(96, 10)
    data = drawing.drawer(course, "target", 96, 10)(0)
    return tables(freezing_costs=claims_costs.measure(course, data, course.prepare, seeds))


def behind_frozen(seeds: Seeds) -> Tables:
    course, args = shapes(32, 10), SimpleNamespace(train=32)
    name = "MobileNetV2, pretrained"
    rows = [
        {"seed": seed, "network": name, "first": 14, **row}
        for seed in seeds
        for row in gradients.frozen(course, args, seed, name, 14)
    ]
    return tables(gradients_frozen=rows)


def probes(seeds: Seeds) -> Tables:
    course = shapes(150, 150, size=64)
    rows = [
        {"seed": seed, "task": task, "network": "pretrained", "pooling": "mean", **row}
        for seed, task in itertools.product(seeds, ("near", "orientation"))
        for row in probes_by_depth.run(
            course, seed=seed, task=task, network="pretrained", pooling="mean", train=150, test=150
        )
    ]
    return tables(probes_by_depth=rows)


def thirty(seeds: Seeds) -> Tables:
    rows = thirty_images.measure(
        shapes(200, 200, size=64), seeds=seeds, tasks=["near"], test=200,
        names=["scratch, small network", "head only"],
    )  # fmt: skip
    return tables(thirty_images=rows)


def rates(seeds: Seeds) -> Tables:
    course = shapes(150, 10)
    draw = drawing.drawer(course, "orientation", 150, 150)
    rows = claims_rates.sweep(
        draw, course.pretrained, course.prepare, seeds=seeds, epochs=5,
        rates={"scratch": (1e-3, 1e-2), "pretrained": (1e-3, 1e-2)},
    )  # fmt: skip
    return tables(rates_by_start=rows)


def depth(seeds: Seeds) -> Tables:
    course = shapes(260, 10, size=48)
    rows = [
        {"seed": seed, "train": train, "thawed": thawed,
         **fine_tuning.depth(course, seed, train, thawed)}
        for seed, train, thawed in itertools.product(seeds, (60, 260), (1, 5, 9))
        if train == 260 or thawed == 1 or thawed == 9
    ]  # fmt: skip
    return tables(fine_tuning_depth=rows)


def other_normalisation(seeds: Seeds) -> Tables:
    course = shapes(150, 200)
    rows = [
        {"seed": seed, "network": "mobilenet_v2", "batch_norm": "eval", "normalisation": name,
         **normalisation.run(course, "mobilenet_v2", name, "eval", 10, seed)}
        for seed, name in itertools.product(seeds, ("own", "0.5 / 0.5"))
    ]  # fmt: skip
    return tables(normalisation=rows)


@cache
def plain_scenes(seeds: tuple[int, ...]) -> pd.DataFrame:
    """A small network on plain scenes: from random weights, and pretrained on other shapes."""
    small = fair_comparison.Sizes(train=300, epochs=6, test=300)
    rows = []
    for seed in seeds:
        data = fair_comparison.draw("source", 3000, 60, seed=1000 + seed)
        model = fair_comparison.network("A", len(data.class_names))
        fair_comparison.fit(model, data, 3, fair_comparison.SOURCE_RATE, seed)
        rates = dict.fromkeys((("A", "scratch"), ("A", "pretrained alike")), 3e-3)
        rows += fair_comparison.measure(seed, {"A": model.state_dict()}, rates, small)
    return pd.DataFrame(rows)


def fairness(seeds: Seeds) -> Tables:
    return Tables({"fair_comparison": plain_scenes(tuple(seeds))})


def sources(seeds: Seeds) -> Tables:
    """Pretrained on other shapes against not at all, with a smaller network, on plain scenes.

    That other textures are a worse source takes more pretraining than there is time for here.
    """
    table = plain_scenes(tuple(seeds))
    scratch = table["start"] == "scratch"
    rows = table.assign(
        source=scratch.map({True: "none", False: "other shapes"}),
        treatment=scratch.map({True: "scratch", False: "fine-tuned"}),
        source_images=(~scratch) * 3000,
        source_classes=10,
        chosen=True,
    )
    return Tables({"source_tasks": rows})


CHEAP: dict[int, Callable[[Seeds], Tables]] = {
    1: from_the_map,
    2: residual,
    3: sizes,
    4: thaw,
    5: parts,
    6: starts,
    7: from_the_map,
    8: loading,
    9: from_the_map,
    10: fairness,
    11: sources,
    12: costs,
    13: grain,
    14: behind_frozen,
    15: probes,
    16: thirty,
    17: near_and_many,
    18: rates,
    19: depth,
    20: other_normalisation,
}
