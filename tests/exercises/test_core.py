"""The core of the exercises, on exercises made up here."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from authoring import notebooks, solving
from course_utils.exercises import recognise, solutions
from course_utils.exercises.catalogue import progress_table
from course_utils.exercises.exercise import Exercise, exercise, is_blank
from course_utils.exercises.progress import Progress
from course_utils.exercises.safety import time_limit
from course_utils.exercises.verdict import Mistake, describe
from tests.exercises import harness

import nbformat
import pytest
import torch


@exercise(
    "99.1",
    wanted="the number two",
    hints=("It is even.", "It is 2."),
    mistakes={"squared": "This is   two\n times {other:g}."},
    seconds=0.5,
)
def two(answer: Any) -> str:
    """Two."""
    if callable(answer):
        answer = answer()
    if answer == 4:
        raise Mistake("squared", other=2.0)
    if answer == 5:
        raise Mistake("in no table")
    assert answer == 2, "not two"
    torch.rand(3)
    return "The only even prime."


@exercise("99.2", wanted="a guess", hints=("a", "b"), guessed=True)
def guessed(guess: Any, result: Any) -> str:
    """A prediction."""
    return f"It is {result}."


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path / "exercises.json"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: found.append((*a, k)))
    return found


def test_verdicts() -> None:
    assert two.judge(2).text == "Exercise 99.1 · Right. The only even prime."
    verdict = two.judge(4)
    assert (verdict.kind, verdict.code) == ("wrong", "squared")
    assert verdict.message == "This is two times 2."
    assert two.judge(...).kind == "not attempted"
    assert two.judge(2, 3).code == "arguments"
    assert guessed.judge(1, ...).code == "unfinished"


def test_an_unforeseen_answer_gets_a_sentence() -> None:
    verdict = two.judge("x")
    assert verdict.code == "unforeseen"
    assert "AssertionError: not two" in verdict.message
    assert "needs the number two; it was given the text 'x'" in verdict.message


def test_a_mistake_in_no_table_gets_a_sentence_too() -> None:
    assert two.judge(5).code == "unforeseen"


def test_values_of_any_kind_can_be_filled_in() -> None:
    mistake = Mistake("a", value=harness.Uncooperative(), braces="{x}", text="three")
    said = mistake.told({}, {"a": "{value:.2f}, {braces} and {text:g}"})
    assert said == "an object of type Uncooperative, {x} and the text 'three'"
    with pytest.raises(LookupError):
        Mistake("a").told({"a": "{missing}"})


def test_exit_is_an_answer_like_any_other() -> None:
    assert two.judge(sys.exit).code == "exits"


def test_what_never_ends_is_stopped() -> None:
    def forever() -> None:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    begun = time.monotonic()
    verdict = two.judge(forever)
    assert verdict.code == "too-slow"
    assert "more than 0.5 seconds" in verdict.message
    assert time.monotonic() - begun < 5


def test_the_time_limit_gives_the_alarm_back() -> None:
    import signal

    before = signal.getsignal(signal.SIGALRM)
    with time_limit(5):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_the_stop_button_is_not_an_answer() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two.judge(stop)


@pytest.mark.parametrize("name", harness.GARBAGE)
def test_anything_can_be_described(name: str) -> None:
    assert 2 < len(describe(harness.garbage(name))) < 120


def test_blank() -> None:
    def dots() -> None: ...

    def documented() -> None:
        """Only a text."""

    def passes() -> None:
        pass

    def works() -> int:
        return 3

    assert all(map(is_blank, (..., dots, passes)))
    assert not any(map(is_blank, (works, None, 0, "", harness.endless, lambda: 2)))
    assert is_blank(documented)


def test_a_call_shows_and_remembers(own_cache: Path, shown: list[Any]) -> None:
    two(...)
    assert not own_cache.exists()  # a blank answer leaves no trace
    two(4)
    assert Progress().states() == {"99.1": "tried"}
    two(2)
    two(4)
    assert Progress().states() == {"99.1": "solved"}  # solved stays solved
    kinds = [options["metadata"]["course"]["verdict"] for _, options in shown]
    assert kinds == ["not attempted", "wrong", "right", "wrong"]
    assert all("Exercise 99.1" in bundle["text/html"] for bundle, _ in shown)


def test_html_is_escaped() -> None:
    assert "<b>bold" not in two.judge("<b>bold").bundle()["text/html"]


def test_the_first_guess_is_kept(own_cache: Path, shown: list[Any]) -> None:
    guessed(7, 9)
    guessed(9, 9)
    assert "Your first guess: the number 7." in shown[1][0]["text/plain"]
    assert Progress().states() == {"99.2": "solved"}


def test_what_is_no_number_is_no_guess(own_cache: Path, shown: list[Any]) -> None:
    @exercise("99.4", wanted="a guess", hints=("a", "b"), guessed=True)
    def number_guessed(guess: Any) -> str:
        """A prediction."""
        return f"It is {recognise.number(guess, 'It')}, and no other."

    number_guessed("a third")
    number_guessed(0.3)
    assert "guess" not in shown[0][0]["text/plain"]
    assert "Your first guess: the number 0.3." in shown[1][0]["text/plain"]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"states": 3}', "[" * 100_000])
def test_a_damaged_file_counts_as_empty_and_is_set_aside(own_cache: Path, text: str) -> None:
    own_cache.write_text(text)
    kept = Progress()
    assert kept.states() == {}
    kept.note("1.1", "right")
    assert json.loads(own_cache.read_text())["states"] == {"1.1": "solved"}
    assert own_cache.with_name("exercises.json.damaged").read_text() == text
    kept.note("1.2", "right")
    assert own_cache.with_name("exercises.json.damaged").read_text() == text


def test_a_state_that_is_none_is_left_out(own_cache: Path) -> None:
    own_cache.write_text('{"states": {"1.1": "no", "1.2": 3, "1.3": "tried"}}')
    assert Progress().states() == {"1.3": "tried"}


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Progress(tmp_path / "file" / "exercises.json")
    kept.note("1.1", "right")
    assert kept.guess("1.1", "three") == "three"
    assert kept.states() == {}


def test_the_table_lists_every_lesson(own_cache: Path) -> None:
    Progress().note("4.1", "right")
    Progress().note("4.2", "wrong")
    row = progress_table().set_index("lesson").loc["04"]
    assert (row["exercises"], row["solved"], row["tried"]) == (4, 1, 1)
    assert row["open"] == "4.2, 4.3, 4.4"


def test_hints_go_from_gentle_to_explicit(capsys: pytest.CaptureFixture[str]) -> None:
    fresh = Exercise("99.1", two.check, two.wanted, two.hints)
    for _ in range(3):
        fresh.hint()
    first, second, third = capsys.readouterr().out.splitlines()
    assert "It is even." in first
    assert "1 more" in first
    assert "It is 2." in second
    assert second == third


def test_a_solution_is_printed_or_its_absence_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "99.py").write_text("# Solutions.\n\n# %% two\nanswer = 2\n")
    monkeypatch.setattr(solutions.of, "__defaults__", (tmp_path,))
    two.solution()
    guessed.solution()
    out = capsys.readouterr().out
    assert "answer = 2" in out
    assert "ask your instructor" in out


def test_filling_keeps_the_check_between_marks() -> None:
    cell = "# Your code here\nanswer = ...\ncheck.two(answer)\n"
    assert solutions.name_in(cell) == "two"
    filled = solutions.fill(cell, "answer = 2").splitlines()
    assert filled == [solutions.BEGIN, "answer = 2", solutions.END, "check.two(answer)"]
    assert solutions.name_in("check = 3\nx = 4") is None
    with pytest.raises(ValueError, match="does not end"):
        solutions.fill("answer = ...", "answer = 2")


def test_verdicts_are_read_from_an_executed_notebook() -> None:
    verdict = two.judge(4)
    about = {"course": {"exercise": "99.1", "verdict": "wrong", "mistake": "squared"}}
    output = nbformat.v4.new_output("display_data", verdict.bundle(), metadata=about)
    cell = nbformat.v4.new_code_cell("check.two(4)", outputs=[output])
    assert solving.verdicts(nbformat.v4.new_notebook(cells=[cell])) == {"99.1": verdict.text}


def test_no_exercise_without_hints() -> None:
    with pytest.raises(ValueError, match="no hint"):
        exercise("99.3", wanted="nothing", hints=())


# ---- the stored lesson with its solutions behind it


def test_solutions_stand_behind_the_blank_lesson_and_each_cell_can_fail() -> None:
    (page,) = notebooks.choose(notebooks.lessons(), ["03"])
    stored = notebooks.read_notebook(page.notebook)
    both = solving.solved_afterwards(page)
    assert both.cells[: len(stored.cells)] == stored.cells
    added = both.cells[len(stored.cells) :]
    assert [cell.source.splitlines()[-1].partition(",")[0] for cell in added[1:]] == [
        f"solving.must_be_right(check.{name}" for name in solutions.of(3)
    ]
    counts = [cell.execution_count for cell in notebooks.code_cells(both)]
    assert counts == list(range(1, len(counts) + 1))


def test_must_be_right_accepts_what_is_right_and_nothing_else() -> None:
    solving.must_be_right(two, 2)
    for answer in (4, 3, ..., None):
        with pytest.raises(AssertionError, match=r"99\.1: "):
            solving.must_be_right(two, answer)
