"""Colab brings most packages along; install what the course needs beyond them.

The first cell of each lesson runs ``python -m course_utils.colab`` there. What is needed stands
in ``pyproject.toml``. A package that Colab already has is left at Colab's version: replacing
its torch would take minutes and break the GPU set-up.
"""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def missing(requirements: list[str]) -> list[str]:
    """Return the requirements whose package is not installed at all.

    Parameters
    ----------
    requirements : list of str
        Such as ``["torch>=2.6", "anywidget>=0.9"]``.
    """
    return [text for text in requirements if not _installed(text)]


def _installed(requirement: str) -> bool:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main(pyproject: Path = PYPROJECT) -> int:
    """Install what is missing with one call of pip; return pip's exit status, or 0."""
    needed = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]
    absent = missing(needed)
    if not absent:
        return 0
    print("Installing", ", ".join(absent), flush=True)
    return subprocess.call([sys.executable, "-m", "pip", "install", "-q", *absent])


if __name__ == "__main__":
    sys.exit(main())
