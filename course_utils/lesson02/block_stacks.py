"""What the open exercise of lesson 02 measures: a stack of somebody's blocks, and of plain ones.

The images are the lesson's, from the Shapes world: the class is the direction of the grain. All
is small enough for two seconds of one core: maps of 8 x 8, some hundred images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from course_utils.images.datasets import load_shapes

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MakeBlock = Callable[[int, int, int], nn.Module]
WIDTH = 16
DEEP, SHALLOW = 6, 2  # blocks on each side of the one with stride 2
EPOCHS, BATCH, RATE = 8, 32, 0.02


@dataclass(frozen=True)
class Measured:
    """Numbers of one kind of block.

    Parameters
    ----------
    growth : float
        How many times as long the gradient is behind the first block as behind the last one of 13,
        before any training.
    whole : float
        Test accuracy of a trained stack of 5 blocks, 0 to 1.
    without : float
        The same with one block taken out, on average over those that keep the shape.
    """

    growth: float
    whole: float
    without: float


def plain_block(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Return two convolutions with batch norm, and no way around them."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


@cache
def plain() -> Measured:
    """Return the numbers of a stack of plain blocks; takes some seconds."""
    whole, without = accuracy_without_one(plain_block)
    return Measured(gradient_growth(plain_block), whole, without)


def gradient_growth(make: MakeBlock) -> float:
    """Return the gradient's length behind the first block over that behind the last one."""
    images, labels, _, _ = _images()
    net = _stack(make, DEEP)
    x, lengths = images[:64], []
    for number, part in enumerate(net):
        x = part(x)
        if 0 < number < len(net) - 1:
            x.retain_grad()
            lengths.append(x)
    F.cross_entropy(x, labels[:64]).backward()
    first, last = (t.grad.norm().item() for t in (lengths[0], lengths[-1]) if t.grad is not None)
    return first / last if last else math.inf


def accuracy_without_one(make: MakeBlock) -> tuple[float, float]:
    """Train a stack; test accuracy of the whole, and the mean with one block taken out."""
    images, labels, test_images, test_labels = _images()
    net = _stack(make, SHALLOW)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()

    @torch.no_grad()
    def accuracy() -> float:
        return (net(test_images).argmax(1) == test_labels).float().mean().item()

    whole, without = accuracy(), []
    for place in [*range(1, 1 + SHALLOW), *range(2 + SHALLOW, 2 + 2 * SHALLOW)]:
        block = net[place]
        net[place] = nn.Identity()
        without.append(accuracy())
        net[place] = block
    return whole, sum(without) / len(without)


def _stack(make: MakeBlock, beside: int) -> nn.Sequential:
    """Build two convolutions, blocks, one with stride 2, as many blocks again, and a head."""
    torch.manual_seed(0)
    stem = nn.Sequential(
        *(nn.Conv2d(3, WIDTH, 3, 2, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU()),
        *(nn.Conv2d(WIDTH, WIDTH, 3, 2, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU()),
    )
    blocks = [make(WIDTH, WIDTH, 1) for _ in range(beside)]
    blocks += [make(WIDTH, 2 * WIDTH, 2)]
    blocks += [make(2 * WIDTH, 2 * WIDTH, 1) for _ in range(beside)]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * WIDTH, 10))
    return nn.Sequential(stem, *blocks, head)


@cache
def _images() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training images and labels, test images and labels; pixels from -1 to 1."""
    data = load_shapes("orientation", 640, 256)
    train, test = (images.float() / 127.5 - 1 for images in (data.train_images, data.test_images))
    return train, data.train_labels, test, data.test_labels
