"""A residual network small enough to be pretrained while you wait.

Four residual blocks on images of 32 x 32 pixels: one thread of an ordinary processor trains it on
some two thousand images a second, so that a whole pretraining fits into a lesson.  It is an
`nn.Sequential` of named blocks, so everything in `freezing` and `prefix` works on it.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 32  # side in pixels of the images it is built for


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm, and a shortcut around them.

    "Deep Residual Learning for Image Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian
    Sun, 2016.  Where the shape changes, the shortcut is a 1 x 1 convolution; elsewhere it is the
    input itself.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map float `(n, inputs, h, w)` to `(n, outputs, h / stride, w / stride)`."""
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


def small_net(num_classes: int, width: int = 16) -> nn.Sequential:
    """Build the network with random weights: a stem, four residual blocks, pooling, a head.

    Parameters
    ----------
    num_classes : outputs of the head, one for each class
    width : channels of the stem and the first block; the last block has eight times as many

    Returns
    -------
    A network from normalised float32 `(n, 3, 32, 32)` to scores `(n, num_classes)`.  Its blocks are
    called `stem`, `block1` to `block4` and `head`.

    Raises
    ------
    ValueError
        If there are fewer than 2 classes, or no channel.
    """
    if num_classes < 2 or width < 1:
        raise ValueError(
            f"small_net needs at least 2 classes and a width of at least 1; "
            f"got num_classes={num_classes}, width={width}"
        )
    stem = nn.Sequential(
        nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        stem=stem,
        block1=ResidualBlock(width, width, 1),
        block2=ResidualBlock(width, 2 * width, 2),
        block3=ResidualBlock(2 * width, 4 * width, 2),
        block4=ResidualBlock(4 * width, 8 * width, 2),
        # pooling learns nothing and belongs to the block before it, so that what is cached in front
        # of the head is one number a channel
        pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        head=nn.Linear(8 * width, num_classes),
    )
    return nn.Sequential(parts)


Colours = tuple[float, float, float]


def statistics(images: Tensor) -> tuple[Colours, Colours]:
    """Mean and standard deviation of each colour over all pixels, on the scale of 0 to 1.

    What `Prepare` normalises by, and what must be stored beside weights that are trained with it.
    A colour that never changes gets the standard deviation 1, so that nothing is divided by zero.

    images : uint8 `(n, 3, h, w)`
    """
    pixels = images.float().div(255)
    mean, std = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3))
    std = torch.where(std > 1e-6, std, torch.ones_like(std))
    (r, g, b), (sr, sg, sb) = mean.tolist(), std.tolist()
    return (r, g, b), (sr, sg, sb)
