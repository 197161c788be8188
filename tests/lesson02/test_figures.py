"""What the figures of lesson 02 draw."""

from course_utils.lesson02 import figures as figures_02

import numpy as np
import pandas as pd
import pytest

NUMBERS = {"xlabel": "layer", "ylabel": "length"}


def runs(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"seed": seed, "layer": layer, "kind": kind, "norm": norm, "y": value * (1 + seed)}
            for norm in ("with", "without")
            for kind in ("plain", "residual")
            for seed in (0, 1)
            for layer, value in enumerate(values, 1)
        ]
    )


def test_a_panel_for_each_value_and_a_line_for_each_kind() -> None:
    figure = figures_02.panels(runs([1.0, 4.0]), "layer", "y", "kind", "norm", **NUMBERS)
    assert [ax.get_title() for ax in figure.axes] == ["with", "without"]
    for ax in figure.axes:
        assert [line.get_label() for line in ax.lines] == ["plain", "residual"]
        assert ax.lines[0].get_ydata().tolist() == [1.5, 6.0]
        styles = {(line.get_linestyle(), line.get_marker()) for line in ax.lines}
        assert len(styles) == 2  # not told apart by colour alone


def test_a_logarithmic_panel_shows_the_geometric_mean_on_one_scale() -> None:
    table = runs([1.0, 4.0])
    table.loc[table["norm"] == "without", "y"] *= 1000
    figure = figures_02.panels(table, "layer", "y", "kind", "norm", log=True, **NUMBERS)
    assert np.allclose(figure.axes[0].lines[0].get_ydata(), [2**0.5, 4 * 2**0.5])
    first, second = (ax.get_ylim() for ax in figure.axes)
    assert first == second
    assert first[0] < 1
    assert first[1] > 8000


def test_a_logarithm_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        figures_02.panels(runs([0.0, 1.0]), "layer", "y", "kind", "norm", log=True, **NUMBERS)


def test_guessing_is_drawn_at_its_level_in_percent() -> None:
    figure = figures_02.panels(
        runs([0.1, 0.4]), "layer", "y", "kind", "norm", percent=True, chance=0.1, **NUMBERS
    )
    lines = {line.get_label(): line.get_ydata()[0] for line in figure.axes[0].lines}
    assert lines["guessing"] == pytest.approx(10)
    assert lines["plain"] == pytest.approx(15)


def test_a_lost_block_is_a_mark_above_its_name() -> None:
    table = pd.DataFrame(
        [
            {"network": "one", "block": "none", "kept": "all", "accuracy": 0.9},
            {"network": "one", "block": "features.3", "kept": "x", "accuracy": 0.5},
            {"network": "one", "block": "features.5", "kept": "x", "accuracy": 0.7},
            {"network": "two", "block": "none", "kept": "all", "accuracy": 0.8},
            {"network": "two", "block": "features.3", "kept": "F(x)", "accuracy": 0.2},
        ]
    )
    figure = figures_02.without_blocks(table, "network", ["x", "F(x)"], xlabel="block")
    one, two = figure.axes
    assert [text.get_text() for text in one.get_xticklabels()] == ["3", "5"]
    assert one.collections[0].get_offsets().tolist() == [[0, 50], [1, 70]]
    assert one.lines[0].get_ydata()[0] == pytest.approx(90)
    assert two.collections[1].get_offsets().tolist() == [[0, 20]]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["whole network", "x kept", "F(x) kept"]
