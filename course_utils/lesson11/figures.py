"""The figures of lesson 11: effects with their intervals, and the twenty verdicts at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.lesson11.claims import Claim
from course_utils.lesson11.findings import COUNTED, EXACT, PHOTOS, SHAPES, Effect, Finding, Verdict
from course_utils.plots import BLUE, GREEN, GREY, ORANGE

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

WORLDS = {SHAPES: ("o", BLUE), PHOTOS: ("s", ORANGE), COUNTED: ("D", GREEN)}
WORDS = {"yes": "shown", "unclear": "not shown", "no": "the contrary"}
AXES = {
    "points": "points of accuracy; right of the dashed line speaks for the claim",
    "times": "times as much (logarithmic); right of the dashed line speaks for the claim",
    "": "effect",
}
ROW = 0.27  # inches a row of effects
FRAME = 0.95  # inches for title and axis of one claim


def effects(pairs: Sequence[tuple[Claim, Finding]]) -> Figure:
    """Draw one panel a claim (and unit), one row a setting: the mean effect and its interval.

    The marker tells the world: a circle Shapes, a square photographs, a diamond what needs no
    images.  Filled markers speak for the claim; open ones do not, and the word at the right says
    whether the effect is not shown or the contrary is.  Claims that nothing has measured yet are
    left out.

    Raises
    ------
    ValueError
        If not one of the claims has been measured.
    """
    panels = []
    for claim, finding in pairs:
        title = f"{claim.number} · {claim.short}: {finding.verdict.upper()}"
        for unit in dict.fromkeys(effect.unit for effect in finding.solid):  # in order, once each
            panels.append((title, [e for e in finding.solid if e.unit == unit]))
            title = ""  # a claim measured in two units has two panels under one title
    if not panels:
        raise ValueError("none of these claims has been measured yet: there is nothing to draw")
    heights = [(FRAME if title else FRAME - 0.25) + ROW * len(rows) for title, rows in panels]
    figure = Figure(figsize=(9.2, sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for ax, (title, rows) in zip(grid[:, 0], panels, strict=True):
        _panel(ax, rows)
        # to the left there is room above the names of the settings; to the right it would be cut
        ax.set_title(title, loc="right", fontsize=11, fontweight="bold")
    return figure


def _panel(ax: Axes, rows: Sequence[Effect]) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x", color="#dddddd", linewidth=0.8)
    ax.set_axisbelow(True)
    unit = rows[0].unit
    if unit == "times":
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
    for place, effect in enumerate(rows):
        marker, colour = WORLDS[effect.world]
        shown = effect.outcome == "yes"
        # a row at a time: "no harm" and "more" draw their line at different places
        ax.plot([effect.null] * 2, [place - 0.5, place + 0.5], "--", color=GREY, linewidth=1)
        ends = [effect.low, effect.high] if effect.runs != EXACT else [effect.mean] * 2
        ax.plot(ends, [place, place], color=colour, linewidth=1.8, solid_capstyle="butt")
        ax.plot(
            effect.mean, place, marker=marker, markersize=7, color=colour, markeredgewidth=1.6,
            markerfacecolor=colour if shown else "white",
        )  # fmt: skip
        ax.annotate(
            WORDS[effect.outcome], (1.01, place), xycoords=("axes fraction", "data"), va="center",
            fontsize=8.5, fontweight="normal" if shown else "bold",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [effect.label for effect in rows], fontsize=8.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="x", labelsize=8.5)
    ax.set_xlabel(AXES.get(unit, AXES[""]), fontsize=8.5)


def overview(pairs: Sequence[tuple[Claim, Finding]]) -> Figure:
    """Draw which settings speak for each claim, with the verdict in words.

    Each claim is a row of small marks, one a setting: full ones speak for the claim, empty ones do
    not.  Shapes' are circles, photographs' squares, counted ones diamonds.
    """
    figure = Figure(figsize=(9.2, 0.34 * len(pairs) + 0.5), layout="constrained")
    ax = figure.subplots()
    ax.set_axis_off()
    widest = max([len(finding.solid) for _, finding in pairs] + [1])
    for place, (claim, finding) in enumerate(pairs):
        ax.text(-0.6, place, f"{claim.number} · {claim.short}", ha="right", va="center", fontsize=9)
        ordered = sorted(finding.solid, key=lambda e: (list(WORLDS).index(e.world), e.outcome))
        for column, effect in enumerate(ordered):
            marker, colour = WORLDS[effect.world]
            face = colour if effect.outcome == "yes" else "white"
            ax.plot(column, place, marker, markersize=7, color=colour, markerfacecolor=face)
        weight = "normal" if finding.verdict == Verdict.NOT_MEASURED else "bold"
        ax.text(widest, place, str(finding.verdict), va="center", fontsize=9, fontweight=weight)
    ax.set_xlim(-0.6 * widest - 4, 1.25 * widest + 3)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    return figure
