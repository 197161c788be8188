"""Exercise of lesson 06 about a wider block that computes what the old one did."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe

import torch
from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual

PLACE = 14
INSIDE = f"features.{PLACE}."
TOLERANCE = 1e-4  # of the largest output; sums in another order differ by some 1e-6
DIFFER = "The outputs differ, by {off} of the largest one. "


@exercise(
    "6.3",
    wanted="a network like build(), with block 14 twice as wide and the old outputs",
    given=("original",),
    hints=(
        "surgery.widen_block(my_wider, 14) makes the block wider. surgery.copy_overlap(my_wider, "
        "state) gives a checkpoint (and a list of names) whose corners are filled: load it.",
        "The last convolution, my_wider.features[14].conv[2], has a weight of shape (out, inner, "
        "1, 1). The old inner channels are the first 576, the new ones come behind.",
        "my_wider.features[14].conv[2].weight.data[:, 576:] = 0",
    ),
    mistakes={
        "other-network": "This is {seen}; wanted is a MobileNetV2.",
        "no-such-block": "features[14] is not an inverted residual block with an expansion.",
        "other-head": "The head has another shape than the original's, so outputs cannot be "
        "compared: begin with build().",
        "other-block": "Tensors outside block 14 have another shape, such as {name}. Only "
        "features[14] is to be wider.",
        "not-wider": "Block 14 has {now} inner channels, as before: it is no wider yet.",
        "other-width": "Block 14 has {now} inner channels; twice {width} are {wanted} "
        "(factor=2.0).",
        "weights-missing": DIFFER + "{count} tensors outside block 14 are not the original's, "
        "such as {name}: were the old weights loaded?",
        "corner-missing": DIFFER + "The first {width} inner channels of block 14 are not the old "
        "ones. load_matching leaves a larger tensor random as a whole; surgery.copy_overlap fills "
        "the corner.",
        "norm-zeroed": DIFFER + "The last batch norm of block 14 was set to zero: that silences "
        "the old channels along with the new ones. It is the remedy for a block that is *added*.",
        "all-zeroed": DIFFER + "The whole last convolution is zero: what it took from the old "
        "channels too.",
        "wrong-half": DIFFER + "Zero is what it takes from the first {width} channels, the old "
        "ones. The new ones are [:, {width}:].",
        "takes-random-channels": DIFFER + "The last convolution still takes something from "
        "{count} of the {width} new channels, which are random. Its weight has the shape {shape}: "
        "inner channels are the second dimension. (A small difference is no comfort: batch norm "
        "has not measured the new channels yet. In train mode it does, and they grow louder.)",
        "old-part-changed": DIFFER + "What the last convolution takes from the old channels has "
        "changed too.",
        "norms-differ": DIFFER + "The convolutions of block 14 are right; its batch norms are not "
        "the old ones in the first channels. In train mode a forward pass moves their statistics, "
        "too.",
        "dead-channels": "The outputs are the same, but the new channels are zero as well as what "
        "is taken from them. Then neither side ever gets a gradient, and they stay zero. Leave "
        "the new channels random: one side at zero is enough.",
    },
)
def wider_and_same(network: Any, original: Any) -> str:
    """Block 14 twice as wide, with random new channels of which nobody takes anything."""
    model = recognise.network(network, example="my_wider")
    if not isinstance(model, MobileNetV2):
        raise Mistake("other-network", seen=describe(model))
    width = len(_inner(_block(original)))
    _twice_as_wide(model, original, len(_inner(_block(model))), width)
    ours, theirs = (_outputs(net) for net in (model, original))
    difference, size = (ours - theirs).abs().max().item(), theirs.abs().max().item()
    if difference > TOLERANCE * size:
        _why_other_outputs(model, original, width, f"{difference / size:.2g}")
    if not _new_channels_learn(model, width):
        raise Mistake("dead-channels")
    return (
        f"Largest difference of an output: {difference:.1g}, where outputs go up to {size:.2g}. "
        "And the new channels are not dead: they get gradients, so the block can begin to use them."
    )


def _block(model: nn.Module) -> InvertedResidual:
    features = getattr(model, "features", None)
    block = features[PLACE] if isinstance(features, nn.Sequential) and len(features) > PLACE else 0
    if not isinstance(block, InvertedResidual) or len(block.conv) != 4:
        raise Mistake("no-such-block")
    return block


def _inner(block: InvertedResidual) -> Tensor:
    """Weight of the expansion: one row for each inner channel."""
    return block.conv.get_parameter("0.0.weight")


def _last(block: InvertedResidual) -> Tensor:
    """Weight of the last convolution: one column for each inner channel."""
    return block.conv.get_parameter("2.weight")


def _twice_as_wide(model: nn.Module, original: nn.Module, now: int, width: int) -> None:
    """Raise unless block 14, and no other, is twice as wide."""
    shapes = {name: tensor.shape for name, tensor in original.state_dict().items()}
    for name, tensor in reversed(model.state_dict().items()):  # the head first
        if shapes.get(name) != tensor.shape and not name.startswith(INSIDE):
            raise Mistake(
                "other-head" if name.startswith("classifier.") else "other-block", name=name
            )
    if now != 2 * width:
        code = "not-wider" if now == width else "other-width"
        raise Mistake(code, now=now, width=width, wanted=2 * width)


def _images(model: nn.Module) -> Tensor:
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return images.to(next(model.parameters()).device)


@torch.no_grad()
def _outputs(model: nn.Module) -> Tensor:
    """What a network gives in eval mode."""
    trial = copy_of(model).eval()
    outputs: Tensor = trial(_images(trial))
    return outputs.cpu()


def _why_other_outputs(model: nn.Module, original: nn.Module, width: int, off: str) -> None:
    """Raise with the reason why the outputs differ, `off` times the largest output."""
    theirs = original.state_dict()
    foreign = [
        name
        for name, tensor in model.state_dict().items()
        if not name.startswith(INSIDE) and not _equal(tensor, theirs[name])
    ]
    if foreign:
        raise Mistake("weights-missing", off=off, count=len(foreign), name=foreign[0])
    old, new = _block(original), _block(model)
    last, norm = _last(new), new.conv.get_parameter("3.weight")
    taken = int(last[:, width:].flatten(2).any(dim=2).any(dim=0).sum())
    reasons = {
        "corner-missing": not _equal(_inner(new)[:width], _inner(old)),
        "norm-zeroed": not norm.any() and bool(old.conv.get_parameter("3.weight").any()),
        "all-zeroed": not last.any(),
        "wrong-half": not last[:, :width].any(),
        "takes-random-channels": taken > 0,
        "old-part-changed": not _equal(last[:, :width], _last(old)),
        "norms-differ": True,
    }
    code = next(code for code, so in reasons.items() if so)
    raise Mistake(code, off=off, width=width, count=taken, shape=tuple(last.shape))


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.float().cpu(), b.float().cpu(), atol=1e-6)


def _new_channels_learn(model: nn.Module, width: int) -> bool:
    """Whether a gradient reaches the new channels from at least one side."""
    trial = copy_of(model).eval().requires_grad_(True)
    trial(_images(trial)).square().mean().backward()
    block = _block(trial)
    sides = (_last(block).grad, _inner(block).grad)
    last, inner = (side if side is not None else torch.zeros(1, 1) for side in sides)
    return bool(last[:, width:].any() or inner[width:].any())
