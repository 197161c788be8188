"""How large a learning rate from scratch, and how large a one for pretrained weights?

    python benchmarks/claims_rates.py                   Shapes, 64 px, a CPU
    python benchmarks/claims_rates.py --data FOLDER     photographs

"Fine-tune at a tenth of the rate that you would use from scratch" is a claim about two best rates.
So both starts get the same images, the same steps and the same schedule, and a row of rates wide
enough to hold the top of either curve.  Accuracies are on images held out of training, since a rate
is chosen by them.  Writes data/records/rates_by_start*.json; rows are kept as they come.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import environment, experiments, models, recipes, training, world
from course_utils.datasets import ImageData, Prepare, load_shapes

import torch
from torch import nn
from torchvision.models import mobilenet_v2

RATES = {  # in steps of about three, wide enough that the top is not at an end
    "scratch": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "pretrained": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
Row = dict[str, Any]


def network(start: str, pretrained: Callable[[], nn.Module], classes: int) -> nn.Module:
    """The same architecture either way: random weights, or pretrained ones with a new head."""
    if start == "scratch":
        model: nn.Module = mobilenet_v2(num_classes=classes)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
    model = pretrained()
    models.replace_head(model, classes)
    return model


def score(model: nn.Module, data: ImageData, prepare: Prepare, **options: Any) -> float:
    """Accuracy on the test images after fine-tuning everything; a diverged run is guessing."""
    try:
        for _ in recipes.fine_tune(model, data, prepare, **options):
            pass
    except training.TrainingDiverged:
        return 1 / len(data.class_names)
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


def sweep(
    draw: Callable[[int], ImageData],
    pretrained: Callable[[], nn.Module],
    prepare: Prepare,
    *,
    seeds: Sequence[int],
    rates: Mapping[str, Sequence[float]] = RATES,
    epochs: int = 8,
    batch_size: int = 16,
) -> Iterator[Row]:
    """One row for each seed, start and rate; `rates` maps a start to the rates to try."""
    for seed in seeds:
        data = draw(seed)
        for start, tried in rates.items():
            for rate in tried:
                environment.seed_everything(seed)
                model = network(start, pretrained, len(data.class_names)).to(prepare.device)
                accuracy = score(
                    model, data, prepare, count=epochs, backbone_rate=rate, head_rate=rate,
                    batch_size=batch_size, seed=seed,
                )  # fmt: skip
                yield {"seed": seed, "start": start, "rate": rate, "accuracy": accuracy}


def drawer(course: world.Course, task: str, train: int, held_out: int) -> Callable[..., ImageData]:
    """Other images for every seed: of a Shapes task, or of the folder at hand."""

    def draw(seed: int) -> ImageData:
        if course.world == "shapes":
            pool = load_shapes(task, train + held_out, 10, seed=seed)
        else:
            pool = course.load(4 * (train + held_out), 10).subset(train + held_out, seed=seed)
        return pool.hold_out(held_out, seed=seed)

    return draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes", help="shapes, cifar10 or a folder")
    parser.add_argument("--data-name", help="the honest name of the images, for the record")
    parser.add_argument("--weights-name", help="the honest name of the weights, for the record")
    parser.add_argument("--task", default="target", help="which task of the Shapes world")
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--size", type=int, help="pixels (default: the world's)")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="one rate for each start")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--record", default="rates_by_start")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS)
    args = parser.parse_args()
    course = world.settle(11, args.data, args.train, 10)
    size = args.size or course.size
    prepare = Prepare(size, course.weights.mean, course.weights.std, course.device)
    name = args.data_name or ("Shapes" if course.world == "shapes" else course.world)
    task = f" ({args.task})" if course.world == "shapes" else ""
    details: dict[str, Any] = {
        "what": "accuracy by learning rate, from scratch and from pretrained weights: same images, "
        "same steps, same one-cycle schedule",
        "command": f"python benchmarks/claims_rates.py --data {course.world}"
        + (f" --task {args.task}" if course.world == "shapes" else "")
        + f" --train {args.train} --held-out {args.held_out} --size {size}"
        f" --epochs {args.epochs} --batch {args.batch} --record {args.record}",
        "data": f"{name}{task}: {args.train} training and {args.held_out} held-out images "
        f"at {size} px",
        "weights": args.weights_name or course.weights.title,
    }
    rates = {start: tried[2:3] for start, tried in RATES.items()} if args.quick else RATES
    rows: list[Row] = []
    for row in sweep(
        drawer(course, args.task, args.train, args.held_out),
        course.pretrained, prepare, seeds=args.seeds, rates=rates,
        epochs=args.epochs, batch_size=args.batch,
    ):  # fmt: skip
        print(row, flush=True)
        rows.append(row)
        done = sorted({r["seed"] for r in rows})
        experiments.write_record(args.record, folder=args.out, seeds=done, rows=rows, **details)


if __name__ == "__main__":
    main()
