"""Every figure can be read: its words, its marks, and without its colours.

What may be paler than WCAG asks of marks: grid lines, and the bands of spread around a mean, whose
numbers the lessons print as well.
"""

import importlib
import inspect
import itertools
from collections.abc import Iterator
from functools import cache
from typing import cast

from authoring.notebooks import ROOT
from tests.accessibility.figure_examples import EXAMPLES
from tests.accessibility.seeing import MARK, TEXT, contrast, over

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.text import Text
from matplotlib.typing import ColorType

each_figure = pytest.mark.parametrize("name", EXAMPLES)


def test_every_figure_of_the_course_is_looked_at() -> None:
    rooms = (ROOT / "course_utils").glob("lesson*/figures*.py")
    modules = ["plots", *(f"{path.parent.name}.{path.stem}" for path in rooms)]
    drawing = {
        f"{module}.{name}"
        for module in modules
        for name, function in inspect.getmembers(
            importlib.import_module(f"course_utils.{module}"), inspect.isfunction
        )
        if function.__module__ == f"course_utils.{module}"
        and not name.startswith("_")
        and inspect.get_annotations(function).get("return") in ("Figure", Figure)
    }
    assert drawing <= set(EXAMPLES), f"no example of {drawing - set(EXAMPLES)}"
    assert len(drawing) > 20


@cache
def example(name: str) -> Figure:
    """Return a figure, laid out as on the page."""
    figure = EXAMPLES[name]()
    figure.set_facecolor("white")
    drawn(figure)
    figure.set_layout_engine("none")  # what is hidden below must not move the rest
    return figure


def drawn(figure: Figure) -> np.ndarray:
    """Draw a figure: amounts of red, green and blue from 0 to 1, `(height, width, 3)`."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


@each_figure
def test_words_stand_out(name: str) -> None:
    assert pale_words(example(name)) == []


@each_figure
def test_marks_stand_out(name: str) -> None:
    assert pale_marks(example(name)) == []


@each_figure
def test_no_two_lines_or_clouds_differ_by_colour_alone(name: str) -> None:
    for ax in all_axes(example(name)):
        assert told_apart_by_colour_alone(ax) == []


def all_axes(figure: FigureBase) -> Iterator[Axes]:
    """Yield the axes of a figure and of the figures within it."""
    yield from cast("list[Axes]", figure.axes)
    for part in figure.subfigs:
        yield from all_axes(part)


def pale_words(figure: Figure) -> list[str]:
    """Name the words whose contrast with what is drawn behind them is too low."""
    words = [text for text in figure.findobj(Text) if shown(text) and text.get_text().strip()]
    boxes = [text.get_window_extent() for text in words]
    for text in words:
        text.set_visible(False)
    behind = drawn(figure)
    found = []
    for text, box in zip(words, boxes, strict=True):
        text.set_visible(True)
        rows = slice(max(0, int(behind.shape[0] - box.y1)), int(behind.shape[0] - box.y0) + 1)
        under = behind[rows, max(0, int(box.x0)) : int(box.x1) + 1].reshape(-1, 3)
        if len(under):  # half of a word may lie on something else: take what is behind most of it
            ground = tuple(np.median(under, axis=0).tolist())
            seen = contrast(colour_of(text, text.get_color()), ground)
            if seen < TEXT:
                found.append(f"{text.get_text()!r}: {seen:.2f}")
    return found


def pale_marks(figure: Figure) -> list[str]:
    """Name lines, dots, bars and arrows that hardly differ from white."""
    found = []
    for ax in all_axes(figure):
        for artist in [*ax.lines, *ax.collections, *ax.patches]:
            if shown(artist) and isinstance(artist, Line2D | PathCollection | Patch):
                best = max((contrast(c) for c in drawn_in(artist)), default=MARK)
                if best < MARK:
                    found.append(f"{type(artist).__name__} {artist.get_label()}: {best:.2f}")
    return found


def drawn_in(artist: Artist) -> Iterator[ColorType]:
    """Yield the colours that a mark shows; a pale one may have a dark edge."""
    if isinstance(artist, Line2D):
        if artist.get_linestyle() != "None":
            yield colour_of(artist, artist.get_color())
        if artist.get_marker() not in ("None", "", None):
            yield colour_of(artist, artist.get_markerfacecolor())
            yield colour_of(artist, artist.get_markeredgecolor())
    elif isinstance(artist, PathCollection):
        for colour in (*artist.get_facecolor(), *artist.get_edgecolor()):
            yield over(tuple(colour))
    elif isinstance(artist, FancyArrowPatch):
        yield colour_of(artist, artist.get_edgecolor())
    elif isinstance(artist, Patch) and not is_band(artist):
        yield over(artist.get_facecolor())
        if artist.get_linewidth() > 0:
            yield over(artist.get_edgecolor())


def is_band(patch: Patch) -> bool:
    """Say whether a patch is a band behind a level, or has no area."""
    empty = isinstance(patch, Rectangle) and patch.get_width() * patch.get_height() == 0
    return empty or (patch.get_alpha() or 1) < 0.5


def told_apart_by_colour_alone(ax: Axes) -> list[str]:
    """Name pairs of labelled lines or clouds that look alike when printed in grey."""
    looks = []
    for artist in [*ax.lines, *ax.collections]:
        label = str(artist.get_label())
        if label.startswith("_") or not shown(artist):
            continue
        if isinstance(artist, Line2D):
            dashes = repr(artist._unscaled_dash_pattern)  # type: ignore[attr-defined]
            width = artist.get_linewidth()
            looks.append((label, f"{dashes} {artist.get_marker()} {width}"))
        elif isinstance(artist, PathCollection):
            shape = np.asarray(artist.get_paths()[0].vertices).tobytes()
            filled = len(artist.get_facecolor()) > 0
            looks.append((label, f"{shape!r} {filled}"))
    return [f"{a} and {b}" for (a, x), (b, y) in itertools.combinations(looks, 2)
            if x == y and a != b]  # fmt: skip


def shown(artist: Artist) -> bool:
    return artist.get_visible() and (artist.axes is None or artist.axes.get_visible())


def colour_of(artist: Artist, colour: ColorType) -> ColorType:
    """Return a colour as drawn on white, the artist's own transparency included."""
    alpha = artist.get_alpha()
    return over(to_rgba(colour, None if alpha is None else float(alpha)))


