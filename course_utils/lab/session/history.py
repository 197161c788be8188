"""What happened in one run: a curve, evaluations on held-out images, and the reader's actions."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from operator import attrgetter

from course_utils.lab.session.controls import Controls
from course_utils.training.loop import Step

import pandas as pd

MOST_POINTS = 20_000
COLUMNS = ["step", "loss", "train_accuracy", "test_accuracy", "trainable", "seconds", "action"]


@dataclass(frozen=True)
class Entry:
    """From this step on (0: from the start), training followed these controls.

    The batch size, in images, changes only when memory runs out.
    """

    step: int
    controls: Controls
    batch_size: int
    trainable: int


@dataclass
class Curve:
    """The training curve, thinned where it is long.

    Beyond `MOST_POINTS` every second point is dropped and only every second step noted from then
    on, so a run of days stays small.
    """

    points: list[Step] = field(default_factory=list)
    stride: int = 1

    def add(self, step: Step) -> None:
        """Note a step, or leave it out where points are thinned."""
        if step.number % self.stride:
            return
        self.points.append(step)
        if len(self.points) >= MOST_POINTS:
            self.stride *= 2
            self.points = [point for point in self.points if point.number % self.stride == 0]

    def since(self, step: int, limit: int) -> dict[str, list[float]]:
        """Points after a step, at most `limit` of them, evenly thinned where there are more."""
        first = bisect_right(self.points, step, key=attrgetter("number"))
        count = len(self.points) - first
        every = max(1, math.ceil(count / limit))
        # counted from the end: the newest point is always there
        part = self.points[first + (count - 1) % every if count else first :: every]
        return {
            "steps": [point.number for point in part],
            "loss": [round(point.loss, 5) for point in part],
            "train_accuracy": [round(point.accuracy, 5) for point in part],
        }


@dataclass
class History:
    """The record of one run.

    Attributes
    ----------
    run : int
        Its number.
    label : str
        What it is called among the earlier runs.
    curve : Curve
    entries : list of Entry
        What training followed; the first is the state at the start.
    evaluations : list of (int, float)
        Step and accuracy on held-out images (0 to 1).
    marks : list of (int, str)
        Step and text of every action.
    """

    run: int
    label: str
    curve: Curve = field(default_factory=Curve)
    entries: list[Entry] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """The record as a table.

        Returns
        -------
        pandas.DataFrame
            One row a step (thinned in very long runs), and one for every evaluation or action
            besides.  Columns: step, loss and train_accuracy (on the step's batch, before it was
            taken), test_accuracy (on the held-out images; NaN where nobody evaluated), trainable
            (parameters that could learn), seconds (of the step), action (text, or "").
        """
        points = {point.number: point for point in self.curve.points}
        accuracies = dict(self.evaluations)
        actions: dict[int, list[str]] = {}
        for step, text in self.marks:
            actions.setdefault(step, []).append(text)
        starts = [entry.step for entry in self.entries]
        rows = []
        for step in sorted({*points, *accuracies, *actions}):
            point = points.get(step)
            # a change after step 10 governs step 11 on
            entry = self.entries[max(0, bisect_right(starts, step - 1) - 1)]
            rows.append(
                (
                    step,
                    point.loss if point else math.nan,
                    point.accuracy if point else math.nan,
                    accuracies.get(step, math.nan),
                    entry.trainable,
                    point.seconds if point else math.nan,
                    "; ".join(actions.get(step, [])),
                )
            )
        return pd.DataFrame(rows, columns=COLUMNS)


def describe_change(old: Controls, new: Controls, preset: str | None) -> list[str]:
    """A change of controls in words, one phrase for each thing that changed.

    Parameters
    ----------
    old, new : Controls
    preset : str or None
        The preset that the new plan amounts to, if any.

    Returns
    -------
    list of str
    """
    texts = []
    frozen = sorted(new.plan.frozen - old.plan.frozen)
    thawed = sorted(old.plan.frozen - new.plan.frozen)
    if len(frozen) + len(thawed) == 1:
        texts.append(f"froze {frozen[0]}" if frozen else f"thawed {thawed[0]}")
    elif frozen or thawed:
        counts = [f"froze {len(frozen)} blocks"] * bool(frozen)
        counts += [f"thawed {len(thawed)} blocks"] * bool(thawed)
        texts.append(", ".join(counts) + (f" ({preset})" if preset else ""))
    if old.plan.batch_norm != new.plan.batch_norm:
        texts.append(f"batch norm in {new.plan.batch_norm} mode")
    if old.optimizer != new.optimizer:
        texts.append(f"optimizer {new.optimizer}")
    for what in ("head", "backbone"):
        before, after = getattr(old, f"{what}_rate"), getattr(new, f"{what}_rate")
        if before != after:
            texts.append(f"{what} rate {after:g}")
    return texts
