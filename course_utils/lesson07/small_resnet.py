"""A small residual network for small images: the best that a few hundred images can fill."""

from collections import OrderedDict

from torch import nn


def small_resnet(classes: int, width: int = 16) -> nn.Sequential:
    """Eight layers in three residual blocks, of `width`, 2 and 4 times `width` channels.

    "Deep Residual Learning for Image Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and
    Jian Sun, 2016, has a family of this build for images of 32 pixels; this is a short one.

    Returns
    -------
    a network from float32 `(n, 3, h, w)` to scores `(n, classes)`, with random weights

    Raises ValueError if `classes` or `width` is below 1.
    """
    from torchvision.models.resnet import BasicBlock

    if classes < 1 or width < 1:
        raise ValueError(f"classes and width must be at least 1, not {classes} and {width}")
    stem = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))
    return nn.Sequential(
        OrderedDict(
            stem=stem,
            block1=BasicBlock(width, width),
            block2=BasicBlock(width, 2 * width, 2, _fit(width, 2 * width)),
            block3=BasicBlock(2 * width, 4 * width, 2, _fit(2 * width, 4 * width)),
            head=head,
        )
    )


def _fit(inputs: int, outputs: int) -> nn.Sequential:
    """Halve the map and widen it, so that a shortcut has the shape of what it is added to."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))
