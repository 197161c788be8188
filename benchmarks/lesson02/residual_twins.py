"""Plain and residual twins trained side by side: where the plain one falls behind, and where not.

    python -m benchmarks.lesson02.residual_twins depth     by depth, with and without batch norm
    python -m benchmarks.lesson02.residual_twins rates     28 layers: is it the learning rate?
    python -m benchmarks.lesson02.residual_twins long
        28 layers and more time; then without one block
    python -m benchmarks.lesson02.residual_twins blocks
        the pretrained MobileNetV2 without one block

The twins (course_utils/lesson02/twins.py) learn the orientation of grain, 10 classes at 32 px, from
random
weights; seeds differ in images, weights and order.  Accuracy on the training images is the running
one of each pass, before each step.  With `--data FOLDER` photographs take the place of Shapes.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, training, world
from course_utils.images.datasets import ImageData, batches, load_shapes
from course_utils.images.preprocessing import Prepare
from course_utils.lesson02 import twins
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import torch
from torch import nn
from torch.nn import functional as F

Row = dict[str, Any]
DEPTHS = [10, 16, 28, 52]
RATE, EQUAL = "one rate", "equal steps"  # kinds of steps, see `train`
RATES = [  # batch norm, kind of steps, rate; 0.02 is the depth question's
    (True, RATE, 0.005),
    (True, RATE, 0.05),
    (True, EQUAL, 0.003),
    (False, RATE, 0.005),
]


def images(course: world.Course, seed: int, train: int, test: int) -> tuple[ImageData, Prepare]:
    """A task to learn from random weights, and how its images become the twins' input."""
    prepare = replace(course.prepare, size=32)
    if course.world == "shapes":  # the target shapes need far more images from random weights
        return load_shapes("orientation", train, test, seed=seed), prepare
    return course.load(3 * train, test).subset(train=train, seed=seed), prepare


def train(
    net: nn.Sequential,
    data: ImageData,
    prepare: Prepare,
    *,
    seed: int,
    epochs: int,
    rate: float = 0.02,
    steps: str = RATE,
) -> Iterator[Row]:
    """SGD with momentum 0.9 and batches of 32; one row an epoch (loss None: no number any more).

    With steps "equal steps" each tensor's gradient is first stretched to `rate` times the length of
    the tensor, so that shallow and deep layers move equally far, however long their gradients are
    ("Large Batch Training of Convolutional Networks", Yang You, Igor Gitman and Boris Ginsburg,
    2017, does so for other reasons).
    """
    net.to(data.train_images.device, memory_format=torch.channels_last)
    matrices = [p for p in net.parameters() if p.ndim > 1]
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    for epoch in range(1, epochs + 1):
        loss_sum, hits, count = 0.0, 0, 0
        for x, y in batches(data.train_images, data.train_labels, 32, seed=1000 * seed + epoch):
            net.train()
            scores = net(prepare(x))
            loss = F.cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            if steps == EQUAL:
                for p in matrices:
                    assert p.grad is not None
                    p.grad.mul_(p.detach().norm() / (p.grad.norm() + 1e-12))
            optimizer.step()
            loss_sum += loss.item() * len(y)
            hits += int((scores.argmax(1) == y).sum())
            count += len(y)
        result = training.evaluate(net, data.test_images, data.test_labels, prepare)
        yield {
            "epoch": epoch,
            "train_accuracy": hits / count,
            "test_accuracy": result.accuracy,
            "loss": loss_sum / count if math.isfinite(loss_sum) else None,
        }


def without_one_block(
    net: nn.Sequential, data: ImageData, prepare: Prepare, places: list[int]
) -> Iterator[Row]:
    """Test accuracy of the whole network, and with one block at a time reduced to a part of it.

    kept : "all"; "x" (the block's input is its output); "F(x)" (the layers, without an addition)
    """

    def accuracy() -> float:
        result = training.evaluate(model, data.test_images, data.test_labels, prepare)
        return result.accuracy

    model: nn.Module = net
    blocks = net.features if hasattr(net, "features") else net
    assert isinstance(blocks, nn.Sequential)
    yield {"block": 0, "kept": "all", "accuracy": accuracy()}
    for number, place in enumerate(places, 1):
        block = blocks[place]
        parts: dict[str, nn.Module] = {"x": nn.Identity()}
        if isinstance(block, twins.Block):
            if block.shortcut:
                parts["F(x)"] = nn.Sequential(block.layers, nn.ReLU())
        else:
            parts["F(x)"] = block.conv  # type: ignore[assignment]
        for kept, part in parts.items():
            blocks[place] = part
            yield {"block": number, "kept": kept, "accuracy": accuracy()}
        blocks[place] = block


def by_depth(
    course: world.Course, args: argparse.Namespace, seed: int, depth: int, kind: str, bn: bool
) -> list[Row]:
    """One twin from its random weights: a row an epoch."""
    data, prepare = images(course, seed, args.train, args.test)
    net = twins.twin(kind, depth, len(data.class_names), batch_norm=bn, seed=seed)  # type: ignore[arg-type]
    return list(train(net, data, prepare, seed=seed, epochs=args.epochs or 5))


def by_rate(
    course: world.Course, args: argparse.Namespace, seed: int, kind: str, bn: bool, steps: str,
    rate: float,
) -> list[Row]:  # fmt: skip
    """One twin of 28 layers with another learning rate, or with equal steps in all layers."""
    data, prepare = images(course, seed, args.train, args.test)
    net = twins.twin(kind, args.depth, len(data.class_names), batch_norm=bn, seed=seed)  # type: ignore[arg-type]
    return list(
        train(net, data, prepare, seed=seed, epochs=args.epochs or 5, rate=rate, steps=steps)
    )


