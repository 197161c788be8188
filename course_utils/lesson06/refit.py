"""Change a checkpoint so that it fits a changed MobileNetV2.

Each function takes the state of a checkpoint and returns another one, whose names and shapes fit.
Its text says whether the network then computes what it did before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from course_utils.networks.partial_loading import LoadReport

import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]


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
