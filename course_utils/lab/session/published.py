"""What is known of a run from outside while it trains, and how that becomes plain data."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from course_utils.environment import MEGABYTE, memory_used
from course_utils.lab.session.history import Entry, History, describe_change
from course_utils.lab.session.run import Look, Run
from course_utils.lab.session.settings import (
    PRESETS,
    Controls,
    Settings,
    preset_of,
    with_controls,
)
from course_utils.training.freezing import batch_norms
from course_utils.training.loop import Step

import torch

WALL = 24
MOST_MARKS = 200
EARLIER_RUNS = 8


@dataclass(frozen=True)
class Block:
    """What never changes about a block."""

    name: str
    kind: str
    parameters: int
    has_batch_norm: bool


@dataclass
class Published:
    """The state of one run as of its last step: read by the panel, written by the session.

    It holds no tensor that training changes, so that reading it never waits for a step.
    """

    settings: Settings
    history: History
    blocks: list[Block]
    applied: Controls
    titles: dict[str, str]
    class_names: tuple[str, ...]
    truth: list[int]
    device: torch.device
    batch_size: int
    cache: dict[str, object]
    status: str = "ready"
    error: str | None = None
    traceback: str | None = None
    step: int = 0
    compute_seconds: float = 0.0
    trained: frozenset[str] = frozenset()
    look: Look | None = None
    answers_before: list[int] = field(default_factory=list)
    looked_at: float = float("-inf")
    look_began: float = 0.0
    look_seconds: float = 0.0
    look_wanted: bool = False
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=15))

    @classmethod
    def of(cls, run: Run, number: int) -> Published:
        """The state of a run that has not taken a step yet."""
        setup, controls = run.setup, run.controls
        blocks = [
            Block(
                block.name,
                block.kind,
                sum(p.numel() for p in block.parameters()),
                any(batch_norms(module) for module in block.modules),
            )
            for block in run.blocks
        ]
        names = [block.name for block in blocks]
        preset = preset_of(controls.plan.frozen, names) or "blocks of your choice"
        label = f"run {number}: {preset}, {controls.optimizer}, seed {run.settings.seed}"
        state = cls(
            settings=run.settings,
            history=History(number, label),
            blocks=blocks,
            applied=controls,
            titles={"world": setup.world, "weights": setup.weights, "device": setup.device},
            class_names=tuple(setup.data.class_names),
            truth=setup.data.test_labels[:WALL].tolist(),
            device=next(run.model.parameters()).device,
            batch_size=run.batch_size,
            cache=run.describe_cache(),
        )
        state._enter(controls, run.batch_size)
        return state

    @property
    def names(self) -> list[str]:
        """Names of the blocks, from the input to the head."""
        return [block.name for block in self.blocks]

    def trainable(self, controls: Controls) -> int:
        """How many parameters can learn under these controls."""
        return sum(b.parameters for b in self.blocks if b.name not in controls.plan.frozen)

    def _enter(self, controls: Controls, batch_size: int) -> None:
        self.history.entries.append(
            Entry(self.step, controls, batch_size, self.trainable(controls))
        )
        self.applied, self.batch_size = controls, batch_size
        self.recent.clear()  # the speed of other steps says nothing about these

    def took_over(self, controls: Controls, run: Run) -> None:
        """Training follows new controls from the next step on."""
        preset = preset_of(controls.plan.frozen, self.names)
        for text in describe_change(self.applied, controls, preset):
            self.history.marks.append((self.step, text))
        self._enter(controls, run.batch_size)
        self.cache = run.describe_cache()

    def made_room(self, text: str, run: Run) -> None:
        """Memory ran out, and the run goes on with less."""
        self.history.marks.append((self.step, text))
        self._enter(self.applied, run.batch_size)

    def took_step(self, step: Step, run: Run) -> None:
        """A step was taken."""
        self.step = step.number
        self.compute_seconds += step.seconds
        self.recent.append(step.seconds)
        self.trained = frozenset(run.trained)
        self.history.curve.add(step, step.seconds)
        self.cache = run.describe_cache()

    def looked(self, look: Look, now: float) -> None:
        """A look at the held-out images was finished."""
        if self.look is not None:
            self.answers_before = self.look.answers[:WALL].tolist()
        self.look, self.look_wanted = look, False
        self.looked_at, self.look_seconds = now, now - self.look_began
        self.history.evaluations.append((look.step, look.accuracy))

    def look_is_due(self, now: float) -> bool:
        """Whether it is time for another look at the held-out images."""
        if self.look is None:
            return True
        if self.look.step == self.step:
            return False
        if self.look_wanted:
            return True
        if self.settings.evaluate_steps is not None:
            return self.step % self.settings.evaluate_steps == 0
        # On a slow machine at most a quarter of the time goes into looking.  The look before the
        # first step is no measure: it also fills the cache.
        busy = 0.0 if self.look.step == 0 else 3 * self.look_seconds
        pause = max(self.settings.evaluate_every, busy)
        return now - self.looked_at >= pause

    def failed(self, message: str, trace: str) -> None:
        """The run cannot go on."""
        self.status, self.error, self.traceback = "failed", message, trace
        self.history.marks.append((self.step, "stopped by an error"))

    def as_dict(
        self,
        target: Controls,
        earlier: Sequence[History],
        version: int,
        since: int,
        points: int,
    ) -> dict[str, Any]:
        """Everything for the panel, as data that JSON can hold."""
        seconds = statistics.median(self.recent) if self.recent else 0.0
        return {
            "run": self.history.run,
            "version": version,
            "status": self.status,
            "error": self.error,
            "traceback": self.traceback,
            "step": self.step,
            "seconds_per_step": seconds,
            "images_per_second": self.batch_size / seconds if seconds else 0.0,
            "compute_seconds": self.compute_seconds,
            "cache": dict(self.cache),
            "trainable": self.trainable(target),
            "trained": sum(b.parameters for b in self.blocks if b.name in self.trained),
            "total": sum(b.parameters for b in self.blocks),
            "memory_mb": self._memory(),
            "settings": {
                **asdict(with_controls(self.settings, target)),
                "batch_size": self.batch_size,
            },
            "presets": list(PRESETS),
            "titles": dict(self.titles),
            "class_names": list(self.class_names),
            "blocks": [self._row(block, target) for block in self.blocks],
            "curve": self.history.curve.since(since, points),
            # the look at step `since` may have come after the panel had asked for that step
            "evaluations": [[s, a] for s, a in self.history.evaluations if s >= since],
            "marks": [[step, text] for step, text in self.history.marks[-MOST_MARKS:]],
            "earlier": [
                {
                    "run": history.run,
                    "label": history.label,
                    "evaluations": [[s, a] for s, a in history.evaluations],
                }
                for history in earlier
            ],
            "wall": self._wall(),
        }

    def _memory(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device) / MEGABYTE
        return memory_used() / MEGABYTE

    def _row(self, block: Block, target: Controls) -> dict[str, object]:
        frozen = block.name in target.plan.frozen
        mode = "-"
        if block.has_batch_norm:
            mode = target.plan.batch_norm if frozen else "train"
        was_frozen = block.name in self.applied.plan.frozen
        mode_differs = frozen and target.plan.batch_norm != self.applied.plan.batch_norm
        return {
            "name": block.name,
            "kind": block.kind,
            "parameters": block.parameters,
            "frozen": frozen,
            "pending": frozen != was_frozen or (block.has_batch_norm and mode_differs),
            "batch_norm": mode,
            "weights_moved": self.look.weights[block.name] if self.look else 0.0,
            "statistics_moved": self.look.statistics[block.name] if self.look else 0.0,
        }

    def _wall(self) -> list[dict[str, object]]:
        if self.look is None:
            return []
        wall = []
        answers = self.look.answers[:WALL].tolist()
        for i, (truth, answer) in enumerate(zip(self.truth, answers, strict=True)):
            right = truth == answer
            was_wrong = i < len(self.answers_before) and self.answers_before[i] != truth
            wall.append(
                {
                    "image": i,
                    "truth": self.class_names[truth],
                    "answer": self.class_names[answer],
                    "right": right,
                    "flipped": right and was_wrong,
                }
            )
        return wall
