"""Who calls `session.step()`, and where: three ways to train while the panel stays alive.

- `BackgroundDriver` (JupyterLab, Notebook, VS Code): a task on the kernel's own event loop hands
  short slices of training to one worker thread.  All messages to the page leave from the kernel's
  thread, and no step ever blocks it.
- `ForegroundDriver` (Colab): the page asks for each slice and gets what changed as the answer.
  Colab draws what answers a message of the page, and nothing that a background task sends.
- `SynchronousDriver` (a notebook executed by a program, plain Python): training happens inside the
  call and is over when the call returns.

No driver knows of widgets: it trains, and tells whoever made it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from course_utils.lab import memory
from course_utils.lab.session.settings import LabError

SLICE = 0.03  # seconds of training between two looks at the event loop
SYNCHRONOUS_STEPS = 50
TIDY = 10.0  # seconds at least between two times that freed memory is given back

Job = Callable[[], Any]
Answer = Callable[[Any, Exception | None], None]


class Trainable(Protocol):
    """What a driver needs of a session."""

    def step(self) -> Any:
        """One short piece of work: an optimizer step, or None for anything else."""

    def evaluate(self) -> float:
        """Accuracy on the held-out images as the network is now."""


class Ticket:
    """One stretch of training, from Start to Pause; every start has its own.

    limit : stop by itself after so many optimizer steps; None goes on until it is told to stop
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
    session : the session to train
    progress : called between slices, in the thread that owns the panel
    ended : called there when training has stopped, with the exception that stopped it, if any
    """

    name = ""

    def __init__(
        self,
        session: Trainable,
        progress: Callable[[], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._session, self._progress, self._ended = session, progress, ended
        self._ticket: Ticket | None = None

    @property
    def running(self) -> bool:
        """Whether training goes on."""
        return self._ticket is not None

    @property
    def remaining(self) -> int | None:
        """Steps until training stops by itself; None without end, 0 when it does not run."""
        return self._ticket.remaining if self._ticket else 0

    def start(self, steps: int | None = None) -> None:
        """Begin to train, for so many steps or until `pause`; does nothing where it runs already.

        Raises LabError if `steps` is no number above zero.
        """
        check_limit(steps)
        if self._ticket is None:
            self._ticket = Ticket(steps)
            self._begin(self._ticket)

    def _begin(self, ticket: Ticket) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        """Stop after the step that is being taken; does nothing where nothing runs."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.stop.set()

    def interrupt(self) -> Callable[[], None]:
        """Pause; what is returned takes training up again where it was, if it ran."""
        running, remaining = self.running, self.remaining
        self.pause()
        return lambda: self.start(remaining) if running else None

    def tick(self) -> None:
        """Train for one slice, where the page asks for it."""

    def work(self, job: Job, answer: Answer) -> None:
        """Do something slow, such as building a new run, and hand its result on."""
        answer(*attempt(job))

    def run(self, steps: int) -> None:
        """Take so many steps here and now; what ran before is paused, and stays so.

        An interrupt of the kernel ends it between two steps.
        """
        check_limit(steps)
        self.pause()
        ticket = Ticket(steps)
        try:
            while not ticket.stop.is_set():
                self._slice(ticket)
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

    def _slice(self, ticket: Ticket) -> None:
        """Train for `SLICE` seconds, and for one step at least."""
        end = time.monotonic() + SLICE
        while not ticket.stop.is_set():
            ticket.taken += self._session.step() is not None
            if ticket.remaining == 0:
                ticket.stop.set()
            if time.monotonic() >= end:
                break

    def _finish(self, ticket: Ticket, error: Exception | None) -> None:
        """Tell of the end, unless another stretch has begun meanwhile."""
        if self._ticket is ticket:
            self._ticket = None
        ticket.stop.set()
        if self._ticket is None or error is not None:
            self._ended(error)


class SynchronousDriver(Driver):
    """Trains inside the call."""

    name = "synchronous"

    def _begin(self, ticket: Ticket) -> None:
        self._ticket = None
        self.run(ticket.limit or SYNCHRONOUS_STEPS)


class ForegroundDriver(Driver):
    """Trains in the answer to a message of the page."""

    name = "foreground"

    def _begin(self, ticket: Ticket) -> None:
        """Wait for the page, which sees that training runs, to ask for the first slice."""

    def tick(self) -> None:
        """Train for one slice."""
        ticket = self._ticket
        if ticket is None:
            return
        try:
            self._slice(ticket)
            if ticket.stop.is_set():
                self._session.evaluate()
        except Exception as error:
            self._finish(ticket, error)
            return
        if ticket.stop.is_set():
            self._finish(ticket, None)
        else:
            self._progress()

    def pause(self) -> None:
        """Stop; the accuracy is measured once more, as the network is now."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            _, error = attempt(self._session.evaluate)
            self._finish(ticket, error)


class BackgroundDriver(Driver):
    """Trains in a worker thread, one slice after another, from a task of the kernel's event loop.

    Raises RuntimeError where no event loop runs.
    """

    name = "background"

    def __init__(
        self,
        session: Trainable,
        progress: Callable[[], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        super().__init__(session, progress, ended)
        memory.share_heaps()
        self._loop, self._tidied = asyncio.get_running_loop(), 0.0
        self._tasks: set[asyncio.Task[None]] = set()  # a loop itself keeps weak references only

    def _begin(self, ticket: Ticket) -> None:
        self._launch(self._train(ticket))

    def _launch(self, coroutine: Any) -> None:
        def launch() -> None:
            task = self._loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if running_loop() is self._loop:
            launch()
        else:
            self._loop.call_soon_threadsafe(launch)

    async def _train(self, ticket: Ticket) -> None:
        error: Exception | None = None
        # a thread of this stretch alone, gone when it ends; torch keeps helper threads for each
        # thread that computes, so that a pool which changes threads would gather them
        with_thread = ThreadPoolExecutor(1, thread_name_prefix="live-lab")
        try:
            while not ticket.stop.is_set():
                await self._loop.run_in_executor(with_thread, self._slice, ticket)
                if not ticket.stop.is_set():
                    self._progress()
            await self._loop.run_in_executor(with_thread, self._session.evaluate)
            await self._loop.run_in_executor(with_thread, self._tidy)
        except Exception as caught:
            error = caught
        finally:
            ticket.stop.set()
            with_thread.shutdown(wait=False)
        self._finish(ticket, error)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied > TIDY:
            memory.give_back()
            self._tidied = time.monotonic()

    def work(self, job: Job, answer: Answer) -> None:
        """Do something slow in a thread of its own, and answer from the event loop."""
        self._launch(self._work(job, answer))

    async def _work(self, job: Job, answer: Answer) -> None:
        with_thread = ThreadPoolExecutor(1, thread_name_prefix="live-lab")
        try:
            result, error = await self._loop.run_in_executor(with_thread, attempt, job)
        finally:
            with_thread.shutdown(wait=False)
        answer(result, error)


def attempt(job: Job) -> tuple[Any, Exception | None]:
    """The result of a job, or the exception that it raised."""
    try:
        return job(), None
    except Exception as error:
        return None, error


def check_limit(steps: int | None) -> None:
    """Raise LabError unless `steps` is None or a whole number above zero."""
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise LabError(f"steps must be a whole number, 1 or more, not {steps!r}")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
