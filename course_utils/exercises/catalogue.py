"""All exercises of the course, found in the lessons' rooms."""

from __future__ import annotations

import importlib

from course_utils.environment import PROJECT
from course_utils.exercises.exercise import Exercise
from course_utils.exercises.progress import Progress

import pandas as pd


def modules() -> dict[int, str]:
    """Return the names of the modules that hold exercises, by number of lesson."""
    found = sorted((PROJECT / "course_utils").glob("lesson[0-9][0-9]/check.py"))
    return {int(path.parent.name[-2:]): f"course_utils.{path.parent.name}.check" for path in found}


def by_lesson() -> dict[int, list[Exercise]]:
    """Return the exercises of each lesson, by their numbers."""
    return {
        lesson: sorted(
            (e for e in vars(importlib.import_module(name)).values() if isinstance(e, Exercise)),
            key=lambda e: tuple(map(int, e.number.split("."))),
        )
        for lesson, name in modules().items()
    }


def everything() -> list[Exercise]:
    """Return all exercises, in the order of the course."""
    return [exercise for exercises in by_lesson().values() for exercise in exercises]


def progress_table(kept: Progress | None = None) -> pd.DataFrame:
    """Return one row a lesson: exercises, solved, tried but not solved, and which are open.

    Parameters
    ----------
    kept : Progress, optional
        What was solved; the reader's own file unless another one is given.
    """
    states = (kept or Progress()).states()
    rows = []
    for lesson, exercises in by_lesson().items():
        found = {e.number: states.get(e.number, "open") for e in exercises}
        rows.append(
            {
                "lesson": f"{lesson:02}",
                "exercises": len(found),
                "solved": sum(state == "solved" for state in found.values()),
                "tried": sum(state == "tried" for state in found.values()),
                "open": ", ".join(n for n, state in found.items() if state != "solved"),
            }
        )
    return pd.DataFrame(rows, columns=["lesson", "exercises", "solved", "tried", "open"])
