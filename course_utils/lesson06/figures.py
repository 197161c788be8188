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
    """Draw stacked bars by block, from the input at the top to the head; one panel a table.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Title -> a table with a column `block` and counts, as `LoadReport.table` gives it.
    columns : sequence of str
        Which counts to stack, out of `LOOKS`.

    Returns
    -------
    Figure
        With a legend below the panels.

    Raises
    ------
    ValueError
        If a column has no look of its own.
    """
    if unknown := [column for column in columns if column not in LOOKS]:
        raise ValueError(f"no colour is settled for {unknown[0]!r}; there are: {', '.join(LOOKS)}")
    tallest = max(len(table) for table in tables.values())
    figure, axes = new_figure(4.6 * len(tables) + 2.4, 0.24 * tallest + 1.3, len(tables))
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        left = np.zeros(len(table))
        for column in columns:
            colour, hatch = LOOKS[column]
            ax.barh(
                range(len(table)), table[column], left=left, color=colour, hatch=hatch,
                edgecolor="white" if colour != "#dddddd" else GREY, linewidth=0.5, label=column,
            )  # fmt: skip
            left += table[column].to_numpy()
        ax.set_yticks(range(len(table)), table["block"], fontsize=9)
        ax.set_ylim(len(table) - 0.4, -0.6)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("tensors")
        ax.grid(axis="x", color="#dddddd")
        ax.grid(visible=False, axis="y")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(columns), frameon=False)
    return figure


def count_by_origin(blocks: Sequence[str], origins: Mapping[str, str | None]) -> pd.DataFrame:
    """Count for each block the tensors loaded from where they belong, from elsewhere, or not.

    Parameters
    ----------
    blocks : sequence of str
        Names of the model's blocks.
    origins : mapping of str to str or None
        Tensor's name -> "right place", "wrong place" or None (not loaded).

    Returns
    -------
    DataFrame
        Columns `block`, `right place`, `wrong place` and `not loaded`.
    """
    rows = {block: {"right place": 0, "wrong place": 0, "not loaded": 0} for block in blocks}
    for name, origin in origins.items():
        owners = [block for block in blocks if name.startswith(f"{block}.")]
        if owners:
            rows[max(owners, key=len)][origin or "not loaded"] += 1
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("block").reset_index()


TREATMENTS = {
    "frozen": (BLUE, "o"),
    "renewed": (GREEN, "^"),
    "fine-tuned": (PINK, "v"),
    "retrained": (ORANGE, "s"),
    "scratch": (GREY, "D"),
}


def accuracy_by_change(table: pd.DataFrame, treatments: Mapping[str, str], chance: float) -> Figure:
    """Draw one row a change and way of loading, with mean and standard deviation by treatment.

    Parameters
    ----------
    table : DataFrame
        Columns change, load, treatment and accuracy (0 to 1); one row a run.
    treatments : mapping of str to str
        Which ones to draw -> what to call them.
    chance : float
        A level to mark as guessing.

    Returns
    -------
    Figure
        Its marks are told apart without colour, too.
    """
    import seaborn as sns

    shown = table[table["treatment"].isin(treatments)]
    labels = shown["change"] + ": " + shown["load"]
    figure, (ax,) = new_figure(8.6, 0.36 * labels.nunique() + 1.3)
    sns.pointplot(
        x=100 * shown["accuracy"], y=labels, hue=shown["treatment"].map(treatments), ax=ax,
        hue_order=list(treatments.values()), dodge=0.18 * (len(treatments) - 1), errorbar="sd",
        palette=[TREATMENTS[name][0] for name in treatments], capsize=0.08, linestyle="none",
        markers=[TREATMENTS[name][1] for name in treatments], markersize=5.5,
        err_kws={"linewidth": 1.2}, legend=False,
    )  # fmt: skip
    for treatment, title in treatments.items():
        colour, marker = TREATMENTS[treatment]
        ax.plot([], [], color=colour, marker=marker, linestyle="", label=title)
    ax.axvline(100 * chance, color=GREY, linewidth=1, linestyle=":")
    ax.annotate(
        "guessing", (100 * chance, -0.8), xytext=(4, 0), textcoords="offset points",
        color=GREY, fontsize=9, va="center",
    )  # fmt: skip
    ax.set_ylim(labels.nunique() - 0.4, -1.2)
    ax.set(xlabel="accuracy on held-out images (%)", ylabel="")
    ax.tick_params(axis="y", labelsize=9)
    ax.grid(axis="x", color="#dddddd")
    figure.legend(loc="outside lower center", ncols=len(treatments), frameon=False)
    return figure


def accuracy_by_protocol(
    table: pd.DataFrame, rules: Mapping[str, Mapping[str, str]], *, names: Mapping[str, str]
) -> Figure:
    """Draw one panel a protocol, one column an architecture, a dot a run and a bar at the mean.

    Parameters
    ----------
    table : DataFrame
        Columns architecture, start and accuracy (0 to 1).
    rules : mapping of str to mapping
        Title of a protocol -> architecture -> the start that it gets.
    names : mapping of str to str
        Architecture -> what to call it.

    Returns
    -------
    Figure
        Panels with one scale.
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
