"""A residual network for images of 32 pixels, small enough to be trained while you wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def small_resnet(
    classes: int, widths: Sequence[int] = (16, 32, 64), *, stem_stride: int = 1
) -> nn.Sequential:
    """Build a small ResNet with random weights.

    "Deep Residual Learning for Image Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and
    Jian Sun, 2016, has a family of this build for images of 32 pixels; this is a short one.

    Parameters
    ----------
    classes : int
        Outputs of the head.
    widths : sequence of int
        Channels of each residual block; the stem has those of the first.  A block with other
        channels than the one before halves the map.
    stem_stride : int
        2 halves the image in the stem, which makes the network four times as fast.

    Returns
    -------
    nn.Sequential
        From float32 `(n, 3, h, w)` to scores `(n, classes)`.  Its blocks are called `stem`,
        `block1` and so on, and `head`.

    Raises
    ------
    ValueError
        If there are fewer than 2 classes, no block, or a block without a channel.
    """
    if classes < 2 or not widths or min(widths) < 1:
        raise ValueError(
            f"a small_resnet needs at least 2 classes, and blocks with at least 1 channel; "
            f"got classes={classes}, widths={tuple(widths)}"
        )
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = nn.Sequential(
        nn.Conv2d(3, widths[0], 3, stem_stride, padding=1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    )
    for number, (inputs, outputs) in enumerate(zip((widths[0], *widths), widths, strict=False), 1):
        parts[f"block{number}"] = _block(inputs, outputs)
    # pooling learns nothing and belongs to the block before it, so that what is cached in front of
    # the head is one number a channel
    parts["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    parts["head"] = nn.Linear(widths[-1], classes)
    return nn.Sequential(parts)


def _block(inputs: int, outputs: int) -> nn.Module:
    from torchvision.models.resnet import BasicBlock

    if inputs == outputs:
        return BasicBlock(inputs, outputs)
    block = BasicBlock(inputs, outputs, stride=2)
    # halves the map and changes its channels, so that a shortcut fits what it is added to
    block.downsample = nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs)
    )
    return block
