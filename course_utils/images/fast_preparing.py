"""`datasets.Prepare` for a loop that must not wait: its constants lie on the device already."""

from __future__ import annotations

from course_utils.images.preprocessing import Prepare

import torch
from torch import Tensor
from torch.nn import functional as F


class FastPrepare:
    """Resize, scale and normalise a batch of uint8 images on the device where they lie.

    It computes what the given `Prepare` computes, and differs in what is left out.  Scaling and
    normalising are one multiplication and one addition.  Antialiasing is asked for only where
    images shrink, since it changes nothing where they grow and is slow.

    Parameters
    ----------
    prepare : size, mean, standard deviation and device
    size : another side in pixels, for training that begins with small images
    """

    def __init__(self, prepare: Prepare, size: int | None = None) -> None:
        self.size = size or prepare.size
        self.device = prepare.device
        std = torch.tensor(prepare.std)
        shape = (1, 3, 1, 1)
        self._scale = (1 / (255 * std)).view(shape).to(self.device)
        self._shift = (-torch.tensor(prepare.mean) / std).view(shape).to(self.device)

    def __call__(self, images: Tensor) -> Tensor:
        """Prepare uint8 `(n, 3, h, w)`: float32 `(n, 3, size, size)`, channels_last."""
        x = images.to(self.device, torch.float32, memory_format=torch.channels_last)
        x = torch.addcmul(self._shift, x, self._scale)  # before resizing, on fewer pixels
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(
                x,
                size=(self.size, self.size),
                mode="bilinear",
                align_corners=False,
                antialias=self.size < max(x.shape[-2:]),
            )
        return x.contiguous(memory_format=torch.channels_last)
