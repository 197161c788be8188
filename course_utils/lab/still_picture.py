"""The panel as a picture, for pages without a kernel: GitHub, a converted notebook, a slide."""

from __future__ import annotations

from typing import Any

from course_utils.plots import BLUE, GREY, ORANGE, PINK, as_png, new_figure

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

SMALLEST = 1e-4  # where a bar begins, as on the panel


def draw_png(snapshot: dict[str, Any]) -> tuple[bytes, str]:
    """Blocks with how far they have moved, and the curves.

    Parameters
    ----------
    snapshot : dict
        What `Session.snapshot` returns.

    Returns
    -------
    tuple of (bytes, str)
        The picture as PNG, and a text for readers who do not see it.
    """
    return as_png(draw(snapshot)), describe(snapshot)


def draw(snapshot: dict[str, Any]) -> Figure:
    """The picture before it becomes PNG."""
    figure, (weights, statistics, right) = new_figure(11, 4.8, columns=3)
    grid = weights.get_gridspec()
    assert grid is not None, "axes made side by side have one"
    grid.set_width_ratios((1, 0.8, 1.9))
    blocks = snapshot["blocks"]
    learning = [GREY if block["frozen"] else ORANGE for block in blocks]
    _bars(weights, [block["weights_moved"] for block in blocks], learning)
    _bars(statistics, [_statistics(block) for block in blocks], [PINK] * len(blocks))
    weights.set_xlabel("weights moved", fontsize=8)
    statistics.set_xlabel("batch norm statistics moved", fontsize=8)
    _names(weights, blocks)
    _curves(right, snapshot)
    titles = snapshot.get("titles", {})
    trainable, total = snapshot["trainable"], snapshot["total"]
    learns = f"{trainable:,} of {total:,} parameters learn"
    figure.suptitle(f"{titles['world']}; {learns}", fontsize=10)
    return figure


def describe(snapshot: dict[str, Any]) -> str:
    """What the picture shows, in words."""
    blocks, evaluations = snapshot["blocks"], snapshot["evaluations"]
    frozen = sum(block["frozen"] for block in blocks)
    text = (
        f"A still picture of the live lab: left {len(blocks)} blocks of the network, {frozen} of "
        f"them frozen, with bars for how far the weights and the batch norm statistics of each "
        f"have moved; right the curves of run {snapshot['run']} up to step {snapshot['step']}"
    )
    return text + (
        f", held-out accuracy {evaluations[-1][1]:.0%}." if evaluations else ", not trained yet."
    )


def _statistics(block: dict[str, Any]) -> float | None:
    return None if block["batch_norm"] == "-" else block["statistics_moved"]


def _bars(ax: Axes, values: list[float | None], colours: list[str]) -> None:
    """One bar a block, as a share of its size, on a logarithmic scale; None where there is none."""
    for row, (moved, colour) in enumerate(zip(values, colours, strict=True)):
        length = max(moved or 0.0, SMALLEST)
        ax.barh(row, length, left=0, height=0.7, color=colour)
        ax.annotate(_said(moved), (length, row), (4, 0), textcoords="offset points",
                    va="center", fontsize=7)  # fmt: skip
    ax.set_yticks([])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlim(SMALLEST, 30)  # room for the number behind the longest bar
    ax.set_xticks([1e-3, 1e-1, 10], ["0.1%", "10%", "1000%"], fontsize=7)
    ax.minorticks_off()
    ax.grid(visible=False)


def _said(moved: float | None) -> str:
    if moved is None:
        return "–"
    if moved == 0:
        return "0"  # zero to the last bit, and nothing else
    return "<0.01%" if moved < 1e-4 else f"{moved:.2%}" if moved < 0.1 else f"{moved:.0%}"


def _names(ax: Axes, blocks: list[dict[str, Any]]) -> None:
    names = [f"{b['name']}  {'frozen' if b['frozen'] else 'learns'}" for b in blocks]
    ax.set_yticks(range(len(blocks)), names, fontsize=7)
    for label, block in zip(ax.get_yticklabels(), blocks, strict=True):
        label.set_color(BLUE if block["frozen"] else ORANGE)


def _curves(ax: Axes, snapshot: dict[str, Any]) -> None:
    curve, evaluations = snapshot["curve"], snapshot["evaluations"]
    for run in snapshot["earlier"]:
        if run["evaluations"]:
            ax.plot(*zip(*run["evaluations"], strict=True), color=GREY, alpha=0.75, linewidth=0.8)
    size = max(1, len(curve["steps"]) // 60)
    starts = range(0, len(curve["steps"]), size)
    means = [_mean(curve["train_accuracy"][i : i + size]) for i in starts]
    ax.plot([curve["steps"][i] for i in starts], means, "--", color=ORANGE, label="training")
    if evaluations:
        ax.plot(*zip(*evaluations, strict=True), "o-", color=BLUE, markersize=3, label="held-out")
    top = 1.02
    for step, text in snapshot["marks"]:
        ax.axvline(step, color="black", linestyle=":", linewidth=0.9)
        ax.annotate(text, (step, top), rotation=30, fontsize=7, annotation_clip=False)
    ax.set_ylim(0, top)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.set_xlabel("optimizer steps", fontsize=8, loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("accuracy", fontsize=8)
    if curve["steps"] or evaluations:
        # below the axes: a curve may go anywhere above them
        ax.legend(loc="upper right", bbox_to_anchor=(1, -0.05), ncols=2, fontsize=8, frameon=False)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
