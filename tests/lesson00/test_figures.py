"""The figures of lesson 00."""

from course_utils.lesson00 import figures as figures_00
from tests.test_plots import draw

import numpy as np
import pytest
import torch


class Page:
    """Stands for a notebook page: remembers what was put on it."""

    def __init__(self):
        self.shown, self.updates = [], []

    def display(self, data, **_):
        self.shown.append(data)
        return self

    def update(self, data, **_):
        self.updates.append(data)


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.setattr(figures_00, "display", page.display)
    return page


def test_one_output_is_updated_and_the_last_picture_shows_every_step(page):
    live = figures_00.LiveAccuracy(3, 0.1, 0.1)
    for accuracy in (0.2, 0.4, 0.625):
        live.add(accuracy)
    live.finish()

    assert len(page.shown) == 1
    assert page.updates[-1]["image/png"].startswith(b"\x89PNG")
    assert "3 of 3 steps taken, now 62%" in page.updates[-1]["text/plain"]
    assert 'alt="Line: accuracy' in page.updates[-1]["text/html"], "what JupyterLab reads out"


def test_drawing_is_throttled(page):
    slow = figures_00.LiveAccuracy(50, 0.1, 0.1, per_second=0.001)
    for _ in range(50):
        slow.add(0.5)
    assert page.updates == []  # no second picture was due yet

    eager = figures_00.LiveAccuracy(5, 0.1, 0.1, per_second=1e9)
    for _ in range(5):
        eager.add(0.5)
    assert len(page.updates) == 5


@pytest.mark.parametrize(
    ("steps", "chance", "per_second"), [(0, 0.1, 8), (10, 1.5, 8), (10, 0.1, 0)]
)
def test_impossible_numbers_are_refused(page, steps, chance, per_second):
    with pytest.raises(
        ValueError, match=f"steps={steps}, per_second={per_second}, chance={chance}"
    ):
        figures_00.LiveAccuracy(steps, 0.1, chance, per_second=per_second)
    assert page.shown == []


def test_confusion_counts_rows_as_truth():
    labels, predictions = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 2, 0])
    figure = figures_00.confusion(labels, predictions, ["a", "b", "c"])
    (ax,) = figure.axes
    count = np.asarray(ax.images[0].get_array())
    assert count.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert len(ax.texts) == 5, "zeros stay empty"
    assert ax.get_ylabel() == "true class"
    draw(figure)
