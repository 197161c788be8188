"""What is known of a run from outside while it trains: written by the session alone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from course_utils.lab.session.controls import Controls, preset_of
from course_utils.lab.session.history import Entry, History, describe_change
from course_utils.lab.session.run import HeldOutEvaluation, Run
from course_utils.lab.session.settings import Settings
from course_utils.networks.batch_norm import batch_norms
from course_utils.training.loop import Step

import torch

WALL = 24  # held-out images whose answers are shown


@dataclass(frozen=True)
class BlockInfo:
    """What never changes about a block."""

    name: str
    kind: str
    parameters: int
    has_batch_norm: bool


@dataclass
class RunState:
    """The state of one run as of its last step, from which `snapshot` is made.

    It holds no tensor that training changes, so that reading it never waits for a step.
    """

    settings: Settings
    history: History
    blocks: list[BlockInfo]
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
    evaluation: HeldOutEvaluation | None = None
    predictions_before: list[int] = field(default_factory=list)
    evaluated_at: float = float("-inf")
    evaluation_began: float = 0.0
    evaluation_seconds: float = 0.0
    evaluation_wanted: bool = False
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=15))

    @classmethod
    def at_start(cls, run: Run, number: int) -> RunState:
        """Return the state of a run that has not taken a step yet."""
        setup, controls = run.setup, run.controls
        blocks = [
            BlockInfo(
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

    def note_controls(self, controls: Controls, run: Run) -> None:
        """Training follows new controls from the next step on."""
        preset = preset_of(controls.plan.frozen, self.names)
        for text in describe_change(self.applied, controls, preset):
            self.history.marks.append((self.step, text))
        self._enter(controls, run.batch_size)
        self.cache = run.describe_cache()

    def note_less_memory(self, text: str, run: Run) -> None:
        """Memory ran out, and the run goes on with less."""
        self.history.marks.append((self.step, text))
        self._enter(self.applied, run.batch_size)

    def note_step(self, step: Step, run: Run) -> None:
        """A step was taken."""
        self.step = step.number
        self.compute_seconds += step.seconds
        self.recent.append(step.seconds)
        self.trained = frozenset(run.trained)
        self.history.curve.add(step)
        self.cache = run.describe_cache()

    def note_evaluation(self, evaluation: HeldOutEvaluation, now: float) -> None:
        """An evaluation on the held-out images was finished."""
        if self.evaluation is not None:
            self.predictions_before = self.evaluation.predictions[:WALL].tolist()
        self.evaluation, self.evaluation_wanted = evaluation, False
        self.evaluated_at, self.evaluation_seconds = now, now - self.evaluation_began
        self.history.evaluations.append((evaluation.step, evaluation.accuracy))

    def evaluation_is_due(self, now: float) -> bool:
        """Whether it is time for another evaluation on the held-out images."""
        if self.evaluation is None:
            return True
        if self.evaluation.step == self.step:
            return False
        if self.evaluation_wanted:
            return True
        if self.settings.evaluate_steps is not None:
            return self.step % self.settings.evaluate_steps == 0
        # On a slow machine at most a quarter of the time goes into evaluating.  The one before the
        # first step is no measure: it also fills the cache.
        busy = 0.0 if self.evaluation.step == 0 else 3 * self.evaluation_seconds
        return now - self.evaluated_at >= max(self.settings.evaluate_every, busy)

    def note_failure(self, message: str, trace: str) -> None:
        """The run cannot go on."""
        self.status, self.error, self.traceback = "failed", message, trace
        self.history.marks.append((self.step, "stopped by an error"))
