"""Lessons with their solutions filled in, and what the checks said when they were executed."""

from __future__ import annotations

from typing import Any

from authoring import notebooks
from course_utils.exercises import solutions
from course_utils.exercises.exercise import Exercise

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell


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


def solved_afterwards(lesson: notebooks.Lesson) -> NotebookNode:
    """The stored, blank lesson with all its outputs, and behind it a cell for each solution.

    One execution then shows two things: the blank lesson gives what is stored, and the solutions
    are right.  Each cell fails unless its check says "right".

    Raises
    ------
    LessonError
        If an exercise has no solution, or a solution no exercise.
    """
    wanted = {
        solutions.name_in(cell.source): cell.source
        for cell in notebooks.code_cells(filled(lesson))
        if solutions.name_in(cell.source)
    }
    notebook = notebooks.read_notebook(lesson.notebook)
    cells = ["from authoring import solving"]
    for name, source in wanted.items():
        *answer, call = source.splitlines()
        arguments = call.removeprefix(f"check.{name}(")
        cells.append("\n".join([*answer, f"solving.must_be_right(check.{name}, {arguments}"]))
    count = max(cell.execution_count for cell in notebooks.code_cells(notebook))
    for number, source in enumerate(cells, count + 1):  # nbval skips a cell without a number
        notebook.cells.append(new_code_cell(source, execution_count=number))
    return notebook


def must_be_right(exercise: Exercise, *answers: Any, **named: Any) -> None:
    """Raise AssertionError with the check's own words unless it accepts the answers."""
    verdict = exercise.judge(*answers, **named)
    assert verdict.kind == "right", f"{verdict.exercise}: {verdict.message}"


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
