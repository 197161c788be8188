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
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import environment, experiments, world
from course_utils.images.data import ImageData
from course_utils.networks import loading as models
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
        models.replace_head(model, len(data.class_names))
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10", help="shapes, cifar10 or a folder")
    parser.add_argument("--data-name", help="the honest name of the images, for the record")
    parser.add_argument("--weights-name", help="the honest name of the weights, for the record")
    parser.add_argument("--train", type=int, help="number of training images (default: all)")
    parser.add_argument("--test", type=int, help="number of test images (default: all)")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", help="name of the record (default: classic_recipe_WORLD)")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS)
    args = parser.parse_args()
    course = world.settle(5, args.data, 1000, 1000)
    data = to_device(course.load(args.train, args.test), course.device)
    print(data, f"at {args.size} px")
    command = (
        f"python -m benchmarks.lesson05.classic_recipe --data {course.world} --size {args.size} "
        f"--batch {args.batch} --seeds {' '.join(map(str, args.seeds))}"
        + (f" --train {args.train}" if args.train else "")
        + (f" --test {args.test}" if args.test else "")
    )
    path = experiments.write_record(
        args.record or f"classic_recipe_{course.world}",
        folder=args.out,
        what="classic recipe: 2 epochs with features frozen, 3 thawed at a tenth of the rate",
        command=command,
        data=args.data_name or f"{data} at {args.size} px",
        weights=args.weights_name or course.weights.title,
        seeds=args.seeds,
        rows=list(runs(course, data, args)),
    )
    print("wrote", path.name)


if __name__ == "__main__":
    main()
