"""Keep what the lab frees from piling up: a matter of the C library, not of Python.

On Linux, glibc gives each new thread a heap of its own and keeps what was freed there for the next
thread that gets the same one.  The lab trains in a new thread after every Start, so that memory
which nobody uses would grow to a multiple of what a step needs.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

_MOST_HEAPS = -8  # number of the option M_ARENA_MAX


@functools.cache
def _glibc() -> Any:
    """The C library where it is glibc, else None (macOS, Windows, other Linux systems)."""
    try:
        library = ctypes.CDLL(None)
        found = library.malloc_trim, library.mallopt, library.gnu_get_libc_version
    except (OSError, TypeError, AttributeError):
        return None
    return library if all(found) else None


def share_heaps() -> None:
    """Let all threads that begin from now on share one heap beside the main thread's."""
    if (library := _glibc()) is not None:
        library.mallopt(_MOST_HEAPS, 2)


def give_back() -> None:
    """Give freed memory back to the system, which takes a tenth of a second or so."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
