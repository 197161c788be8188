"""Play a scene on an event loop, wherever the tests run."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any


def play(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function to its end and return its result.

    In a thread of its own: a browser that other tests keep open has its loop in this one, and a
    thread cannot have two.
    """
    result: list[Any] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            result.append(asyncio.run(scene()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target, name="scene")
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the scene does not come to its end"
    if errors:
        raise errors[0]
    return result[0]


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition; an AssertionError says that it did not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.003)
