"""Exercise 10.4: a convention of another tool, checked by what moves in one training step."""

from __future__ import annotations

import copy
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
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
)
def as_fastai(function: Any, networks: Any) -> str:
    """fastai's frozen phase, written in PyTorch; and where two conventions mean the same."""
    ready = recognise.function(function, "my_frozen")
    model, x, y = _small_resnet()
    returned = ready(model)
    if isinstance(returned, nn.Module):
        model = returned
    elif returned is not None:
        raise wrong(
            "no-network",
            f"my_frozen(model) gave {describe(returned)}. It changes the network and gives it "
            "back, or nothing.",
        )
    _like_fastai(*_one_step(model, x, y))
    _same_meaning(networks)
    return (
        "Frozen convolutions, learning norms: a few thousand parameters more than a head alone, "
        "and not the network that Keras would call frozen. Where no running statistics are, "
        "PyTorch's tutorial and Keras mean the same."
    )


def _small_resnet() -> tuple[nn.Module, Tensor, Tensor]:
    """A narrow ResNet-18 with a head of ten classes, and a batch of noise."""
    torch.manual_seed(0)
    return resnet18_slim(10, width=4), torch.randn(8, 3, 32, 32), torch.arange(8)


def _one_step(model: nn.Module, x: Tensor, y: Tensor) -> tuple[dict[str, list[str]], set[str]]:
    """Which tensors one training step moves, by kind; and which there are.

    The names of the norms that moved not are the second part.
    """
    named = {id(t): n for n, t in [*model.named_parameters(), *model.named_buffers()]}
    tensors = tensors_by_kind(model)
    before = {kind: copy.deepcopy([t.detach() for t in ts]) for kind, ts in tensors.items()}
    learning = [p for p in model.parameters() if p.requires_grad]
    loss = F.cross_entropy(model(x), y)
    if learning:
        optimizer = torch.optim.SGD(learning, lr=0.1)
        loss.backward()
        optimizer.step()
    moved: dict[str, list[str]] = {kind: [] for kind in KINDS}
    still = set()
    for kind, ts in tensors.items():
        for old, new in zip(before[kind], ts, strict=True):
            if torch.equal(old, new):
                still.add(named[id(new)])
            else:
                moved[kind].append(named[id(new)])
    return moved, still


def _like_fastai(moved: dict[str, list[str]], still: set[str]) -> None:
    """Raise unless norms, statistics and head moved, and nothing else."""
    weights, norms, statistics, head = (moved[kind] for kind in KINDS)
    if not (weights or norms or head):
        raise wrong("all-frozen", "After a training step no parameter has moved, nor has the head.")
    if not head:
        raise wrong("head-frozen", "The backbone is as asked, but the head did not move: it rests.")
    if weights and not norms:
        raise wrong(
            "norms-exchanged",
            f"{len(weights)} tensors of convolutions moved, such as {weights[0]}, and no norm: it "
            "is the other way round.",
        )
    if weights:
        raise wrong(
            "not-frozen",
            f"{len(weights)} tensors of convolutions moved, such as {weights[0]}. In the frozen "
            "phase the backbone learns nothing but its norms.",
        )
    rest = sorted(name for name in still if "running" not in name and "fc" not in name)
    norm_names = [n for n in rest if "bn" in n or "downsample.1" in n]
    if not norms and statistics:
        raise wrong(
            "tutorial",
            "The statistics of batch norm moved, its weights and biases did not. That is PyTorch's "
            "tutorial. fastai lets the norms learn as well (train_bn=True).",
        )
    if not norms:
        raise wrong(
            "keras",
            "Only the head moved. That is Keras' convention, and the safest one. fastai's lets the "
            "norms learn, and follow the batches.",
        )
    if any("running" in name for name in still):
        raise wrong(
            "norms-in-eval",
            f"Norms learn, but {'some' if statistics else 'all'} of their running statistics rest: "
            "they are in eval mode. fastai trains in train mode.",
        )
    if any("downsample" in name for name in norm_names):
        raise wrong(
            "downsample-missed",
            f"{len(norm_names)} tensors of norms stayed where they were, such as {norm_names[0]}: "
            "the norms of the shortcuts have no bn in their names. Ask isinstance, not the name.",
        )
    if norm_names:
        raise wrong(
            "some-norms",
            f"{len(norm_names)} tensors of norms stayed where they were, such as {norm_names[0]}. "
            "model.modules() reaches all of them, however deep.",
        )


def _same_meaning(networks: Any) -> None:
    """Raise unless these are the networks without running statistics."""
    chosen = {str(name) for name in recognise.items(networks, 9, "The answer about networks")}
    right = {name for name, running in OUTLINES.items() if not running}
    if unknown := sorted(chosen - set(OUTLINES)):
        raise wrong(
            "unknown-network",
            f"{unknown[0]!r} is none of {', '.join(OUTLINES)}. Write the names as in the table.",
        )
    if chosen == set(OUTLINES) - right:
        raise wrong(
            "the-others", f"{' and '.join(sorted(chosen))}: these are where it makes a difference."
        )
    if extra := sorted(chosen - right):
        raise wrong(
            "has-statistics",
            f"{extra[0]} has batch norm with running statistics, which move in train mode without "
            "any gradient; eval() stops them there.",
        )
    if chosen != right:
        raise wrong(
            "one-missing",
            f"{next(iter(chosen))} is right. There is another one without running statistics: the "
            "cell after the transformer's state counts them.",
        )
