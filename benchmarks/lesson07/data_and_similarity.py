"""The map of data size and similarity: six strategies, three tasks, three sizes, on a CPU.

    python -m benchmarks.lesson07.data_and_similarity

Writes the record data_and_similarity.  Rows are kept in a file on the way (--keep), and a
run with the same file goes on where the last one ended; several processes may take a task or a
seed each.  `--data` chooses the world; photographs give the record an ending of its own.
The three tasks:

    near         the classes of this world; in Shapes: other shapes than those of the pretraining
    fabric       drawn textures, told apart by their kind of weave
    orientation  drawn textures, told apart by the direction of their grain
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.script import Kept, Row
from course_utils import world
from course_utils.lesson07 import strategies
from course_utils.lesson07.tasks import load_task

TASKS = ("near", "orientation", "fabric")
SIZES = (30, 200, 1000)
WATCHED = ("scratch", "everything")


def run(
    course: world.Course, *, seed: int, task: str, train: int, strategy: str, test: int, watch: bool
) -> list[Row]:
    """One strategy on one task: its result, and its epochs where they are watched."""
    data = load_task(course, task, train, test, seed)
    result = strategies.STRATEGIES[strategy](course, data, seed=seed, watch=watch)
    curve = [
        {k: v for k, v in asdict(epoch).items() if k != "rates"}
        for epoch in (result.curve if watch else ())
    ]
    return [{**result.row(), "curve": curve}]


def measure(
    course: world.Course,
    *,
    seeds: Sequence[int],
    tasks: Sequence[str] = TASKS,
    sizes: Sequence[int] = SIZES,
    names: Sequence[str] = tuple(strategies.STRATEGIES),
    test: int = 300,
    watched_size: int = 200,
    keep: Path | None = None,
) -> list[Row]:
    """All combinations, seed by seed, so that a run cut short has whole maps of the first seeds."""
    settings: list[dict[str, Any]] = [
        {"seed": seed, "task": task, "train": train, "strategy": name}
        for seed, task, train, name in itertools.product(seeds, tasks, sizes, names)
    ]

    def one(seed: int, task: str, train: int, strategy: str) -> list[Row]:
        watch = train == watched_size and strategy in WATCHED
        return run(
            course, seed=seed, task=task, train=train, strategy=strategy, test=test, watch=watch
        )

    return Kept(keep).measure(settings, one)


def split_curves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Results and epochs apart: two tidy tables instead of one with tables in it."""
    results = [{k: v for k, v in row.items() if k != "curve"} for row in rows]
    names = ("seed", "task", "train", "strategy")
    epochs = [
        {
            **{name: row[name] for name in names},
            "epoch": epoch["number"],
            "images_seen": epoch["number"] * row["train"],
            "train_accuracy": epoch["accuracy"],
            "accuracy": epoch["test_accuracy"],
        }
        for row in rows
        for epoch in row["curve"]
    ]
    return results, epochs


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", keep=True, test=300)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--strategies", nargs="+", default=list(strategies.STRATEGIES))
    args = parser.parse_args()
    course, _ = script.choose_world(args, max(args.sizes), args.test)
    rows = measure(
        course,
        seeds=args.seeds,
        tasks=args.tasks,
        sizes=args.sizes,
        names=args.strategies,
        test=args.test,
        keep=args.keep,
    )
    if args.only_keep:
        return
    results, epochs = split_curves(rows)
    script.write(
        args,
        "data_and_similarity",
        results,
        course=course,
        what="test accuracy of six strategies by task and number of training images",
        data=images(args, course),
        curves=epochs,
    )


def images(args: argparse.Namespace, course: world.Course) -> str:
    """What the images were, for the records of this folder."""
    near = script.images(args, course)
    return f"near: {near}; other tasks: Shapes; {args.test} test images, {course.size} px"


if __name__ == "__main__":
    main()
