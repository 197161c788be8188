"""What the blocks of a network answer to images: how strongly, where, and what that tells apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_utils.images.preprocessing import Prepare
from course_utils.networks.blocks import split_into_blocks

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import MobileNetV2


@dataclass(frozen=True)
class Summary:
    """What one block answers to `n` images with its `c` channels.

    Parameters
    ----------
    mean : Tensor
        float32 `(n, c)`, the average over all positions of the map.
    peak : Tensor
        float32 `(n, c)`, the largest value of the map.
    place : Tensor
        int64 `(n, c, 2)`, row and column of that value in the map.
    """

    mean: Tensor
    peak: Tensor
    place: Tensor

    def select(self, images: Tensor) -> Summary:
        """Return the same for some of the images only, picked by their indices."""
        return Summary(self.mean[images], self.peak[images], self.place[images])


@torch.no_grad()
def summarise(
    model: nn.Module, images: Tensor, prepare: Callable[[Tensor], Tensor], batch_size: int = 50
) -> dict[str, Summary]:
    """Run images through a network, and summarise the maps of every block of its backbone.

    The network runs in eval mode; every module's mode is put back as it was found.

    Parameters
    ----------
    model : nn.Module
        A network that `split_into_blocks` can take apart.
    images : Tensor
        uint8 `(n, 3, h, w)`.
    prepare : callable
        Turns them into the network's input.
    batch_size : int, optional
        Images at a time; only one batch's maps are in memory.

    Returns
    -------
    dict of str to Summary
        By name of the block, from input to output.

    Raises
    ------
    ValueError
        When there is no image.
    """
    if len(images) == 0:
        raise ValueError("no images to run through the network: the selection is empty")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    backbone = split_into_blocks(model)[:-1]
    parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {block.name: [] for block in backbone}
    try:
        for part in images.split(batch_size):
            x = prepare(part)
            for block in backbone:
                x = block.forward(x)
                peak, index = x.flatten(2).max(dim=2)
                place = torch.stack([index // x.shape[3], index % x.shape[3]], dim=2)
                parts[block.name].append((x.mean((2, 3)).cpu(), peak.cpu(), place.cpu()))
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {name: Summary(*map(torch.cat, zip(*some, strict=True))) for name, some in parts.items()}


@dataclass(frozen=True)
class ReceptiveField:
    """Which square of the input one position of a block's map can see.

    Parameters
    ----------
    side : int
        Of the square, in pixels.
    step : int
        How far the square moves from one position of the map to the next.
    first : float
        Upper and left edge of the first position's square; negative, as it begins outside.
    """

    side: int
    step: int
    first: float

    def edges(self, row: int, column: int) -> tuple[int, int]:
        """Return the upper and left edge of the square of one position."""
        return round(self.first + row * self.step), round(self.first + column * self.step)


def receptive_fields(model: nn.Module) -> dict[str, ReceptiveField]:
    """Count the receptive field of every block of the backbone from its convolutions.

    Each convolution with a k x k kernel adds k - 1 of its input's steps to the side; a stride
    multiplies the step. A shortcut around a block sees less than the block, so it adds nothing.

    Raises
    ------
    TypeError
        For a network that is no torchvision MobileNetV2 and no plain `nn.Sequential`: in others,
        convolutions need not run one after the other.
    """
    if not isinstance(model, MobileNetV2 | nn.Sequential):
        raise TypeError(
            f"cannot count the receptive fields of a {type(model).__name__}: its convolutions may "
            f"run side by side; use a MobileNetV2 or an nn.Sequential"
        )
    side, step, first = 1, 1, 0.0
    fields = {}
    for block in split_into_blocks(model)[:-1]:
        for module in (m for part in block.modules for m in part.modules()):
            if isinstance(module, nn.Conv2d):
                side += (module.kernel_size[0] - 1) * step
                first -= int(module.padding[0]) * step
                step *= module.stride[0]
        fields[block.name] = ReceptiveField(side, step, first)
    return fields


def as_seen(images: Tensor, prepare: Prepare) -> Tensor:
    """Return images as the network sees them: uint8 `(n, 3, size, size)`, on the CPU."""
    x = prepare(images).cpu()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (prepare.mean, prepare.std))
    return ((x * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def crops(images: Tensor, places: Tensor, field: ReceptiveField) -> Tensor:
    """Cut out the square that a position of the map sees; outside the image is grey.

    Parameters
    ----------
    images : Tensor
        uint8 `(n, 3, size, size)`, as the network sees them (see `as_seen`).
    places : Tensor
        int64 `(n, 2)`, row and column in the block's map, one for each image.
    field : ReceptiveField
        Of that block.

    Returns
    -------
    Tensor
        uint8 `(n, 3, side, side)`.
    """
    margin = field.side  # no square lies further outside than its own side
    cut = []
    for image, place in zip(F.pad(images, (margin,) * 4, value=128), places.tolist(), strict=True):
        top, left = (edge + margin for edge in field.edges(*place))
        cut.append(image[:, top : top + field.side, left : left + field.side])
    return torch.stack(cut)


def purity(peaks: Tensor, labels: Tensor, top: int = 9) -> Tensor:
    """Return, of the images that excite a channel most, the share of their main class.

    Parameters
    ----------
    peaks : Tensor
        float `(n, c)`.
    labels : Tensor
        int64 `(n,)`.
    top : int, optional
        How many images are taken for each channel.

    Returns
    -------
    Tensor
        float32 `(c,)`, from 1 / top to 1.

    Raises
    ------
    ValueError
        When there are fewer than `top` images.
    """
    if len(peaks) < top:
        raise ValueError(f"the {top} strongest of {len(peaks)} images cannot be taken")
    chosen = labels[peaks.topk(top, dim=0).indices]  # (top, c)
    return F.one_hot(chosen).sum(0).max(1).values.float() / top


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Return both with mean 0 and standard deviation 1 in each column, measured on `train`.

    A random network's features may be a billion times smaller than a pretrained one's; scaling
    makes the two comparable. Columns that hardly vary stay small: there is only noise in them.
    """
    mean, scale = train.mean(0), train.std(0)
    scale = scale + 1e-3 * train.std() + torch.finfo(train.dtype).tiny
    return (train - mean) / scale, (test - mean) / scale


def nearest_mean_accuracy(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor
) -> float:
    """Return how often a test image lies nearest to the mean of its own class, 0 to 1.

    Features are standardised first. Nothing is trained: a class is its average, so the figure says
    how well apart the classes lie in the features as they are.

    Parameters
    ----------
    train, test : Tensor
        float `(n, c)`; the class means are taken from `train`.
    train_labels, test_labels : Tensor
        int64 `(n,)`.
    """
    x, y = standardised(train, test)
    classes = train_labels.unique()
    means = torch.stack([x[train_labels == label].mean(0) for label in classes])
    nearest = classes[torch.cdist(y, means).argmin(1)]
    return (nearest == test_labels).float().mean().item()


def principal_plane(features: Tensor) -> Tensor:
    """Return the two directions in which features vary most: float `(n, 2)`, standardised."""
    x, _ = standardised(features, features)
    _, _, directions = torch.linalg.svd(x, full_matrices=False)
    return x @ directions[:2].T
