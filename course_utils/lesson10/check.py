"""Exercises of lesson 10, other models."""

from __future__ import annotations

from functools import cache
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import describe
from course_utils.lesson10.check_convention import as_fastai
from course_utils.lesson10.check_option import freeze_option
from course_utils.lesson10.check_prepare import by_hand

import torch
from torch import nn
from torchvision.models import EfficientNet, SwinTransformer, efficientnet_b0, swin_t

CLASSES = 7


@exercise(
    "10.1",
    wanted="an efficientnet_b0 and a swin_t on the meta device, both with a new head of 7 outputs",
    hints=(
        "find_head(network) gives the name of the head and the layer itself.",
        "The new layer must lie on the meta device too, or the network is half here, half nowhere.",
        'my_efficientnet.classifier[1] = nn.Linear(1280, 7, device="meta"), and the Swin '
        "transformer's head is called head.",
    ),
)
def two_heads(efficientnet: Any, swin: Any) -> str:
    """New heads for a convolutional network and a transformer that were never met before."""
    one = recognise.network(efficientnet, example="my_efficientnet")
    other = recognise.network(swin, example="my_swin")
    for model, kind, name in (
        (one, EfficientNet, "efficientnet_b0"),
        (other, SwinTransformer, "swin_t"),
    ):
        if not isinstance(model, kind):
            raise wrong("other-network", f"Wanted is torchvision's {name}; this is {_said(model)}.")
        _head_of_seven(model, name)
    return (
        "classifier[1] in one, head in the other, and nothing was loaded: on the meta device a "
        "wrong name or a wrong width shows within a second, before the download."
    )


def _said(model: nn.Module) -> str:
    return describe(model).replace("object of type ", "")


@cache
def _outline(name: str) -> nn.Module:
    """The network as it comes, without memory."""
    with torch.device("meta"):
        return (efficientnet_b0 if name == "efficientnet_b0" else swin_t)(weights=None)


def _head_of_seven(model: nn.Module, name: str) -> None:
    """Raise unless a network gives seven scores, on the meta device."""
    known = {child for child, _ in _outline(name).named_children()}
    if new := [child for child, _ in model.named_children() if child not in known]:
        raise wrong(
            "other-name",
            f"{name} got a new part called {new[0]!r}, which its forward() never calls: the old "
            "head is still at work. Print the end of the network, or ask find_head.",
        )
    _one_device(model, name)
    head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    if head.weight.shape[0] != head.out_features:
        raise wrong(
            "only-the-number",
            f"The head of {name} says out_features={head.out_features}, but its weight still has "
            f"{head.weight.shape[0]} rows: that attribute is only a note.",
        )
    try:
        with torch.no_grad():
            scores = copy_of(model).eval()(torch.zeros(2, 3, 224, 224, device="meta"))
    except RuntimeError as error:
        raise wrong(
            "wrong-inputs",
            f"{name} cannot run: {str(error).splitlines()[0]} Its new head takes "
            f"{head.in_features} numbers; read off the old one how many there are.",
        ) from error
    if scores.shape[-1] == 1000:
        raise wrong("not-replaced", f"{name} still gives 1000 scores: its head is the old one.")
    if scores.shape != (2, CLASSES):
        raise wrong(
            "wrong-width",
            f"For two images {name} gives scores of shape {tuple(scores.shape)}; wanted is "
            f"{(2, CLASSES)}.",
        )
    if any(isinstance(m, nn.Softmax) for m in model.modules()):
        raise wrong(
            "softmax-in-head",
            f"There is a softmax in {name}. Cross-entropy has its own and wants raw scores.",
        )
    if not head.weight.requires_grad:
        raise wrong(
            "head-frozen",
            f"The new head of {name} has requires_grad = False: it was frozen with the rest, and "
            "nothing could learn. Freeze first, then put the head in.",
        )


def _one_device(model: nn.Module, name: str) -> None:
    """Raise unless all parameters lie on the meta device."""
    real = [n for n, p in model.named_parameters() if p.device.type != "meta"]
    total = sum(1 for _ in model.parameters())
    if len(real) == total:
        size = 4 * sum(p.numel() for p in model.parameters()) / 1e6
        raise wrong(
            "not-on-meta",
            f"All of {name} is in memory, {size:.0f} MB of random numbers. That works, but asked "
            'was an outline without numbers: build it under with torch.device("meta").',
        )
    if real:
        raise wrong(
            "two-devices",
            f"{name} lies on the meta device, but {real[0]} has real numbers: the two cannot "
            'compute with each other. Give nn.Linear the argument device="meta".',
        )


__all__ = ["as_fastai", "by_hand", "freeze_option", "two_heads"]
