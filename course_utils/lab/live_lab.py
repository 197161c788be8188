"""`Lab`: the live lab as one object, for the page and for Python."""

from __future__ import annotations

import base64
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.lab import still_picture
from course_utils.lab.driver_choice import choose_driver
from course_utils.lab.drivers import Answer, Job, result_or_error
from course_utils.lab.panel_widget import PanelWidget, thumbnails
from course_utils.lab.session.controls import ChangeControls, Commands
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Build, Session
from course_utils.lab.session.settings import (
    BATCH_NORM_MODES,
    NETWORKS,
    OPTIMIZERS,
    STARTS,
    settings_of_lab,
)

import pandas as pd

# All labs of this process.  One of them trains at a time: two would share the same few cores, and a
# lab whose cell was run again must not go on unseen.
_LABS: weakref.WeakSet[Lab] = weakref.WeakSet()

CHOICES = {
    "optimizer": list(OPTIMIZERS),
    "network": list(NETWORKS),
    "batch_norm": list(BATCH_NORM_MODES),
    "start": list(STARTS),
}
# What the page may ask for; the slow ones build, train, or write long texts.
QUICK = (
    *("freeze", "thaw", "toggle", "preset", "set_batch_norm", "set_rates", "set_optimizer"),
    *("start", "pause"),
)
SLOW = ("reset", "step", "code", "csv")


