"""A lesson with its solutions filled in runs to the end, and every check says "right".

This is what `make solutions` does with all lessons. Here one is enough: `make test` runs the
solutions of all lessons behind the blank lessons, with nbval.
"""

from authoring import notebooks, recording, solving
from course_utils.exercises import catalogue

import pytest

LESSONS = notebooks.lessons()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_each_lesson_has_solutions_to_run(lesson: notebooks.Lesson) -> None:
    assert int(lesson.name[:2]) in catalogue.modules()
    stored = notebooks.read_notebook(lesson.notebook)
    exercises = catalogue.by_lesson()[int(lesson.name[:2])]
    assert len(solving.solved_afterwards(lesson).cells) == len(stored.cells) + 1 + len(exercises)


@pytest.mark.slow
def test_the_solutions_are_right() -> None:
    (lesson,) = notebooks.choose(LESSONS, ["03"])
    notebook = solving.filled(lesson)
    recording.execute(notebook, lesson.notebook.parent)
    wanted = [e.number for e in catalogue.by_lesson()[int(lesson.name[:2])]]
    assert solving.verdicts(notebook) == dict.fromkeys(wanted, "right")
