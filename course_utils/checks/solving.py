"""Lessons with their solutions filled in, and what the checks said when they were executed."""

from __future__ import annotations

from nbformat import NotebookNode

from .. import notebooks
from . import solutions


def filled(lesson: notebooks.Lesson) -> NotebookNode:
    """A lesson made from its text, with a solution in the cell of every exercise.

    Raises
    ------
    LessonError
        If an exercise has no solution, or a solution no exercise.
    """
    notebook = notebooks.read_source(lesson.source)
    known = solutions.of(int(lesson.name[:2]))
    for cell in notebooks.code_cells(notebook):
        name = solutions.name_in(cell.source)
        if name is None:
            continue
        if name not in known:
            raise notebooks.LessonError(f"{lesson.name}: no solution of {name}")
        cell.source = solutions.fill(cell.source, known.pop(name))
    if known:
        raise notebooks.LessonError(f"{lesson.name}: no exercise {', '.join(known)} to solve")
    return notebook


def verdicts(notebook: NotebookNode) -> dict[str, str]:
    """For each exercise that was checked, what its check said: "right" or the whole text."""
    found = {}
    for cell in notebooks.code_cells(notebook):
        for output in cell.get("outputs", []):
            about = output.get("metadata", {}).get("course", {})
            if "exercise" in about:
                right = about["verdict"] == "right"
                found[about["exercise"]] = "right" if right else output["data"]["text/plain"]
    return found
