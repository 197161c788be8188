"""The classic fine-tuning recipe in full, epoch by epoch, over several seeds.

    python -m benchmarks.lesson05.classic_recipe --data cifar10 --size 224 --seeds 0 1 2
        (a GPU: minutes)
    python -m benchmarks.lesson05.classic_recipe --data shapes --train 300 --test 500 --size 64
        (a CPU)

MobileNetV2 with a new head: two epochs with its features frozen, three with everything thawed at a
tenth of the rate; Adam 1e-3, StepLR(3, 0.1).  Lesson 05 plots the record of the first command.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, world
from course_utils.images.datasets import ImageData
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import torch


def to_device(data: ImageData, device: torch.device) -> ImageData:
    """The same images on the device: copied once, not once a batch."""
    return replace(
        data, train_images=data.train_images.to(device), test_images=data.test_images.to(device)
    )


def runs(
    course: world.Course, data: ImageData, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    for seed in args.seeds:
        environment.seed_everything(seed)
        model = course.pretrained()
        replace_head(model, len(data.class_names))
        prepare = replace(course.prepare, size=args.size)
        for epoch in recipes.classic(model, data, prepare, seed=seed, batch_size=args.batch):
            row = {
                "seed": seed,
                "epoch": epoch.number,
                "accuracy": epoch.accuracy,
                "test_accuracy": epoch.test_accuracy,
                "loss": epoch.loss,
                "test_loss": epoch.test_loss,
                "seconds": epoch.seconds,
                "trainable": epoch.trainable,
            }
            print(f"seed {seed} epoch {epoch.number}: test {epoch.test_accuracy:.4f}", flush=True)
            yield row


def main() -> None:
    parser = script.arguments(__doc__, data="cifar10", sized=True, batch=64)
    parser.add_argument("--train", type=int, help="number of training images (default: all)")
    parser.add_argument("--test", type=int, help="number of test images (default: all)")
    parser.set_defaults(size=224)
    args = parser.parse_args()
    course = world.choose(5, args.data, 1000, 1000)
    data = to_device(course.load(args.train, args.test), course.device)
    print(data, f"at {args.size} px")
    args.record = args.record or f"classic_recipe_{course.world}"
    script.write(
        args,
        "classic_recipe",
        runs(course, data, args),
        course=course,
        what="classic recipe: 2 epochs with features frozen, 3 thawed at a tenth of the rate",
        data=f"{script.images(args, course)}: {len(data.train_labels)} training and "
        f"{len(data.test_labels)} test images at {args.size} px",
    )


if __name__ == "__main__":
    main()
