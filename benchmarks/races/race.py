"""Ours against the classic loop, in turn on one machine, to equal accuracy.

    python -m benchmarks.races.race frozen --data FOLDER
        a new head on a frozen network, 10 epochs
    python -m benchmarks.races.race partly --data FOLDER    the last five blocks as well, 10 epochs
    python -m benchmarks.races.race full --data FOLDER      everything, 5 epochs of the classic loop

All start from the same weights and the same new head, with the same images in memory.  The clock
runs from there until the last step, so it holds everything that each does: the DataLoader's work,
the computing of features, compiling nothing.  The test images are looked at once, at the end;
`--validate` looks at held-out training images instead, and is what settings were chosen by.

`--contenders` chooses from classic, classic-b, tutorial, fastai (where it is installed) and ours;
`--network resnet18_slim` races on the course's slim ResNet-18, in the built-in world.  With two
cores a DataLoader's helpers take from the training what they give; `--workers` says how many the
common loops get.  Writes the record race_QUESTION, with medians and spread.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script, timing
from benchmarks.races import contenders, fastai_loop
from course_utils import environment, training, world
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson10 import small_networks
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, recipes

import torch
from torch import nn

Run = Callable[[nn.Module, ImageData, Prepare, argparse.Namespace, int], None]
LAST = 5  # blocks of the backbone that learn in `partly`


def common(loop: contenders.Loop, learning: int | None, at_own_rate: bool = True) -> Run:
    """A common loop in which the last `learning` blocks learn; None: all of them."""

    def run(
        model: nn.Module, data: ImageData, prepare: Prepare, args: argparse.Namespace, seed: int
    ) -> None:
        contenders.freeze_all_but_last(model, learning)
        mine = loop if at_own_rate else replace(loop, rate=args.classic_rate)
        contenders.train(model, data, prepare, mine, epochs=args.epochs, workers=args.workers)

    return run


def fastai(frozen: bool) -> Run:
    """fastai's one-cycle training of the head, or its `fine_tune`."""

    def run(
        model: nn.Module, data: ImageData, prepare: Prepare, args: argparse.Namespace, seed: int
    ) -> None:
        fastai_loop.train(model, data, prepare, epochs=args.epochs, frozen=frozen)

    return run


def our_frozen(
    model: nn.Module, data: ImageData, prepare: Prepare, args: argparse.Namespace, seed: int
) -> None:
    finish(
        recipes.fine_tune(
            model,
            data,
            prepare,
            plan=freezing.freeze_backbone(model),
            count=args.our_epochs,
            weight_decay=0.01,
            batch_size=64,
            seed=seed,
            cache=True,
        )
    )


def our_partly(
    model: nn.Module, data: ImageData, prepare: Prepare, args: argparse.Namespace, seed: int
) -> None:
    finish(last_blocks(model, data, prepare, args.our_epochs, seed))


def our_full(
    model: nn.Module, data: ImageData, prepare: Prepare, args: argparse.Namespace, seed: int
) -> None:
    """Thawing by degrees: the last blocks behind a cache, which is cheap, and then everything."""
    finish(last_blocks(model, data, prepare, args.gradual, seed))
    sizes = args.sizes or [prepare.size] * args.our_epochs
    finish(
        recipes.fine_tune(
            model,
            data,
            prepare,
            sizes=sizes,
            backbone_rate=3e-4,
            head_rate=3e-4,
            seed=seed,
            batch_size=64,
            augment=Augment(),
        )
    )


def last_blocks(
    model: nn.Module, data: ImageData, prepare: Prepare, count: int, seed: int
) -> Iterator[training.Epoch]:
    """Our settings for the last blocks, chosen on held-out images."""
    return recipes.fine_tune(
        model,
        data,
        prepare,
        plan=freezing.thaw_last(model, LAST + 1),
        count=count,
        backbone_rate=2e-3,
        weight_decay=0.01,
        batch_size=min(128, len(data.train_labels)),
        seed=seed,
        cache=True,
    )


def finish(events: Any) -> None:
    """Run an iterator of epochs to its end."""
    for _ in events:
        pass


CONTENDERS: dict[str, dict[str, Run]] = {
    "frozen": {
        "classic": common(contenders.CLASSIC_A, 1),
        "classic-b": common(contenders.CLASSIC_B, 1),
        "tutorial": common(contenders.TUTORIAL, 1),
        "fastai": fastai(frozen=True),
        "ours": our_frozen,
    },
    "partly": {
        "classic": common(contenders.CLASSIC_A, LAST + 1, at_own_rate=False),
        "ours": our_partly,
    },
    "full": {
        "classic": common(contenders.CLASSIC_A, None, at_own_rate=False),
        "tutorial": common(contenders.TUTORIAL, None),
        "fastai": fastai(frozen=False),
        "ours": our_full,
    },
}
# question -> epochs of the classic loop and of ours, rate of the classic loop
DEFAULTS = {"frozen": (10, 10, 1e-3), "partly": (10, 4, 1e-4), "full": (5, 1, 1e-4)}


