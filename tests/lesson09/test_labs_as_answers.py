"""Exercises that are answered with a live lab: when it counts as begun, and what is noted."""

from pathlib import Path

from course_utils.exercises.exercise import Exercise
from course_utils.lesson09 import challenges, riddle
from course_utils.lesson09 import check as lesson09
from course_utils.lesson09.scoreboard import Scoreboard
from course_utils.lesson09.shapes_setup import ShapesSetup
from tests.lesson09.cases import Panel, small

import pytest

BY_LAB = [lesson09.fewest_parameters, lesson09.rescue, lesson09.beat_the_default]


@pytest.fixture
def board(tmp_path: Path) -> Scoreboard:
    return Scoreboard(tmp_path / "scores.json")


def test_a_lab_without_a_step_is_not_attempted(board: Scoreboard) -> None:
    challenge = small(challenges.fewest_parameters, target=0.0)
    session = challenge.start()
    for lab in (session, Panel(session)):
        verdict = lesson09.fewest_parameters.judge(lab, challenge, board)
        assert verdict.kind == "not attempted"
        assert verdict.message.startswith("Train in the panel above")
    session.run(1)
    assert lesson09.fewest_parameters.judge(session, challenge, board).kind == "right"
    session.reset()
    assert lesson09.fewest_parameters.judge(session, challenge, board).kind == "not attempted"


@pytest.mark.parametrize("exercise", BY_LAB, ids=lambda exercise: exercise.name)
def test_dots_are_not_attempted_either(exercise: Exercise, board: Scoreboard) -> None:
    assert exercise.judge(..., challenges.rescue, board).kind == "not attempted"


def test_only_an_attempt_that_passes_is_noted(board: Scoreboard) -> None:
    hard, easy = (small(challenges.fewest_parameters, target=t) for t in (1.01, 0.0))
    session = hard.start()
    session.run(1)
    assert lesson09.fewest_parameters.judge(session, hard, board).kind == "wrong"
    assert board.scores() == []
    session = easy.start()
    session.run(1)
    verdict = lesson09.fewest_parameters.judge(session, easy, board)
    assert verdict.kind == "right"
    [score] = board.scores()
    assert (score.challenge, score.score) == (easy.name, session.snapshot()["trained"])
    assert f"Your best so far: {score.score:,.0f} trained parameters." in verdict.message


def test_a_proof_that_is_none_does_not_use_up_the_answer(board: Scoreboard) -> None:
    puzzle = riddle.start(seed=1, steps=1, train=32, test=8)
    statistics = ["features.0.1.running_mean"]
    assert lesson09.which_drifted.judge("A", statistics, puzzle, board).code == "not-in-this-one"
    assert lesson09.which_drifted.judge("B", 0.6, puzzle, board).code == "by-accuracy"
    assert board.scores() == []
    assert lesson09.which_drifted.judge("B", statistics, puzzle, board).kind == "right"
    assert [score.challenge for score in board.scores()] == [puzzle.name]


def test_a_task_knows_whether_blocks_are_damaged() -> None:
    blocks = [f"features.{i}" for i in range(19)]
    task = ShapesSetup("target", damage=1)
    assert [task.damages([name]) for name in blocks].count(True) == 1
    assert task.damages(blocks)
    assert not ShapesSetup("target").damages(blocks)
