#!/usr/bin/env python3
"""What a student's server does first, as the student: own copies of the lessons, a memory cap.

    python3 start.py jupyterhub-singleuser --option ...

It runs with the student's own rights and then becomes the server. No part of it needs root, so a
student who plays with links in the home folder can harm nobody else. What fails here is said in
the server's log, and the server starts all the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[1] / "lessons"
FOLDER = "transfer-learning"  # in the student's home
SHARE = 0.85  # of a student's memory, for one kernel; the server and the pages need the rest


def lesson_files(lessons: Path) -> Iterator[Path]:
    """What students work with, relative to `lessons`: notebooks, pages and pictures.

    Neither the texts that the notebooks are made from, nor solutions, nor the instructor's guide.
    """
    for pattern in ("*.ipynb", "GLOSSARY.md", "images/*"):
        for path in sorted(lessons.glob(pattern)):
            if path.is_file():
                yield path.relative_to(lessons)


def copy_missing(lessons: Path, own: Path) -> list[Path]:
    """Copy each file that is missing in `own`; return those that were copied, relative to it.

    A file that is there, in whatever state, is the student's, and is left alone. One that the
    student deleted or renamed comes back fresh.

    Raises
    ------
    OSError
        If a file cannot be read or written; no half file is left.
    """
    copied = []
    for name in lesson_files(lessons):
        target = own / name
        if os.path.lexists(target):
            continue
        content = (lessons / name).read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # "x" never opens what is there, even if another server has just made it
            with target.open("xb") as file:
                try:
                    file.write(content)
                    file.flush()
                except OSError:  # the disk is full
                    target.unlink()
                    raise
        except FileExistsError:
            continue
        copied.append(name)
    return copied


def cap_memory(limit: int) -> None:
    """Let a process that asks for more than `SHARE` of `limit` bytes hear a no, and live on.

    A cell then ends with Python's own message about memory, and the kernel keeps its variables.
    Without the cap the system ends the kernel without a word once the hard limit is reached.
    """
    import resource  # not on Windows, where there is no such hub

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(SHARE * limit)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def main(command: Sequence[str]) -> None:
    """Prepare, and become `command`."""
    try:
        for name in copy_missing(LESSONS, Path.home() / FOLDER):
            print(f"start.py: new in ~/{FOLDER}: {name}", file=sys.stderr)
    except OSError as error:
        print(f"start.py: lessons could not be copied: {error}", file=sys.stderr)
    if limit := os.environ.get("MEM_LIMIT"):  # set by JupyterHub, in bytes
        cap_memory(int(limit))
    sys.stderr.flush()
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: start.py COMMAND [ARGUMENT ...]")
    main(sys.argv[1:])
