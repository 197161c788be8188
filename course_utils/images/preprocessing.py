"""From stored images to what a network wants: resized, scaled and normalised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

CPU = torch.device("cpu")
PrepareFunction = Callable[[Tensor], Tensor]  # what training asks for: `Prepare`, or your own


@dataclass(frozen=True)
class Prepare:
    """From stored images to what a network wants: resize, scale, normalise, in one batch.

    Parameters
    ----------
    size : int
        Side of the network's input in pixels.
    mean, std : tuple of float
        Per channel, on the scale of 0 to 1; those that the weights were trained with.
    device : torch.device, optional
        Where the batch is computed.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: torch.device = CPU

    @cached_property
    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """`(x / 255 - mean) / std` as one multiplication and one addition, on the device."""
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (1 / (255 * std)).to(self.device), (-mean / std).to(self.device)

    def __call__(self, images: Tensor) -> Tensor:
        """Prepare a batch.

        Resizing is bilinear, with antialiasing where images shrink, as in
        `torchvision.transforms.v2.Resize`; where they grow, that changes nothing and is slow.
        channels_last keeps the channels of one pixel side by side in memory, which about doubles
        the speed of MobileNetV2 on a CPU.

        Parameters
        ----------
        images : Tensor
            uint8 `(n, 3, h, w)`.

        Returns
        -------
        Tensor
            Normalised float32 `(n, 3, size, size)`, channels_last.
        """
        scale, shift = self._scale_and_shift
        x = images.to(self.device, non_blocking=True)
        x = x.to(torch.float32, memory_format=torch.channels_last)
        x = torch.addcmul(shift, x, scale)  # before resizing, on fewer pixels
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(
                x,
                size=(self.size, self.size),
                mode="bilinear",
                align_corners=False,
                antialias=self.size < max(x.shape[-2:]),
            )
        return x.contiguous(memory_format=torch.channels_last)


def as_they_are(images: Tensor) -> Tensor:
    """The `prepare` for cached features: nothing is left to be done."""
    return images
