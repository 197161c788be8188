"""Who calls `session.step()`, and where: three ways to train while the panel stays alive.

- `background_driver.BackgroundDriver` (JupyterLab, Notebook, VS Code): a task on the kernel's own
  event loop hands short slices of training to one worker thread.  All messages to the page leave
  from the kernel's thread, and no step ever blocks it.
- `ForegroundDriver` (Colab): the page asks for each slice and gets what changed as the answer.
  Colab draws what answers a message of the page, and nothing that a background task sends.
- `SynchronousDriver` (a notebook executed by a program, plain Python): training happens inside the
  call and is over when the call returns.

No driver knows of widgets: it trains, and tells whoever made it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from course_utils.lab.session.settings import check_count

SLICE = 0.03  # seconds of training between two looks at the event loop
SYNCHRONOUS_STEPS = 50

Job = Callable[[], Any]
Answer = Callable[[Any, Exception | None], None]


class Trainable(Protocol):
    """What a driver needs of a session."""

    def step(self) -> Any:
        """One short piece of work: an optimizer step, or None for anything else."""

    def evaluate(self) -> float:
        """Accuracy on the held-out images as the network is now."""


class Stretch:
    """One stretch of training, from Start to Pause; every start has its own.

    Parameters
    ----------
    limit : int, optional
        Stop by itself after so many optimizer steps; None goes on until it is told to stop.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit, self.taken = limit, 0
        self.stop = threading.Event()

    @property
    def remaining(self) -> int | None:
        """Steps still to take, or None where there is no end."""
        return None if self.limit is None else max(0, self.limit - self.taken)


class Driver:
    """What all drivers share.

    Parameters
    ----------
    session : Trainable
        The session to train.
    progress : callable
        Called between slices, in the thread that owns the panel.
    ended : callable
        Called there when training has stopped, with the exception that stopped it, if any.
    """

    name = ""

    def __init__(
        self,
        session: Trainable,
        progress: Callable[[], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._session, self._progress, self._ended = session, progress, ended
        self._stretch: Stretch | None = None

    @property
    def running(self) -> bool:
        """Whether training goes on."""
        return self._stretch is not None

    @property
    def remaining(self) -> int | None:
        """Steps until training stops by itself; None without end, 0 when it does not run."""
        return self._stretch.remaining if self._stretch else 0

    def start(self, steps: int | None = None) -> None:
        """Begin to train, for so many steps or until `pause`; does nothing where it runs already.

        Raises
        ------
        LabError
            If `steps` is no number above zero.
        """
        if steps is not None:
            check_count("steps", steps, 1)
        if self._stretch is None:
            self._stretch = Stretch(steps)
            self._begin(self._stretch)

    def _begin(self, stretch: Stretch) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        """Stop after the step that is being taken; does nothing where nothing runs."""
        stretch, self._stretch = self._stretch, None
        if stretch is not None:
            stretch.stop.set()

    def interrupt(self) -> Callable[[], None]:
        """Pause; what is returned takes training up again where it was, if it ran."""
        running, remaining = self.running, self.remaining
        self.pause()
        return lambda: self.start(remaining) if running else None

    def tick(self) -> None:
        """Train for one slice, where the page asks for it."""

    def work(self, job: Job, answer: Answer) -> None:
        """Do something slow, such as building a new run, and hand its result on."""
        answer(*result_or_error(job))

    def run(self, steps: int) -> None:
        """Take so many steps here and now; what ran before is paused, and stays so.

        An interrupt of the kernel ends it between two steps.
        """
        check_count("steps", steps, 1)
        self.pause()
        stretch = Stretch(steps)
        try:
            while not stretch.stop.is_set():
                self._slice(stretch)
                self._progress()
            self._session.evaluate()
        except Exception as error:
            self._ended(error)
            raise
        except KeyboardInterrupt:
            self._ended(None)
            raise
        self._ended(None)

    def close(self) -> None:
        """Stop for good."""
        self.pause()

    def _slice(self, stretch: Stretch) -> None:
        """Train for `SLICE` seconds, and for one step at least."""
        end = time.monotonic() + SLICE
        while not stretch.stop.is_set():
            stretch.taken += self._session.step() is not None
            if stretch.remaining == 0:
                stretch.stop.set()
            if time.monotonic() >= end:
                break

    def _finish(self, stretch: Stretch, error: Exception | None) -> None:
        """Tell of the end, unless another stretch has begun meanwhile."""
        if self._stretch is stretch:
            self._stretch = None
        stretch.stop.set()
        if self._stretch is None or error is not None:
            self._ended(error)


class SynchronousDriver(Driver):
    """Trains inside the call."""

    name = "synchronous"

    def _begin(self, stretch: Stretch) -> None:
        self._stretch = None
        self.run(stretch.limit or SYNCHRONOUS_STEPS)


class ForegroundDriver(Driver):
    """Trains in the answer to a message of the page."""

    name = "foreground"

    def _begin(self, stretch: Stretch) -> None:
        """Wait for the page, which sees that training runs, to ask for the first slice."""

    def tick(self) -> None:
        """Train for one slice."""
        stretch = self._stretch
        if stretch is None:
            return
        try:
            self._slice(stretch)
            if stretch.stop.is_set():
                self._session.evaluate()
        except Exception as error:
            self._finish(stretch, error)
            return
        if stretch.stop.is_set():
            self._finish(stretch, None)
        else:
            self._progress()

    def pause(self) -> None:
        """Stop; the accuracy is measured once more, as the network is now."""
        stretch, self._stretch = self._stretch, None
        if stretch is not None:
            _, error = result_or_error(self._session.evaluate)
            self._finish(stretch, error)


def result_or_error(job: Job) -> tuple[Any, Exception | None]:
    """The result of a job, or the exception that it raised."""
    try:
        return job(), None
    except Exception as error:
        return None, error
