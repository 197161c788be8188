"""Batch norm in eval mode is a multiplication and an addition: the convolution before can do both.

A convolution followed by batch norm in eval mode computes `(W x + b - mean) / sd * weight + bias`.
That is another convolution, with every filter scaled by `weight / sd` and a new bias.  So a network
that only looks needs no batch norm at all; `data/records/speed_parts.json` has what that saves.
"""

from __future__ import annotations

import copy
import re

from course_utils.networks.blocks import Tail, split_into_blocks

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CONV = re.compile(r"conv(\d+)")


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """All batch norms of a module, itself included."""
    return [m for m in module.modules() if isinstance(m, _BatchNorm)]


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Copy a network in eval mode, its batch norms folded into the convolutions before them.

    Folded are batch norms inside a block: those that follow a convolution in an `nn.Sequential`,
    and `bn1` behind `conv1` and so on, as ResNet has them.  Others stay as they are.

    Parameters
    ----------
    model : nn.Module
        A whole network that `split_into_blocks` can take apart; it is left as it was.

    Returns
    -------
    nn.Module
        Has the same blocks under the same names; its outputs differ by rounding alone.

    Raises
    ------
    TypeError
        If the network cannot be taken apart, or is a `Tail`, whose copy would still run the
        original's modules.
    """
    if isinstance(model, Tail):
        raise TypeError("fold the whole network, not the tail behind a cached prefix")
    twin = copy.deepcopy(model).eval().requires_grad_(False)
    for block in split_into_blocks(twin):
        for module in (m for owned in block.modules for m in owned.modules()):
            if isinstance(module, nn.Sequential):
                _fold_sequence(module)
    for module in twin.modules():
        _fold_numbered(module)
    return twin


def _fold_sequence(sequence: nn.Sequential) -> None:
    """Fold each batch norm that directly follows a convolution."""
    for place in range(1, len(sequence)):
        before, here = sequence[place - 1], sequence[place]
        if isinstance(before, nn.Conv2d) and isinstance(here, nn.BatchNorm2d):
            sequence[place - 1] = fuse_conv_bn_eval(before, here)
            sequence[place] = nn.Identity()


def _fold_numbered(module: nn.Module) -> None:
    """Fold bn1 into conv1, bn2 into conv2 and so on: the way in which ResNet's blocks run them."""
    for name, child in list(module.named_children()):
        number = _CONV.fullmatch(name)
        norm = getattr(module, f"bn{number[1]}", None) if number else None
        if isinstance(child, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(child, norm))
            setattr(module, f"bn{number[1]}", nn.Identity())  # type: ignore[index]
