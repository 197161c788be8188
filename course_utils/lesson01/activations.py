"""What the blocks of a network answer to images: how strongly, where, and what that tells apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_utils.images.preprocessing import Prepare
from course_utils.networks.blocks import split_into_blocks

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Answers:
    """What one block answers to `n` images with its `c` channels.

    mean : float32 `(n, c)`, the average over all positions of the map
    peak : float32 `(n, c)`, the largest value of the map
    place : int64 `(n, c, 2)`, row and column of that value in the map
    """

    mean: Tensor
    peak: Tensor
    place: Tensor

    def of(self, chosen: Tensor) -> Answers:
        """The same for some of the images only, picked by their indices."""
        return Answers(self.mean[chosen], self.peak[chosen], self.place[chosen])


@torch.no_grad()
def scan(
    model: nn.Module, images: Tensor, prepare: Callable[[Tensor], Tensor], batch_size: int = 50
) -> dict[str, Answers]:
    """Run images through a network, and note every backbone block's answers, input to output.

    The network runs in eval mode; every module's mode is put back as it was found.

    Parameters
    ----------
    images : uint8 `(n, 3, h, w)`
    prepare : turns them into the network's input
    batch_size : images at a time; only one batch's maps are in memory

    Raises ValueError if there is no image.
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
                width = x.shape[3]
                place = torch.stack([index // width, index % width], dim=2)
                parts[block.name].append((x.mean((2, 3)).cpu(), peak.cpu(), place.cpu()))
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {
        name: Answers(*(torch.cat(column) for column in zip(*some, strict=True)))
        for name, some in parts.items()
    }


@dataclass(frozen=True)
class Field:
    """Which square of the input one position of a block's map can see.

    side : of the square, in pixels
    step : how far the square moves from one position of the map to the next
    first : the upper and left edge of the first position's square; negative, as it begins outside
    """

    side: int
    step: int
    first: float

    def edges(self, row: int, column: int) -> tuple[int, int]:
        """Upper and left edge of the square of one position."""
        return round(self.first + row * self.step), round(self.first + column * self.step)


def receptive_fields(model: nn.Module) -> dict[str, Field]:
    """The receptive field of every backbone block, counted from its convolutions.

    Each convolution with a k x k kernel adds k - 1 of its input's steps to the side; a stride
    multiplies the step.  A shortcut around a block sees less than the block, so it adds nothing.

    Raises TypeError for a network that is no torchvision MobileNetV2 and no plain `nn.Sequential`:
    in others, convolutions need not run one after the other.
    """
    from torchvision.models import MobileNetV2

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
                kernel, stride, padding = (
                    int(pair[0]) for pair in (module.kernel_size, module.stride, module.padding)
                )
                side += (kernel - 1) * step
                first -= padding * step
                step *= stride
        fields[block.name] = Field(side, step, first)
    return fields


def as_seen(images: Tensor, prepare: Prepare) -> Tensor:
    """Images at the size in which the network sees them: uint8 `(n, 3, size, size)`, on the CPU."""
    x = prepare(images).cpu()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (prepare.mean, prepare.std))
    return ((x * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


def crops(images: Tensor, places: Tensor, field: Field) -> Tensor:
    """The square that a position of the map sees, one for each image; outside the image is grey.

    Parameters
    ----------
    images : uint8 `(n, 3, size, size)`, as the network sees them (see `as_seen`)
    places : int64 `(n, 2)`, row and column in the block's map
    field : the block's receptive field

    Returns
    -------
    uint8 `(n, 3, side, side)`
    """
    margin = field.side  # no square lies further outside than its own side
    padded = F.pad(images, (margin,) * 4, value=128)
    cut = []
    for image, (row, column) in zip(padded, places.tolist(), strict=True):
        top, left = (edge + margin for edge in field.edges(row, column))
        cut.append(image[:, top : top + field.side, left : left + field.side])
    return torch.stack(cut)


def purity(peaks: Tensor, labels: Tensor, top: int = 9) -> Tensor:
    """For every channel: of the `top` images that excite it most, the share of their main class.

    Parameters
    ----------
    peaks : float `(n, c)`; labels : int64 `(n,)`

    Returns
    -------
    float32 `(c,)`, from 1 / top to 1

    Raises ValueError if there are fewer than `top` images.
    """
    if len(peaks) < top:
        raise ValueError(f"the {top} strongest of {len(peaks)} images cannot be taken")
    chosen = labels[peaks.topk(top, dim=0).indices]  # (top, c)
    classes = int(labels.max()) + 1
    counts = torch.stack([(chosen == label).sum(0) for label in range(classes)])
    return counts.max(0).values.float() / top


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both with mean 0 and standard deviation 1 in each column, measured on `train`.

    A random network's features may be a billion times smaller than a pretrained one's; scaling
    makes the two comparable.  Columns that hardly vary stay small: there is only noise in them.
    """
    mean, scale = train.mean(0), train.std(0)
    scale = scale + 1e-3 * train.std() + torch.finfo(train.dtype).tiny
    return (train - mean) / scale, (test - mean) / scale


def nearest_mean_accuracy(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor
) -> float:
    """How often a test image lies nearest to the mean of its own class, 0 to 1.

    Features are standardised first.  Nothing is trained: a class is its average, so the figure
    says how well apart the classes lie in the features as they are.

    Parameters
    ----------
    train, test : float `(n, c)`; the class means are taken from `train`
    train_labels, test_labels : int64 `(n,)`
    """
    x, y = standardised(train, test)
    classes = train_labels.unique()
    means = torch.stack([x[train_labels == label].mean(0) for label in classes])
    nearest = classes[torch.cdist(y, means).argmin(1)]
    return (nearest == test_labels).float().mean().item()


def principal_plane(features: Tensor) -> Tensor:
    """The two directions in which features vary most: float `(n, 2)`, after standardising."""
    x, _ = standardised(features, features)
    _, _, directions = torch.linalg.svd(x, full_matrices=False)
    return x @ directions[:2].T
