"""What the `claims_*.py` scripts share: their arguments, the images for each seed, honest names."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import experiments, world
from course_utils.images.data import ImageData, Prepare, load_shapes


def arguments(description: str, *, train: int, held_out: int) -> argparse.ArgumentParser:
    """The arguments that all of these scripts take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default="shapes", help="shapes, cifar10 or a folder")
    parser.add_argument("--data-name", help="the honest name of the images, for the record")
    parser.add_argument("--weights-name", help="the honest name of the weights, for the record")
    parser.add_argument("--task", default="target", help="which task of the Shapes world")
    parser.add_argument("--train", type=int, default=train)
    parser.add_argument("--held-out", type=int, default=held_out)
    parser.add_argument("--size", type=int, help="pixels (default: the world's)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", help="name of the record")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS)
    return parser


def settle(args: argparse.Namespace) -> tuple[world.Course, Prepare]:
    """The course's world for these arguments, and how its images are prepared."""
    course = world.settle(11, args.data, args.train, 10)
    size = args.size or course.size
    return course, Prepare(size, course.weights.mean, course.weights.std, course.device)


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


def names(args: argparse.Namespace, course: world.Course, size: int) -> dict[str, Any]:
    """What a record says of its images and weights, whatever folder they came from."""
    task = f" ({args.task})" if course.world == "shapes" else ""
    images = args.data_name or {"shapes": "Shapes", "cifar10": "CIFAR-10"}.get(
        course.world, "a folder of images"
    )
    return {
        "data": f"{images}{task}: {args.train} training and {args.held_out} held-out images "
        f"at {size} px",
        "weights": args.weights_name or course.weights.title,
    }


def command(script: str, args: argparse.Namespace, course: world.Course, size: int) -> str:
    """The command to make the record again; a folder's own path is nobody's business."""
    task = f" --task {args.task}" if course.world == "shapes" else ""
    return (
        f"python -m benchmarks.lesson11.{script} --data {course.world}{task} --train {args.train} "
        f"--held-out {args.held_out} --size {size}"
    )
