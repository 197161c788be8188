"""Exercise of lesson 06 about a wider block that computes what the old one did."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import describe

import torch
from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual

PLACE = 14
TOLERANCE = 1e-4  # of the largest output; sums in another order differ by some 1e-6


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
)
def wider_and_same(network: Any, original: Any) -> str:
    """Block 14 twice as wide, with random new channels of which nobody takes anything."""
    model = recognise.network(network, example="my_wider")
    if not isinstance(model, MobileNetV2):
        raise wrong("other-network", f"This is {describe(model)}; wanted is a MobileNetV2.")
    old, new = _block(original), _block(model)
    _twice_as_wide(model, original, old, new)
    difference, size = _difference(model, original)
    if difference > TOLERANCE * size:
        _why_other_outputs(model, original, old, new, f"{difference / size:.2g}")
    if not _new_channels_learn(model, len(_inner(old))):
        raise wrong(
            "dead-channels",
            "The outputs are the same, but the new channels are zero as well as what is taken from "
            "them. Then neither side ever gets a gradient, and they stay zero. Leave the new "
            "channels random: one side at zero is enough.",
        )
    return (
        f"Largest difference of an output: {difference:.1g}, where outputs go up to {size:.2g}. "
        "And the new channels are not dead: they get gradients, so the block can begin to use them."
    )


def _block(model: nn.Module) -> InvertedResidual:
    features = getattr(model, "features", None)
    block = features[PLACE] if isinstance(features, nn.Sequential) and len(features) > PLACE else 0
    if not isinstance(block, InvertedResidual) or len(block.conv) != 4:
        raise wrong(
            "no-such-block", "features[14] is not an inverted residual block with an expansion."
        )
    return block


def _inner(block: InvertedResidual) -> Tensor:
    """Weight of the expansion: one row for each inner channel."""
    weight: Tensor = block.conv.get_parameter("0.0.weight")
    return weight


def _last(block: InvertedResidual) -> Tensor:
    """Weight of the last convolution: one column for each inner channel."""
    weight: Tensor = block.conv.get_parameter("2.weight")
    return weight


def _twice_as_wide(
    model: nn.Module, original: nn.Module, old: InvertedResidual, new: InvertedResidual
) -> None:
    """Raise unless block 14, and no other, is twice as wide."""
    before, now = len(_inner(old)), len(_inner(new))
    shapes = {name: tensor.shape for name, tensor in original.state_dict().items()}
    strange = [
        name
        for name, tensor in model.state_dict().items()
        if shapes.get(name) != tensor.shape and not name.startswith(f"features.{PLACE}.")
    ]
    if any(name.startswith("classifier.") for name in strange):
        raise wrong(
            "other-head",
            "The head has another shape than the original's, so outputs cannot be compared: begin "
            "with build().",
        )
    if strange:
        raise wrong(
            "other-block",
            f"Tensors outside block 14 have another shape, such as {strange[0]}. Only "
            "features[14] is to be wider.",
        )
    if now == before:
        raise wrong(
            "not-wider", f"Block 14 has {now} inner channels, as before: it is no wider yet."
        )
    if now != 2 * before:
        raise wrong(
            "other-width",
            f"Block 14 has {now} inner channels; twice {before} are {2 * before} (factor=2.0).",
        )


@torch.no_grad()
def _difference(model: nn.Module, original: nn.Module) -> tuple[float, float]:
    """Largest difference of an output in eval mode, and the largest output."""
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs = []
    for net in (model, original):
        trial = copy_of(net).eval()
        outputs.append(trial(images.to(next(trial.parameters()).device)).cpu())
    return (outputs[0] - outputs[1]).abs().max().item(), outputs[1].abs().max().item()


def _why_other_outputs(
    model: nn.Module, original: nn.Module, old: InvertedResidual, new: InvertedResidual, off: str
) -> None:
    """Raise with the reason why the outputs differ, `off` times the largest output."""
    seen = f"The outputs differ, by {off} of the largest one."
    theirs = original.state_dict()
    foreign = [
        name
        for name, tensor in model.state_dict().items()
        if not name.startswith(f"features.{PLACE}.") and not _equal(tensor, theirs[name])
    ]
    if foreign:
        raise wrong(
            "weights-missing",
            f"{seen} {len(foreign)} tensors outside block 14 are not the original's, such as "
            f"{foreign[0]}: were the old weights loaded?",
        )
    width = len(_inner(old))
    if not _equal(_inner(new)[:width], _inner(old)):
        raise wrong(
            "corner-missing",
            f"{seen} The first {width} inner channels of block 14 are not the old ones. "
            "load_matching leaves a larger tensor random as a whole; surgery.copy_overlap fills "
            "the corner.",
        )
    norm = new.conv.get_parameter("3.weight")
    if not norm.any() and old.conv.get_parameter("3.weight").any():
        raise wrong(
            "norm-zeroed",
            f"{seen} The last batch norm of block 14 was set to zero: that silences the old "
            "channels along with the new ones. It is the remedy for a block that is *added*.",
        )
    last, before = _last(new), _last(old)
    if not last.any():
        raise wrong(
            "all-zeroed",
            f"{seen} The whole last convolution is zero: what it took from the old channels too.",
        )
    if not last[:, :width].any():
        raise wrong(
            "wrong-half",
            f"{seen} Zero is what it takes from channels 0 to {width - 1}: the old ones. The new "
            f"ones are [:, {width}:].",
        )
    if last[:, width:].any():
        count = int(last[:, width:].flatten(2).any(dim=2).any(dim=0).sum())
        raise wrong(
            "takes-random-channels",
            f"{seen} The last convolution still takes something from {count} of the {width} new "
            f"channels, which are random. Its weight has the shape {tuple(last.shape)}: inner "
            "channels are the second dimension. (A small difference is no comfort: batch norm has "
            "not measured the new channels yet. In train mode it does, and they grow louder.)",
        )
    if not _equal(last[:, :width], before):
        raise wrong(
            "old-part-changed",
            f"{seen} What the last convolution takes from the old channels has changed too.",
        )
    raise wrong(
        "norms-differ",
        f"{seen} The convolutions of block 14 are right; its batch norms are not the old ones in "
        "the first channels. In train mode a forward pass moves their statistics, too.",
    )


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.float().cpu(), b.float().cpu(), atol=1e-6)


def _new_channels_learn(model: nn.Module, width: int) -> bool:
    """Whether a gradient reaches the new channels from at least one side."""
    trial = copy_of(model).eval().requires_grad_(True)
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    trial(images.to(next(trial.parameters()).device)).square().mean().backward()
    block = _block(trial)
    sides = (_last(block).grad, _inner(block).grad)
    last, inner = (side if side is not None else torch.zeros(1, 1) for side in sides)
    return bool(last[:, width:].any() or inner[width:].any())
