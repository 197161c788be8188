"""The figures of lesson 08 show the numbers that they are given."""

import math

from course_utils.lesson08 import figures as figures_08

import pandas as pd
import pytest


@pytest.fixture
def runs():
    return pd.DataFrame(
        [
            {
                "source": source, "source_images": images, "treatment": treatment,
                "accuracy": 0.2 + 0.001 * images + 0.01 * seed, "seed": seed,
            }
            for source, images in (("shapes", 100), ("fabric", 400))
            for treatment in ("frozen", "fine-tuned")
            for seed in range(3)
        ]
    )  # fmt: skip


def test_the_loss_curve_draws_every_batch_and_the_loss_of_guessing():
    (ax,) = figures_08.loss_curve([3.0, 2.0, 1.0], classes=10, window=2).axes
    batches, smooth, guessing = ax.lines
    assert list(batches.get_ydata()) == [3.0, 2.0, 1.0]
    assert list(smooth.get_ydata()) == [3.0, 2.5, 1.5]
    assert guessing.get_ydata()[0] == pytest.approx(math.log(10))


def test_no_loss_is_refused():
    with pytest.raises(ValueError, match="nothing was trained"):
        figures_08.loss_curve([], 10)


def test_panels_share_their_scale_and_show_the_level_of_scratch(runs):
    figure = figures_08.by_number(
        {"images": (runs, "source_images"), "again": (runs[runs["seed"] < 2], "source_images")},
        [0.1, 0.3],
        "accuracy",
    )
    first, second = figure.axes
    assert first.get_ylim() == second.get_ylim()
    means = first.containers[0].lines[0]
    assert list(means.get_xdata()) == [100, 400]
    assert list(means.get_ydata()) == pytest.approx([31.0, 61.0])
    level = next(line for line in first.lines if line.get_label() == "from scratch")
    assert level.get_ydata()[0] == pytest.approx(20.0)


def test_each_kind_has_a_row_in_the_order_of_the_table(runs):
    (ax,) = figures_08.by_kind(runs, [0.2, 0.2, 0.2], "accuracy").axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["shapes", "fabric"]
    frozen_shapes = ax.collections[0].get_offsets()
    assert frozen_shapes[:, 0].tolist() == pytest.approx([30, 31, 32])
    assert (frozen_shapes[:, 1] < 0).all()


def test_one_mark_for_each_source():
    table = pd.DataFrame(
        {"label": ["a", "b"], "source_accuracy": [0.9, 0.5], "accuracy": [0.3, 0.6]}
    )
    (ax,) = figures_08.two_accuracies(table, "target").axes
    assert [mark.get_offsets().tolist()[0] for mark in ax.collections] == [[90, 30], [50, 60]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_the_title_of_a_scatter_tells_the_correlation():
    table = pd.DataFrame(
        {"group": ["alike", "alike", "unlike"], "near": [1, 2, 3], "far": [3, 2, 1],
         "gain": [0.1, 0.2, 0.3]}
    )  # fmt: skip
    figure = figures_08.gain_by_distance(table, {"near": "n", "far": "f"}, "gain", "points")
    assert [ax.get_title() for ax in figure.axes] == ["correlation +1.00", "correlation -1.00"]
