"""From stored images to what a network wants: resized, scaled and normalised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

CPU = torch.device("cpu")


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

    def __call__(self, images: Tensor) -> Tensor:
        """Prepare uint8 `(n, 3, h, w)`: normalised float32 `(n, 3, size, size)`, channels_last.

        Resizing is bilinear with antialiasing, as in `torchvision.transforms.v2.Resize`.
        channels_last keeps the channels of one pixel side by side in memory, which about doubles
        the speed of MobileNetV2 on a CPU.
        """
        x = images.to(self.device).float() / 255
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(
                x, size=(self.size, self.size), mode="bilinear", align_corners=False, antialias=True
            )
        mean = torch.tensor(self.mean, device=x.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=x.device).view(1, 3, 1, 1)
        return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


def as_they_are(images: Tensor) -> Tensor:
    """The `prepare` for cached features: nothing is left to be done."""
    return images
