"""Two kinds of figures of lesson 02: curves side by side, and networks that lose a block."""

from collections.abc import Sequence

from course_utils.plots import COLOURS, GREY, LINES, MARKERS, new_figure

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def panels(
    table: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    panel: str,
    *,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    percent: bool = False,
    chance: float | None = None,
) -> Figure:
    """Draw one plot for each value of `panel`, one line in it for each value of `by`.

    A line is the mean over runs, and the band around it goes from the lowest run to the highest.

    Parameters
    ----------
    table : DataFrame
        One row a run and place on the x axis.
    x, y, by, panel : str
        Its columns.
    xlabel, ylabel : str
        Texts at the axes.
    log : bool, optional
        A logarithmic y axis; the mean is then that of the logarithms.
    percent : bool, optional
        Values between 0 and 1 are shown as 0 to 100.
    chance : float, optional
        A level to draw as "guessing", on the scale of `y`.

    Raises
    ------
    ValueError
        When a logarithmic axis meets a value that is not above zero.
    """
    if log and not (table[y] > 0).all():
        raise ValueError(f"log=True needs values above zero, but {y!r} has {table[y].min()}")
    groups = list(table.groupby(panel, sort=False))
    figure, axes = new_figure(3.7 * len(groups) + 1.0, 3.4, len(groups))
    scale = 100 if percent else 1
    for ax, (title, part) in zip(axes, groups, strict=True):
        for i, (name, line) in enumerate(part.groupby(by, sort=False)):
            values = np.log(line[y]) if log else line[y] * scale
            runs = values.groupby(line[x]).agg(["mean", "min", "max"])
            runs = np.exp(runs) if log else runs
            ax.plot(
                runs.index, runs["mean"], label=str(name), markersize=4,
                color=COLOURS[i], linestyle=LINES[i], marker=MARKERS[i],
            )  # fmt: skip
            ax.fill_between(runs.index, runs["min"], runs["max"], color=COLOURS[i], alpha=0.2)
        if chance is not None:
            ax.axhline(chance * scale, color=GREY, linewidth=1, linestyle=":", label="guessing")
        ax.set(xlabel=xlabel, title=str(title))
        ticks = sorted(part[x].unique())
        if len(ticks) <= 8:
            ax.set_xticks(ticks)  # where something was measured, such as whole passes
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if log:
            ax.set_yscale("log")
        elif percent:
            ax.set_ylim(-2, 102)
    if log:
        for ax in axes[1:]:
            ax.sharey(axes[0])  # one scale: lengths can be compared
        axes[0].autoscale(axis="y")
    axes[0].set_ylabel(ylabel)
    _legend(figure, axes)
    return figure


def without_blocks(table: pd.DataFrame, panel: str, kept: Sequence[str], *, xlabel: str) -> Figure:
    """Draw the accuracy of networks that lost one block, against the block that was lost.

    Parameters
    ----------
    table : DataFrame
        Columns `block`, `kept`, `accuracy` (0 to 1) and the one that `panel` names. Rows with
        kept = "all" belong to the whole network, and give the dashed line.
    panel : str
        A plot for each value of this column.
    kept : sequence of str
        The values of `kept` to draw, in this order.
    xlabel : str
        Text at the x axes.
    """
    groups = list(table.groupby(panel, sort=False))
    width = max(3.4, 0.3 * table["block"].nunique())
    figure, axes = new_figure(width * len(groups) + 1.0, 3.2, len(groups))
    for ax, (title, part) in zip(axes, groups, strict=True):
        changed = part[part["kept"] != "all"]
        blocks = list(changed["block"].unique())
        level = 100 * part.loc[part["kept"] == "all", "accuracy"].mean()
        ax.axhline(level, color="black", linestyle="--", linewidth=1, label="whole network")
        for i, name in enumerate(kept):
            some = changed[changed["kept"] == name]
            places = [blocks.index(block) for block in some["block"]]
            ax.scatter(
                places, 100 * some["accuracy"], s=34, color=COLOURS[i], marker=MARKERS[i],
                edgecolors="white", linewidths=0.6, label=f"{name} kept",
            )  # fmt: skip
        ax.set_xticks(range(len(blocks)), [str(b).removeprefix("features.") for b in blocks])
        ax.set(xlabel=xlabel, ylim=(-2, 102), title=str(title))
    axes[0].set_ylabel("accuracy on test images (%)")
    _legend(figure, axes)
    return figure


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend at the right: a panel may lack some of the kinds that others have."""
    entries: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(list(entries.values()), list(entries), loc="outside right center", frameon=False)