class Lab(Commands):
    """A model that trains while you freeze and thaw its blocks, with its panel.

        lab = Lab()
        lab                      # as a cell's last line: the panel
        lab.freeze("features.3") # everything on the panel works from Python too

    A new lab, and one that starts, pauses all others.

    Parameters
    ----------
    world : str or Path, optional
        "shapes", "cifar10" or a folder of class folders; by default what `COURSE_DATA` says.
    driver : {"auto", "background", "foreground", "synchronous"}, optional
        Who trains; see `drivers`.
    session : Session, optional
        A session made before, instead of a world and settings.
    build : callable, optional
        Makes the network and images of a run from its settings (see `Session`).
    **settings : Any
        Any field of `Settings`.

    Raises
    ------
    LabError
        If a setting is unknown or cannot be followed.
    """

    def __init__(
        self,
        world: str | Path | None = None,
        *,
        driver: str = "auto",
        session: Session | None = None,
        build: Build | None = None,
        **settings: Any,
    ) -> None:
        chosen = choose_driver(driver)
        self.session = session or Session(settings_of_lab(world, settings), build=build)
        self.error: Exception | None = None
        self._closed = False
        self._driver = chosen(self.session, lambda: self.widget.push(), self._ended)
        self.widget = PanelWidget(self._snapshot, self._obey, self._driver.tick, self.pause)
        self.widget.photos = thumbnails(self.session.images())
        self._pause_others()
        _LABS.add(self)

    # ---- training

    def start(self, steps: int | None = None) -> None:
        """Train in the background until `pause`, or for so many steps.

        Where nobody sits in front of the notebook, training is over when this returns
        (`drivers.SYNCHRONOUS_STEPS` steps if no number is given).
        """
        self._check_open()
        if self.session.status == "failed":
            raise LabError("this run has stopped with an error; reset() starts a new one")
        self._pause_others()
        self._driver.start(steps)
        self.widget.push(now=True)

    def pause(self) -> None:
        """Stop after the step that is being taken."""
        self._driver.pause()
        self.widget.push(now=True)

    def run(self, steps: int) -> None:
        """Take so many steps in this cell, and return when they are taken; the panel follows."""
        self._check_open()
        self._pause_others()
        self._driver.run(steps)

    def step(self) -> None:
        """Take one optimizer step and evaluate on the held-out images."""
        self.run(1)

    def wait(self) -> None:
        """Return when training that was started with a number of steps has come to its end.

        Raises
        ------
        LabError
            If it has no end.
        """
        remaining = self._driver.remaining
        if remaining is None:
            raise LabError("this training has no end: start(steps=100) has one, and pause() stops")
        if remaining:
            self.run(remaining)

    @property
    def running(self) -> bool:
        """Whether it trains now."""
        return self._driver.running

    # ---- the reader's wishes

    def change_controls(self, change: ChangeControls) -> None:
        """Pass a command on to the session, and show what came of it."""
        self._check_open()
        self.session.change_controls(change)
        self.widget.push(now=True)

    def mark(self, text: str) -> None:
        """Put a line with a text at the present step of the curves."""
        self._check_open()
        self.session.mark(text)
        self.widget.push(now=True)

    def reset(self, **new_settings: Any) -> None:
        """Start a new run, paused; the curve of the old one stays as a faint line.

        Parameters
        ----------
        **new_settings : Any
            Fields of `Settings`; all others, and the reader's choices, stay as they are.

        Raises
        ------
        LabError
            If the settings cannot be followed; the old run then goes on untouched.
        """
        self._check_open()
        go_on = self._driver.interrupt()
        try:
            self.session.reset(**new_settings)
        except Exception:
            go_on()
            raise
        self._renewed()

    # ---- what came of it

    def history(self) -> pd.DataFrame:
        """The record of this run: one row a step, and one for each action besides."""
        return self.session.history()

    def to_csv(self, path: str | Path) -> None:
        """Write the record of this run to a file."""
        self.session.to_csv(path)

    def code(self) -> str:
        """PyTorch that does what this run has done so far."""
        return self.session.code()

    def show(self) -> None:
        """Put the panel on the page, from anywhere in a cell."""
        from IPython.display import display

        display(self)

    def close(self) -> None:
        """Stop for good: nothing runs any more, and the panel says that it is closed."""
        self._closed = True
        self._driver.close()
        self.widget.refresh()
        _LABS.discard(self)

    def __repr__(self) -> str:
        now = self.session.snapshot()
        evaluations = now["evaluations"]
        seen = f", held-out accuracy {evaluations[-1][1]:.0%}" if evaluations else ""
        return f"<Lab: run {now['run']}, step {now['step']}{seen}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The panel, and a picture of it for pages without a kernel."""
        data, metadata = self.widget._repr_mimebundle_() or ({}, {})
        png, alt = still_picture.draw_png(self._snapshot(0))
        data = {**data, "text/plain": repr(self), "image/png": base64.b64encode(png).decode()}
        return data, {**metadata, "image/png": {"alt": alt}}

    # ---- between driver and widget

    def _snapshot(self, since: int) -> dict[str, Any]:
        now = self.session.snapshot(since)
        now |= {
            "running": self._driver.running,
            "driver": self._driver.name,
            "closed": self._closed,
            "choices": CHOICES,
        }
        if self.error is not None and not now.get("error"):
            now["error"] = str(self.error) or type(self.error).__name__
            now["traceback"] = "".join(traceback.format_exception(self.error))
        return now

    def _obey(self, name: str, arguments: dict[str, Any], answer: Answer) -> None:
        """Carry out a command of the page."""
        if name in SLOW:
            self._obey_slowly(name, arguments, answer)
        elif name in QUICK:
            answer(*result_or_error(lambda: getattr(self, name)(**arguments)))
        else:
            answer(None, LabError(f"the panel has no command {name!r}"))

    def _obey_slowly(self, name: str, arguments: dict[str, Any], answer: Answer) -> None:
        jobs: dict[str, Job] = {
            "reset": lambda: self.session.reset(**arguments),
            "step": lambda: self.session.run(1),
            "code": self.session.code,
            "csv": lambda: self.session.history().to_csv(index=False),
        }
        _, error = result_or_error(self._check_open)
        if error is not None:
            answer(None, error)
            return
        go_on: Callable[[], None] | None = None
        if name in ("reset", "step"):
            go_on = self._driver.interrupt()
        if name == "step":
            self._pause_others()

        def done(result: Any, error: Exception | None) -> None:
            if name == "reset" and go_on is not None:
                self._renewed() if error is None else go_on()
            answer(result, error)

        self._driver.work(jobs[name], done)

    def _renewed(self) -> None:
        self.error = None
        self.widget.photos = thumbnails(self.session.images())
        self.widget.refresh()

    def _ended(self, error: Exception | None) -> None:
        self.error = error or self.error
        self.widget.refresh()

    def _check_open(self) -> None:
        if self._closed:
            raise LabError("this lab is closed; make a new one with Lab()")

    def _pause_others(self) -> None:
        for lab in list(_LABS):
            if lab is not self and lab.running:
                lab.pause()
