"""Every figure of the lessons.

Each function draws one figure from plain data and returns it; `show` puts it on the page together
with a text for readers who do not see it.  Colours go back to the hues of Masataka Okabe and Kei
Ito ("Color Universal Design", 2008), made darker: each has a contrast of 3 to 1 with white at
least, as WCAG 2 asks of marks, and people with the common colour-vision deficiencies tell them
apart (tests/accessibility/test_palette.py).  No figure relies on colour alone: line styles,
markers or labels say the same.
"""

from __future__ import annotations

import base64
import html
import io
import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

RECORDING = "COURSE_RECORDING"  # set while a lesson is executed to be stored
BLUE, ORANGE, GREEN = "#0062D6", "#C94210", "#1A9E70"
PINK, NAVY, BROWN, GREY = "#D24FAE", "#00405F", "#5C472B", "#666666"
COLOURS = (BLUE, ORANGE, GREEN, PINK, NAVY, BROWN)
DARK = (BLUE, ORANGE, NAVY, BROWN)  # those that words may be written in: 4.5 to 1 at least
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "///", "...", "xx", "\\\\\\", "++")


def as_png(figure: Figure) -> bytes:
    """The figure as PNG, on white: readable on a dark page too."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110, facecolor="white")
    return png.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Put a figure on the page as a picture with a text alternative.

    Raises ValueError if `alt` is empty.
    """
    from IPython.display import display

    data, metadata = bundle(as_png(figure), alt)
    display(data, raw=True, metadata=metadata)


