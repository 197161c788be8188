"""The largest memory that started processes held together."""

import threading
from collections.abc import Iterator
from types import TracebackType

import psutil


class PeakMemory:
    """Watch the memory of the processes started inside a ``with`` block.

    Attributes
    ----------
    peak : int
        Largest sum of their resident sizes, in bytes.
    """

    def __init__(self, interval: float = 0.1) -> None:
        self.peak = 0
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = set(psutil.Process().children(recursive=True))

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.peak = max(self.peak, sum(self._sizes()))

    def _sizes(self) -> Iterator[int]:
        for process in psutil.Process().children(recursive=True):
            if process not in self._before:
                try:
                    yield process.memory_info().rss
                except psutil.Error:  # it ended between the two calls
                    continue
