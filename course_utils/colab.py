"""Colab brings most packages along; install what the course needs beyond them.

The first cell of each lesson fetches the course there, and importing `course_utils` then calls
`set_up`.  What is needed stands in ``pyproject.toml``.  A package that Colab already has is left at
Colab's version: replacing its torch would take minutes and break the GPU set-up, and a package that
the kernel has loaded cannot be replaced at all.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from course_utils import packages


def set_up() -> None:
    """Install what is absent and go to the lessons, where a kernel starts on other machines."""
    prepare()
    os.chdir(packages.PROJECT / "lessons")


def prepare(pyproject: Path = packages.PYPROJECT) -> None:
    """Install what is absent, with one call of pip; say what is older than the course supports.

    Raises
    ------
    RuntimeError
        If pip fails; the message holds what pip said.
    """
    least = packages.required(pyproject=pyproject)
    there = packages.installed(least)
    if absent := [f"{name}>={least[name]}" for name, version in there.items() if version is None]:
        print("Installing", ", ".join(absent), flush=True)
        _install(absent, keep=there)
    for name, version in there.items():
        if version is not None and packages.version_numbers(version) < packages.version_numbers(
            least[name]
        ):
            print(f"{name} {version} is older than {least[name]}, so a cell may fail.")


def _install(wanted: list[str], keep: dict[str, str | None]) -> None:
    """Install packages; pip may choose among their versions, but not touch those of `keep`."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "as-they-are.txt"
        lines = [f"{name}=={version}\n" for name, version in keep.items() if version is not None]
        kept.write_text("".join(lines), encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "install", "-q", "-c", str(kept), *wanted]
        # caught and told again: Colab shows an exception, but not what another program writes
        result = subprocess.run(pip, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"pip could not install {', '.join(wanted)}.\n{result.stderr.strip()}")
    importlib.invalidate_caches()
