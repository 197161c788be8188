"""The figures of lesson 00: accuracy, drawn while a network learns, and what is taken for what."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from course_utils.plots import BLUE, GREY, as_png, bundle, new_figure

import numpy as np
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure
from torch import Tensor


class LiveAccuracy:
    """A curve of accuracy that grows on the page while training goes on.

    One output is updated in place, which JupyterLab, VS Code, Colab and nbconvert all understand;
    when training has ended, the finished figure is what stays in the notebook.

    Parameters
    ----------
    steps : int
        How many steps are planned: the length of the x axis.
    before : float
        Accuracy before the first step, 0 to 1: where the curve begins.
    chance : float
        Accuracy of guessing, 0 to 1, drawn as a level.
    per_second : float, optional
        At most this many new pictures a second, so that drawing does not hold training up.

    Raises
    ------
    ValueError
        When `steps` or `per_second` is not positive, or `chance` is outside 0 to 1.
    """

    def __init__(self, steps: int, before: float, chance: float, *, per_second: float = 8) -> None:
        if steps < 1 or per_second <= 0 or not 0 <= chance <= 1:
            raise ValueError(
                f"steps and per_second must be positive and chance between 0 and 1; "
                f"got steps={steps}, per_second={per_second}, chance={chance}"
            )
        self.steps = steps
        self.chance = chance
        self.accuracies = [before]
        self._pause = 1 / per_second
        self._last = -math.inf
        self._handle: DisplayHandle | None = None
        self._draw()

    def add(self, accuracy: float) -> None:
        """Take the accuracy after one more step (0 to 1), and draw it if it is time to."""
        self.accuracies.append(accuracy)
        if time.perf_counter() - self._last >= self._pause:
            self._draw()

    def finish(self) -> None:
        """Draw the whole curve: the last points may have come too soon after a picture."""
        self._draw()

    def _draw(self) -> None:
        data, metadata = bundle(as_png(self.figure()), self.alt())
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata)
        self._last = time.perf_counter()

    def alt(self) -> str:
        """Say what the picture shows now, for readers who do not see it."""
        done = len(self.accuracies) - 1
        return (
            f"Line: accuracy on the test images after each training step, "
            f"{done} of {self.steps} steps taken, now {self.accuracies[-1]:.0%}; "
            f"a dotted level shows what guessing would give, {self.chance:.0%}."
        )

    def figure(self) -> Figure:
        """Draw the curve as far as it has grown."""
        figure, (ax,) = new_figure(7.2, 3.0)
        percent = [100 * a for a in self.accuracies]
        ax.plot(range(len(percent)), percent, color=BLUE, linewidth=2)
        ax.axhline(100 * self.chance, color=GREY, linewidth=1, linestyle=":")
        ax.text(self.steps, 100 * self.chance + 1, "guessing", ha="right", va="bottom", color=GREY)
        ax.plot(len(percent) - 1, percent[-1], "o", color=BLUE)
        level = f"{percent[-1]:.0f} %"
        place = (len(percent) - 1, percent[-1] + 3)
        ax.text(*place, level, ha="center", va="bottom", fontweight="bold")
        # the axes stand still while the line grows, and leave room for the last label
        ax.set(xlim=(-0.03 * self.steps, 1.03 * self.steps), ylim=(0, 100))
        ax.set(xlabel="training steps", ylabel="test images right, %")
        return figure


def confusion(labels: Tensor, predictions: Tensor, names: Sequence[str]) -> Figure:
    """How often each true class (row) was taken for each class (column), in counts."""
    count = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(count, (labels.cpu().numpy(), predictions.cpu().numpy()), 1)
    figure = Figure(figsize=(0.5 * len(names) + 1.6, 0.45 * len(names) + 1.3), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(count, cmap="Blues")
    for (row, column), value in np.ndenumerate(count):
        if value:
            red, green, blue, _ = image.to_rgba(np.array([value]))[0]
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.45
            ax.text(
                column,
                row,
                str(value),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=9)
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.set(xlabel="predicted", ylabel="true class")
    return figure
