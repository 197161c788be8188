"""`Lab`: the live lab as one object, for the page and for Python."""

from __future__ import annotations

import base64
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.lab import drivers, picture
from course_utils.lab.choosing import choose
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import (
    NETWORKS,
    OPTIMIZERS,
    LabError,
    Settings,
    from_keywords,
)
from course_utils.lab.view import View, photographs

import pandas as pd

# All labs of this process.  One of them trains at a time: two would share the same few cores, and a
# lab whose cell was run again must not go on unseen.
_LABS: weakref.WeakSet[Lab] = weakref.WeakSet()

CHOICES = {
    "optimizer": list(OPTIMIZERS),
    "network": list(NETWORKS),
    "batch_norm": ["eval", "train"],
    "start": ["pretrained", "random"],
}
COMMANDS = ("freeze", "thaw", "toggle", "preset", "set_batch_norm", "set_rates", "set_optimizer")
SLOW = ("reset", "step", "code", "csv")  # they build, train, or write long texts


class Lab:
    """A model that trains while you freeze and thaw its blocks, with its panel.

        lab = Lab()
        lab                      # as a cell's last line: the panel
        lab.freeze("features.3") # everything on the panel works from Python too

    Parameters
    ----------
    world : "shapes", "cifar10" or a folder of class folders; None for what `COURSE_DATA` says
    driver : "auto", "background", "foreground" or "synchronous" (see `drivers`)
    session : a session made before, instead of a world and settings
    build : makes the network and images of a run from its settings (see `session.Session`)
    settings : any field of `settings.Settings`

    A new lab, and one that starts, pauses all others.

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
        build: Callable[[Settings], Any] | None = None,
        **settings: Any,
    ) -> None:
        chosen = choose(driver)
        if session is None:
            session = Session(from_keywords(world, settings), build=build)
        self.session = session
        self.error: Exception | None = None
        self._closed = False
        self._photos_of = -1
        self._driver = chosen(session, lambda: self.view.push(), self._ended)
        self.view = View(self._snapshot, self._obey, self._driver.tick, self.pause)
        self._take_photographs()
        self._pause_others()
        _LABS.add(self)

    # ---------------------------------------------------------------- training

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
        self.view.push(now=True)

    def pause(self) -> None:
        """Stop after the step that is being taken."""
        self._driver.pause()
        self.view.push(now=True)

    def run(self, steps: int) -> None:
        """Take so many steps in this cell, and return when they are taken; the panel follows."""
        self._check_open()
        self._pause_others()
        self._driver.run(steps)

    def step(self) -> None:
        """Take one optimizer step and look at the held-out images."""
        self.run(1)

    def wait(self) -> None:
        """Return when training that was started with a number of steps has come to its end.

        Raises LabError if it has no end.
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

    # ---------------------------------------------------------------- the reader's wishes

    def freeze(self, name: str) -> None:
        """Freeze a block from the next step on."""
        self._wish("freeze", name)

    def thaw(self, name: str) -> None:
        """Let a block learn from the next step on."""
        self._wish("thaw", name)

    def toggle(self, name: str) -> None:
        """Freeze a block that learns, thaw one that is frozen."""
        self._wish("toggle", name)

    def preset(self, name: str, n: int | None = None) -> None:
        """Freeze just the blocks that a preset names, such as "head only" or "first N"."""
        self._wish("preset", name, n)

    def set_batch_norm(self, mode: str) -> None:
        """Mode of batch norm in frozen blocks: "eval" or "train"."""
        self._wish("set_batch_norm", mode)

    def set_rates(self, head: float | None = None, backbone: float | None = None) -> None:
        """Learning rates of head and backbone; None leaves one as it is."""
        self._wish("set_rates", head, backbone)

    def set_optimizer(self, name: str) -> None:
        """Go on with another optimizer."""
        self._wish("set_optimizer", name)

    def mark(self, text: str) -> None:
        """Put a line with a text at the present step of the curves."""
        self._wish("mark", text)

    def reset(self, **new_settings: Any) -> None:
        """Start a new run, paused; the curve of the old one stays as a faint line.

        Raises LabError if the settings cannot be followed; the old run then goes on untouched.
        """
        self._check_open()
        go_on = self._driver.interrupt()
        try:
            self.session.reset(**new_settings)
        except Exception:
            go_on()
            raise
        self._renewed()

    def _wish(self, name: str, *arguments: Any) -> None:
        self._check_open()
        getattr(self.session, name)(*arguments)
        self.view.push(now=True)

    # ---------------------------------------------------------------- what came of it

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
        self.view.refresh()
        _LABS.discard(self)

    def __repr__(self) -> str:
        now = self.session.snapshot()
        looks = now["evaluations"]
        seen = f", held-out accuracy {looks[-1][1]:.0%}" if looks else ""
        return f"<Lab: run {now['run']}, step {now['step']}{seen}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The panel, and a picture of it for pages without a kernel."""
        data, metadata = self.view._repr_mimebundle_() or ({}, {})
        png, alt = picture.draw(self._snapshot(0))
        data = {**data, "text/plain": repr(self), "image/png": base64.b64encode(png).decode()}
        return data, {**metadata, "image/png": {"alt": alt}}

    # ---------------------------------------------------------------- between driver and view

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

    def _obey(self, name: str, arguments: dict[str, Any], answer: drivers.Answer) -> None:
        """Carry out a command of the page."""
        if name in SLOW:
            self._obey_slowly(name, arguments, answer)
        else:
            answer(*drivers.attempt(lambda: self._command(name)(**arguments)))

    def _command(self, name: str) -> Callable[..., Any]:
        if name not in (*COMMANDS, "start", "pause"):
            raise LabError(f"the panel has no command {name!r}")
        return getattr(self, name)

    def _obey_slowly(self, name: str, arguments: dict[str, Any], answer: drivers.Answer) -> None:
        jobs: dict[str, drivers.Job] = {
            "reset": lambda: self.session.reset(**arguments),
            "step": self._one_step,
            "code": self.session.code,
            "csv": lambda: self.session.history().to_csv(index=False),
        }
        _, error = drivers.attempt(self._check_open)
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

    def _one_step(self) -> None:
        while self.session.step() is None:
            continue
        self.session.evaluate()

    def _renewed(self) -> None:
        self.error = None
        self._take_photographs()
        self.view.refresh()

    def _take_photographs(self) -> None:
        run = self.session.snapshot()["run"]
        if run != self._photos_of:
            self._photos_of = run
            self.view.photos = photographs(self.session.images())

    def _ended(self, error: Exception | None) -> None:
        self.error = error or self.error
        self.view.refresh()

    def _check_open(self) -> None:
        if self._closed:
            raise LabError("this lab is closed; make a new one with Lab()")

    def _pause_others(self) -> None:
        for lab in list(_LABS):
            if lab is not self and lab.running:
                lab.pause()
