"""Thirty images, three classes of ten: from scratch, frozen and fine-tuned, over several seeds.

    python -m benchmarks.lesson07.thirty_images

Writes the record thirty_images.  Each seed draws other classes, other images, another head
and another order.  The task "near" is this world's own; "orientation" the direction of grain.
"""

from collections.abc import Sequence
from pathlib import Path

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson07.data_and_similarity import images
from benchmarks.script import Kept, Row
from course_utils import world
from course_utils.lesson07 import strategies
from course_utils.lesson07.tasks import few_classes, load_task

TASKS = ("near", "orientation")
NAMES = ("scratch", "scratch, small network", "head only", "everything")
CLASSES, EACH = 3, 10


def run(course: world.Course, *, seed: int, task: str, strategy: str, test: int) -> list[Row]:
    """One strategy on thirty images; the test images are all those of the three classes."""
    classes = 10 if task != "near" else len(course.data.class_names)
    whole = load_task(course, task, EACH * classes, test, seed)
    data = few_classes(whole, CLASSES, EACH, seed)
    result = strategies.STRATEGIES[strategy](course, data, seed=seed)
    return [{"classes": ", ".join(data.class_names), **result.row()}]


def measure(
    course: world.Course,
    *,
    seeds: Sequence[int],
    tasks: Sequence[str] = TASKS,
    names: Sequence[str] = NAMES,
    test: int = 800,
    keep: Path | None = None,
) -> list[Row]:
    """All combinations of seeds, tasks and strategies."""
    settings = [
        {"seed": seed, "task": task, "strategy": name}
        for seed in seeds
        for task in tasks
        for name in names
    ]
    return Kept(keep).measure(settings, lambda **setting: run(course, test=test, **setting))


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", keep=True, seeds=5, test=800)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--strategies", nargs="+", default=list(NAMES))
    args = parser.parse_args()
    course, _ = script.choose_world(args, 200, args.test)
    rows = measure(
        course,
        seeds=args.seeds,
        tasks=args.tasks,
        names=args.strategies,
        test=args.test,
        keep=args.keep,
    )
    if not args.only_keep:
        what = "test accuracy after training on three classes of ten images"
        script.write(
            args, "thirty_images", rows, course=course, what=what, data=images(args, course)
        )


if __name__ == "__main__":
    main()
