"""`python -m course_utils run`: one experiment from the command line."""

from __future__ import annotations

import argparse
import math
import os
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only for types: loading torch takes seconds, and `--help` should not
    from course_utils.commands.run_experiment import Experiment
    from course_utils.images.datasets import ImageData
    from course_utils.training.loop import Epoch
    from course_utils.world import Course

HELP = "train once or over several seeds, with any part of the network frozen"
WORLDS = ("auto", "shapes", "cifar10")
BAD_VALUE, FAILED, INTERRUPTED = 2, 1, 130


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """An argument type: a whole number from `least` to `most`, both included."""
    bounds = f"from {least}" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {bounds}")
        return number

    return parse


def positive(text: str) -> float:
    """An argument type: a learning rate."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return number


def record_name(text: str) -> str:
    """An argument type: the name of a record that does not exist yet."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} may hold only letters, digits, - and _")
    return text


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.usage = "%(prog)s [--help] [options]"  # all options would hide the error below them
    add = parser.add_argument
    add(
        "--freeze",
        default="backbone",
        metavar="WHAT",
        help="backbone (only the new head learns), none, first:K (the first K blocks) or all-but:N "
        "(only the last N blocks learn, the head is one of them); default: backbone",
    )
    add("--epochs", type=whole(1), default=5, help="passes over the images (default: 5)")
    add("--train", type=whole(1), metavar="N", help="training images (default: the world's)")
    add("--test", type=whole(1), metavar="N", help="test images (default: the world's)")
    add("--rate", type=positive, default=1e-3, help="learning rate (default: 0.001)")
    add("--head-rate", type=positive, metavar="RATE", help="of the head (default: the same)")
    add("--optimizer", choices=("adamw", "sgd", "adam"), default="adamw")
    add("--batch", type=whole(2), default=64, help="images a step (default: 64)")
    add(
        "--batch-norm",
        choices=("eval", "train"),
        default="eval",
        help="in frozen blocks: keep the running statistics, or let them follow the images",
    )
    add("--seeds", type=whole(0), nargs="+", default=[0], metavar="SEED", help="default: 0")
    add(
        "--world",
        metavar="WORLD",
        help="shapes, cifar10, auto or a folder of class folders (default: COURSE_DATA, or auto)",
    )
    add("--size", type=whole(16, 512), metavar="PIXELS", help="side of the network's input")
    add("--from", dest="start", choices=("pretrained", "scratch"), default="pretrained")
    add("--record", type=record_name, metavar="NAME", help="keep the figures in data/records")
    add(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="run frozen blocks in every epoch",
    )


def main(args: argparse.Namespace) -> int:
    """Run the experiment; 0, or 2 for a bad value, 1 for a failure, 130 when interrupted."""
    from course_utils import experiments
    from course_utils.downloads.disk import DownloadError
    from course_utils.training.loop import TrainingDiverged

    finished: list[list[Epoch]] = []
    status = 0
    try:
        if len(set(args.seeds)) != len(args.seeds):
            raise ValueError(f"--seeds {' '.join(map(str, args.seeds))}: a seed is given twice")
        if args.record and (experiments.RECORDS / f"{args.record}.json").exists():
            raise ValueError(f"there is a record {args.record!r} already; choose another name")
        experiment = prepare(args)
        for seed in args.seeds:
            finished.append(train(experiment, seed, len(args.seeds)))
    except (ValueError, DownloadError) as error:
        print(f"run: {error}", file=sys.stderr)
        return BAD_VALUE if isinstance(error, ValueError) else FAILED
    except TrainingDiverged as error:
        print(f"run: {error}", file=sys.stderr)
        status = FAILED
    except KeyboardInterrupt:
        print("\nrun: stopped; what was finished stands below, and no record was written")
        status = INTERRUPTED
    if finished:
        summarise(args.seeds, finished)
    if args.record and status == 0:
        print(f"record: {write(args, experiment, finished)}")
    return status


