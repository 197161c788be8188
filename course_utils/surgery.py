"""Change a MobileNetV2, and change a checkpoint so that it fits the changed network.

Two kinds of functions.  Those that take a *network* replace a part of it in place by a new one with
random weights.  Those that take a *state* (the dict of a checkpoint) return another one whose names
and shapes fit the changed network, and say whether the network then computes what it did before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual

from .models import LoadReport

State = Mapping[str, Tensor]


# ---- networks


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


# ---- names


def strip_prefix(state: State, prefix: str) -> dict[str, Tensor]:
    """The same tensors, with `prefix` cut off the front of every name.

    Raises ValueError if not one name begins with it; the message shows how they do begin.
    """
    if not any(name.startswith(prefix) for name in state):
        raise ValueError(
            f"no name begins with {prefix!r}; the first ones are {', '.join(list(state)[:3])}"
        )
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def shift_blocks(
    state: State, place: int, by: int = 1, prefix: str = "features."
) -> dict[str, Tensor]:
    """The same tensors, with `by` added to the number of every block from `place` on.

    For a network into which a block was inserted at `place`.

    Raises ValueError if no name has the form of the prefix and a number.
    """
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    if not any(pattern.match(name) for name in state):
        raise ValueError(
            f"no name has the form {prefix}NUMBER. ; the first ones are "
            f"{', '.join(list(state)[:3])}"
        )

    def rename(name: str) -> str:
        found = pattern.match(name)
        if found is None or int(found[1]) < place:
            return name
        return f"{prefix}{int(found[1]) + by}.{name[found.end() :]}"

    return {rename(name): tensor for name, tensor in state.items()}


# ---- shapes


def change_input_weights(
    state: State,
    channels: int,
    how: Literal["sum", "zero", "repeat"],
    name: str = "features.0.0.weight",
) -> dict[str, Tensor]:
    """A checkpoint whose first convolution takes another number of channels.

    how : "sum" adds the old kernels up into one, for one channel: a grey image gives what it gave
        as three equal channels (if all three are normalised alike).  "zero" appends channels of
        zeros: whatever they carry, the output is the old one.  "repeat" takes the old kernels round
        and round, scaled so that the sum over channels stays.

    Raises ValueError where `how` does not fit the number of channels.
    """
    old = state[name].float()  # a sum in float16, as files often have it, would be rounded
    inputs = old.shape[1]
    if how == "sum":
        if channels != 1:
            raise ValueError(f"'sum' makes one channel out of {inputs}; {channels} were asked for")
        new = old.sum(1, keepdim=True)
    elif how == "zero":
        if channels < inputs:
            raise ValueError(f"'zero' adds channels to {inputs}; only {channels} were asked for")
        new = torch.cat([old, old.new_zeros(len(old), channels - inputs, *old.shape[2:])], 1)
    elif how == "repeat":
        new = old[:, [i % inputs for i in range(channels)]] * (inputs / channels)
    else:
        raise ValueError(f"how must be 'sum', 'zero' or 'repeat', not {how!r}")
    return {**state, name: new}


def widen_weights(
    state: State, place: int, hidden: int, *, seed: int = 0, noise: float = 0.0
) -> dict[str, Tensor]:
    """A checkpoint whose block `place` has `hidden` inner channels and computes what it did.

    Each new channel copies an old one, chosen by `seed`; the last convolution shares what it took
    from the old one among the copies.  "Net2Net: Accelerating Learning via Knowledge Transfer",
    Tianqi Chen, Ian Goodfellow and Jonathon Shlens, 2016.

    noise : relative size of a random change of the new channels' last weights.  Without any,
        copies receive equal gradients and stay copies.

    Raises ValueError if `hidden` is below what the block has.
    """
    start = f"features.{place}.conv."
    last = f"{start}2.weight"
    old = state[last].shape[1]
    if hidden < old:
        raise ValueError(f"block {place} has {old} inner channels; {hidden} would be fewer")
    generator = torch.Generator().manual_seed(seed)
    copied = torch.randint(old, (hidden - old,), generator=generator)
    origin = torch.cat([torch.arange(old), copied])
    share = torch.bincount(origin, minlength=old)[origin]
    result = dict(state)
    for name, tensor in state.items():
        # parts 0 and 1 of a block are the expansion and the depthwise convolution with their norms
        if name.startswith((f"{start}0.", f"{start}1.")) and tensor.ndim:
            result[name] = tensor[origin]
    weight = state[last].float()[:, origin] / share.view(1, -1, 1, 1)
    jitter = torch.randn(weight.shape, generator=generator) * weight.std() * noise
    jitter[:, :old] = 0
    result[last] = weight + jitter
    return result


def copy_overlap(model: nn.Module, state: State) -> tuple[dict[str, Tensor], list[str]]:
    """Fill the corner that old and new tensors share; the rest keeps the model's own first values.

    Returns
    -------
    a checkpoint in the model's own shapes, and the names of the tensors that were filled in part

    The network does *not* compute what it did: the new channels, which are random, send their
    outputs into everything behind them.
    """
    result, partial = dict(state), []
    for name, own in model.state_dict().items():
        old = state.get(name)
        if old is None or old.shape == own.shape or old.ndim != own.ndim:
            continue
        corner = tuple(slice(min(a, b)) for a, b in zip(old.shape, own.shape, strict=True))
        new = own.detach().clone()
        new[corner] = old[corner].to(new)
        result[name] = new
        partial.append(name)
    return result, partial


def numbers_loaded(model: nn.Module, report: LoadReport) -> tuple[int, int]:
    """Single numbers that were loaded, and that the model has.

    Fairer than a count of tensors: a batch norm's counter of batches is a tensor too, fits
    everywhere, and says nothing.
    """
    sizes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
    return sum(sizes[name] for name in report.matched), sum(sizes.values())


# ---- images with other channels


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
