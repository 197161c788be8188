"""What the scripts of lesson 07 share: which world they run in, and how their records name it."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import keeping
from course_utils import experiments, world


def add_arguments(parser: argparse.ArgumentParser, *, test: int, seeds: int = 3) -> None:
    """Seeds, size, and where rows and records go."""
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(seeds)))
    parser.add_argument("--test", type=int, default=test, help="test images")
    parser.add_argument("--keep", type=Path, help="file of rows measured so far; a run goes on")
    parser.add_argument("--only-keep", action="store_true", help="measure, and write no record")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS)
    parser.add_argument("--data-name", help="what the images honestly are, where it is a folder")
    parser.add_argument("--weights-name", help="what the weights honestly are")


def settle(train: int, test: int) -> world.Course:
    """The world that COURSE_DATA names; Shapes when it names none."""
    return world.settle(7, os.environ.get("COURSE_DATA", "shapes"), train, test)


def write(
    name: str, course: world.Course, args: argparse.Namespace, rows: list[dict[str, Any]],
    **details: Any,
) -> None:  # fmt: skip
    """The record, under a name that tells the world where it is not Shapes."""
    shapes = course.world == "shapes"
    near = args.data_name or ("Shapes (target)" if shapes else course.world)
    path = experiments.write_record(
        name + ("" if shapes else "_cifar10"),
        command=("" if shapes else "COURSE_DATA=FOLDER ") + keeping.command(sys.argv),
        data=f"near: {near}; other tasks: Shapes; {args.test} test images, {course.size} px",
        weights=args.weights_name or course.weights.title,
        seeds=args.seeds,
        rows=rows,
        folder=args.out,
        **details,
    )
    print(f"{len(rows)} rows written to {path}")
