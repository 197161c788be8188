"""Change the architecture of a MobileNetV2, in place; new parts get random weights.

The other half of the work, a checkpoint that fits the changed network, is done by `refit`; its
functions can be had from here as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_utils.lesson06.refit import (
    change_input_weights,
    copy_overlap,
    numbers_loaded,
    shift_blocks,
    strip_prefix,
    widen_weights,
)

import torch
from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual


def insert_block(model: MobileNetV2, place: int) -> InvertedResidual:
    """Put a new block with a shortcut into `model.features`, so that it is `features[place]`.

    It keeps the number of channels and the size of the maps.  All blocks behind it move up by one,
    and so do the names of their tensors.

    Raises ValueError unless a block lies on both sides of the place.
    """
    blocks = list(model.features)
    if not 2 <= place <= len(blocks) - 1:
        raise ValueError(
            f"a block can be inserted at places 2 to {len(blocks) - 1} of {len(blocks)} features, "
            f"behind one block and before another; {place} was given"
        )
    before = blocks[place - 1]
    assert isinstance(before, InvertedResidual)
    new = InvertedResidual(before.out_channels, before.out_channels, stride=1, expand_ratio=6)
    _initialise(new, like=before)
    model.features = nn.Sequential(*blocks[:place], new, *blocks[place:])
    return new


def zero_last_norm(block: InvertedResidual) -> None:
    """Make a block with a shortcut the identity: the scale of its last batch norm becomes 0.

    Then F(x) is 0 in F(x) + x.  The scale still gets a gradient, so the block can begin to work.
    "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", Priya Goyal and others, 2017,
    start residual networks that way.

    Raises ValueError if the block has no shortcut: its output would be 0.
    """
    if not block.use_res_connect:
        raise ValueError(
            "this block has no shortcut, so with a last norm of 0 its output would be 0 and "
            "everything behind it blind; only a block with a shortcut can start as the identity"
        )
    norm = block.conv[-1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.zeros_(norm.weight)


def widen_block(model: MobileNetV2, place: int, factor: float = 2.0) -> InvertedResidual:
    """Give `model.features[place]` `factor` times as many inner channels; what it takes in and
    gives out stays.

    Raises ValueError if the block has no expansion (the first one), or `factor` is not above 1.
    """
    old = model.features[place]
    if not isinstance(old, InvertedResidual) or len(old.conv) != 4:
        raise ValueError(
            f"features[{place}] is not an inverted residual block with an expansion; "
            f"choose one from 2 to {len(model.features) - 2}"
        )
    if factor <= 1:
        raise ValueError(f"a wider block needs a factor above 1, not {factor}")
    inputs, hidden = _expansion(old).in_channels, _expansion(old).out_channels
    new = InvertedResidual(
        inputs, old.out_channels, old.stride, expand_ratio=round(hidden * factor) / inputs
    )
    _initialise(new, like=old)
    model.features[place] = new
    return new


def change_input_channels(model: MobileNetV2, channels: int) -> nn.Conv2d:
    """Give the first convolution another number of input channels, with random weights.

    Raises ValueError if `channels` is below 1.
    """
    if channels < 1:
        raise ValueError(f"an image has at least 1 channel, not {channels}")
    stem = model.features[0]
    assert isinstance(stem, nn.Sequential)
    old = stem[0]
    assert isinstance(old, nn.Conv2d)
    new = nn.Conv2d(channels, old.out_channels, 3, stride=2, padding=1, bias=False)
    _initialise(new, like=old)
    stem[0] = new
    return new


def replace_activations(module: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> int:
    """Exchange every activation of one class for one of another; how many there were.

    No tensor changes, no name and no shape: a report of loading cannot see it.
    """
    count = 0
    for name, child in module.named_children():
        if isinstance(child, old):
            setattr(module, name, new())
            count += 1
        else:
            count += replace_activations(child, old, new)
    return count


def _expansion(block: InvertedResidual) -> nn.Conv2d:
    layer = block.conv[0]
    assert isinstance(layer, nn.Sequential)
    assert isinstance(layer[0], nn.Conv2d)
    return layer[0]


def _initialise(new: nn.Module, like: nn.Module) -> None:
    """torchvision's own first weights for MobileNetV2, on the device of the part replaced."""
    for module in new.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    new.to(next(like.parameters()).device)
    new.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True)
class InputChannels:
    """The lesson's images as a network with another number of channels wants them.

    prepare : gives the usual three channels, normalised
    channels : 1 for their mean; 4 for all three and their mean behind them
    """

    prepare: Callable[[Tensor], Tensor]
    channels: int

    def __call__(self, images: Tensor) -> Tensor:
        """Prepare uint8 `(n, 3, h, w)`: float32 `(n, channels, size, size)`, channels_last.

        Raises ValueError for another number of channels than 1, 3 and 4.
        """
        x = self.prepare(images)
        if self.channels == 3:
            return x
        mean = x.mean(1, keepdim=True)
        if self.channels == 1:
            x = mean
        elif self.channels == 4:
            x = torch.cat([x, mean], 1)
        else:
            raise ValueError(f"images can be given 1, 3 or 4 channels here, not {self.channels}")
        return x.contiguous(memory_format=torch.channels_last)


def to_grey(images: Tensor) -> Tensor:
    """The brightness of uint8 `(n, 3, h, w)`, three times over, so that the shape stays.

    Weights of red, green and blue as in the television standard ITU-R BT.601.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    grey = (images.float() * weights).sum(1, keepdim=True).round().to(torch.uint8)
    return grey.expand_as(images).contiguous()


__all__ = [
    "InputChannels",
    "change_input_channels",
    "change_input_weights",
    "copy_overlap",
    "insert_block",
    "numbers_loaded",
    "replace_activations",
    "shift_blocks",
    "strip_prefix",
    "to_grey",
    "widen_block",
    "widen_weights",
    "zero_last_norm",
]
