"""Linear probes on every block: what can be read off each, for near and far tasks.

    python -m benchmarks.lesson07.probes_by_depth

Writes the record probes_by_depth.  Two networks, one pretrained and one with random weights
(whose batch norms have met the images), and two ways of pooling: one number a channel, or a grid as
fine as gives every block about as many numbers as the last one has.  In Shapes the source classes,
on which the network was pretrained, are probed as well.
"""

from collections.abc import Sequence
from pathlib import Path

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson07.data_and_similarity import images
from benchmarks.script import Kept, Row
from course_utils import environment, world
from course_utils.images.datasets import ImageData, load_shapes
from course_utils.lesson07.tasks import load_task
from course_utils.training import probes

from torch.optim.swa_utils import update_bn

TASKS = ("source", "near", "fabric", "orientation")
KINDS = (("pretrained", "mean"), ("pretrained", "grid"), ("random", "mean"))


def images_of(course: world.Course, task: str, train: int, test: int, seed: int) -> ImageData:
    """A task's images; new ones of the source classes too, where the course draws them."""
    if task == "source":
        return load_shapes("source", train, test, seed=seed + 1)
    return load_task(course, task, train, test, seed)


def run(
    course: world.Course, *, seed: int, task: str, network: str, pooling: str, train: int, test: int
) -> list[Row]:
    """One row a block: how well a probe does on its output."""
    from torchvision.models import mobilenet_v2

    data = images_of(course, task, train, test, seed)
    environment.seed_everything(seed)
    model = course.pretrained()
    numbers = None if pooling == "mean" else model.last_channel
    if network == "random":
        model = mobilenet_v2().to(course.device)
        # its running averages are of nothing: without true ones, activations fade or grow
        update_bn((course.prepare(part) for part in data.train_images[:200].split(50)), model)
    known, new = (
        probes.features_by_depth(model, images, course.prepare, numbers=numbers)
        for images in (data.train_images, data.test_images)
    )
    rows = []
    for depth, (block, features) in enumerate(known.items(), 1):
        probe = probes.fit(features, data.train_labels, len(data.class_names))
        rows.append(
            {
                "depth": depth,
                "block": block,
                "features": features.shape[1],
                "train": train,
                "accuracy": probe.accuracy(new[block], data.test_labels),
                "train_accuracy": probe.accuracy(features, data.train_labels),
            }
        )
    return rows


def measure(
    course: world.Course,
    *,
    seeds: Sequence[int],
    tasks: Sequence[str] = TASKS,
    train: int = 300,
    test: int = 300,
    keep: Path | None = None,
) -> list[Row]:
    """All combinations of seeds, tasks, networks and poolings."""
    settings = [
        {"seed": seed, "task": task, "network": network, "pooling": pooling}
        for seed in seeds
        for task in tasks
        for network, pooling in KINDS
    ]
    return Kept(keep).measure(
        settings, lambda **setting: run(course, train=train, test=test, **setting)
    )


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", keep=True, train=300, test=300)
    parser.add_argument("--tasks", nargs="+", choices=TASKS)
    args = parser.parse_args()
    course, _ = script.choose_world(args, args.train, args.test)
    tasks = args.tasks or [t for t in TASKS if t != "source" or course.world == "shapes"]
    rows = measure(
        course, seeds=args.seeds, tasks=tasks, train=args.train, test=args.test, keep=args.keep
    )
    if not args.only_keep:
        what = f"accuracy of linear probes on every block, {args.train} training images"
        script.write(
            args, "probes_by_depth", rows, course=course, what=what, data=images(args, course)
        )


if __name__ == "__main__":
    main()
