"""Exercises of lesson 10, other models; 10.2 to 10.4 have files of their own."""

from __future__ import annotations

from functools import cache
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson10.fastai_phase import as_fastai
from course_utils.lesson10.prepared_images import by_hand
from course_utils.lesson10.yolov5_option import freeze_option

import torch
from torch import nn
from torchvision.models import EfficientNet, SwinTransformer, efficientnet_b0, swin_t

__all__ = ["as_fastai", "by_hand", "freeze_option", "two_heads"]

CLASSES = 7
HEADS = {"efficientnet_b0": "classifier", "swin_t": "head"}
SQUASHING = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.LogSigmoid, nn.Tanh)


@exercise(
    "10.1",
    wanted="an efficientnet_b0 and a swin_t on the meta device, both with a new head of 7 outputs",
    hints=(
        "models.find_head(network) gives the name of the head and the layer itself.",
        "The new layer must lie on the meta device too, or the network is half here, half nowhere.",
        'my_efficientnet.classifier[1] = nn.Linear(1280, 7, device="meta"), and the Swin '
        "transformer's head is called head.",
    ),
    mistakes={
        "other-network": "Wanted is torchvision's {name}; this is {seen}.",
        "other-size": "This is another network of the family: {tensor} has the shape {own} here, "
        "and {wanted} in {name}. Each is built by a function of its own name.",
        "other-name": "{name} got a new part called {part!r}, which its forward() never calls: the "
        "old head is still at work. Print the end of the network, or ask models.find_head.",
        "not-on-meta": "All of {name} is in memory, {megabytes:.0f} MB of random numbers. That "
        "works, but asked was an outline without numbers: build it under "
        'with torch.device("meta").',
        "two-devices": "{name} lies on the meta device, but {tensor} has real numbers: the two "
        'cannot compute with each other. Give nn.Linear the argument device="meta".',
        "only-the-number": "The head of {name} says out_features={said}, but its weight still has "
        "{rows} rows: that attribute is only a note.",
        "wrong-inputs": "{name} cannot run: {error} Its new head takes {inputs} numbers; read off "
        "the old one how many there are.",
        "not-replaced": "{name} still gives 1000 scores: its head is the old one.",
        "wrong-width": "For two images {name} gives scores of shape {shape}; wanted is (2, 7).",
        "softmax-in-head": "There is a {layer} in the head of {name}. Cross-entropy has its own "
        "softmax and wants raw scores.",
        "head-frozen": "The new head of {name} has requires_grad = False: it was frozen with the "
        "rest, and nothing could learn. Freeze first, then put the head in.",
    },
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
            seen = describe(model).replace("object of type ", "")
            raise Mistake("other-network", name=name, seen=seen)
        _as_built(model, name)
        _one_device(model, name)
        _head_of_seven(model, name)
    return (
        "classifier[1] in one, head in the other, and nothing was loaded: on the meta device a "
        "wrong name or a wrong width shows within a second, before the download."
    )


@cache
def _outline(name: str) -> nn.Module:
    """The network as it comes, without memory."""
    with torch.device("meta"):
        return (efficientnet_b0 if name == "efficientnet_b0" else swin_t)(weights=None)


def _as_built(model: nn.Module, name: str) -> None:
    """Raise if something but the head differs from torchvision's network."""
    known = {child for child, _ in _outline(name).named_children()}
    if new := [child for child, _ in model.named_children() if child not in known]:
        raise Mistake("other-name", name=name, part=new[0])
    own, wanted = (
        {n: tuple(t.shape) for n, t in one.state_dict().items() if not n.startswith(HEADS[name])}
        for one in (model, _outline(name))
    )
    for tensor in own | wanted:
        if own.get(tensor) != wanted.get(tensor):
            here, there = (state.get(tensor, "of nothing") for state in (own, wanted))
            raise Mistake("other-size", name=name, tensor=tensor, own=here, wanted=there)


def _one_device(model: nn.Module, name: str) -> None:
    """Raise unless all parameters lie on the meta device."""
    real = [n for n, p in model.named_parameters() if p.device.type != "meta"]
    if len(real) == sum(1 for _ in model.parameters()):
        size = 4 * sum(p.numel() for p in model.parameters()) / 1e6
        raise Mistake("not-on-meta", name=name, megabytes=size)
    if real:
        raise Mistake("two-devices", name=name, tensor=real[0])


def _head_of_seven(model: nn.Module, name: str) -> None:
    """Raise unless a network gives seven raw scores, by a head that can learn."""
    head = model.get_submodule(HEADS[name])
    layers = [m for m in head.modules() if isinstance(m, nn.Linear)]
    for layer in layers:
        if (rows := layer.weight.shape[0]) != layer.out_features:
            raise Mistake("only-the-number", name=name, said=layer.out_features, rows=rows)
    try:
        with torch.no_grad():
            scores = copy_of(model).eval()(torch.zeros(2, 3, 224, 224, device="meta"))
    except RuntimeError as error:
        inputs = layers[0].in_features if layers else "other"
        said = f"{str(error).splitlines()[0]}."
        raise Mistake("wrong-inputs", name=name, error=said, inputs=inputs) from error
    if scores.shape[-1] == 1000:
        raise Mistake("not-replaced", name=name)
    if scores.shape != (2, CLASSES):
        raise Mistake("wrong-width", name=name, shape=tuple(scores.shape))
    if squashing := [type(m).__name__ for m in head.modules() if isinstance(m, SQUASHING)]:
        raise Mistake("softmax-in-head", name=name, layer=squashing[0])
    if recognise.is_frozen(head):
        raise Mistake("head-frozen", name=name)
