"""The same training from random and from pretrained weights, epoch by epoch.

    python -m benchmarks.lesson01.two_starts
        (a CPU, about 20 minutes)
    python -m benchmarks.lesson01.two_starts --data cifar10 --size 64 --train 500

Everything is equal but the start: images, order, schedule, number of steps.  Is it fair, though, to
give both starts the same learning rate?  So each start tries three rates, and its best one is
chosen on validation images, not on the test images.  At last the random start trains on with its
best rate for four times as many epochs: does it catch up?

Writes the record two_starts, one row for each epoch of each run.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, training, world
from course_utils.images.datasets import ImageData
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import pandas as pd
from torch import nn
from torchvision.models import mobilenet_v2

Rows = list[dict[str, Any]]
RATES = {"random": [1e-3, 3e-3, 1e-2], "pretrained": [3e-4, 1e-3, 3e-3]}
LONGER = 4  # times as many epochs for the random start, at the end


def network(course: world.Course, start: str, classes: int) -> nn.Module:
    """MobileNetV2 with a new head: on the course's weights, or with random weights throughout."""
    model = course.pretrained() if start == "pretrained" else mobilenet_v2().to(course.device)
    replace_head(model, classes)
    return model


def images(course: world.Course, seed: int, held_out: int) -> tuple[ImageData, ImageData]:
    """A seed's training images with the test images, and the same with validation images."""
    drawn = course.draw(seed)
    validation = drawn.hold_out(held_out, seed=seed)
    test = replace(validation, test_images=drawn.test_images, test_labels=drawn.test_labels)
    return test, validation


def train(
    course: world.Course,
    *,
    seed: int,
    start: str,
    rate: float,
    epochs: int,
    held_out: int,
    size: int | None = None,
) -> Rows:
    """One run: AdamW and one cycle, the same rate in all layers.  One row an epoch.

    `accuracy` and `loss` are of the training batches, `test_accuracy` and `test_loss` of the test
    images after the epoch; `validation_accuracy` is that of the finished run.  A run whose loss
    is no number any more ends early, and counts as guessing.
    """
    environment.seed_everything(seed)
    data, validation = images(course, seed, held_out)
    prepare = replace(course.prepare, size=size or course.size)
    model = network(course, start, len(data.class_names))
    rows: Rows = []
    try:
        for epoch in recipes.fine_tune(
            model, data, prepare, count=epochs, backbone_rate=rate, head_rate=rate, seed=seed,
            watch=True,
        ):  # fmt: skip
            rows.append(
                {
                    "epoch": epoch.number,
                    "loss": epoch.loss,
                    "accuracy": epoch.accuracy,
                    "test_loss": epoch.test_loss,
                    "test_accuracy": epoch.test_accuracy,
                }
            )
        judged = training.evaluate(model, validation.test_images, validation.test_labels, prepare)
        score = judged.accuracy
    except training.TrainingDiverged:
        score = 1 / len(data.class_names)
        lost = {"loss": None, "accuracy": score, "test_loss": None, "test_accuracy": score}
        rows.append({"epoch": len(rows) + 1, **lost})
    run = {"seed": seed, "start": start, "rate": rate, "epochs": epochs}
    print(run, f"validation {score:.3f}", flush=True)
    return [{**run, **row, "validation_accuracy": score} for row in rows]


def best_rates(rows: Rows) -> dict[str, float]:
    """For each start the rate with the highest mean accuracy on validation images."""
    table = pd.DataFrame(rows)
    runs = table.drop_duplicates(["seed", "start", "rate"])
    means = runs.groupby(["start", "rate"])["validation_accuracy"].mean()
    return {start: float(means[start].idxmax()) for start in means.index.unique("start")}


def kept(folder: Path | None, name: str, run: Callable[[], Rows]) -> Rows:
    """The rows of a run, from the folder if it has been there before; else run it and keep them."""
    if folder is None:
        return run()
    path = folder / f"{name}.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run()), encoding="utf-8")
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))
    return rows


def compare(
    course: world.Course,
    seeds: Sequence[int],
    *,
    epochs: int = 8,
    held_out: int = 200,
    size: int | None = None,
    rates: dict[str, list[float]] = RATES,
    longer: int = LONGER,
    keep: Path | None = None,
) -> Rows:
    """Every start, rate and seed, then the random start for `longer` times as many epochs."""
    rows: Rows = []

    def add(seed: int, start: str, rate: float, count: int) -> None:
        name = f"{start}-{rate:g}-{count}-{seed}"
        rows.extend(
            kept(keep, name, lambda: train(
                course, seed=seed, start=start, rate=rate, epochs=count, held_out=held_out,
                size=size,
            ))
        )  # fmt: skip

    for seed in seeds:
        for start, some in rates.items():
            for rate in some:
                add(seed, start, rate, epochs)
    if longer > 1:
        rate = best_rates(rows)["random"]
        for seed in seeds:
            add(seed, "random", rate, longer * epochs)
    return rows


def main() -> None:
    parser = script.arguments(
        __doc__,
        data="shapes",
        sized=True,
        train=600,
        held_out=200,
        test=500,
        epochs=8,
        longer=LONGER,
    )
    parser.add_argument("--keep", type=Path, help="folder in which finished runs are kept")
    args = parser.parse_args()
    course, prepare = script.choose_world(args, args.train + args.held_out, args.test)
    rows = compare(
        course, args.seeds, epochs=args.epochs, held_out=args.held_out, size=prepare.size,
        longer=args.longer, keep=args.keep,
    )  # fmt: skip
    best = best_rates([row for row in rows if row["epochs"] == args.epochs])
    print("best rates", best)
    script.write(
        args,
        "two_starts",
        rows,
        course=course,
        what="the same training from random and from pretrained weights, by epoch; the best rate "
        "of each start is chosen on validation images",
        data=f"{script.images(args, course)}, {args.train} training images a run, "
        f"{prepare.size} px",
        best_rates=best,
    )


if __name__ == "__main__":
    main()
