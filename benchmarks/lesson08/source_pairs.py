"""Goose and duck for cat and dog: two classes as the source, two other classes as the target.

    python -m benchmarks.lesson08.source_pairs

The built-in network measures how alike two classes are: the distance of their mean features.  From
the 30 source classes we take the pairs that are most and least alike, from the 10 target classes
too.  Each source pair is a pretraining of its own, and is tried on every target pair, against the
same network from random weights and against a pretraining on all 30 classes with as many images and
steps.  Rates are chosen on validation images, as in `source_tasks.py`.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson08.source_tasks import (
    TEST,
    VALIDATION,
    Held,
    Row,
    fresh,
    keep,
    pretrain,
    transfer,
)
from course_utils import training, world
from course_utils.images import shapes
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.small_net import SIZE, statistics
from course_utils.training import feature_cache
from course_utils.training.freezing import freeze_backbone

import torch
from torch import Tensor

Pair = tuple[str, str]
SOURCE_IMAGES, TARGET_IMAGES = 2560, 40
STEPS, TARGET_STEPS = 200, 80
RATES = {
    "frozen": (3e-3, 3e-2),
    "fine-tuned": (1e-3, 8e-3),
    "scratch": (2e-3, 8e-3, 3e-2),
}


def mean_features(images_per_class: int = 40) -> tuple[list[str], Tensor]:
    """Names of all 40 classes, and the built-in network's mean features of each: `(40, 1280)`.

    Divided by how far the images of one class scatter around their mean, so that a distance of 1
    is as large as this scatter.
    """
    course = world.choose(8, "shapes", 1, 1)
    model = course.pretrained()
    front, _ = feature_cache.split_at_prefix(model, freeze_backbone(model))
    names: list[str] = []
    centres, scatter = [], []
    for task in ("source", "target"):
        these = shapes.class_names(task)
        images, labels, _ = shapes.make(task, images_per_class * len(these), VALIDATION)
        features = feature_cache.compute_features(front, images, course.prepare)
        for label, name in enumerate(these):
            mine = features[labels == label]
            names.append(name)
            centres.append(mine.mean(0))
            scatter.append((mine - mine.mean(0)).square().sum(1).mean())
    return names, torch.stack(centres) / torch.stack(scatter).mean().sqrt()


def extreme_pairs(names: Sequence[str], centres: Tensor, count: int) -> dict[Pair, str]:
    """The `count` nearest pairs ("alike") and farthest pairs ("unlike"), no class twice in a group.

    centres : `(len(names), n)`
    """
    gaps = torch.cdist(centres, centres)
    order = sorted(itertools.combinations(range(len(names)), 2), key=lambda pair: float(gaps[pair]))
    found: dict[Pair, str] = {}
    for group, candidates in (("alike", order), ("unlike", order[::-1])):
        used: set[int] = set()
        for pair in candidates:
            if len(used) < 2 * count and not used & set(pair):
                used |= set(pair)
                found[names[pair[0]], names[pair[1]]] = group
    return found


def crossing(centres: dict[str, Tensor], source: Pair, target: Pair) -> float:
    """How far a source pair is from a target pair: each class from its partner, best match."""
    gap = {(a, b): float((centres[a] - centres[b]).norm()) for a in source for b in target}
    (a, b), (c, d) = source, target
    return min(gap[a, c] + gap[b, d], gap[a, d] + gap[b, c]) / 2


def drawn(task: str, images: int, tests: int, seed: int, pair: Pair) -> tuple[ImageData, Held]:
    """Images of two classes, `tests` test images of them, and as many to choose rates by."""
    x, y, names = shapes.make(task, images, 5000 + seed, classes=pair)
    test_x, test_y, _ = shapes.make(task, tests, TEST, classes=pair)
    val_x, val_y, _ = shapes.make(task, tests, VALIDATION, classes=pair)
    return ImageData(f"Shapes {' and '.join(pair)}", x, y, test_x, test_y, names), (val_x, val_y)


def pairs(
    seed: int,
    *,
    count: int = 4,
    targets: int = 2,
    images: int = SOURCE_IMAGES,
    target_images: int = TARGET_IMAGES,
    tests: int = 400,
    steps: int = STEPS,
    target_steps: int = TARGET_STEPS,
) -> list[Row]:
    """Every source pair, all 30 classes, and the random start, on every target pair."""
    names, stacked = mean_features()
    centres = dict(zip(names, stacked, strict=True))
    everything = shapes.class_names("source")
    ends = extreme_pairs(names[:30], stacked[:30], count)
    goals = extreme_pairs(names[30:], stacked[30:], targets)
    tasks = {goal: drawn("target", target_images, tests, seed, goal) for goal in goals}

    def gap(pair: Pair) -> float:
        return float((centres[pair[0]] - centres[pair[1]]).norm())

    rows: list[Row] = []

    def try_on_all(start: Any, prepare: Prepare | None, treatments: list[str], about: Row) -> None:
        for goal, (data, held) in tasks.items():
            ready = prepare or Prepare(SIZE, *statistics(data.train_images))
            known = {"target": "/".join(goal), "target_group": goals[goal]}
            known |= {"target_distance": gap(goal), "target_images": target_images}
            if about["source_classes"] == 2:
                known["crossing"] = crossing(centres, about["classes"], goal)
            known |= {key: value for key, value in about.items() if key != "classes"}
            for treatment in treatments:
                for rate in RATES[treatment]:
                    row = transfer(
                        start,
                        ready,
                        data,
                        held,
                        treatment,
                        rate=rate,
                        steps=target_steps,
                        seed=seed,
                    )
                    rows.append({"seed": seed, **known, **row})

    nothing = {"source": "none", "group": "none", "source_images": 0, "source_classes": 0}
    try_on_all(fresh(2, seed), None, ["scratch", "frozen"], nothing)
    for classes, group in [(everything, "all 30"), *ends.items()]:
        data, _ = drawn("source", images, tests, seed, classes)  # type: ignore[arg-type]
        model, prepare = pretrain(data, seed, steps)
        unseen = training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy
        name = group if len(classes) > 2 else "/".join(classes)
        about = {"source": name, "group": group, "source_images": images}
        about |= {"source_classes": len(classes), "source_accuracy": unseen}
        if len(classes) == 2:
            about["source_distance"] = gap(classes)
        try_on_all(model, prepare, ["frozen", "fine-tuned"], {**about, "classes": classes})
        latest = sum(row["accuracy"] for row in rows[-4:]) / 4
        print(seed, name, group, round(unseen, 3), round(latest, 3), flush=True)
    return rows


def main() -> None:
    """Measure, seed by seed; the record is written after each, so that a break loses little."""
    parser = script.arguments(__doc__, count=4, steps=STEPS)
    parser.add_argument("--add", action="store_true", help="keep other seeds of the record")
    args = parser.parse_args()
    for number, seed in enumerate(args.seeds):
        keep(
            args, "source_tasks_pairs", pairs(seed, count=args.count, steps=args.steps),
            args.add or number > 0,
            what="pretraining on two classes, for two others: alike and unlike pairs",
            data=f"Shapes, pairs of classes, {TARGET_IMAGES} target images, {SIZE} px",
            weights=f"a small residual network pretrained here for {args.steps} steps",
        )  # fmt: skip


if __name__ == "__main__":
    main()
