"""Exercise 10.4: a convention of another tool, checked by what moves in one training step."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson10.freeze_conventions import KINDS, tensors_by_kind
from course_utils.lesson10.small_networks import resnet18_slim

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OUTLINES = {"MobileNetV2": True, "ResNet-18": True, "VGG-16": False, "ViT-B/16": False}
"""Whether a network of the lesson's first table has running statistics."""


@exercise(
    "10.4",
    wanted="a function that makes a ResNet ready, and a list of names of networks",
    hints=(
        "Three kinds of tensors in the backbone: weights of convolutions, parameters of norms, "
        "running statistics. For fastai, which of them move in the frozen phase?",
        "Freeze everything, then let every nn.BatchNorm2d and the head learn. All of it in train "
        "mode.",
        "for module in model.modules(): if isinstance(module, nn.BatchNorm2d): "
        "module.requires_grad_(True)",
    ),
    mistakes={
        "no-network": "my_frozen(model) gave {seen}. It changes the network and gives it back, or "
        "nothing.",
        "all-frozen": "After a training step no parameter has moved, nor has the head.",
        "head-frozen": "The head did not move: it rests. It learns in every convention.",
        "norms-exchanged": "{count} tensors of convolutions moved, such as {name}, and no norm: it "
        "is the other way round.",
        "not-frozen": "{count} tensors of convolutions moved, such as {name}. In the frozen phase "
        "the backbone learns nothing but its norms.",
        "tutorial": "The statistics of batch norm moved, its weights and biases did not. That is "
        "PyTorch's tutorial. fastai lets the norms learn as well (train_bn=True).",
        "keras": "Only the head moved. That is Keras' convention, and the safest one. fastai's "
        "lets the norms learn, and follow the batches.",
        "norms-in-eval": "Norms learn, but {some} of their running statistics rest: they are in "
        "eval mode. fastai trains in train mode.",
        "downsample-missed": "{count} tensors of norms stayed where they were, such as {name}: the "
        "norms of the shortcuts. model.modules() reaches these too, whatever they are called and "
        "however deep they lie.",
        "some-norms": "{count} tensors of norms stayed where they were, such as {name}. "
        "model.modules() reaches all of them, however deep.",
        "unknown-network": "{name} is none of {known}. Write the names as in the table.",
        "the-others": "{names}: these are where it makes a difference.",
        "has-statistics": "{name} has batch norm with running statistics, which move in train mode "
        "without any gradient; eval() stops them there.",
        "one-missing": "{name} is right. There is another one without running statistics: the cell "
        "after the transformer's state counts them.",
    },
)
def as_fastai(function: Any, networks: Any) -> str:
    """fastai's frozen phase, written in PyTorch; and where two conventions mean the same."""
    ready = recognise.function(function, "my_frozen")
    torch.manual_seed(0)
    model: nn.Module = resnet18_slim(10, width=4)
    x, y = torch.randn(8, 3, 32, 32), torch.arange(8)
    returned = ready(model)
    if isinstance(returned, nn.Module):
        model = recognise.unwrapped(returned)
    elif returned is not None:
        raise Mistake("no-network", seen=describe(returned))
    recognise.switched_by_parameters(model)
    _like_fastai(*_one_step(model, x, y))
    _same_meaning(networks)
    return (
        "Frozen convolutions, learning norms: a few thousand parameters more than a head alone, "
        "and not the network that Keras would call frozen. Where no running statistics are, "
        "PyTorch's tutorial and Keras mean the same."
    )


def _one_step(model: nn.Module, x: Tensor, y: Tensor) -> tuple[dict[str, list[str]], list[str]]:
    """Names of the tensors that one training step moves, by kind; and of those that stay."""
    named = {id(t): n for n, t in [*model.named_parameters(), *model.named_buffers()]}
    tensors = tensors_by_kind(model)
    before = {kind: [t.detach().clone() for t in ts] for kind, ts in tensors.items()}
    learning = [p for p in model.parameters() if p.requires_grad]
    loss = F.cross_entropy(model(x), y)
    if learning:
        optimizer = torch.optim.SGD(learning, lr=0.1)
        loss.backward()
        optimizer.step()
    moved: dict[str, list[str]] = {kind: [] for kind in KINDS}
    still: list[str] = []
    for kind, ts in tensors.items():
        for old, new in zip(before[kind], ts, strict=True):
            (still if torch.equal(old, new) else moved[kind]).append(named[id(new)])
    return moved, still


def _like_fastai(moved: dict[str, list[str]], still: list[str]) -> None:
    """Raise unless norms, statistics and head moved, and nothing else."""
    weights, norms, statistics, head = (moved[kind] for kind in KINDS)
    if not (weights or norms or head):
        raise Mistake("all-frozen")
    if not head:
        raise Mistake("head-frozen")
    if weights:
        code = "not-frozen" if norms else "norms-exchanged"
        raise Mistake(code, count=len(weights), name=weights[0])
    if not norms:
        raise Mistake("tutorial" if statistics else "keras")
    if any("running" in name for name in still):
        raise Mistake("norms-in-eval", some="some" if statistics else "all")
    resting = sorted(name for name in still if "bn" in name or "downsample.1" in name)
    if shortcuts := [name for name in resting if "downsample" in name]:
        raise Mistake("downsample-missed", count=len(resting), name=shortcuts[0])
    if resting:
        raise Mistake("some-norms", count=len(resting), name=resting[0])


def _same_meaning(networks: Any) -> None:
    """Raise unless these are the networks without running statistics."""
    given = recognise.items(networks, 9, "The answer about networks")
    if unknown := [name for name in given if not isinstance(name, str) or name not in OUTLINES]:
        raise Mistake("unknown-network", name=describe(unknown[0]), known=", ".join(OUTLINES))
    chosen = set(given)
    right = {name for name, running in OUTLINES.items() if not running}
    if chosen == set(OUTLINES) - right:
        raise Mistake("the-others", names=" and ".join(sorted(chosen)))
    if extra := sorted(chosen - right):
        raise Mistake("has-statistics", name=extra[0])
    if chosen != right:
        raise Mistake("one-missing", name=next(iter(chosen)))
