"""Model surgery: change the architecture of a MobileNetV2, and a state dict so that it fits.

New parts of a network get random weights. What adapts a state dict says whether the changed network
then computes what it did before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual

State = Mapping[str, Tensor]


def insert_block(model: MobileNetV2, place: int) -> InvertedResidual:
    """Put a new block with a shortcut into `model.features`, so that it is `features[place]`.

    It keeps the number of channels and the size of the maps. All blocks behind it move up by one,
    and so do the names of their tensors.

    Parameters
    ----------
    model : MobileNetV2
        Changed in place.
    place : int
        Where the block lies in the end.

    Returns
    -------
    InvertedResidual
        The new block.

    Raises
    ------
    ValueError
        Unless a block lies on both sides of the place.
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


def widen_block(model: MobileNetV2, place: int, factor: float = 2.0) -> InvertedResidual:
    """Give a block more inner channels; what it takes in and gives out stays.

    Parameters
    ----------
    model : MobileNetV2
        Changed in place.
    place : int
        Which of `model.features`.
    factor : float, optional
        How many times as many inner channels.

    Returns
    -------
    InvertedResidual
        The new block.

    Raises
    ------
    ValueError
        If the block has no expansion (the first one), or `factor` is not above 1.
    """
    old = model.features[place]
    if not isinstance(old, InvertedResidual) or len(old.conv) != 4:
        raise ValueError(
            f"features[{place}] is not an inverted residual block with an expansion; "
            f"choose one from 2 to {len(model.features) - 2}"
        )
    if factor <= 1:
        raise ValueError(f"a wider block needs a factor above 1, not {factor}")
    hidden, inputs = old.conv.get_parameter("0.0.weight").shape[:2]
    new = InvertedResidual(
        inputs, old.out_channels, old.stride, expand_ratio=round(hidden * factor) / inputs
    )
    _initialise(new, like=old)
    model.features[place] = new
    return new


def replace_activations(module: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> int:
    """Exchange every activation of one class for one of another, and return how many there were.

    No tensor changes, no name and no shape: a report of loading cannot see it.
    """
    found = [name for name, child in module.named_modules() if isinstance(child, old)]
    for name in found:
        parent, _, own = name.rpartition(".")
        setattr(module.get_submodule(parent), own, new())
    return len(found)


def shift_blocks(
    state: State, place: int, by: int = 1, prefix: str = "features."
) -> dict[str, Tensor]:
    """Add `by` to the number of every block from `place` on, as when blocks were inserted there.

    Parameters
    ----------
    state : mapping of str to Tensor
        As `state_dict` gives it.
    place, by : int
        The first block that moves, and how far.
    prefix : str, optional
        What stands before the number in a name.

    Returns
    -------
    dict of str to Tensor
        The same tensors.

    Raises
    ------
    ValueError
        If no name has the form of the prefix and a number.
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


def widen_weights(
    state: State, place: int, hidden: int, *, seed: int = 0, noise: float = 0.0
) -> dict[str, Tensor]:
    """Copy inner channels of a block, so that a wider one computes what it did.

    Each new channel copies an old one; the last convolution shares what it took from the old one
    among the copies: "Net2Net: Accelerating Learning via Knowledge Transfer", Tianqi Chen, Ian
    Goodfellow and Jonathon Shlens, 2016.

    Parameters
    ----------
    state : mapping of str to Tensor
        State dict of a MobileNetV2.
    place, hidden : int
        Which of its blocks, and how many inner channels it is to have.
    seed : int, optional
        Draws the channels that are copied.
    noise : float, optional
        Relative size of a random change of the new channels' last weights. Without any, copies
        receive equal gradients and stay copies.

    Returns
    -------
    dict of str to Tensor
        The state dict with the wider block.

    Raises
    ------
    ValueError
        If `hidden` is below what the block has.
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

    The network does *not* compute what it did: the new channels, which are random, send their
    outputs into everything behind them.

    Returns
    -------
    tuple of (dict of str to Tensor, list of str)
        A state dict in the model's own shapes, and the names of the tensors that were filled in
        part.
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


def _initialise(new: nn.Module, like: nn.Module) -> None:
    """Give torchvision's own first weights, on the device of the part that is replaced."""
    for module in new.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    new.to(next(like.parameters()).device)
    new.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
