"""A check looks and does not touch: random state kept, time limited, copies to try things on."""

from __future__ import annotations

import copy
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
import torch
from torch import nn


class TooSlow(BaseException):
    """The reader's code took longer than a check waits for it.

    No `Exception`, so that an `except Exception` in that code lets it pass.
    """


@contextmanager
def same_random_state() -> Iterator[None]:
    """Put back the random state of Python, NumPy and torch, whatever happens inside."""
    python, state = random.getstate(), torch.get_rng_state()
    old_numpy = np.random.get_state()  # noqa: NPY002  the reader may use the global generator
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(old_numpy)  # noqa: NPY002
        torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow inside when it takes longer, and each second from then on.

    Where there is no alarm (Windows, or a thread that is not the main one) nothing is limited: the
    notebook's stop button still works.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def copy_of(model: nn.Module) -> nn.Module:
    """Return a copy to try things on: same weights, modes and switches, and no gradients."""
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter.grad = None
    return twin
