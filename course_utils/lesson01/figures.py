"""Drawings of lesson 01: filters, feature maps, exciting patches, classes in a plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from course_utils.plots import DARK, new_figure

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

Maps = Mapping[str, Tensor]


def as_picture(weights: Tensor) -> Tensor:
    """Return a filter as colours: mid-grey is 0, brighter is positive, darker negative.

    The largest weight of the filter, whatever its sign, reaches the end of the scale. So every
    filter can be seen, and its strength cannot: that must be written beside it.

    Parameters
    ----------
    weights : Tensor
        float `(3, k, k)`.

    Returns
    -------
    Tensor
        float32 `(k, k, 3)` from 0 to 1; all 0.5 where every weight is zero.
    """
    largest = weights.abs().max().clamp(min=torch.finfo(weights.dtype).tiny)
    return (0.5 + 0.5 * (weights / largest).float()).permute(1, 2, 0).cpu()


def alive(weights: Tensor) -> Tensor:
    """Return which filters are not as good as zero: at least 1 % as long as the longest.

    Parameters
    ----------
    weights : Tensor
        float `(n, 3, k, k)`.

    Returns
    -------
    Tensor
        bool `(n,)`.
    """
    lengths = weights.detach().flatten(1).norm(dim=1)
    return lengths > 0.01 * lengths.max()


def neighbour_similarity(weights: Tensor) -> Tensor:
    """Return how alike neighbouring weights of each filter are: the cosine, from -1 to 1.

    A smooth filter, such as an edge or a blob, has a value near 1, a random one about 0.

    Parameters
    ----------
    weights : Tensor
        float `(n, 3, k, k)`.

    Returns
    -------
    Tensor
        float32 `(m,)`, without the filters that are as good as zero (see `alive`).
    """
    some = weights.detach()[alive(weights)].float()
    one = torch.cat([some[..., :-1].flatten(1), some[..., :-1, :].flatten(1)], dim=1)
    other = torch.cat([some[..., 1:].flatten(1), some[..., 1:, :].flatten(1)], dim=1)
    return torch.cosine_similarity(one, other, dim=1)


def _side_by_side(
    titles: Iterable[str], width: float, height: float
) -> tuple[Figure, Iterator[SubFigure]]:
    """Return a figure with a panel for each title."""
    names = list(titles)
    figure = Figure(figsize=(width * len(names), height), layout="constrained")
    panels = list(figure.subfigures(1, len(names), wspace=0.05, squeeze=False).flat)
    for panel, title in zip(panels, names, strict=True):
        panel.suptitle(title, fontsize=11)
    return figure, iter(panels)


def _empty(ax: Axes) -> None:
    """Take ticks and frame away; a label at the side stays."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def filters(networks: Mapping[str, Tensor], columns: int = 8) -> Figure:
    """Draw all filters of a first layer, one panel a network; under each filter its length.

    Parameters
    ----------
    networks : mapping of str to Tensor
        By title, weights `(n, 3, k, k)`; the length is the root of the summed squares.
    columns : int, optional
        Filters side by side in a panel.
    """
    rows = -(-max(map(len, networks.values())) // columns)
    figure, panels = _side_by_side(networks, 4.4, 0.68 * rows + 0.5)
    for panel, weights in zip(panels, networks.values(), strict=True):
        grid = panel.subplots(rows, columns, squeeze=False).flat
        for ax, weight, living in zip(grid, weights.detach(), alive(weights), strict=False):
            shown = weight if living else torch.zeros_like(weight)  # rounding errors are no pattern
            ax.imshow(as_picture(shown).numpy(), interpolation="nearest", vmin=0, vmax=1)
            ax.set_title(f"{weight.norm():.2f}", fontsize=7, y=-0.04, pad=0, va="top")
        for ax in panel.axes:
            ax.set_axis_off()
    return figure


def liveliest(maps: Tensor, count: int) -> Tensor:
    """Return the channels whose maps vary most over the image, the strongest first.

    Parameters
    ----------
    maps : Tensor
        float `(c, h, w)`.
    count : int
        How many are wanted; fewer come back where there are fewer channels.
    """
    spread = maps.flatten(1).double().std(dim=1)  # of a random network: around 1e-9
    return maps[spread.topk(min(count, len(maps))).indices]


def feature_maps(networks: Mapping[str, Maps], count: int = 6) -> Figure:
    """Draw the liveliest maps of some blocks, one panel a network and one row a block.

    Each map has a grey scale of its own, from its lowest value (black) to its highest (white).

    Parameters
    ----------
    networks : mapping of str to mapping of str to Tensor
        By title and name of the block, maps `(c, h, w)` for one image.
    count : int, optional
        Maps a row.
    """
    blocks = list(next(iter(networks.values())))
    figure, panels = _side_by_side(networks, 4.6, 0.78 * len(blocks) + 0.5)
    for number, (panel, maps) in enumerate(zip(panels, networks.values(), strict=True)):
        grid = panel.subplots(len(blocks), count, squeeze=False)
        for row, block in zip(grid, blocks, strict=True):
            for ax in row:
                _empty(ax)
            for ax, one in zip(row, liveliest(maps[block], count), strict=False):
                ax.imshow(one.double().cpu().numpy(), cmap="gray", interpolation="nearest")
            if number == 0:
                _label(row[0], f"{block}\n{maps[block].shape[1]} x {maps[block].shape[2]}")
    return figure


def patches(rows: Mapping[str, Tensor]) -> Figure:
    """Draw rows of patches with a text at the left: what excites each channel most.

    Parameters
    ----------
    rows : mapping of str to Tensor
        By text, uint8 `(n, 3, h, w)`.
    """
    widest = max(map(len, rows.values()))
    figure = Figure(figsize=(0.78 * widest + 1.9, 0.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), widest, squeeze=False)
    for axes, (text, images) in zip(grid, rows.items(), strict=True):
        for ax in axes:
            _empty(ax)
        _label(axes[0], text)
        for ax, image in zip(axes, images, strict=False):
            ax.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    return figure


def _label(ax: Axes, text: str) -> None:
    ax.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)


def planes(points: Mapping[str, Tensor], labels: Tensor, names: Sequence[str]) -> Figure:
    """Draw images as points in a plane, one panel a title; a point is the number of its class.

    Parameters
    ----------
    points : mapping of str to Tensor
        By title, float `(n, 2)`.
    labels : Tensor
        int64 `(n,)`.
    names : sequence of str
        The legend, by label; the first twenty are listed.
    """
    figure, axes = new_figure(3.6 * len(points) + 1.3, 3.5, len(points))
    for ax, (title, plane) in zip(axes, points.items(), strict=True):
        for label in labels.unique().tolist():
            x, y = plane[labels == label].cpu().T.numpy()
            ax.scatter(x, y, s=34, marker=f"${label}$", color=DARK[label % 4], linewidths=0.4)
        ax.set_title(title, fontsize=10)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    text = "\n".join(f"{label}  {name}" for label, name in enumerate(names[:20]))
    axes[-1].text(1.04, 0.5, text, transform=axes[-1].transAxes, va="center", fontsize=9)
    return figure
