"""Figures of lesson 06: what was loaded by block, what it was worth, and who wins a comparison."""

from collections.abc import Mapping, Sequence

from course_utils.plots import BLUE, COLOURS, GREEN, GREY, MARKERS, ORANGE, PINK, new_figure

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

# what became of a tensor -> colour, hatch; told apart without colour, too
LOOKS = {
    "matched": (BLUE, ""),
    "right place": (BLUE, ""),
    "reshaped": (ORANGE, "///"),
    "wrong place": (ORANGE, "///"),
    "missing": ("#dddddd", "..."),
    "not loaded": ("#dddddd", "..."),
    "unexpected": (PINK, "xxx"),
}


def tensors_by_block(tables: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> Figure:
    """Stacked bars by block, from the input at the top to the head; one panel a table.

    tables : title -> a table with a column `block` and counts, as `LoadReport.table` gives it
    columns : which counts to stack, out of `LOOKS`

    Raises ValueError if a column has no look of its own.
    """
    if unknown := [column for column in columns if column not in LOOKS]:
        raise ValueError(f"no colour is settled for {unknown[0]!r}; there are: {', '.join(LOOKS)}")
    tallest = max(len(table) for table in tables.values())
    figure, axes = new_figure(4.6 * len(tables) + 2.4, 0.24 * tallest + 1.3, len(tables))
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        left = np.zeros(len(table))
        for column in columns:
            colour, hatch = LOOKS[column]
            counts = table[column].to_numpy(dtype=float)
            ax.barh(
                range(len(table)), counts, left=left, color=colour, hatch=hatch,
                edgecolor="white" if colour != "#dddddd" else GREY, linewidth=0.5, label=column,
            )  # fmt: skip
            left += counts
        ax.set_yticks(range(len(table)), table["block"], fontsize=9)
        ax.set_ylim(len(table) - 0.4, -0.6)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("tensors")
        ax.grid(axis="x", color="#dddddd")
        ax.grid(visible=False, axis="y")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(columns), frameon=False)
    return figure


def places(model_blocks: Sequence[str], came_from: Mapping[str, str | None]) -> pd.DataFrame:
    """For each block: tensors that were loaded from where they belong, from elsewhere, or not.

    came_from : tensor name -> "right place", "wrong place" or None (not loaded)
    """
    rows = {block: {"right place": 0, "wrong place": 0, "not loaded": 0} for block in model_blocks}
    for name, verdict in came_from.items():
        owners = [block for block in model_blocks if name.startswith(f"{block}.")]
        if owners:
            rows[max(owners, key=len)][verdict or "not loaded"] += 1
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("block").reset_index()


TREATMENTS = {
    "frozen": (BLUE, "o"),
    "renewed": (GREEN, "^"),
    "fine-tuned": (PINK, "v"),
    "retrained": (ORANGE, "s"),
    "scratch": (GREY, "D"),
}


def changes(
    table: pd.DataFrame, treatments: Mapping[str, str], *, chance: float | None = None
) -> Figure:
    """One row a change and way of loading; a mark for each treatment's mean, a bar for its spread.

    table : columns change, load, treatment, accuracy (0 to 1); one row a run
    treatments : which ones to draw -> what to call them
    chance : a level to mark as guessing
    """
    shown = table[table["treatment"].isin(treatments)]
    labels = [f"{c}: {w}" for c, w in shown[["change", "load"]].drop_duplicates().to_numpy()]
    figure, (ax,) = new_figure(8.6, 0.36 * len(labels) + 1.3)
    names = list(treatments)
    for (change, load, treatment), group in shown.groupby(
        ["change", "load", "treatment"], sort=False
    ):
        colour, marker = TREATMENTS[treatment]
        nudge = 0.18 * (names.index(treatment) - (len(names) - 1) / 2)
        values = 100 * group["accuracy"].to_numpy(dtype=float)
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        ax.errorbar(
            values.mean(), labels.index(f"{change}: {load}") + nudge, xerr=spread,
            color=colour, marker=marker, markersize=6.5, capsize=2, linewidth=1.2,
        )  # fmt: skip
    for treatment, title in treatments.items():
        colour, marker = TREATMENTS[treatment]
        ax.plot([], [], color=colour, marker=marker, linestyle="", label=title)
    if chance is not None:
        ax.axvline(100 * chance, color=GREY, linewidth=1, linestyle=":")
        ax.annotate(
            "guessing", (100 * chance, -0.8), xytext=(4, 0), textcoords="offset points",
            color=GREY, fontsize=9, va="center",
        )  # fmt: skip
    ax.set_yticks(range(len(labels)), labels, fontsize=9)
    ax.set_ylim(len(labels) - 0.4, -1.2)
    ax.set_xlabel("accuracy on held-out images (%)")
    ax.grid(axis="x", color="#dddddd")
    figure.legend(loc="outside lower center", ncols=len(treatments), frameon=False)
    return figure


def protocols(
    table: pd.DataFrame, rules: Mapping[str, Mapping[str, str]], *, names: Mapping[str, str]
) -> Figure:
    """One panel a protocol, one column an architecture: a dot for each run, a bar at their mean.

    table : columns architecture, start, accuracy (0 to 1)
    rules : title of a protocol -> architecture -> the start that it gets
    names : architecture -> what to call it
    """
    figure, axes = new_figure(3.1 * len(rules), 3.6, len(rules))
    low, high = 100 * table["accuracy"].min() - 4, 100 * table["accuracy"].max() + 4
    for ax, (title, starts) in zip(axes, rules.items(), strict=True):
        for place, (architecture, start) in enumerate(starts.items()):
            mine = (table["architecture"] == architecture) & (table["start"] == start)
            values = 100 * table.loc[mine, "accuracy"].to_numpy(dtype=float)
            ax.scatter(
                np.full(len(values), place), values, s=46, zorder=3, edgecolors="white",
                linewidths=0.7, color=COLOURS[place], marker=MARKERS[place],
            )  # fmt: skip
            ax.plot([place - 0.28, place + 0.28], [values.mean()] * 2, color="black", linewidth=2)
            ax.annotate(
                f"{values.mean():.1f}", (place + 0.31, values.mean()), va="center", fontsize=9
            )
        ax.set_xticks(range(len(starts)), [names[a] for a in starts], fontsize=9)
        ax.set_xlim(-0.6, len(starts) - 0.2)
        ax.set_ylim(low, high)
        ax.set_title(title, fontsize=10)
    axes[0].set_ylabel("test accuracy (%)")
    return figure
