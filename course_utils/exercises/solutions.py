"""Solutions: kept beside the lessons, filled into a copy, and stripped from what students get.

`lessons/solutions/NN.py` holds one block for each exercise, headed `# %% name_of_exercise`. In a
filled copy each block stands between the marks that nbgrader knows, so that its
`generate_assignment` makes the student's version of it.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "lessons" / "solutions"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_HEAD = re.compile(r"^# %% (\w+)[ \t]*$", re.MULTILINE)
_CALL = re.compile(r"^check\.(\w+)\(.*$", re.MULTILINE)


def of(lesson: int, folder: Path = FOLDER) -> dict[str, str]:
    """Return the code of each solved exercise of a lesson, by its name; empty where there is none.

    A folder that may not be read counts as none: an instructor can close it to a class.
    """
    try:
        text = (folder / f"{lesson:02}.py").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    _, *parts = _HEAD.split(text)
    return {name: code.strip() for name, code in zip(parts[::2], parts[1::2], strict=True)}


def name_in(cell: str) -> str | None:
    """Return the name of the exercise whose cell this is (it ends in a `check.NAME(...)`)."""
    lines = cell.rstrip().splitlines()
    found = _CALL.match(lines[-1]) if lines else None
    return found[1] if found else None


def fill(cell: str, code: str) -> str:
    """Return a cell of an exercise with its blanks replaced by a solution; the check stays.

    Raises
    ------
    ValueError
        When the cell does not end in a check.
    """
    if name_in(cell) is None:
        raise ValueError("this cell does not end in a line `check.NAME(...)`")
    return "\n".join([BEGIN, code, END, cell.rstrip().splitlines()[-1]])
