"""Count the epochs in which a backbone learns, whatever loop trains it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class BackboneEpochs:
    """Counts images whose gradients moved the backbone of a MobileNetV2.

    Hooks on the blocks note the images of each backward pass; they count once the backbone's
    parameters have changed. So neither what is only prepared or evaluated counts, nor what trains
    the head alone, and features that were computed once and used seven times count seven times.

    Parameters
    ----------
    model : nn.Module
        With the backbone in `features`.
    images : int
        How many images make an epoch.
    """

    def __init__(self, model: nn.Module, images: int) -> None:
        self.model, self.images = model, images
        self.seen: dict[int, int] = {}  # block -> images since the last step
        blocks = list(model.get_submodule("features").children())
        self.learned, self.last = 0, len(blocks)
        self.before = self._state()
        self.handles = [
            block.register_forward_hook(
                lambda _module, _inputs, output, i=i: self._watch(i, output)
            )
            for i, block in enumerate(blocks)
        ]

    def count(self) -> float:
        """Return the number of epochs, and take the hooks away."""
        self._settle()
        for handle in self.handles:
            handle.remove()
        return self.learned / self.images

    def _state(self) -> tuple[Tensor, Tensor]:
        """All parameters of the backbone, and of what lies behind it."""
        parts: tuple[list[Tensor], list[Tensor]] = ([], [])
        for name, parameter in self.model.named_parameters():
            parts[not name.startswith("features.")].append(parameter.detach().flatten().cpu())
        return torch.cat(parts[0]), torch.cat(parts[1])

    def _watch(self, block: int, output: Any) -> None:
        if block <= self.last:  # another pass begins
            self._settle()
        self.last = block
        if isinstance(output, Tensor) and output.requires_grad:

            def noted(gradient: Tensor) -> None:
                self.seen[block] = self.seen.get(block, 0) + len(gradient)

            output.register_hook(noted)

    def _settle(self) -> None:
        """See whether a step was taken since the last pass, and whether the backbone took part."""
        now = self._state()
        backbone, head = (not torch.equal(a, b) for a, b in zip(now, self.before, strict=True))
        if backbone:
            self.learned += max(self.seen.values(), default=0)
        if backbone or head:
            self.seen.clear()
        self.before = now
