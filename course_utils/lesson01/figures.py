"""Drawings of lesson 01: filters, feature maps, exciting patches, classes in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_utils.plots import DARK, new_figure

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

Maps = Mapping[str, Tensor]


def as_picture(weights: Tensor) -> Tensor:
    """A filter as colours: mid-grey is 0, brighter is positive, darker negative.

    The largest weight of the filter, whatever its sign, reaches the end of the scale.  So every
    filter can be seen, and its strength cannot: that must be written beside it.

    Parameters
    ----------
    weights : float `(3, k, k)`

    Returns
    -------
    float32 `(k, k, 3)` from 0 to 1; all 0.5 where every weight is zero
    """
    largest = weights.abs().max()
    scaled = weights / largest if largest > 0 else torch.zeros_like(weights)
    return (0.5 + 0.5 * scaled.float()).permute(1, 2, 0).cpu()


def alive(weights: Tensor) -> Tensor:
    """Which filters are not as good as zero: bool `(n,)`, at least 1 % as long as the longest."""
    lengths = weights.detach().flatten(1).norm(dim=1)
    return lengths > 0.01 * lengths.max()


def filters(networks: Mapping[str, Tensor], columns: int = 8) -> Figure:
    """All filters of a first layer, one panel a network; under each filter its length.

    networks : title -> weights `(n, 3, k, k)`; the length is the root of the summed squares
    """
    count = max(len(weights) for weights in networks.values())
    rows = -(-count // columns)
    figure = Figure(figsize=(4.4 * len(networks), 0.68 * rows + 0.5), layout="constrained")
    panels = figure.subfigures(1, len(networks), wspace=0.06, squeeze=False).flat
    for panel, (title, weights) in zip(panels, networks.items(), strict=True):
        panel.suptitle(title, fontsize=11)
        grid = panel.subplots(rows, columns, squeeze=False).flat
        for ax, weight, living in zip(grid, weights.detach(), alive(weights), strict=False):
            shown = weight if living else torch.zeros_like(weight)  # rounding errors are no pattern
            ax.imshow(as_picture(shown).numpy(), interpolation="nearest", vmin=0, vmax=1)
            ax.set_title(f"{weight.norm():.2f}", fontsize=7, y=-0.04, pad=0, va="top")
        for ax in panel.axes:
            ax.set_axis_off()
    return figure


def neighbour_similarity(weights: Tensor) -> Tensor:
    """How alike neighbouring weights of each filter are: the cosine, from -1 to 1; random about 0.

    A smooth filter, such as an edge or a blob, has a value near 1.  Filters that are as good as
    zero (see `alive`) are left out, so the result may be shorter than the input.

    weights : `(n, 3, k, k)`; returns float32 `(m,)`
    """
    some = weights.detach()[alive(weights)].float()
    one = torch.cat([some[..., :-1].flatten(1), some[..., :-1, :].flatten(1)], dim=1)
    other = torch.cat([some[..., 1:].flatten(1), some[..., 1:, :].flatten(1)], dim=1)
    return torch.cosine_similarity(one, other, dim=1)


def liveliest(maps: Tensor, count: int) -> Tensor:
    """The channels whose maps vary most over the image, the strongest first.

    maps : float `(c, h, w)`; returns `(count, h, w)`, or fewer where there are fewer channels
    """
    spread = maps.flatten(1).double().std(dim=1)  # of a random network: around 1e-9
    return maps[spread.topk(min(count, len(maps))).indices]


def feature_maps(networks: Mapping[str, Maps], count: int = 6) -> Figure:
    """The liveliest maps of some blocks, one panel a network and one row a block.

    networks : title -> (block -> maps `(c, h, w)` for one image); each map has a grey scale of its
        own, from its lowest value (black) to its highest (white)
    """
    blocks = list(next(iter(networks.values())))
    figure = Figure(figsize=(4.6 * len(networks), 0.78 * len(blocks) + 0.5), layout="constrained")
    panels = figure.subfigures(1, len(networks), wspace=0.04, squeeze=False).flat
    for number, (panel, (title, maps)) in enumerate(zip(panels, networks.items(), strict=True)):
        panel.suptitle(title, fontsize=11)
        grid = panel.subplots(len(blocks), count, squeeze=False)
        for row, block in zip(grid, blocks, strict=True):
            for ax in row:
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
            for ax, one in zip(row, liveliest(maps[block], count), strict=False):
                ax.imshow(one.double().cpu().numpy(), cmap="gray", interpolation="nearest")
            if number == 0:
                side = maps[block].shape[-1]
                row[0].set_ylabel(
                    f"{block}\n{side} x {side}", rotation=0, ha="right", va="center", fontsize=8
                )
    return figure


def patches(rows: Mapping[str, Tensor]) -> Figure:
    """Rows of patches with a text at the left: what excites each channel most.

    rows : text -> uint8 `(n, 3, h, w)`
    """
    widest = max(len(images) for images in rows.values())
    figure = Figure(figsize=(0.78 * widest + 1.9, 0.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), widest, squeeze=False)
    for axes, (text, images) in zip(grid, rows.items(), strict=True):
        for ax in axes:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        axes[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
        for ax, image in zip(axes, images, strict=False):
            ax.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
    return figure


def planes(points: Mapping[str, Tensor], labels: Tensor, names: Sequence[str]) -> Figure:
    """Images as points in a plane, one panel a title; a point is the number of its class.

    points : title -> float `(n, 2)`; labels : int64 `(n,)`; names : the legend, by label
    """
    figure, axes = new_figure(3.6 * len(points) + 1.3, 3.5, len(points))
    for ax, (title, plane) in zip(axes, points.items(), strict=True):
        _numbers(ax, plane.cpu(), labels.cpu())
        ax.set_title(title, fontsize=10)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    text = "\n".join(f"{label}  {name}" for label, name in enumerate(names[:20]))
    axes[-1].text(1.04, 0.5, text, transform=axes[-1].transAxes, va="center", fontsize=9)
    return figure


def _numbers(ax: Axes, plane: Tensor, labels: Tensor) -> None:
    for label in labels.unique().tolist():
        x, y = plane[labels == label].T.numpy()
        ax.scatter(x, y, s=34, marker=f"${label}$", color=DARK[label % 4], linewidths=0.4)
