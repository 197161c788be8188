"""Lesson 07: accuracy by depth; the four cases of data size and similarity, drawn and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_utils.exercises.paired_comparison import lead
from course_utils.plots import BLUE, COLOURS, GREY, LINES, MARKERS, ORANGE, lines, new_figure

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

# What textbooks advise, in the words of `strategies.STRATEGIES`: one strategy or several a case.
ADVICE: dict[tuple[str, str], tuple[str, ...]] = {
    ("little", "near"): ("head only",),
    ("little", "far"): ("earlier block",),
    ("much", "near"): ("everything",),
    ("much", "far"): ("scratch", "scratch, small network", "everything"),
}
Case = tuple[str, int, str, str]


def accuracy_by_block(
    table: pd.DataFrame, by: str, ylabel: str = "test accuracy (%)", chance: float | None = None
) -> Figure:
    """Draw accuracy of probes against the block they are put on, a line for each value of `by`.

    Parameters
    ----------
    table : DataFrame
        Columns `block` (0 next to the image), `accuracy` (0 to 1) and `by`.
    by : str
        A column.
    ylabel : str, optional
        What is measured.
    chance : float, optional
        A level to mark as guessing, 0 to 1.

    Returns
    -------
    Figure
        With a tick at each third block.
    """
    label = "block that is probed (0 is next to the image)"
    figure = lines(table, "block", "accuracy", by, xlabel=label, ylabel=ylabel, chance=chance)
    figure.axes[0].set_xticks(range(0, int(table["block"].max()) + 1, 3))
    figure.axes[0].set_ylim(0, 102)
    return figure


def four_cases(
    rows: pd.DataFrame, *, sizes: Mapping[str, int], tasks: Mapping[str, str]
) -> list[Case]:
    """Name the four cases of data size and similarity that a record holds.

    Parameters
    ----------
    rows : DataFrame
        Columns `train` and `task`.
    sizes : mapping of str to int
        Which number of training images stands for "little" and "much".
    tasks : mapping of str to str
        Which task stands for "near" and "far".

    Returns
    -------
    list of tuple
        Four of (amount, size, similarity, task).

    Raises
    ------
    ValueError
        If the record has no row for one of them.
    """
    found = [(a, sizes[a], s, tasks[s]) for a, s in ADVICE]
    for _amount, size, _similarity, task in found:
        if rows[(rows["train"] == size) & (rows["task"] == task)].empty:
            raise ValueError(f"no row has {size} training images of the task {task!r}")
    return found


def compare_advice(rows: pd.DataFrame, four: Sequence[Case]) -> pd.DataFrame:
    """Say for each case whether the advised strategy wins, and by more than the spread.

    The best of what is advised is compared with the best of the rest, by mean accuracy; the same
    seed means the same images, so the difference is taken seed by seed.

    Parameters
    ----------
    rows : DataFrame
        Columns seed, task, train, strategy and accuracy (0 to 1).
    four : sequence of tuple
        As `four_cases` gives them.

    Returns
    -------
    DataFrame
        Columns amount, similarity, train, task, advised, best_other, lead (mean difference in
        points of percent, positive when the advice is ahead), spread (standard deviation of that
        difference over seeds) and verdict ("advice ahead", "other ahead", or "no clear
        difference" where the lead does not exceed the spread).
    """
    table = []
    for amount, size, similarity, task in four:
        mine = rows[(rows["train"] == size) & (rows["task"] == task)]
        by_seed = mine.pivot(index="seed", columns="strategy", values="accuracy")
        means = by_seed.mean()
        advice = [name for name in ADVICE[amount, similarity] if name in means]
        advised, other = means[advice].idxmax(), means.drop(advice).idxmax()
        gain = lead(by_seed[advised], by_seed[other])
        ahead = "advice ahead" if gain.mean > 0 else "other ahead"
        verdict = ahead if gain.clear else "no clear difference"
        table.append(
            (amount, similarity, size, task, advised, other, gain.mean, gain.spread, verdict)
        )
    columns = "amount similarity train task advised best_other lead spread verdict"
    return pd.DataFrame(table, columns=columns.split())


def accuracy_by_case(rows: pd.DataFrame, four: Sequence[Case]) -> Figure:
    """Draw four panels, little data above and much below, near left and far right.

    One row a strategy, a dot a seed, a bar at the mean; what textbooks advise has a filled dot and
    a bold name with an arrow.
    """
    figure = Figure(figsize=(9.6, 6.2), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    for ax, (amount, size, similarity, task) in zip(axes.flat, four, strict=True):
        mine = rows[(rows["train"] == size) & (rows["task"] == task)]
        _dots(ax, mine, ADVICE[amount, similarity])
        ax.set_title(f"{amount} data ({size} images), {similarity} task", fontsize=10)
    for ax in axes[1]:
        ax.set_xlabel("test accuracy (%)")
    return figure


def _dots(ax: Axes, rows: pd.DataFrame, advised: Sequence[str]) -> None:
    names = list(rows["strategy"].unique())
    for i, name in enumerate(names):
        values = rows.loc[rows["strategy"] == name, "accuracy"].to_numpy(dtype=float) * 100
        told = name in advised
        ax.scatter(
            values, np.full(len(values), i), s=36, marker="D" if told else "o",
            facecolor=ORANGE if told else "white", edgecolor=ORANGE if told else BLUE, zorder=3,
        )  # fmt: skip
        ax.plot([values.mean()] * 2, [i - 0.32, i + 0.32], color="black", linewidth=1.6)
    labels = [f"\N{RIGHTWARDS ARROW} {name}" if name in advised else name for name in names]
    ax.set_yticks(range(len(names)), labels, fontsize=9)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name in advised else "normal")
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, 102)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x", color="#dddddd")
    ax.set_axisbelow(True)


def accuracy_by_size(rows: pd.DataFrame, tasks: Mapping[str, str], chance: float) -> Figure:
    """Draw accuracy against the number of training images, a panel a task, a line a strategy.

    Error bars are one standard deviation over seeds, shifted a little so that they do not hide each
    other.

    Parameters
    ----------
    rows : DataFrame
        Columns task, train, strategy and accuracy (0 to 1).
    tasks : mapping of str to str
        Panel title for each task that is drawn.
    chance : float
        Level of guessing, 0 to 1.

    Returns
    -------
    Figure
        On a logarithmic axis.
    """
    figure, axes = new_figure(4.1 * len(tasks) + 2.0, 3.9, len(tasks))
    sizes = sorted(rows["train"].unique())
    names = list(rows["strategy"].unique())
    for ax, (task, title) in zip(axes, tasks.items(), strict=True):
        for i, name in enumerate(names):
            mine = rows[(rows["task"] == task) & (rows["strategy"] == name)]
            grouped = mine.groupby("train")["accuracy"].agg(["mean", "std"]) * 100
            shift = 1.035 ** (i - (len(names) - 1) / 2)
            ax.errorbar(
                grouped.index.to_numpy(dtype=float) * shift, grouped["mean"],
                yerr=grouped["std"].fillna(0), label=name, color=COLOURS[i % 6],
                linestyle=LINES[i % 6], marker=MARKERS[i % 6], capsize=2, markersize=5,
            )  # fmt: skip
        ax.axhline(100 * chance, color=GREY, linewidth=1, linestyle=":")
        ax.set(xscale="log", ylim=(0, 102), xlabel="training images", title=title)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(sizes, [str(size) for size in sizes])
    axes[0].set_ylabel("test accuracy (%)")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure
