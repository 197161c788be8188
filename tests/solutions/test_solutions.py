"""Every lesson with its solutions filled in: it runs to the end, and every check says "right"."""

from course_utils import notebooks, recording
from course_utils.checks import catalogue, solving

import pytest

LESSONS = [lesson for lesson in notebooks.lessons() if int(lesson.name[:2]) in catalogue.modules()]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_solutions_are_right(lesson: notebooks.Lesson) -> None:
    notebook = solving.filled(lesson)
    recording.execute(notebook, lesson.notebook.parent)
    wanted = [e.number for e in catalogue.by_lesson()[int(lesson.name[:2])]]
    assert solving.verdicts(notebook) == dict.fromkeys(wanted, "right")
