"""Two drawings of lesson 03, made from live layers: who sees whom, and one block from the side."""

from collections.abc import Mapping

from course_utils.plots import BLUE, GREY, NAVY, ORANGE, new_figure

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import Tensor, nn

FILLED = "#BCD7F5"  # behind black numbers


def weights_between(layer: nn.Conv2d) -> Tensor:
    """Count the weights of a convolution from each input channel to each output channel.

    Returns
    -------
    Tensor
        int64 `(out_channels, in_channels)`: the kernel's area where two channels are connected,
        else 0.
    """
    outputs, inputs = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    area = layer.weight[0, 0].numel()
    return torch.block_diag(*[torch.full((outputs, inputs), area)] * layer.groups)


def connections(layers: Mapping[str, nn.Conv2d]) -> Figure:
    """Draw a square table a layer: a filled cell where an output channel sees an input channel.

    Parameters
    ----------
    layers : mapping of str to nn.Conv2d
        By title; with some eight channels the numbers in the cells are legible.
    """
    figure, axes = new_figure(3.0 * len(layers), 3.8, len(layers))
    for ax, (title, layer) in zip(axes, layers.items(), strict=True):
        counts = weights_between(layer)
        ax.imshow((counts > 0).numpy(), cmap=ListedColormap(["white", FILLED]), vmin=0, vmax=1)
        for output, column in counts.nonzero().tolist():
            ax.text(column, output, str(int(counts[output, column])), ha="center", va="center")
        ax.set_xticks(torch.arange(layer.in_channels + 1).numpy() - 0.5, minor=True)
        ax.set_yticks(torch.arange(layer.out_channels + 1).numpy() - 0.5, minor=True)
        ax.grid(visible=False)
        ax.grid(which="minor", color="#cccccc", linewidth=0.8)
        ax.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
        ax.spines[:].set_visible(False)
        ax.set_title(f"{title}\n{layer.weight.numel():,} weights", fontsize=10)
        ax.set_xlabel("input channels")
    axes[0].set_ylabel("output channels")
    return figure


def block_from_the_side(block: nn.Module, shortcut: bool) -> Figure:
    """Draw a block's convolutions in a row: the taller a box, the more channels flow there.

    Parameters
    ----------
    block : nn.Module
        Its convolutions run one after the other.
    shortcut : bool
        Draw the path from the block's input to the sum at its end.
    """
    layers = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    widths = [layers[0].in_channels, *(layer.out_channels for layer in layers)]
    figure, (ax,) = new_figure(8.2, 3.5)
    ax.set_axis_off()
    tallest = max(widths)
    for place, width in enumerate(widths):
        height = width / tallest
        colour = BLUE if width == tallest else NAVY
        ax.add_patch(Rectangle((place - 0.09, -height / 2), 0.18, height, color=colour))
        ax.text(place, -height / 2 - 0.05, f"{width} channels", ha="center", va="top", fontsize=10)
    for place, layer in enumerate(layers):
        _arrow(ax, (place + 0.12, 0), (place + 0.88, 0))
        side = layer.kernel_size[0]
        kind = "depthwise " if layer.groups > 1 else ""
        after = "no ReLU" if layer is layers[-1] else "ReLU6"
        label = f"{kind}{side} x {side}\n{layer.weight.numel():,} weights\n{after}"
        ax.text(place + 0.5, 0.06, label, ha="center", va="bottom", fontsize=9)
    if shortcut:
        end = len(layers) + 0.32
        _arrow(ax, (len(layers) + 0.12, 0), (end - 0.07, 0))
        ax.text(end, 0, "+", ha="center", va="center", fontsize=15, color=ORANGE, weight="bold")
        path = [(0, 0.12), (0, 0.72), (end, 0.72), (end, 0.1)]
        ax.plot(*zip(*path[:3], strict=True), color=ORANGE, linewidth=1.8, linestyle="--")
        _arrow(ax, path[2], path[3], ORANGE)
        ax.text(end / 2, 0.75, "shortcut: the input itself", ha="center", va="bottom", color=ORANGE)
        _arrow(ax, (end + 0.07, 0), (end + 0.35, 0))
    ax.set(xlim=(-0.35, len(layers) + 0.75), ylim=(-0.75, 0.9))
    return figure


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = GREY
) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=12, color=colour, shrinkA=0, shrinkB=0
        )
    )
