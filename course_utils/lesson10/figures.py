"""Figures of lesson 10: networks by cost and time, and what each tool's freezing lets move."""

from __future__ import annotations

from course_utils.plots import BLUE, COLOURS, GREY, MARKERS, new_figure

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def time_by_cost(table: pd.DataFrame) -> Figure:
    """Draw milliseconds an image against MACs, both logarithmic; one marker a network.

    A grey line shows what the times would be if they grew in proportion to MACs, through the last
    network of the table.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `network`, `macs`, `ms_per_image`, one row a measurement.
    """
    figure, (ax,) = new_figure(7.2, 4.2)
    groups = list(table.groupby("network", sort=False))
    for i, (name, group) in enumerate(groups):
        ax.scatter(
            group["macs"] / 1e9, group["ms_per_image"], s=46, marker=MARKERS[i % 6],
            color=COLOURS[i % 6], edgecolors="white", label=str(name),
        )  # fmt: skip
        last = group[group["macs"] == group["macs"].max()]
        place = (last["macs"].iloc[0] / 1e9, last["ms_per_image"].max())
        ax.annotate(
            str(name), place, xytext=(0, 9), textcoords="offset points", ha="right", fontsize=9
        )
    reference = groups[-1][1]
    slope = float(np.median(reference["ms_per_image"] / (reference["macs"] / 1e9)))
    span = np.array([table["macs"].min(), table["macs"].max()]) / 1e9
    ax.plot(span, slope * span, color=GREY, linestyle="--", linewidth=1)
    ax.annotate(
        f"in proportion to {groups[-1][0]}", (span[0], slope * span[0]), xytext=(6, -2),
        textcoords="offset points", va="top", fontsize=8, color=GREY,
    )  # fmt: skip
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="billion multiply-accumulates an image (logarithmic)",
        ylabel="milliseconds an image (logarithmic)",
    )
    ax.legend(fontsize=8, frameon=False)
    return figure


def what_moved(table: pd.DataFrame, kinds: list[str]) -> Figure:
    """Draw a grid of tools and kinds of tensors; a full square and a word where they moved.

    Parameters
    ----------
    table : pandas.DataFrame
        As `freeze_conventions.table` makes it.
    kinds : list of str
        Its columns of "3 of 20".
    """
    figure, (ax,) = new_figure(1.7 * len(kinds) + 2.4, 0.42 * len(table) + 0.8)
    for row, (_, entry) in enumerate(table.iterrows()):
        for column, kind in enumerate(kinds):
            text = str(entry[kind])
            word = "none" if " of " not in text else "still" if text.startswith("0 of") else "moves"
            fill, edge, ink = {
                "moves": (BLUE, GREY, "white"),
                "still": ("white", GREY, "black"),
                "none": ("white", "#8f8f8f", GREY),
            }[word]
            square = Rectangle(
                (column - 0.47, row - 0.42), 0.94, 0.84, facecolor=fill, edgecolor=edge
            )
            ax.add_patch(square)
            ax.text(column, row, word, ha="center", va="center", fontsize=9, color=ink)
    labels = [f"{tool}, {phase}" for tool, phase in zip(table["tool"], table["phase"], strict=True)]
    ax.set_yticks(range(len(table)), labels, fontsize=9)
    ax.set_xticks(range(len(kinds)), kinds, fontsize=9)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set(xlim=(-0.5, len(kinds) - 0.5), ylim=(len(table) - 0.5, -0.5))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return figure
