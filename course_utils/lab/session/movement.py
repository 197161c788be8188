"""How far the blocks of a network have moved since a run began."""

from __future__ import annotations

import math

from course_utils.networks.blocks import Block

import torch
from torch import Tensor

BEYOND = 1e9  # stands for movements that no longer are numbers: JSON has neither infinity nor NaN

Pairs = list[tuple[Tensor, Tensor]]


class Movement:
    """Copies of all blocks as they were, to measure against.

    The same measure as `inspection.movement`, but cheap enough to take every second: tensors that
    have not changed in one bit are not looked at any further.
    """

    def __init__(self, blocks: list[Block]) -> None:
        self._weights: dict[str, Pairs] = {}
        self._statistics: dict[str, Pairs] = {}
        for block in blocks:
            self._weights[block.name] = [(p, p.detach().clone()) for p in block.parameters()]
            self._statistics[block.name] = [
                (b, b.clone())
                for b in block.buffers()
                if b.is_floating_point()  # not the count of batches
            ]

    @torch.no_grad()
    def measure(self) -> tuple[dict[str, float], dict[str, float]]:
        """Relative movement of weights and of batch norm's statistics, by block.

        Length of the change over length before; exactly 0.0 where not one bit has changed.
        """
        return (
            {name: _relative(pairs) for name, pairs in self._weights.items()},
            {name: _relative(pairs) for name, pairs in self._statistics.items()},
        )


def _precise(tensor: Tensor) -> Tensor:
    """In double precision, since the square of a tiny change must not vanish (mps has none)."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def _relative(pairs: Pairs) -> float:
    changed = 0.0
    for now, before in pairs:
        if not torch.equal(now, before):
            changed += float((_precise(now) - _precise(before)).square().sum())
    if changed == 0:
        return 0.0
    length = sum(float(_precise(before).square().sum()) for _, before in pairs)
    moved = math.sqrt(changed / length) if length else math.inf
    return moved if math.isfinite(moved) else BEYOND
