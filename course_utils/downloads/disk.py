"""Files that are whole or absent: checksums, disk errors in plain words, one writer at a time.

Nothing here knows of networks or data sets.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_OTHER_FOLDER = "COURSE_CACHE chooses the folder for data, TORCH_HOME the one for weights"
_MORE_SPACE = (
    f"Free some space or choose a folder on another disk ({_OTHER_FOLDER}), then run this again."
)


class DownloadError(RuntimeError):
    """Something could not be fetched.

    Parameters
    ----------
    cause : str
        What happened, with the names and numbers that matter.
    next_step : str
        What the reader can do about it.
    """

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause, next_step)
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.cause}\nWhat to do: {self.next_step}"


def complaint(path: Path, checksum: str | None) -> str | None:
    """Say how a file differs from what is expected; None when it does not.

    Parameters
    ----------
    path : Path
        A file that exists.
    checksum : str or None
        Algorithm and hexadecimal digits, such as `"sha256:b0353104"`, compared as far as the
        digits go: torchvision's file names carry the first eight.
    """
    if path.stat().st_size == 0:
        return "it is empty"
    if checksum is not None:
        algorithm, _, wanted = checksum.partition(":")
        got = digest(path, algorithm)
        if not got.startswith(wanted.lower()):
            return f"its {algorithm} is {got}, expected {wanted}"
    return None


def digest(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file; `algorithm` is a name known to `hashlib`, such as "md5"."""
    with path.open("rb") as file:
        # A checksum against accidents, not against forgery: say so, or FIPS systems refuse MD5.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def megabytes(count: int) -> str:
    """Bytes in the unit a reader thinks in."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"


def set_aside(path: Path, reason: str) -> Path:
    """Rename a wrong file or folder to `NAME.bad` (`.bad2`, ...) and say so; return the new path.

    It may be all that is left of something dear to its owner, so it is neither trusted nor lost.
    """
    names = (path.with_name(f"{path.name}.bad{n if n > 1 else ''}") for n in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    path.replace(aside)
    print(f"{path} is not what it should be: {reason}. Kept as {aside.name}; fetching it anew.")
    return aside


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse to go on when fewer than `needed` bytes are free where `folder` is.

    Parameters
    ----------
    folder : Path
        It exists.
    needed : int
        Bytes.
    what : str
        What needs them, for the message.

    Raises
    ------
    DownloadError
        With both numbers.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"Not enough space in {folder}: {what} needs {megabytes(needed)}, "
            f"{megabytes(free)} are free.",
            _MORE_SPACE,
        )


@contextmanager
def disk_errors_explained(path: Path) -> Iterator[None]:
    """Turn an OSError of the disk into a DownloadError that tells cause and next step.

    Network errors are OSErrors too: they must not reach this far.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _DISK_FULL:
            raise DownloadError(
                f"The disk is full ({reason}): {path} could not be written. "
                "The unfinished part was removed.",
                _MORE_SPACE,
            ) from error
        if error.errno in _FORBIDDEN:
            raise DownloadError(
                f"No permission to use {error.filename or path} ({reason}).",
                f"Choose a folder that you may write to: {_OTHER_FOLDER}.",
            ) from error
        raise DownloadError(
            f"Cannot use {error.filename or path}: {reason}.",
            f"Choose another folder: {_OTHER_FOLDER}.",
        ) from error


def is_disk_full(error: OSError) -> bool:
    """Whether the error means: no room, be it the disk, a quota or a limit on file size."""
    return error.errno in _DISK_FULL


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process or thread at a time make `path`; the others wait and are told why.

    The hidden lock file beside `path` stays behind: removing it would open a gap in which two
    processes hold a lock each. The system lets go of the lock when its holder dies.
    """
    probe = path.with_name(f".{path.name}.{os.getpid()}")
    probe.touch()  # on Windows a forbidden folder looks to the lock like a lock that is taken
    probe.unlink(missing_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=1.0)
    except Timeout:
        print(f"Another process is fetching {path.name}: waiting for it.")
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()
