"""The figures of lesson 10 show the numbers they are given."""

from course_utils.lesson10 import figures as figures_10

import pandas as pd

KINDS = ["backbone weights", "running statistics"]


def test_a_word_says_what_moved():
    table = pd.DataFrame(
        {
            "tool": ["A", "B"],
            "phase": ["frozen", "all"],
            "backbone weights": ["0 of 20", "20 of 20"],
            "running statistics": ["40 of 40", "none there"],
        }
    )
    (ax,) = figures_10.what_moved(table, KINDS).axes
    assert [t.get_text() for t in ax.texts] == ["still", "moves", "moves", "none"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A, frozen", "B, all"]
    assert [t.get_text() for t in ax.get_xticklabels()] == KINDS


def test_every_measurement_is_a_marker_and_the_line_is_in_proportion():
    table = pd.DataFrame(
        {
            "network": ["small"] * 2 + ["large"] * 2,
            "macs": [1e9, 2e9, 10e9, 20e9],
            "ms_per_image": [5.0, 9.0, 20.0, 40.0],
        }
    )
    (ax,) = figures_10.time_by_cost(table).axes
    drawn = sorted(tuple(point) for c in ax.collections for point in c.get_offsets())
    assert drawn == [(1, 5), (2, 9), (10, 20), (20, 40)]
    (line,) = ax.lines
    assert (line.get_ydata() / line.get_xdata()).tolist() == [2, 2]
    assert ax.get_xscale() == ax.get_yscale() == "log"
