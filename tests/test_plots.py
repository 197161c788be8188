"""Every figure draws, says what it was given, and can be told apart without colour."""

import base64
import io
import itertools

from course_utils import plots

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image


def draw(figure: Figure) -> np.ndarray:
    """Render a figure as show() does; missing glyphs and the like are warnings, so errors."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=60, facecolor="white")
    with Image.open(target) as image:
        pixels = np.array(image.convert("RGB"))
    assert pixels.std() > 1, "the picture is blank"
    return pixels


def images(n: int, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)


def curves(ways: int, seeds: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {"way": f"way {w}", "seed": s, "epoch": e, "accuracy": 0.1 * w + 0.05 * e + 0.01 * s}
        for w, s, e in itertools.product(range(ways), range(seeds), range(4))
    )


# ---- pictures


@pytest.mark.parametrize("n", [1, 7, 10, 23])
def test_a_grid_shows_every_image_once(n):
    pictures = images(n)
    figure = plots.image_grid(pictures, [f"t{i}" for i in range(n)])
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == n
    for i, ax in enumerate(shown):
        assert np.array_equal(ax.images[0].get_array(), pictures[i].permute(1, 2, 0).numpy())
        assert ax.get_title() == f"t{i}"
    draw(figure)


def test_a_grid_without_titles_and_with_other_columns():
    figure = plots.image_grid(images(5), columns=2, zoom=0.5)
    assert len(figure.axes) == 6
    assert figure.axes[0].get_title() == ""
    draw(figure)


def test_right_and_wrong_differ_in_more_than_colour():
    figure = plots.image_grid(images(2), ["cat", "dog"], right=[True, False])
    good, bad = figure.axes
    assert good.get_title() == "\N{CHECK MARK} cat"
    assert bad.get_title() == "\N{MULTIPLICATION X} dog"
    assert bad.title.get_fontweight() == "bold"
    assert good.title.get_fontweight() == "normal"
    draw(figure)
    draw(plots.image_grid(images(2), right=[True, False]))


def test_an_empty_grid():
    with pytest.raises(ValueError, match="no images to draw"):
        plots.image_grid(images(3)[:0])


@pytest.mark.parametrize("classes", [2, 5, 9])
def test_a_class_sheet_has_a_labelled_row_for_each_class(classes):
    labels = torch.arange(40) % classes
    names = [f"class {i}" for i in range(classes)]
    pictures = images(40)
    figure = plots.class_sheet(pictures, labels, names, per_class=3)
    rows = [ax for ax in figure.axes if ax.images]
    assert sorted(ax.texts[0].get_text() for ax in rows) == sorted(names)
    for ax in rows:
        label = names.index(ax.texts[0].get_text())
        first = ax.images[0].get_array()[:, :8]
        assert np.array_equal(first, pictures[labels == label][0].permute(1, 2, 0).numpy())
    draw(figure)


def test_a_class_with_few_images_leaves_room():
    labels = torch.tensor([0, 0, 0, 1])
    draw(plots.class_sheet(images(4), labels, ["a", "b"], per_class=6))


# ---- curves and dots


def test_lines_draws_the_mean_of_each_way_with_a_band():
    table = curves(4)
    figure = plots.lines(table, "epoch", "accuracy", "way", xlabel="epoch", ylabel="accuracy, %")
    (ax,) = figure.axes
    assert len(ax.lines) == 4
    assert len(ax.collections) == 4, "a band for each"
    for line, (name, group) in zip(ax.lines, table.groupby("way"), strict=True):
        assert line.get_label() == name
        means = 100 * group.groupby("epoch").accuracy.mean()
        assert np.allclose(line.get_ydata(), means)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy, %")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [f"way {i}" for i in range(4)]
    draw(figure)


def test_lines_with_marks_and_chance():
    figure = plots.lines(
        curves(1, seeds=1), "epoch", "accuracy", "way", xlabel="x", ylabel="y", percent=False,
        marks={1.5: "thawed"}, chance=0.1,
    )  # fmt: skip
    (ax,) = figure.axes
    assert np.allclose(ax.lines[0].get_ydata(), [0, 0.05, 0.1, 0.15])
    assert [t.get_text().strip() for t in ax.texts] == ["guessing", "thawed"]
    levels = {tuple(np.unique(line.get_ydata())) for line in ax.lines[1:]}
    assert (0.1,) in levels
    assert any(set(line.get_xdata()) == {1.5} for line in ax.lines)
    draw(figure)


def test_dots_show_every_run_and_the_means():
    table = curves(3)
    figure = plots.dots(table, "accuracy", "way", xlabel="accuracy, %")
    (ax,) = figure.axes
    clouds = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(clouds) == 3
    assert len(ax.lines) == 3
    for i, (_, group) in enumerate(table.groupby("way")):
        found = clouds[i].get_offsets()
        assert np.allclose(found[:, 0], 100 * group.accuracy)
        assert (found[:, 1] == i).all()
        assert np.allclose(ax.lines[i].get_xdata(), 100 * group.accuracy.mean())
        assert ax.texts[i].get_text() == f"{100 * group.accuracy.mean():.1f}"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["way 0", "way 1", "way 2"]
    low, high = ax.get_ylim()
    assert low > high, "the first way stands at the top"
    draw(figure)


def test_bars_by_block():
    table = pd.DataFrame({"block": ["a", "b", "c"], "n": [1, 3, 0], "m": [0.0, 0.0, 0.0]})
    figure = plots.block_bars(table, {"n": "numbers", "m": "nothing"})
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == [1, 3, 0]
    assert [t.get_text().strip() for t in left.texts] == ["0"], "a zero is said aloud"
    assert len(right.texts) == 3
    assert (left.get_title(), right.get_title()) == ("numbers", "nothing")
    assert [t.get_text() for t in left.get_yticklabels()] == ["a", "b", "c"]
    assert left.yaxis_inverted(), "the input stands at the top"
    assert left.patches[0].get_hatch() != right.patches[0].get_hatch()
    draw(figure)
    shares = plots.block_bars(table, {"n": "%", "m": "nothing"}, percent_of_total=True)
    assert [bar.get_width() for bar in shares.axes[0].patches] == [25, 75, 0]
    assert [bar.get_width() for bar in shares.axes[1].patches] == [0, 0, 0]
    draw(shares)


def test_no_figure_lives_in_pyplots_global_list():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plots.lines(curves(2), "epoch", "accuracy", "way", xlabel="x", ylabel="y")
    plots.dots(curves(2), "accuracy", "way", xlabel="x")
    assert plt.get_fignums() == before


def test_drawing_leaves_the_readers_settings_alone():
    before = dict(mpl.rcParams)
    draw(plots.lines(curves(2), "epoch", "accuracy", "way", xlabel="x", ylabel="y"))
    assert dict(mpl.rcParams) == before


# ---- show


def test_show_puts_a_picture_with_its_text_on_the_page(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda *args, **kwargs: shown.append((args, kwargs))
    )
    monkeypatch.delenv(plots.RECORDING, raising=False)
    plots.show(plots.image_grid(images(2)), 'Two "images" of noise.')
    monkeypatch.setenv(plots.RECORDING, "1")
    plots.show(plots.image_grid(images(2)), "Two images of noise.")
    ((live,), _), ((bundle,), options) = shown
    assert 'alt="Two &quot;images&quot; of noise."' in live["text/html"]
    assert base64.b64encode(live["image/png"]).decode() in live["text/html"]
    assert "text/html" not in bundle
    with Image.open(io.BytesIO(bundle["image/png"])) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 50
    assert bundle["text/plain"] == "[figure] Two images of noise."
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "Two images of noise."}}}


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_a_text_is_not_shown(monkeypatch, alt):
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: pytest.fail("shown"))
    with pytest.raises(ValueError, match="alt text"):
        plots.show(plots.image_grid(images(1)), alt)


# ---- not by colour alone


def test_lines_differ_in_style_and_marker_as_well_as_in_colour():
    assert len(set(plots.COLOURS)) == len(set(plots.LINES)) == len(set(plots.MARKERS)) == 6
    assert len(set(plots.HATCHES)) == 6
    figure = plots.lines(curves(6), "epoch", "accuracy", "way", xlabel="x", ylabel="y")
    drawn = figure.axes[0].lines
    # a dash pattern is what a line looks like; get_linestyle() calls all custom ones "--"
    looks = {(repr(line._unscaled_dash_pattern), line.get_marker()) for line in drawn}
    assert len({style for style, _ in looks}) == 6
    assert len({marker for _, marker in looks}) == 6
    assert [to_hex(line.get_color()).upper() for line in drawn] == list(plots.COLOURS)
    clouds = plots.dots(curves(6), "accuracy", "way", xlabel="x").axes[0].collections
    assert len({c.get_paths()[0].vertices.tobytes() for c in clouds}) == 6
    draw(figure)