def bundle(png: bytes, alt: str) -> tuple[dict[str, str | bytes], dict[str, dict[str, str]]]:
    """A picture as data and metadata of an output, with a text alternative.

    JupyterLab shows a PNG without its text alternative (nbconvert and nbviewer do use it), but
    keeps that of an HTML image: so a running notebook gets both.  A stored one gets the PNG alone,
    which every viewer draws, and is half as large.

    Raises ValueError if `alt` is empty.
    """
    if not alt.strip():
        raise ValueError("a figure needs an alt text: one or two sentences saying what it shows")
    data: dict[str, str | bytes] = {"image/png": png, "text/plain": f"[figure] {alt}"}
    if RECORDING not in os.environ:
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        style = "max-width: 100%; background: white"
        data["text/html"] = f'<img style="{style}" alt="{html.escape(alt)}" src="{source}">'
    return data, {"image/png": {"alt": alt}}


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of this many inches with axes side by side, drawn in the course's plain style."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, columns)))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="#dddddd", linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def image_grid(
    images: Tensor,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 10,
    right: Sequence[bool] | None = None,
    zoom: float = 1.0,
) -> Figure:
    """Images in rows, with a title under each.

    Parameters
    ----------
    images : Tensor
        uint8 `(n, 3, h, w)`.
    titles : sequence of str, optional
        One for each image.
    columns : int
        At most so many images in a row.
    right : sequence of bool, optional
        Whether a prediction was right: a check mark, or a cross and bold text.
    zoom : float
        Side of one image, in units of about 0.9 inches.

    Raises
    ------
    ValueError
        If there is no image.
    """
    if len(images) == 0:
        raise ValueError("no images to draw: the selection is empty")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    text = 0.28 if titles or right is not None else 0.0
    figure = Figure(
        figsize=(0.95 * zoom * columns, (0.9 * zoom + text) * rows), layout="constrained"
    )
    for i, ax in enumerate(np.atleast_1d(figure.subplots(rows, columns)).flat):
        ax.set_axis_off()
        if i >= len(images):
            continue
        ax.imshow(images[i].permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
        label = titles[i] if titles else ""
        if right is not None:
            mark = "\N{CHECK MARK}" if right[i] else "\N{MULTIPLICATION X}"
            label = f"{mark} {label}"
        if label:
            wrong = right is not None and not right[i]
            weight, colour = ("bold", ORANGE) if wrong else ("normal", "black")
            # pad would push a title that hangs below its anchor back up into the image
            ax.set_title(
                label, fontsize=8, y=-0.02, pad=0, va="top", color=colour, fontweight=weight
            )
    return figure


def class_sheet(images: Tensor, labels: Tensor, names: Sequence[str], per_class: int = 6) -> Figure:
    """Some images of each class, one class a row in two columns of rows."""
    halves = 2 if len(names) > 5 else 1
    rows = math.ceil(len(names) / halves)
    figure = Figure(figsize=(halves * (per_class * 0.62 + 1.1), rows * 0.66), layout="constrained")
    wide = np.atleast_2d(figure.subplots(rows, halves, squeeze=False))
    for ax in wide.flat:
        ax.set_axis_off()
    side = images.shape[-1]
    for label, name in enumerate(names):
        ax = wide[label % rows, label // rows]
        chosen = images[labels == label][:per_class]
        strip = np.full((side, per_class * (side + 2), 3), 255, dtype=np.uint8)
        for i, image in enumerate(chosen):
            strip[:, i * (side + 2) : i * (side + 2) + side] = image.permute(1, 2, 0).cpu().numpy()
        ax.imshow(strip, interpolation="nearest")
        ax.text(-side * 0.15, side / 2, name, ha="right", va="center", fontsize=10)
    return figure


def lines(
    table: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    *,
    xlabel: str,
    ylabel: str,
    percent: bool = True,
    marks: Mapping[float, str] | None = None,
    chance: float | None = None,
) -> Figure:
    """One line for each value of `by`: the mean over runs, with a band of one standard deviation.

    Parameters
    ----------
    table : pd.DataFrame
        One row a measurement.
    x, y, by : str
        Its columns.
    xlabel, ylabel : str
        Of the axes.
    percent : bool
        `y` is a share of 1, and is drawn in percent.
    marks : mapping of float to str, optional
        Texts at places on the x axis, such as {2.5: "thawed"}.
    chance : float, optional
        A level to draw as "guessing", on the scale of `y`.
    """
    import seaborn as sns

    figure, (ax,) = new_figure(7.2, 3.8)
    scale = 100 if percent else 1
    frame = table.assign(**{y: table[y] * scale})
    for i, (name, group) in enumerate(frame.groupby(by, sort=False)):
        sns.lineplot(
            group,
            x=x,
            y=y,
            ax=ax,
            label=str(name),
            errorbar="sd",
            color=COLOURS[i % 6],
            linestyle=LINES[i % 6],
            marker=MARKERS[i % 6],
            markersize=6,
            legend=False,
        )
    if chance is not None:
        ax.axhline(chance * scale, color=GREY, linewidth=1, linestyle=":")
        note = ax.text(1, chance * scale, "guessing", ha="right", va="bottom", color=GREY, size=9)
        note.set_transform(ax.get_yaxis_transform())  # x counts from 0 to 1, y in the data's units
    for place, text in (marks or {}).items():
        ax.axvline(place, color="black", linewidth=1)
        note = ax.text(place, 0.99, f" {text}", va="top", size=9)
        note.set_transform(ax.get_xaxis_transform())
    measured = sorted(frame[x].unique())
    if len(measured) <= 8:
        ax.set_xticks(measured)  # a tick where something was measured, such as whole epochs
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if frame[by].nunique() > 1:
        # beside the plot, where it cannot hide a line
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def dots(table: pd.DataFrame, value: str, by: str, *, xlabel: str, percent: bool = True) -> Figure:
    """One row for each value of `by`: a dot for every run, and a bar at their mean.

    With few runs the runs themselves say more than an error bar.
    """
    groups = list(table.groupby(by, sort=False))
    figure, (ax,) = new_figure(7.2, 0.55 * len(groups) + 1.0)
    scale = 100 if percent else 1
    for i, (_name, group) in enumerate(groups):
        values = group[value].to_numpy(dtype=float) * scale
        ax.scatter(
            values,
            np.full(len(values), i),
            s=46,
            color=COLOURS[i % 6],
            marker=MARKERS[i % 6],
            edgecolors="white",  # dots that lie on each other stay apart
            linewidths=0.7,
            zorder=3,
        )
        ax.plot([values.mean()] * 2, [i - 0.3, i + 0.3], color="black", linewidth=2)
        ax.annotate(
            f"{values.mean():.1f}", (values.mean(), i - 0.32), ha="center", va="bottom", fontsize=9
        )
    ax.set_yticks(range(len(groups)), [str(name) for name, _ in groups])
    ax.set_ylim(len(groups) - 0.4, -0.75)
    ax.grid(axis="x", color="#dddddd")
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(xlabel)
    return figure


def block_bars(
    table: pd.DataFrame, columns: Mapping[str, str], *, percent_of_total: bool = False
) -> Figure:
    """Bars by block, shallow at the top and the head at the bottom; one panel a column.

    Parameters
    ----------
    table : pd.DataFrame
        Has a column `block`.
    columns : mapping of str to str
        Its other columns, and the titles of their panels.
    percent_of_total : bool
        Draw each column's shares of its sum.
    """
    figure, axes = new_figure(8.2, 0.25 * len(table) + 1.0, len(columns))
    for i, (ax, (column, title)) in enumerate(zip(axes, columns.items(), strict=True)):
        values = table[column].to_numpy(dtype=float)
        if percent_of_total:
            values = 100 * values / (values.sum() or 1.0)  # all zero stays all zero
        ax.barh(range(len(table)), values, color=COLOURS[i], hatch=HATCHES[i], edgecolor="white")
        ax.set_yticks(
            range(len(table)), table["block"] if i == 0 else [""] * len(table), fontsize=9
        )
        ax.set_ylim(len(table) - 0.4, -0.6)  # shallow blocks at the top, no empty band
        ax.set_title(title, fontsize=10)
        ax.grid(axis="x", color="#dddddd")
        ax.grid(visible=False, axis="y")
        for row, value in enumerate(values):
            if value == 0:  # an exact zero deserves to be seen as one
                ax.text(0, row, " 0", va="center", fontsize=8, color=GREY)
    return figure
