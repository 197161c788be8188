"""The panel as a picture, for pages without a kernel: GitHub, a converted notebook, a slide."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from ..plots import BLUE, GREY, ORANGE, new_figure
from ..plots import picture as as_png

SMALLEST = 1e-4  # where a bar begins, as on the panel


def draw(snapshot: dict[str, Any]) -> tuple[bytes, str]:
    """Blocks with how far they have moved, and the curves.

    Parameters
    ----------
    snapshot : what `Session.snapshot` returns

    Returns
    -------
    the picture as PNG, and a text for readers who do not see it
    """
    figure, (left, right) = new_figure(10, 4.6, columns=2)
    _blocks(left, snapshot["blocks"])
    _curves(right, snapshot)
    titles = snapshot.get("titles", {})
    trainable, total = snapshot["trainable"], snapshot["total"]
    learns = f"{trainable:,} of {total:,} parameters learn"
    figure.suptitle(f"{titles['world']}; {learns}", fontsize=10)
    return as_png(figure), describe(snapshot)


def describe(snapshot: dict[str, Any]) -> str:
    """What the picture shows, in words."""
    blocks, looks = snapshot["blocks"], snapshot["evaluations"]
    frozen = sum(block["frozen"] for block in blocks)
    text = (
        f"A still picture of the live lab: left {len(blocks)} blocks of the network, {frozen} of "
        f"them frozen, with a bar for how far the weights of each have moved; right the curves of "
        f"run {snapshot['run']} up to step {snapshot['step']}"
    )
    return text + (f", held-out accuracy {looks[-1][1]:.0%}." if looks else ", not trained yet.")


def _blocks(ax: Axes, blocks: list[dict[str, Any]]) -> None:
    for row, block in enumerate(blocks):
        moved, frozen = block["weights_moved"] or 0.0, block["frozen"]
        ax.barh(row, max(moved, SMALLEST), left=0, height=0.7, color=GREY if frozen else ORANGE)
        word = "0" if moved == 0 else f"{moved:.2%}"
        ax.annotate(word, (max(moved, SMALLEST), row), (4, 0), textcoords="offset points",
                    va="center", fontsize=7)  # fmt: skip
    names = [f"{b['name']}  {'frozen' if b['frozen'] else 'learns'}" for b in blocks]
    ax.set_yticks(range(len(blocks)), names, fontsize=7)
    for label, block in zip(ax.get_yticklabels(), blocks, strict=True):
        label.set_color(BLUE if block["frozen"] else ORANGE)
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlim(SMALLEST, 10)
    ax.grid(visible=False)
    ax.set_xlabel("how far the weights have moved (share of their size)", fontsize=8)


def _curves(ax: Axes, snapshot: dict[str, Any]) -> None:
    curve, looks = snapshot["curve"], snapshot["evaluations"]
    for run in snapshot["earlier"]:
        if run["evaluations"]:
            ax.plot(*zip(*run["evaluations"], strict=True), color=GREY, alpha=0.45, linewidth=1)
    size = max(1, len(curve["steps"]) // 60)
    starts = range(0, len(curve["steps"]), size)
    means = [_mean(curve["train_accuracy"][i : i + size]) for i in starts]
    ax.plot([curve["steps"][i] for i in starts], means, "--", color=ORANGE, label="training")
    if looks:
        ax.plot(*zip(*looks, strict=True), "o-", color=BLUE, markersize=3, label="held-out")
    top = 1.02
    for step, text in snapshot["marks"]:
        ax.axvline(step, color="black", linestyle=":", linewidth=0.9)
        ax.annotate(text, (step, top), rotation=30, fontsize=7, annotation_clip=False)
    ax.set_ylim(0, top)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.set_xlabel("optimizer steps", fontsize=8)
    ax.set_ylabel("accuracy", fontsize=8)
    if curve["steps"] or looks:
        ax.legend(loc="lower right", fontsize=8, frameon=False)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
