"""The network of lesson 08, small enough to be pretrained while you wait, and its normalisation.

One thread of an ordinary processor trains it on some two thousand images a second, so that a whole
pretraining fits into a lesson.
"""

from __future__ import annotations

from course_utils.networks.small_resnet import small_resnet

import torch
from torch import Tensor, nn

SIZE = 32  # side in pixels of the images it is built for


def small_net(num_classes: int, width: int = 16) -> nn.Sequential:
    """Build the network with random weights: a stem, four residual blocks, pooling, a head.

    Parameters
    ----------
    num_classes : int
        Outputs of the head, one for each class.
    width : int
        Channels of the stem and the first block; the last block has eight times as many.

    Returns
    -------
    nn.Sequential
        From normalised float32 `(n, 3, 32, 32)` to scores `(n, num_classes)`.

    Raises
    ------
    ValueError
        If there are fewer than 2 classes, or no channel.
    """
    return small_resnet(num_classes, (width, 2 * width, 4 * width, 8 * width), stem_stride=2)


Colours = tuple[float, float, float]


def statistics(images: Tensor) -> tuple[Colours, Colours]:
    """Mean and standard deviation of each colour over all pixels, on the scale of 0 to 1.

    What `Prepare` normalises by, and what must be stored beside weights that are trained with it.
    A colour that never changes gets the standard deviation 1, so that nothing is divided by zero.

    Parameters
    ----------
    images : Tensor
        uint8 `(n, 3, h, w)`.

    Returns
    -------
    tuple of two tuples of float
        Mean and standard deviation of red, green and blue.
    """
    pixels = images.float().div(255)
    mean, std = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3))
    std = torch.where(std > 1e-6, std, torch.ones_like(std))
    (r, g, b), (sr, sg, sb) = mean.tolist(), std.tolist()
    return (r, g, b), (sr, sg, sb)
