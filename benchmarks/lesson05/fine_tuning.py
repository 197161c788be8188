"""Three questions about fine-tuning, answered in the Shapes world on a CPU in some minutes.

    python -m benchmarks.lesson05.fine_tuning rates      how large a learning rate?
    python -m benchmarks.lesson05.fine_tuning heads
        does it help to train the head first, and how long?
    python -m benchmarks.lesson05.fine_tuning depth
        how many blocks to thaw, for how many images?

Each writes the record fine_tuning_NAME.  Accuracies are on images held out of training, not
on the test set, since they are there to choose by.
"""

import time
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, experiments, training, world
from course_utils.images.datasets import ImageData
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, recipes

from torch import nn

HELD_OUT = 600
RATES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
THAWED = [1, 3, 5, 9, 14, 20]
SIZES = [100, 1000]


def setting(course: world.Course, seed: int, train: int) -> tuple[nn.Module, ImageData]:
    """A pretrained network with a new head, and `train` images with others held out to judge by."""
    environment.seed_everything(seed)
    data = course.load(train + HELD_OUT, 10).hold_out(HELD_OUT, seed=seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    return model, data


def accuracy(model: nn.Module, data: ImageData, course: world.Course) -> float:
    result = training.evaluate(model, data.test_images, data.test_labels, course.prepare)
    return result.accuracy


def drain(events: Any) -> None:
    for _ in events:
        pass


def rates(course: world.Course, seed: int, rate: float) -> dict[str, float]:
    """Head first, then three epochs of all blocks; a diverged run counts as guessing."""
    model, data = setting(course, seed, 300)
    drain(recipes.train_head(model, data, course.prepare, count=10, seed=seed))
    head_only = accuracy(model, data, course)
    try:
        drain(
            recipes.fine_tune(
                model, data, course.prepare, count=3, seed=seed,
                backbone_rate=rate, head_rate=rate,
            )
        )  # fmt: skip
        score = accuracy(model, data, course)
    except training.TrainingDiverged:
        score = 1 / len(data.class_names)
    return {"accuracy": score, "head_only": head_only}


def heads(course: world.Course, seed: int, head_epochs: int) -> dict[str, float]:
    """The head alone for some epochs (or none), then three epochs of everything."""
    model, data = setting(course, seed, 300)
    if head_epochs:
        drain(recipes.train_head(model, data, course.prepare, count=head_epochs, seed=seed))
    drain(recipes.fine_tune(model, data, course.prepare, count=3, seed=seed))
    return {"accuracy": accuracy(model, data, course)}


def depth(course: world.Course, seed: int, train: int, thawed: int) -> dict[str, float]:
    """Head first, then the last blocks on a cached prefix, 120 steps or more."""
    model, data = setting(course, seed, train)
    drain(recipes.train_head(model, data, course.prepare, count=max(10, 3000 // train), seed=seed))
    begun = time.perf_counter()
    if thawed > 1:
        plan = freezing.thaw_last(model, thawed)
        freezing.apply(model, plan)
        count = max(4, 1000 // train)
        drain(
            recipes.fine_tune(
                model, data, course.prepare, plan=plan, count=count, seed=seed,
                cache=bool(plan.frozen),
            )
        )  # fmt: skip
    return {"accuracy": accuracy(model, data, course), "seconds": time.perf_counter() - begun}


QUESTIONS = {"rates": rates, "heads": heads, "depth": depth}


def main() -> None:
    parser = script.arguments(__doc__, data="shapes")
    parser.add_argument("question", choices=["rates", "heads", "depth"])
    parser.add_argument("--quick", action="store_true", help="two values, one seed, no record")
    args = parser.parse_args()
    course = world.choose(5, args.data, 300, 10)
    grid: dict[str, dict[str, list[Any]]] = {
        "rates": {"rate": RATES},
        "heads": {"head_epochs": [0, 1, 3, 10, 50]},
        "depth": {"train": SIZES, "thawed": THAWED},
    }
    settings = grid[args.question]
    if args.quick:
        settings = {name: values[-2:] for name, values in settings.items()}
        args.seeds = args.seeds[:1]

    def run(seed: int, **chosen: Any) -> dict[str, float]:
        row = QUESTIONS[args.question](course, seed, **chosen)
        print(seed, chosen, {k: round(v, 4) for k, v in row.items()}, flush=True)
        return dict(row)

    table = experiments.repeat(run, seeds=args.seeds, **settings)
    print(experiments.summary(table, list(settings), "accuracy").to_string(index=False))
    if not args.quick:
        script.write(
            args,
            f"fine_tuning_{args.question}",
            table.to_dict("records"),
            course=course,
            what=f"fine-tuning on Shapes targets: {args.question}",
            data=f"{script.images(args, course)}, {HELD_OUT} held-out images, {course.size} px",
        )


if __name__ == "__main__":
    main()