def race(
    course: world.Course, data: ImageData, args: argparse.Namespace, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """One row for each seed and contender; who goes first changes from seed to seed."""
    prepare = replace(course.prepare, size=args.size or course.size)
    rows = []
    names = list(args.contenders)
    for place, seed in enumerate(seeds):
        for name in names if place % 2 == 0 else names[::-1]:
            environment.seed_everything(seed)
            model = pretrained(course, args.network)
            replace_head(model, len(data.class_names))
            environment.seed_everything(seed)
            run = CONTENDERS[args.question][name]
            seconds, _ = timing.timed(lambda: run(model, data, prepare, args, seed))  # noqa: B023
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            looking, result = timing.timed(lambda: look(model, data, prepare))  # noqa: B023
            rows.append(
                {
                    "seed": seed,
                    "contender": name,
                    "seconds": seconds,
                    "seconds_with_the_look": seconds + looking,
                    "accuracy": result.accuracy,
                }
            )
            print(f"seed {seed} {name}: {seconds:.1f} s, {result.accuracy:.1%}", flush=True)
    return rows


def pretrained(course: world.Course, network: str) -> nn.Module:
    """A network with its pretrained weights, in the memory order of the lessons."""
    if network == "mobilenet_v2":
        return course.pretrained()
    model = small_networks.load(network).to(course.device)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def look(model: nn.Module, data: ImageData, prepare: Prepare) -> training.Evaluation:
    """The one look at the test images."""
    return training.evaluate(model, data.test_images, data.test_labels, prepare)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of each contender; against each rival of ours, the ratios within each seed."""
    by_name: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(row["contender"], {})[row["seed"]] = row
    found: dict[str, Any] = {
        "seconds": {n: timing.median(list(r.values()), "seconds") for n, r in by_name.items()},
        "accuracy": {
            n: statistics.mean(row["accuracy"] for row in r.values()) for n, r in by_name.items()
        },
    }
    ours = by_name.get("ours")
    if ours is None:
        return found
    found["against"] = {}
    for name, theirs in by_name.items():
        if name == "ours":
            continue
        ratios = [theirs[seed]["seconds"] / ours[seed]["seconds"] for seed in ours]
        ahead = [100 * (ours[seed]["accuracy"] - theirs[seed]["accuracy"]) for seed in ours]
        found["against"][name] = {
            "ratios": ratios,
            "median_ratio": statistics.median(ratios),
            "points_ahead": ahead,
            "mean_points_ahead": statistics.mean(ahead),
        }
    return found


def main() -> None:
    parser = script.arguments(
        __doc__, data="shapes", sized=True, train=5000, test=2000, gradual=3, workers=0
    )
    parser.add_argument("question", choices=CONTENDERS)
    parser.add_argument("--epochs", type=int, help="of the classic loop")
    parser.add_argument("--our-epochs", type=int)
    parser.add_argument("--sizes", type=int, nargs="+", help="ours, full: the size of each epoch")
    parser.add_argument("--classic-rate", type=float)
    parser.add_argument("--contenders", nargs="+", default=["classic", "ours"])
    parser.add_argument(
        "--network", default="mobilenet_v2", choices=("mobilenet_v2", "resnet18_slim")
    )
    parser.add_argument("--validate", action="store_true", help="look at held-out training images")
    args = parser.parse_args()
    classic, ours, rate = DEFAULTS[args.question]
    args.epochs, args.our_epochs = args.epochs or classic, args.our_epochs or ours
    args.classic_rate = args.classic_rate or rate

    if unknown := set(args.contenders) - CONTENDERS[args.question].keys():
        parser.error(f"{', '.join(sorted(unknown))}: no contender in `{args.question}`")
    if args.network != "mobilenet_v2" and args.data != "shapes":
        parser.error("the course has weights of its own for Shapes only: leave out --data")

    course = world.choose(4, args.data, args.train, args.test)
    data = course.load(args.train, args.test)
    if args.validate:
        data = data.hold_out(len(data.train_labels) // 5)
    finished = race(course, data, args, args.seeds)
    said = summary(finished)
    for name, against in said.get("against", {}).items():
        print(
            f"median of {len(args.seeds)}: ours takes 1/{against['median_ratio']:.1f} of the time "
            f"of {name}, and is {against['mean_points_ahead']:+.1f} points ahead"
        )
    if args.validate:
        print("on held-out training images; no record is written")
        return
    own = args.network == "mobilenet_v2"
    weights = course.weights if own else small_networks.weights(args.network)
    script.write(
        args,
        f"race_{args.question}",
        finished,
        what=f"ours against common loops ({args.question}), each in turn on one machine: seconds "
        "from images and weights in memory to the last step, and test accuracy",
        data=args.data_name or str(data),
        weights=args.weights_name or weights.title,
        network=args.network,
        size=args.size or course.size,
        epochs={"common": args.epochs, "ours": args.our_epochs, "gradual": args.gradual},
        medians=said,
    )


if __name__ == "__main__":
    main()
