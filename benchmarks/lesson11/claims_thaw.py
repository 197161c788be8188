"""The classic recipe with its thaw, and without.

    python -m benchmarks.lesson11.claims_thaw                   Shapes, 64 px, a CPU
    python -m benchmarks.lesson11.claims_thaw --data FOLDER     photographs

Accuracy rises after the thaw of the classic recipe.  It might have risen without: the head was not
yet done.  So the same recipe runs twice from the same start on the same images, once thawed after
two epochs at a tenth of the rate, and once frozen to the end at the full rate.  Writes
the record thaw_control*.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson11 import drawing
from course_utils import environment
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

from torch import nn

ARMS = {"thawed": (2, 3), "kept frozen": (5, 0)}  # epochs frozen, epochs thawed
Row = dict[str, Any]


def compare(
    draw: Callable[[int], ImageData],
    pretrained: Callable[[], nn.Module],
    prepare: Prepare,
    *,
    seeds: Sequence[int],
    batch_size: int = 32,
) -> Iterator[Row]:
    """One row for each seed, arm and epoch."""
    for seed in seeds:
        data = draw(seed)
        for arm, (frozen, thawed) in ARMS.items():
            environment.seed_everything(seed)
            model = pretrained()
            replace_head(model, len(data.class_names))
            for epoch in recipes.classic(
                model, data, prepare, seed=seed, frozen_epochs=frozen, thawed_epochs=thawed,
                batch_size=batch_size,
            ):  # fmt: skip
                yield {
                    "seed": seed,
                    "arm": arm,
                    "epoch": epoch.number,
                    "accuracy": epoch.test_accuracy,
                    "train_accuracy": epoch.accuracy,
                }


def main() -> None:
    args = drawing.arguments(__doc__, train=300, held_out=500).parse_args()
    course, prepare = script.choose_world(args, args.train, 10)
    draw = drawing.drawer(course, args.task, args.train, args.held_out)
    rows = []
    for row in compare(draw, course.pretrained, prepare, seeds=args.seeds):
        print(row, flush=True)
        rows.append(row)
    script.write(
        args,
        "thaw_control",
        rows,
        course=course,
        what="the classic recipe, thawed after two epochs at a tenth of the rate, or kept frozen",
        data=drawing.images(args, course, prepare.size),
    )


if __name__ == "__main__":
    main()