def prepare(args: argparse.Namespace) -> Experiment:
    """Find images and weights, check the values against them, and say what will be run."""
    from course_utils import environment, world
    from course_utils.commands.run_experiment import Experiment, Setup
    from course_utils.training import freezing

    setup = Setup(**{field.name: getattr(args, field.name) for field in fields(Setup)})
    wish = args.world or os.environ.get("COURSE_DATA", "auto").strip() or "auto"
    if wish not in WORLDS and not Path(wish).expanduser().is_dir():
        name = "--world" if args.world else "COURSE_DATA"
        raise ValueError(
            f"{name} {wish}: neither {', '.join(WORLDS)} nor a folder that exists here"
        )
    course = world.choose(0, wish, args.train or 1000, args.test or 1000)
    size = args.size or course.size
    prepare = replace(course.prepare, size=size)
    # the plan is checked on a network before the images are read, which may take long
    setup.plan(setup.build(course.weights, 2, course.device))
    data = images(args, course, wish, size)
    if args.batch > len(data.train_images):
        raise ValueError(
            f"--batch {args.batch} is more than the {len(data.train_images)} training images"
        )
    experiment = Experiment(setup, data, prepare, course.weights, course.device)

    model, plan = experiment.fresh(args.seeds[0])
    blocks = freezing.block_names(model)
    total = sum(p.numel() for p in model.parameters())
    start = course.weights.title if setup.start == "pretrained" else "MobileNetV2, random weights"
    no_cache = experiment.why_no_cache()
    head_rate = setup.rate if setup.head_rate is None else setup.head_rate
    print(f"images   {data}; network input {size} x {size} pixels")
    print(f"start    {start}")
    print(
        f"frozen   {len(plan.frozen)} of {len(blocks)} blocks, their batch norm in "
        f"{plan.batch_norm} mode; {freezing.count_trainable(model):,} of {total:,} parameters learn"
    )
    print(
        f"rates    {setup.rate:g}, head {head_rate:g}; {setup.optimizer}, batches of {setup.batch}"
    )
    if no_cache is None:
        print("cache    the frozen blocks run once; training goes on from their stored outputs")
    else:
        print(f"cache    not used: {no_cache}")
    print(f"device   {environment.describe_device(course.device)}\n")
    return experiment


def images(args: argparse.Namespace, course: Course, wish: str, size: int) -> ImageData:
    """As many images as were asked for; those of a folder are kept no smaller than `size`."""
    train = args.train or course.train
    test = args.test or course.test
    if course.world == "folder":
        from course_utils.images.folders import load_folder

        return load_folder(Path(wish), train, test, side=max(size, 64))
    return course.load(train, test)


def train(experiment: Experiment, seed: int, seeds: int) -> list[Epoch]:
    """Train with one seed, with a line for each epoch."""
    if seeds > 1:
        print(f"seed {seed}")
    print("  epoch     loss    train     test  seconds")
    events = []
    for event in experiment.epochs(seed):
        events.append(event)
        print(
            f"{event.number:>3}/{experiment.setup.epochs:<3} {event.loss:>8.3f} "
            f"{event.accuracy:>7.1%} {event.test_accuracy:>8.1%} {event.seconds:>8.1f}",
            flush=True,
        )
    return events


def summarise(seeds: list[int], finished: list[list[Epoch]]) -> None:
    """Print the last epoch of each finished run, and mean and spread over the runs."""
    from course_utils.experiments import mean_and_std

    print("\n   seed  test accuracy  test loss  training time")
    for seed, events in zip(seeds, finished, strict=False):
        last = events[-1]
        seconds = sum(event.seconds for event in events)
        print(f"{seed:>7} {last.test_accuracy:>14.1%} {last.test_loss:>10.3f} {seconds:>12.1f} s")
    print(f"\ntest accuracy {mean_and_std([events[-1].test_accuracy for events in finished])}")


def write(args: argparse.Namespace, experiment: Experiment, finished: list[list[Epoch]]) -> Path:
    """Keep every epoch of every seed as a record."""
    from course_utils import experiments

    setup = experiment.setup
    titles = {"pretrained": experiment.weights.title, "scratch": "none (random weights)"}
    return experiments.write_record(
        args.record,
        folder=experiments.RECORDS,
        what=f"MobileNetV2, frozen: {setup.freeze}; every epoch of every seed",
        command=command_line(args),
        data=str(experiment.data),
        weights=titles[setup.start],
        seeds=args.seeds,
        size=experiment.prepare.size,
        setup=asdict(setup),
        rows=[
            {"seed": seed, **{k: v for k, v in asdict(event).items() if k != "rates"}}
            for seed, events in zip(args.seeds, finished, strict=True)
            for event in events
        ],
    )


def command_line(args: argparse.Namespace) -> str:
    """The command that repeats this run, with the options that differ from the defaults."""
    parser = argparse.ArgumentParser()
    configure(parser)
    words = ["python", "-m", "course_utils", "run"]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if action.dest == "help" or value == action.default:
            continue
        words.append(action.option_strings[0])
        if isinstance(value, list):
            words += map(str, value)
        elif not isinstance(value, bool):
            words.append(str(value))
    return shlex.join(words)
