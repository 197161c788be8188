"""Training in a worker thread while the kernel's thread stays free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from course_utils.lab import glibc_memory
from course_utils.lab.drivers import Answer, Driver, Job, Stretch, Trainable, result_or_error

TIDY = 10.0  # seconds at least between two times that freed memory is given back


class BackgroundDriver(Driver):
    """Trains in a worker thread, one slice after another, from a task of the kernel's event loop.

    Raises
    ------
    RuntimeError
        Where no event loop runs.
    """

    name = "background"

    def __init__(
        self,
        session: Trainable,
        progress: Callable[[], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        super().__init__(session, progress, ended)
        glibc_memory.share_heaps()
        self._loop, self._tidied = asyncio.get_running_loop(), 0.0
        self._tasks: set[asyncio.Task[None]] = set()  # a loop itself keeps weak references only

    def _begin(self, stretch: Stretch) -> None:
        self._launch(self._train(stretch))

    def _launch(self, coroutine: Any) -> None:
        def launch() -> None:
            task = self._loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if running_loop() is self._loop:
            launch()
        else:
            self._loop.call_soon_threadsafe(launch)

    async def _train(self, stretch: Stretch) -> None:
        error: Exception | None = None
        # a thread of this stretch alone, gone when it ends; torch keeps helper threads for each
        # thread that computes, so that a pool which changes threads would gather them
        thread = ThreadPoolExecutor(1, thread_name_prefix="live-lab")
        try:
            while not stretch.stop.is_set():
                await self._loop.run_in_executor(thread, self._slice, stretch)
                if not stretch.stop.is_set():
                    self._progress()
            await self._loop.run_in_executor(thread, self._session.evaluate)
            await self._loop.run_in_executor(thread, self._tidy)
        except Exception as caught:
            error = caught
        finally:
            stretch.stop.set()
            thread.shutdown(wait=False)
        self._finish(stretch, error)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied > TIDY:
            glibc_memory.give_back()
            self._tidied = time.monotonic()

    def work(self, job: Job, answer: Answer) -> None:
        """Do something slow in a thread of its own, and answer from the event loop."""
        self._launch(self._work(job, answer))

    async def _work(self, job: Job, answer: Answer) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix="live-lab")
        try:
            result, error = await self._loop.run_in_executor(thread, result_or_error, job)
        finally:
            thread.shutdown(wait=False)
        answer(result, error)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
