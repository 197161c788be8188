"""Random changes to images, a whole batch at a time, on whatever device they lie.

A changed image asks the network to give the same answer for less of the same: augmentation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augment:
    """Mirror and shift images at random.

    The 4 pixels of shift that are usual for CIFAR-10 go back to "Deep Residual Learning for Image
    Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun, 2015, which pads with zeros.

    Parameters
    ----------
    flip : bool, optional
        Mirror each image left to right with probability one half.
    shift : int, optional
        Move each image by up to so many pixels in both directions; what comes in at the border is
        the image reflected.
    """

    flip: bool = True
    shift: int = 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Change `(n, c, h, w)` of any dtype; the same generator (a CPU's) gives the same changes.

        Raises
        ------
        ValueError
            When the shift is not smaller than the image.
        """
        if self.flip:
            images = flip_some(images, generator)
        if self.shift:
            images = shifted(images, self.offsets(len(images), generator))
        return images

    def offsets(self, n: int, generator: torch.Generator) -> Tensor:
        """Pixels by which each image moves down and right, int64 `(n, 2)`."""
        return torch.randint(-self.shift, self.shift + 1, (n, 2), generator=generator)


def shifted(images: Tensor, offsets: Tensor) -> Tensor:
    """Move each image by its own offset, reflecting at the border.

    Parameters
    ----------
    images : Tensor
        `(n, c, h, w)`, of any dtype.
    offsets : Tensor
        int64 `(n, 2)`, pixels down and right.

    Raises
    ------
    ValueError
        When an offset is not smaller than the image.
    """
    n, _, height, width = images.shape
    most = int(offsets.abs().max())
    if most >= min(height, width):
        raise ValueError(f"images of {height} x {width} pixels cannot be shifted by {most}")
    offsets = offsets.to(images.device)
    wide = F.pad(images.float(), (most,) * 4, mode="reflect").to(images.dtype)
    rows = most - offsets[:, :1] + torch.arange(height, device=images.device)
    columns = most - offsets[:, 1:] + torch.arange(width, device=images.device)
    one = torch.arange(n, device=images.device)
    # one index an axis, (n, h, w) when spread out; the channels come last, and move back
    taken = wide.movedim(1, -1)[one[:, None, None], rows[:, :, None], columns[:, None, :]]
    return taken.movedim(-1, 1)


def flip_some(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half (uint8 or float `(n, c, h, w)`)."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)
