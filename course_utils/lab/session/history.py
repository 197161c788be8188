"""What happened in one run: a curve, the looks at held-out images, and the reader's actions."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from course_utils.lab.session.settings import Controls
from course_utils.training.loop import Step

import pandas as pd

MOST_POINTS = 20_000


@dataclass(frozen=True)
class Entry:
    """From this step on (0: from the start), training followed these controls.

    batch_size : images a step; it changes only when memory runs out
    """

    step: int
    controls: Controls
    batch_size: int
    trainable: int


@dataclass
class Curve:
    """Points of the training curve in little memory.

    Beyond `MOST_POINTS` every second point is dropped and only every second step noted from then
    on, so a run of days stays small.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    loss: array[float] = field(default_factory=lambda: array("d"))
    accuracy: array[float] = field(default_factory=lambda: array("d"))
    seconds: array[float] = field(default_factory=lambda: array("d"))
    stride: int = 1

    def add(self, step: Step, seconds: float) -> None:
        """Note a step, or leave it out where points are thinned."""
        if step.number % self.stride:
            return
        self.steps.append(step.number)
        self.loss.append(step.loss)
        self.accuracy.append(step.accuracy)
        self.seconds.append(seconds)
        if len(self.steps) >= MOST_POINTS:
            self.stride *= 2
            keep = [i for i, number in enumerate(self.steps) if number % self.stride == 0]
            self.steps = array("q", (self.steps[i] for i in keep))
            self.loss = array("d", (self.loss[i] for i in keep))
            self.accuracy = array("d", (self.accuracy[i] for i in keep))
            self.seconds = array("d", (self.seconds[i] for i in keep))

    def since(self, step: int, limit: int) -> dict[str, list[float]]:
        """Points after a step, at most `limit` of them, evenly thinned where there are more."""
        first = bisect_right(self.steps, step)
        count = len(self.steps) - first
        every = max(1, math.ceil(count / limit))
        # counted from the end: the newest point is always there
        part = slice(first + (count - 1) % every if count else first, None, every)
        return {
            "steps": list(self.steps[part]),
            "loss": [round(value, 5) for value in self.loss[part]],
            "train_accuracy": [round(value, 5) for value in self.accuracy[part]],
        }


@dataclass
class History:
    """The record of one run.

    entries : the first is the state at the start
    evaluations : step and accuracy on held-out images (0 to 1)
    marks : step and text of every action
    """

    run: int
    label: str
    curve: Curve = field(default_factory=Curve)
    entries: list[Entry] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """One row a step (thinned in very long runs), and one for every look or action besides.

        Columns: step, loss and train_accuracy (on the step's batch, before it was taken),
        test_accuracy (on the held-out images; NaN where nobody looked), trainable (parameters
        that could learn), seconds (of the step), action (text, or "").
        """
        points = dict(
            zip(
                self.curve.steps,
                zip(self.curve.loss, self.curve.accuracy, self.curve.seconds, strict=True),
                strict=True,
            )
        )
        seen = dict(self.evaluations)
        actions: dict[int, str] = {}
        for step, text in self.marks:
            actions[step] = f"{actions[step]}; {text}" if step in actions else text
        starts = [entry.step for entry in self.entries]
        nothing = (math.nan, math.nan, math.nan)
        rows = []
        for step in sorted({*points, *seen, *actions}):
            loss, accuracy, seconds = points.get(step, nothing)
            # a change after step 10 governs step 11 on
            entry = self.entries[max(0, bisect_right(starts, step - 1) - 1)]
            rows.append(
                {
                    "step": step,
                    "loss": loss,
                    "train_accuracy": accuracy,
                    "test_accuracy": seen.get(step, math.nan),
                    "trainable": entry.trainable,
                    "seconds": seconds,
                    "action": actions.get(step, ""),
                }
            )
        columns = ["step", "loss", "train_accuracy", "test_accuracy", "trainable", "seconds"]
        return pd.DataFrame(rows, columns=[*columns, "action"])


def describe_change(old: Controls, new: Controls, preset: str | None) -> list[str]:
    """A change of controls in words, one phrase for each thing that changed.

    preset : the preset that the new plan amounts to, if any
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
