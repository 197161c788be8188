"""The figures of lesson 08: a loss curve, and what a pretraining is worth on another task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from course_utils.plots import BLUE, COLOURS, GREEN, GREY, LINES, MARKERS, ORANGE, new_figure

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLES = {"frozen": (BLUE, "o", "-"), "fine-tuned": (ORANGE, "s", "--")}


def loss_curve(losses: Sequence[float], classes: int, window: int = 20) -> Figure:
    """Draw the loss of every batch, its mean over the last `window`, and the loss of guessing.

    Whoever gives every class the same probability has the loss log(classes).

    Raises
    ------
    ValueError
        If there is no loss.
    """
    if not len(losses):
        raise ValueError("no losses to draw: nothing was trained")
    figure, (ax,) = new_figure(7.2, 3.0)
    steps = range(1, len(losses) + 1)
    ax.plot(steps, losses, color=GREY, alpha=0.75, linewidth=0.8, label="each batch")
    smooth = pd.Series(list(losses)).rolling(window, min_periods=1).mean()
    ax.plot(steps, smooth, color=BLUE, linewidth=2, label=f"mean of {window} batches")
    ax.axhline(math.log(classes), color="black", linestyle=":", linewidth=1, label="guessing")
    ax.set(xlabel="step", ylabel="loss on the source", ylim=(0, None))
    _legend(ax)
    return figure


def _legend(ax: Axes) -> None:
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))


def _from_scratch(ax: Axes, accuracies: Sequence[float], *, upright: bool = False) -> None:
    """Draw random weights as a dotted line with a band of one standard deviation."""
    mean = 100 * float(np.mean(accuracies))
    spread = 100 * float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0
    line, span = (ax.axvline, ax.axvspan) if upright else (ax.axhline, ax.axhspan)
    line(mean, color="black", linestyle=":", linewidth=1.2, label="from scratch")
    span(mean - spread, mean + spread, color=GREY, alpha=0.2, linewidth=0)


def by_number(
    panels: Mapping[str, tuple[pd.DataFrame, str]], scratch: Sequence[float], ylabel: str
) -> Figure:
    """Draw accuracy on the target against a number that was varied, one panel for each number.

    Parameters
    ----------
    panels : mapping of str to (pandas.DataFrame, str)
        By the label of the x axis a table and its column for that axis; the table has the columns
        `treatment` (of which "frozen" and "fine-tuned" are drawn) and `accuracy` (0 to 1).
    scratch : sequence of float
        Accuracies from random weights: a level with a band of one standard deviation.
    ylabel : str
        Label of the shared y axis.
    """
    figure, axes = new_figure(8.6, 3.5, len(panels))
    for ax, (label, (table, column)) in zip(axes, panels.items(), strict=True):
        for treatment, (colour, marker, line) in STYLES.items():
            rows = table[table["treatment"] == treatment]
            runs = rows.groupby(column)["accuracy"].agg(["mean", "std"]) * 100
            ax.errorbar(
                runs.index, runs["mean"], runs["std"].fillna(0), label=treatment,
                color=colour, marker=marker, linestyle=line, capsize=3,
            )  # fmt: skip
        _from_scratch(ax, scratch)
        ax.set_xscale("log")
        ticks = sorted(table[column].unique())
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel(label)
    limits = [limit for ax in axes for limit in ax.get_ylim()]
    for ax in axes:
        ax.set_ylim(min(limits), max(limits))
    axes[0].set_ylabel(ylabel)
    _legend(axes[-1])
    return figure


def by_kind(table: pd.DataFrame, scratch: Sequence[float], xlabel: str) -> Figure:
    """Draw one row for each source: a mark for every run, frozen above and fine-tuned below.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `source`, `treatment` and `accuracy` (0 to 1); rows come in the table's order.
    scratch : sequence of float
        Accuracies from random weights: a vertical level with a band.
    xlabel : str
        Label of the axis of accuracy.
    """
    names = list(dict.fromkeys(table["source"]))
    figure, (ax,) = new_figure(7.8, 0.55 * len(names) + 1.1)
    _from_scratch(ax, scratch, upright=True)
    for treatment, (colour, marker, _) in STYLES.items():
        shift = -0.14 if treatment == "frozen" else 0.14
        for row, name in enumerate(names):
            mine = table[(table["source"] == name) & (table["treatment"] == treatment)]
            values = 100 * mine["accuracy"].to_numpy(dtype=float)
            if not len(values):
                continue
            ax.scatter(
                values, np.full(len(values), row + shift), color=colour, marker=marker,
                edgecolors="white", linewidths=0.6, label=treatment if row == 0 else None,
            )  # fmt: skip
            ax.plot([values.mean()] * 2, [row + shift - 0.13, row + shift + 0.13], "k-", lw=2)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="x", color="#dddddd")
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(xlabel)
    _legend(ax)
    return figure


def two_accuracies(table: pd.DataFrame, ylabel: str) -> Figure:
    """Draw how good each source network is at its own task, against its worth on the target.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a source, with columns `label`, `source_accuracy` and `accuracy` (both 0 to 1).
    ylabel : str
        Label of the axis of the target.
    """
    figure, (ax,) = new_figure(7.8, 4.0)
    for i, row in enumerate(table.itertuples()):
        ax.scatter(
            100 * row.source_accuracy, 100 * row.accuracy, s=60, color=COLOURS[i % 6],
            marker=MARKERS[i % 6], facecolors="none" if i >= 6 else COLOURS[i % 6], label=row.label,
        )  # fmt: skip
    ax.set(xlabel="accuracy on unseen images of the source (%)", ylabel=ylabel, xlim=(-3, 103))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return figure


def gain_by_distance(
    table: pd.DataFrame, columns: Mapping[str, str], gain: str, ylabel: str
) -> Figure:
    """Draw one mark for each run, placed by a distance and by what was gained.

    The line is the least-squares one, and the correlation is written above it.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `group` (of which each gets its colour and marker), `gain` and the distances.
    columns : mapping of str to str
        By the column of a distance the label of its axis; one panel each.
    gain, ylabel : str
        The column of the gain (as a share), and the label of its axis.
    """
    figure, axes = new_figure(1.6 + 2.9 * len(columns), 3.5, len(columns))
    for ax, (column, label) in zip(axes, columns.items(), strict=True):
        for i, (group, rows) in enumerate(table.groupby("group", sort=False)):
            ax.scatter(
                rows[column], 100 * rows[gain], label=str(group), s=28, edgecolors="white",
                linewidths=0.4, color=(GREEN, ORANGE, BLUE)[i % 3], marker=MARKERS[i % 6],
            )  # fmt: skip
        x = table[column].to_numpy(dtype=float)
        y = 100 * table[gain].to_numpy(dtype=float)
        slope, start = np.polyfit(x, y, 1)
        ends = np.array([x.min(), x.max()])
        ax.plot(ends, start + slope * ends, color="black", linestyle=LINES[1], linewidth=1.2)
        ax.axhline(0, color=GREY, linewidth=1)
        ax.set_title(f"correlation {np.corrcoef(x, y)[0, 1]:+.2f}", fontsize=10)
        ax.set_xlabel(label)
    axes[0].set_ylabel(ylabel)
    _legend(axes[-1])
    return figure