# ---- the checks themselves can fail


def a_figure() -> tuple[Figure, Axes]:
    figure = Figure(facecolor="white")
    return figure, figure.subplots()


def test_pale_words_are_found_wherever_they_stand() -> None:
    figure, ax = a_figure()
    ax.set_xlabel("pale", color="#aaaaaa")
    ax.barh([0], [1], color="#004466")
    ax.text(0.2, 0, "dark on dark", va="center", color="black")
    ax.text(0.6, 0, "light on dark", va="center", color="white")
    drawn(figure)
    assert [word.split(":")[0] for word in pale_words(figure)] == ["'dark on dark'", "'pale'"]


def test_pale_marks_are_found_and_bands_are_not() -> None:
    figure, ax = a_figure()
    ax.plot([0, 1], label="faded", color="black", alpha=0.2)
    ax.plot([0, 1], label="dark", color="black", alpha=0.9)
    ax.scatter([0], [0], color="#ffff99", label="yellow")
    ax.scatter([0], [0], color="#ffff99", edgecolors="black", label="yellow with an edge")
    ax.bar([0], [1], color="#eeeeee", label="_bar")
    ax.axhspan(0, 1, color="grey", alpha=0.2)
    found = pale_marks(figure)
    assert [mark.split(":")[0] for mark in found] == [
        "Line2D faded",
        "PathCollection yellow",
        "Rectangle _nolegend_",
    ]


def test_lines_that_differ_by_colour_alone_are_found() -> None:
    _, ax = a_figure()
    ax.plot([0, 1], "r-", label="red")
    ax.plot([1, 0], "b-", label="blue")
    ax.plot([1, 1], "b--", label="dashed")
    ax.scatter([0], [1], marker="o", label="round")
    ax.scatter([0], [1], marker="s", label="square")
    ax.scatter([0], [1], marker="s", facecolors="none", edgecolors="k", label="open")
    assert told_apart_by_colour_alone(ax) == ["red and blue"]
