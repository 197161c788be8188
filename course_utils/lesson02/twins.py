"""Plain and residual twins: two networks with the same layers, the same weights, and one `+ x`.

The plain twin is a chain of convolutions. The residual twin adds the input of every block to its
output. An addition has no parameters, so the twins have the same tensors, down to names and
shapes: a state dict of one loads into the other, and whatever differs, the addition does.

After the plain and residual networks of "Deep Residual Learning for Image Recognition", Kaiming He,
Xiangyu Zhang, Shaoqing Ren and Jian Sun, 2016, at the size of a lesson.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from course_utils.networks.blocks import split_into_blocks

import torch
from torch import Tensor, nn

Kind = Literal["plain", "residual"]
KINDS: tuple[Kind, ...] = ("plain", "residual")
GROUPS = 3  # groups of blocks; between two groups the map is halved and the channels doubled


class Block(nn.Module):
    """Two 3 x 3 convolutions that keep the shape; with `shortcut` their input is added.

    Parameters
    ----------
    channels : int
        Of input and output, float `(n, channels, h, w)`.
    shortcut : bool
        Add the input to what the layers make of it.
    batch_norm : bool, optional
        False leaves it out, and gives the convolutions a bias.
    """

    def __init__(self, channels: int, shortcut: bool, batch_norm: bool = True) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.layers = nn.Sequential(
            *_convolution(channels, channels, 1, batch_norm),
            nn.ReLU(),
            *_convolution(channels, channels, 1, batch_norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of `F(x) + x` with a shortcut, of `F(x)` without one."""
        y = self.layers(x)
        return torch.relu(y + x if self.shortcut else y)


def _convolution(inputs: int, outputs: int, stride: int, batch_norm: bool) -> list[nn.Module]:
    """A 3 x 3 convolution with batch norm behind it, or with a bias in its place."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=not batch_norm)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return [conv, nn.BatchNorm2d(outputs)] if batch_norm else [conv]


def twin(
    kind: Kind,
    depth: int,
    num_classes: int,
    *,
    width: int = 16,
    batch_norm: bool = True,
    seed: int = 0,
) -> nn.Sequential:
    """Build one twin; the other kind with the same arguments starts from the same weights.

    An ordinary convolution first, which halves the map; then three groups of equally many blocks,
    with a halving convolution between two groups; then pooling and the head. That makes
    4 + 6 n layers with weights for n blocks a group.

    Parameters
    ----------
    kind : {"plain", "residual"}
        Whether the input of a block is added to its output.
    depth : int
        Number of layers with weights: 10, 16, 22, 28, ...
    num_classes : int
        Outputs of the head.
    width : int, optional
        Channels in the first group; the others have two and four times as many.
    batch_norm : bool, optional
        False leaves it out, and gives the convolutions a bias.
    seed : int, optional
        Of the random weights (from a generator of their own: torch's stays as it is).

    Returns
    -------
    nn.Sequential
        For float images `(n, 3, h, w)`; its blocks are named `stem`, `block1`, ..., `halve1`, ...,
        `head`.

    Raises
    ------
    ValueError
        When the kind is unknown or the depth is not 4 + 6 n with n at least 1.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    count, rest = divmod(depth - 4, 2 * GROUPS)
    if rest or count < 1:
        near = 4 + 6 * max(1, round((depth - 4) / 6))
        raise ValueError(
            f"a twin has 4 + 6 n layers (10, 16, 22, ...), not {depth!r}; choose for example {near}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, nn.Module] = {
            "stem": nn.Sequential(*_convolution(3, width, 2, batch_norm), nn.ReLU())
        }
        for group in range(GROUPS):
            channels = width * 2**group
            if group:
                halving = _convolution(channels // 2, channels, 2, batch_norm)
                parts[f"halve{group}"] = nn.Sequential(*halving, nn.ReLU())
            for number in range(group * count + 1, (group + 1) * count + 1):
                parts[f"block{number}"] = Block(channels, kind == "residual", batch_norm)
        head = nn.Linear(channels, num_classes)
        parts["head"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    return nn.Sequential(OrderedDict(parts))


@torch.no_grad()
def nudge(
    net: nn.Module, x: Tensor, *, size: float = 0.01, seed: int = 0
) -> list[dict[str, int | float]]:
    """Change the images by a little noise, and follow the change through the network.

    Parameters
    ----------
    net : nn.Module
        Any network that `split_into_blocks` can take apart; it runs in train mode (statistics of
        the batch), and its running statistics follow, as in training.
    x : Tensor
        float `(n, 3, h, w)`, the network's input.
    size : float, optional
        Of the noise, as a part of the images' standard deviation.
    seed : int, optional
        Of the noise.

    Returns
    -------
    list of dict
        One row a block but the head: `block`, its number from 1, and `change`, the length of the
        change of its output over the length of what tells one image's output from another's (the
        output less its mean over the batch). A change of 1 moves an image as far as images
        typically lie from their mean.
    """
    net.train()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x.device)
    other = x + size * x.std() * noise
    rows: list[dict[str, int | float]] = []
    for number, block in enumerate(split_into_blocks(net)[:-1], 1):
        x, other = block.forward(x), block.forward(other)
        differences = x - x.mean(dim=0, keepdim=True)
        rows.append({"block": number, "change": float((other - x).norm() / differences.norm())})
    return rows
