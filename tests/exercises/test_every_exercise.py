"""Each exercise of each lesson: blank, right in several ways, wrong in each known way, garbage."""

import importlib
import inspect
import re
from typing import Any

from authoring import notebooks
from course_utils import environment
from course_utils.exercises import catalogue, recognise, solutions
from course_utils.exercises.exercise import Exercise
from tests.exercises import harness
from tests.exercises.harness import Cases

import pytest


def cases() -> dict[str, tuple[Exercise, Cases]]:
    found = {}
    for lesson, exercises in catalogue.by_lesson().items():
        module = importlib.import_module(f"tests.lesson{lesson:02}.cases")
        for exercise in exercises:
            found[exercise.number] = (exercise, module.CASES[exercise.name])
    return found


ALL = cases()
RIGHT = [(n, i) for n, (_, c) in ALL.items() for i in range(len(c.right))]
WRONG = [(n, code) for n, (_, c) in ALL.items() for code in c.wrong]


def judged(exercise: Exercise, answers: tuple[Any, ...]) -> tuple[str, str, str]:
    """Kind, code and message of the verdict; the answers and the random state must not change."""
    before, dice = harness.fingerprint(answers), harness.random_state()
    verdict = exercise.judge(*answers)
    assert harness.same(before, harness.fingerprint(answers)), "the check changed an answer"
    assert harness.same(dice, harness.random_state()), "the check changed the random state"
    assert verdict.exercise == exercise.number
    assert len(verdict.message) > 20
    assert verdict.message[-1] in ".?!)"
    return verdict.kind, verdict.code, verdict.message


def asked(exercise: Exercise) -> list[bool]:
    """For each parameter whether the reader answers it, rather than the lesson."""
    return [name not in exercise.given for name in inspect.signature(exercise.check).parameters]


@pytest.mark.parametrize("number", ALL)
def test_blank(number: str) -> None:
    exercise, own = ALL[number]
    reference = own.right[0]()
    blank = tuple(... if mine else r for mine, r in zip(asked(exercise), reference, strict=True))
    kind, code, message = judged(exercise, blank)
    assert (kind, code) == ("not attempted", "")
    assert f"check.{exercise.name}.hint()" in message


@pytest.mark.parametrize(("number", "which"), RIGHT)
def test_right(number: str, which: int) -> None:
    exercise, own = ALL[number]
    kind, _, message = judged(exercise, own.right[which]())
    assert kind == "right", message


@pytest.mark.parametrize(("number", "code"), WRONG)
def test_wrong(number: str, code: str) -> None:
    exercise, own = ALL[number]
    kind, found, message = judged(exercise, own.wrong[code]())
    assert (kind, found) == ("wrong", code), message


@pytest.mark.slow  # each exercise with each of a dozen odd answers
@pytest.mark.parametrize("name", harness.GARBAGE)
@pytest.mark.parametrize("number", ALL)
def test_garbage(number: str, name: str) -> None:
    exercise, own = ALL[number]
    reference = own.right[0]()
    places = [place for place, mine in enumerate(asked(exercise)) if mine]
    for place in places:  # one answer at a time is garbage, then all of them
        answers = tuple(
            harness.garbage(name) if i == place else answer for i, answer in enumerate(reference)
        )
        assert exercise.judge(*answers).kind != "not attempted"
    everything = tuple(
        harness.garbage(name) if i in places else answer for i, answer in enumerate(reference)
    )
    assert exercise.judge(*everything).kind == "wrong"


@pytest.mark.parametrize("number", ALL)
def test_cases_cover_what_the_check_knows(number: str) -> None:
    exercise, own = ALL[number]
    assert len(own.right) >= 3, "the reference solution and two others"
    assert set(exercise.mistakes) <= set(own.wrong), "a mistake without a test"
    assert len(set(exercise.hints)) == len(exercise.hints) >= 2


@pytest.mark.parametrize("lesson", catalogue.by_lesson())
def test_each_mistake_that_is_raised_lies_in_a_table(lesson: int) -> None:
    room = environment.PROJECT / "course_utils" / f"lesson{lesson:02}"
    code = "".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    raised = set(re.findall(r'\bMistake\(\s*"([^"]+)"', code))
    tables = (exercise.mistakes for exercise in catalogue.by_lesson()[lesson])
    assert raised <= set(recognise.MESSAGES).union(*tables)


@pytest.mark.parametrize("lesson", catalogue.by_lesson())
def test_each_lesson_has_two_to_four_exercises_and_knows_many_mistakes(lesson: int) -> None:
    exercises = catalogue.by_lesson()[lesson]
    assert 2 <= len(exercises) <= 4
    assert len({e.number for e in exercises}) == len(exercises)
    known = [len(e.mistakes) for e in exercises]
    assert sum(known) / len(known) >= 4, dict(zip((e.name for e in exercises), known, strict=True))


@pytest.mark.parametrize("lesson", catalogue.by_lesson())
def test_the_lesson_asks_what_is_checked_and_solved(lesson: int) -> None:
    (page,) = notebooks.choose(notebooks.lessons(), [f"{lesson:02}"])
    cells = [cell.source for cell in notebooks.code_cells(notebooks.read_source(page.source))]
    asked = [name for cell in cells if (name := solutions.name_in(cell))]
    names = [exercise.name for exercise in catalogue.by_lesson()[lesson]]
    assert asked == names
    assert list(solutions.of(lesson)) == names
    text = page.source.read_text(encoding="utf-8")
    for exercise in catalogue.by_lesson()[lesson]:
        assert f"### Exercise {exercise.number}" in text


@pytest.mark.parametrize("lesson", catalogue.by_lesson())
def test_the_stored_lesson_is_blank(lesson: int) -> None:
    (page,) = notebooks.choose(notebooks.lessons(), [f"{lesson:02}"])
    cells = notebooks.code_cells(notebooks.read_notebook(page.notebook))
    asking = [cell for cell in cells if solutions.name_in(cell.source)]
    assert len(asking) == len(catalogue.by_lesson()[lesson])
    for cell in asking:
        shown = [o.data["text/plain"] for o in cell.outputs if "text/plain" in o.get("data", {})]
        assert len(shown) == 1, cell.source
        assert "Not attempted yet" in shown[0]
