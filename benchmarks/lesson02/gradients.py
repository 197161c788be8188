"""How long the gradients are, layer by layer: in twins, and in networks that are partly frozen.

    python -m benchmarks.lesson02.gradients start     plain and residual twins before the first step
    python -m benchmarks.lesson02.gradients nudge
        how a small change of the image grows with depth there
    python -m benchmarks.lesson02.gradients frozen
        MobileNetV2 and plain twins, the first blocks frozen

One batch a seed, no training; seeds differ in images and random weights.  Freezing the first blocks
usually comes with batch norm in eval mode, which changes the forward pass.  So `frozen` sets the
two apart: batch norm of the first blocks in train or in eval mode, each with and without freezing.
With `--data FOLDER` photographs take the place of Shapes.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson02.residual_twins import Row, arguments, images, write
from course_utils import environment, world
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson02 import twins
from course_utils.networks.blocks import split_into_blocks
from course_utils.networks.heads import replace_head
from course_utils.training import freezing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS = [10, 16, 28, 52]
NETWORKS = {  # name -> blocks that are frozen, counted from the input
    "MobileNetV2, pretrained": (7, 14),
    "plain twin, 28 layers": (5, 10),
    "plain twin, 28 layers, no batch norm": (5, 10),
}


def gradient_by_layer(net: nn.Module, x: Tensor, y: Tensor) -> list[Row]:
    """Lengths of the gradient of every layer's weights, from the input (layer 1) to the head.

    relative : the gradient's length over that of the weights: what a step at rate 1 would move
    """
    net.train()
    net.zero_grad()
    F.cross_entropy(net(x), y).backward()
    weights = [p for p in net.parameters() if p.ndim > 1]
    return [
        {
            "layer": layer,
            "gradient": float(p.grad.norm()),
            "relative": float(p.grad.norm() / p.detach().norm()),
        }
        for layer, p in enumerate(weights, 1)
        if p.grad is not None
    ]


def start(course: world.Course, args: argparse.Namespace, seed: int, **twin: Any) -> list[Row]:
    """Gradients of a twin's layers before its first step."""
    data, prepare = images(course, seed, args.train, 10)
    net = twins.twin(num_classes=len(data.class_names), seed=seed, **twin)
    return gradient_by_layer(net, prepare(data.train_images), data.train_labels)


def nudge(course: world.Course, args: argparse.Namespace, seed: int, **twin: Any) -> list[Row]:
    """How much a change of 1 % of the image changes the output of every block (see `twins`)."""
    data, prepare = images(course, seed, args.train, 10)
    net = twins.twin(num_classes=len(data.class_names), seed=seed, **twin)
    return twins.nudge(net, prepare(data.train_images), seed=seed)


def network(
    name: str, course: world.Course, args: argparse.Namespace, seed: int
) -> tuple[nn.Module, ImageData, Prepare]:
    """One of `NETWORKS`, with a batch of images for it."""
    if name.startswith("plain"):
        data, prepare = images(course, seed, args.train, 10)
        with_norm = "no batch norm" not in name
        net = twins.twin("plain", 28, len(data.class_names), batch_norm=with_norm, seed=seed)
        return net, data, prepare
    model = course.pretrained()
    environment.seed_everything(seed)
    data = course.load(3 * args.train, 10).subset(train=args.train, seed=seed)
    replace_head(model, len(data.class_names))
    return model, data, course.prepare


def block_gradients(
    model: nn.Module, x: Tensor, y: Tensor, first: int, freeze: bool, batch_norm: str, seed: int
) -> dict[str, Tensor]:
    """All gradients of each block behind the first ones, joined into one row of numbers."""
    model.requires_grad_(True)
    model.train()
    parts = split_into_blocks(model)
    for block in parts[:first]:
        for module in block.modules:
            module.requires_grad_(not freeze)
            for norm in freezing.batch_norms(module):
                norm.train(batch_norm == "train")
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)  # the head's dropout must be the same in every variant
    F.cross_entropy(model(x), y).backward()
    return {
        block.name: torch.cat([p.grad.flatten() for p in block.parameters() if p.grad is not None])
        for block in parts[first:]
    }


def frozen(
    course: world.Course, args: argparse.Namespace, seed: int, name: str, first: int
) -> Iterator[Row]:
    """Gradients of the blocks behind the first ones, with these frozen and not.

    frozen : 0 or the number of frozen blocks, the first ones
    batch_norm : mode of the first blocks' batch norm
    norm : length of the gradient of all the block's parameters
    changed : largest change of any number in it against nothing frozen, same batch norm mode
    """
    model, data, prepare = network(name, course, args, seed)
    x, y = prepare(data.train_images), data.train_labels.to(prepare.device)
    start_state = {key: value.clone() for key, value in model.state_dict().items()}
    modes = ("train", "eval") if any(freezing.batch_norms(model)) else ("none",)
    for mode in modes:
        free: dict[str, Tensor] = {}
        for freeze in (False, True):
            model.load_state_dict(start_state)  # train mode has moved the running statistics
            found = block_gradients(model, x, y, first, freeze, mode, seed)
            free = free or found
            for block, gradient in found.items():
                yield {
                    "frozen": first if freeze else 0,
                    "batch_norm": mode,
                    "block": block,
                    "norm": float(gradient.norm()),
                    "changed": float((gradient - free[block]).abs().max()),
                }


WHAT = {
    "gradients": "length of the gradient of every layer of plain and residual twins at the start",
    "gradients_nudge": "how a change of 1 % of the image grows from block to block at the start",
    "gradients_frozen": "length of the gradients behind frozen blocks, and with none frozen",
}


def measure(course: world.Course, args: argparse.Namespace) -> tuple[str, list[Row]]:
    """The record's name and its rows, for `args.question`."""
    kept = script.Kept(args.keep)
    if args.question == "frozen":
        settings = [
            {"seed": seed, "network": name, "first": first}
            for seed in args.seeds
            for name, firsts in NETWORKS.items()
            for first in firsts
        ]
        return "gradients_frozen", kept.measure(
            settings,
            lambda seed, network, first: list(frozen(course, args, seed, network, first)),
        )
    settings = [
        {"seed": seed, "depth": depth, "kind": kind, "batch_norm": batch_norm}
        for seed in args.seeds
        for depth in args.depths
        for kind in twins.KINDS
        for batch_norm in (True, False)
    ]
    ask = start if args.question == "start" else nudge
    name = "gradients" if args.question == "start" else "gradients_nudge"
    return name, kept.measure(settings, lambda **setting: ask(course, args, **setting))


def main() -> None:
    parser = arguments(__doc__, train=128)
    parser.add_argument("question", choices=["start", "nudge", "frozen"])
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    args = parser.parse_args()
    course = world.choose(2, args.data, args.train, 10)
    name, rows = measure(course, args)
    write(name, rows, course, args, what=WHAT[name], pretrained=args.question == "frozen")


if __name__ == "__main__":
    main()
