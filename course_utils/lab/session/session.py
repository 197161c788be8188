"""The live lab without its panel: a model that trains while its blocks are frozen and thawed.

    session = Session(Settings(world="shapes"))
    session.run(50)
    session.thaw("features.18")     # from any thread, at any time
    session.run(50)

`step` is all that trains, and whoever calls it decides where: a thread, a loop in a cell, a test.
Everything else may be called from any thread meanwhile.  A command is checked at once and raises
where it makes no sense; a sensible one becomes a wish, and the next step begins by following all
wishes.  Nothing here imports a widget library.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_utils.lab.session import code_export
from course_utils.lab.session.controls import ChangeControls, Commands, Controls
from course_utils.lab.session.errors import LabError, explain, free_memory
from course_utils.lab.session.history import History
from course_utils.lab.session.interrupts import deferred
from course_utils.lab.session.run import HeldOutEvaluation, Run
from course_utils.lab.session.run_state import WALL, RunState
from course_utils.lab.session.settings import Settings, check_count, check_setting_names
from course_utils.lab.session.setup import Setup, WorldSetup
from course_utils.lab.session.snapshot import snapshot
from course_utils.training.loop import Step
from course_utils.training.micro_batches import is_out_of_memory

import pandas as pd
import torch
from torch import Tensor

LONGEST_MARK = 200
EARLIER_RUNS = 8
Build = Callable[[Settings], Setup]


class Session(Commands):
    """A run that follows a reader's wishes, and what happened in the runs before.

    Parameters
    ----------
    settings : Settings, optional
        What the first run starts from.
    build : callable, optional
        Makes a new `Setup` from settings, the same one for the same settings; by default from the
        course's worlds and networks.

    Raises
    ------
    LabError
        If the settings cannot be followed: no such world, no such network, no weights at hand.
    """

    def __init__(self, settings: Settings | None = None, *, build: Build | None = None) -> None:
        self._build: Build = build or WorldSetup()
        self._lock = threading.RLock()  # guards all fields; held for moments only
        self._stepping = threading.Lock()  # held by whoever trains
        self._building = threading.Lock()  # one new run at a time
        self._version = 0
        self._earlier: list[History] = []
        self._run, self._state = self._begin(settings or Settings(), 1, None)
        self._wished = self._run.controls

    # ---- commands: from any thread, at any time

    def change_controls(self, change: ChangeControls) -> None:
        """Replace the wished controls; a change that raises changes nothing."""
        with self._lock:
            self._wished = change(self._wished, self._state.names)
            self._version += 1

    def mark(self, text: str) -> None:
        """Put a line with a text at the current step of the curve."""
        if not isinstance(text, str) or not text.strip():
            raise LabError(f"a mark needs a text, not {text!r}")
        with self._lock:
            self._state.history.marks.append((self._state.step, text.strip()[:LONGEST_MARK]))
            self._version += 1

    def reset(self, **new_settings: Any) -> None:
        """Start a new run; the old one's curve is kept as an earlier run.

        The reader's choices stay as they are (frozen blocks, rates, optimizer, batch norm) except
        for the settings given here.  The new run is there when this returns.  A step that is
        being taken meanwhile still ends, and counts for the old run.

        Parameters
        ----------
        **new_settings : Any
            Fields of `Settings`.

        Raises
        ------
        LabError
            If the settings cannot be followed; the old run then goes on untouched.
        """
        check_setting_names(new_settings)
        with self._building:
            with self._lock:
                state, wished = self._state, self._wished
            settings = replace(wished.put_into(state.settings), **new_settings)
            keep = None if "preset" in new_settings else (state.names, wished)
            run, new_state = self._begin(settings, state.history.run + 1, keep)
            with deferred(), self._lock:
                state.history.curve.points.clear()  # of earlier runs only evaluations are shown
                self._earlier = [*self._earlier, state.history][-EARLIER_RUNS:]
                self._run, self._state, self._wished = run, new_state, run.controls
                self._version += 1

    # ---- training: `step` alone trains

    def step(self) -> Step | None:
        """Follow all wishes, then do one short piece of work.

        Returns
        -------
        Step or None
            The step that was taken; None where the piece of work was a part of an evaluation, or
            giving way because memory ran out.  `run(1)` always takes a step.

        Raises
        ------
        LabError
            If the run has failed before: `reset` starts a new one.
        Exception
            Whatever the step raised.  Status, message and traceback are in the snapshot then, and
            no half of a wish or of a step is left behind.
        """
        with self._stepping, deferred():
            with self._lock:
                run, state, wished = self._run, self._state, self._wished
                if state.status == "failed":
                    raise LabError(f"this run has stopped, reset it to go on: {state.error}")
                evaluating = run.evaluating or state.evaluation_is_due(time.monotonic())
                if evaluating and not run.evaluating:
                    state.evaluation_began = time.monotonic()
            try:
                if wished != run.controls:
                    run.follow(wished)
                    with self._lock:
                        state.note_controls(wished, run)
                        self._version += 1
                result = run.evaluate_slice() if evaluating else run.train_step()
            except Exception as error:
                if self._recover(run, state, error, evaluating):
                    return None
                raise
            with self._lock:
                if isinstance(result, Step):
                    state.note_step(result, run)
                elif isinstance(result, HeldOutEvaluation):
                    state.note_evaluation(result, time.monotonic())
                self._version += result is not None
            return result if isinstance(result, Step) else None

    def run(self, steps: int, *, evaluate: bool = True) -> None:
        """Take so many steps now, in this thread, and evaluate at the end unless told not to."""
        check_count("steps", steps, 0)
        taken = 0
        while taken < steps:
            taken += self.step() is not None
        if evaluate:
            self.evaluate()

    def evaluate(self) -> float:
        """Accuracy (0 to 1) of the network as it is now on the held-out images."""
        with self._lock:
            state = self._state
            if state.evaluation is not None and state.evaluation.step == state.step:
                return state.evaluation.accuracy
            state.evaluation_wanted = True
            before = len(state.history.evaluations)
        while len(state.history.evaluations) == before and self._state is state:
            self.step()
        return state.history.evaluations[-1][1] if state.history.evaluations else 0.0

    def _recover(self, run: Run, state: RunState, error: Exception, evaluating: bool) -> bool:
        """After an error: go on where that is possible and give True, or note the failure."""
        trace, text = traceback.format_exc(), None
        if is_out_of_memory(error):
            free_memory(error)
            text = run.use_less_memory(while_evaluating=evaluating)
        with self._lock:
            self._version += 1
            if text is not None:
                state.note_less_memory(text, run)
            else:
                state.note_failure(explain(error), trace)
            # the failure of a run that was replaced in the meantime is nobody's concern
            return text is not None or run is not self._run

    # ---- looking: from any thread, at any time

    @property
    def status(self) -> str:
        """Either "ready" or "failed"."""
        return self._state.status

    @property
    def settings(self) -> Settings:
        """What a reset would start from: the run's settings with the reader's choices since."""
        with self._lock:
            return self._wished.put_into(self._state.settings)

    @property
    def block_names(self) -> list[str]:
        """Names of the blocks, from the input to the head."""
        return self._state.names

    @property
    def model(self) -> torch.nn.Module:
        """The network of the current run; look, but leave changes to the commands."""
        return self._run.model

    @property
    def setup(self) -> Setup:
        """Network, images and words of the current run."""
        return self._run.setup

    def snapshot(self, since: int = 0, *, points: int = 2000) -> dict[str, Any]:
        """All that a panel shows, as data for JSON; cheap, and never waits for a step.

        Parameters
        ----------
        since : int, optional
            Of the curve give only points after this step, and of the evaluations only those at
            this step or later; 0 gives all.
        points : int, optional
            Of the curve at most so many, evenly thinned.

        Returns
        -------
        dict
            Keys run, version, status, error, traceback, step, seconds_per_step, images_per_second,
            compute_seconds, cache, trainable, trained, total, memory_mb, settings, presets, titles,
            class_names, blocks, curve, evaluations, marks (the last 200), earlier, wall.  A block's
            `frozen` is the reader's wish, and `pending` says that training does not follow it yet.
        """
        with self._lock:
            return snapshot(
                self._state, self._wished, self._earlier, self._version, since=since, points=points
            )

    def images(self) -> Tensor:
        """The held-out images of the wall, uint8 `(n, 3, h, w)`, n at most 24."""
        return self._run.setup.data.test_images[:WALL]

    def history(self) -> pd.DataFrame:
        """The current run as a table (see `history.History.frame`)."""
        with self._lock:
            return self._state.history.frame()

    def to_csv(self, path: str | Path) -> Path:
        """Write `history` to a file, and return its path; LabError if it cannot be written."""
        path = Path(path).expanduser()
        try:
            self.history().to_csv(path, index=False)
        except OSError as error:
            raise LabError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    def code(self) -> str:
        """PyTorch code that does what the current run has done so far, with the same result."""
        with self._lock:
            state, run = self._state, self._run
            entries, step, error = list(state.history.entries), state.step, state.error
        return code_export.program(run.setup.code, state.settings, entries, step, error)

    # ---- inside

    def _begin(
        self, settings: Settings, number: int, keep: tuple[list[str], Controls] | None
    ) -> tuple[Run, RunState]:
        """A new run and its state; `keep` are blocks and controls whose frozen blocks stay."""
        # the reader's own random numbers must not depend on whether a run was built in between
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.seed)
            try:
                setup = self._build(settings)
            except LabError:
                raise
            except (ValueError, OSError, TypeError) as error:
                raise LabError(f"the run could not be set up: {error}") from error
        blocks = setup.block_names()
        controls = Controls.at_start(settings, blocks)
        if keep is not None and keep[0] == blocks:
            controls = controls.with_frozen(keep[1].plan.frozen)
        run = Run(settings, setup, controls)
        return run, RunState.at_start(run, number)