def long_run(course: world.Course, args: argparse.Namespace, seed: int, kind: str) -> list[Row]:
    """One twin with more time; at the end it loses one block at a time."""
    data, prepare = images(course, seed, args.train, args.test)
    net = twins.twin(kind, args.depth, len(data.class_names), seed=seed)  # type: ignore[arg-type]
    rows = list(train(net, data, prepare, seed=seed, epochs=args.epochs or 25))
    places = [i for i, part in enumerate(net) if isinstance(part, twins.Block)]
    return rows + list(without_one_block(net, data, prepare, places))


def mobilenet(course: world.Course, args: argparse.Namespace, seed: int) -> list[Row]:
    """The pretrained MobileNetV2 with a trained head, without one of its residual blocks."""
    environment.seed_everything(seed)
    data = course.load(3 * args.train, args.test).subset(train=args.train, seed=seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    for _ in recipes.train_head(model, data, course.prepare, count=10, seed=seed):
        pass
    places = [i for i, b in enumerate(model.features) if getattr(b, "use_res_connect", False)]
    rows = list(without_one_block(model, data, course.prepare, places))  # type: ignore[arg-type]
    names = ["none", *(f"features.{i}" for i in places)]
    return [{**row, "block": names[row["block"]]} for row in rows]


def measure(course: world.Course, args: argparse.Namespace) -> dict[str, list[Row]]:
    """Rows by name of their record, for `args.question`."""
    kept = script.Kept(args.keep)
    pairs = [(seed, kind) for seed in args.seeds for kind in twins.KINDS]
    if args.question == "depth":
        grid = [(d, True) for d in args.depths] + [(d, False) for d in args.depths_without]
        settings = [
            {"seed": s, "depth": d, "kind": k, "batch_norm": bn} for s, k in pairs for d, bn in grid
        ]
        run = lambda seed, depth, kind, batch_norm: by_depth(  # noqa: E731
            course, args, seed, depth, kind, batch_norm
        )
        return {"residual_twins": kept.measure(settings, run)}
    if args.question == "rates":
        some = RATES[:: len(RATES) - 1] if args.quick else RATES
        settings = [
            {"seed": s, "depth": args.depth, "kind": k, "batch_norm": bn, "steps": steps, "rate": r}
            for s, k in pairs for bn, steps, r in some
        ]  # fmt: skip
        return {
            "residual_twins_rates": kept.measure(
                settings,
                lambda seed, depth, kind, batch_norm, steps, rate: by_rate(
                    course, args, seed, kind, batch_norm, steps, rate
                ),
            )
        }
    if args.question == "long":
        settings = [{"seed": s, "depth": args.depth, "kind": k} for s, k in pairs]
        rows = kept.measure(settings, lambda seed, depth, kind: long_run(course, args, seed, kind))
        return {
            "residual_twins_long": [row for row in rows if "epoch" in row],
            "residual_twins_blocks": [row for row in rows if "kept" in row],
        }
    settings = [{"seed": s, "network": "MobileNetV2, pretrained"} for s in args.seeds]
    rows = kept.measure(settings, lambda seed, network: mobilenet(course, args, seed))
    return {"residual_blocks_mobilenet": rows}


def arguments(about: str | None, train: int = 800) -> argparse.ArgumentParser:
    """Arguments that this script shares with gradients.py."""
    return script.arguments(about, data="shapes", keep=True, train=train, test=300)


def write(
    name: str, rows: list[Row], course: world.Course, args: argparse.Namespace, *, what: str,
    pretrained: bool = False, twins_too: bool = True,
) -> None:  # fmt: skip
    """The record, which says of each kind of network what it saw.

    pretrained, twins_too : which networks are in it: the pretrained one, the twins, or both
    """
    tasks, weights = [], []
    if pretrained:
        tasks.append(f"{script.images(args, course)} at {course.size} px")
        weights.append(args.weights_name or course.weights.title)
    if twins_too:
        tasks.append(f"{script.images(args, course, 'orientation')} at 32 px")
        weights.append("random weights" + (" (twins)" if pretrained else ""))
    data = f"{' and '.join(tasks)}, {args.train} training images"
    script.write(args, name, rows, what=what, data=data, weights=" and ".join(weights))


WHAT = {
    "residual_twins": "plain and residual twins by depth, with and without batch norm",
    "residual_twins_rates": "the same twins with other learning rates, and with equal steps",
    "residual_twins_long": "the same twins with more epochs",
    "residual_twins_blocks": "trained twins that lose one block",
    "residual_blocks_mobilenet": "a pretrained MobileNetV2, new head, that loses one block",
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("question", choices=["depth", "rates", "long", "blocks"])
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--depths-without", type=int, nargs="*", default=[10, 28])
    parser.add_argument("--depth", type=int, default=28, help="for the rates and the long run")
    parser.add_argument("--epochs", type=int, help="default: 5, and 25 in the long run")
    parser.add_argument("--quick", action="store_true", help="two of the rates only")
    args = parser.parse_args()
    if args.question == "blocks":
        args.train = min(300, args.train)
    course = world.choose(2, args.data, args.train, args.test)
    for name, rows in measure(course, args).items():
        alone = name == "residual_blocks_mobilenet"
        write(name, rows, course, args, what=WHAT[name], pretrained=alone, twins_too=not alone)


if __name__ == "__main__":
    main()
