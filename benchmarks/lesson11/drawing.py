"""What the `claims_*.py` scripts share: their arguments, the images for each seed, honest names."""

import argparse
from collections.abc import Callable
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import world
from course_utils.images.datasets import ImageData, load_shapes


def arguments(about: str | None, **common: Any) -> argparse.ArgumentParser:
    """The arguments that all of these scripts take; `common` goes to `script.arguments`."""
    parser = script.arguments(about, data="shapes", sized=True, **common)
    parser.add_argument("--task", default="target", help="which task of the Shapes world")
    return parser


def drawer(course: world.Course, task: str, train: int, held_out: int) -> Callable[..., ImageData]:
    """Other images for every seed: of a Shapes task, or of the images at hand.

    The held-out images stand in the place of the test images.
    """

    def draw(seed: int) -> ImageData:
        if course.world == "shapes":
            pool = load_shapes(task, train + held_out, 10, seed=seed)
        else:
            pool = course.load(4 * (train + held_out), 10).subset(train + held_out, seed=seed)
        return pool.hold_out(held_out, seed=seed)

    return draw


def images(args: argparse.Namespace, course: world.Course, size: int) -> str:
    """What a record says of its images, whatever folder they came from."""
    return (
        f"{script.images(args, course, args.task)}: {args.train} training and {args.held_out} "
        f"held-out images at {size} px"
    )
