"""Freed memory goes back to the system, and where the C library cannot do that nothing happens."""

import ctypes

from course_utils.environment import MEGABYTE, memory_used
from course_utils.lab import glibc_memory

import pytest


@pytest.mark.skipif(glibc_memory._glibc() is None, reason="only glibc keeps what is freed")
def test_freed_memory_is_given_back() -> None:
    # blocks too small to be handed out page by page; the last one keeps those below from going back
    blocks = [bytes(60_000) for _ in range(3000)]
    full = memory_used()
    del blocks[:-1]
    glibc_memory.give_back()
    assert full - memory_used() > 100 * MEGABYTE
    assert len(blocks) == 1


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_another_c_library_is_left_alone(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cdll(_: object) -> None:
        raise error

    glibc_memory._glibc.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", cdll)
    try:
        assert glibc_memory._glibc() is None
        glibc_memory.share_heaps()
        glibc_memory.give_back()
    finally:
        glibc_memory._glibc.cache_clear()
