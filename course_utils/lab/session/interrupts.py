"""Keep an interrupt (Ctrl+C, or the kernel's stop button) from cutting a step in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred() -> Iterator[None]:
    """Hold an interrupt back until the block is left, then let it have its usual effect.

    An optimizer that is interrupted half-way has moved some blocks and not others.  A step is
    short, so that nobody notices the wait.  Only the main thread gets interrupts; elsewhere this
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual):  # ignored, or set by something that is not Python
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if caught:
            usual(*caught[-1])
