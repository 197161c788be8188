"""The figures of lesson 06 show the numbers that they are given."""

from course_utils.lesson06 import figures as figures_06

import pandas as pd
import pytest


@pytest.fixture
def table():
    return pd.DataFrame(
        {"block": ["a", "b"], "matched": [3, 1], "reshaped": [0, 2], "missing": [0, 1]}
    )


def test_bars_are_stacked_in_the_order_of_the_columns(table):
    figure = figures_06.tensors_by_block({"one": table, "two": table}, ["matched", "reshaped"])
    assert len(figure.axes) == 2
    bars = figure.axes[1].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 3), (0, 1), (3, 0), (1, 2)]
    assert len({bar.get_hatch() for bar in bars}) == 2, "told apart without colour"
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the input is at the top"


def test_a_column_without_a_look_is_refused(table):
    with pytest.raises(ValueError, match="no colour is settled for 'lost'"):
        figures_06.tensors_by_block({"one": table.assign(lost=0)}, ["lost"])


def test_places_are_counted_by_the_longest_block_name():
    verdicts = {
        "features.1.weight": "right place",
        "features.1.bias": None,
        "features.10.weight": "wrong place",
        "elsewhere": "right place",
    }
    counted = figures_06.count_by_origin(["features.1", "features.10"], verdicts).set_index("block")
    assert counted.loc["features.1"].tolist() == [1, 0, 1]
    assert counted.loc["features.10"].tolist() == [0, 1, 0]


def test_changes_are_drawn_at_their_means():
    rows = [
        {"change": c, "load": "as it is", "treatment": t, "accuracy": a}
        for c in ("x", "y")
        for t, a in (("frozen", 0.2), ("frozen", 0.4), ("scratch", 0.9), ("other", 0.0))
    ]
    treatments = {"frozen": "frozen", "scratch": "from scratch"}
    figure = figures_06.accuracy_by_change(pd.DataFrame(rows), treatments, chance=0.1)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["x: as it is", "y: as it is"]
    places = {round(float(line.get_xdata()[0]), 6) for line in axes.lines if len(line.get_xdata())}
    assert {30.0, 90.0} <= places
    assert 0.0 not in places, "a treatment that was not asked for"


def test_protocols_take_the_start_that_the_rule_names():
    rows = pd.DataFrame(
        [("A", "none", 0.5), ("A", "all", 0.9), ("B", "none", 0.6), ("B", "all", 0.7)],
        columns=["architecture", "start", "accuracy"],
    )
    rules = {"unfair": {"A": "all", "B": "none"}, "fair": {"A": "none", "B": "none"}}
    figure = figures_06.accuracy_by_protocol(rows, rules, names={"A": "first", "B": "second"})
    shown = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert shown == [["90.0", "60.0"], ["50.0", "60.0"]]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim(), "panels can be compared"
