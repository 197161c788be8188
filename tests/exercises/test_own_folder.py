"""Progress and scores: beside the downloads, or in the home where a class shares these."""

import os
from pathlib import Path

from course_utils.exercises.own_folder import HIDDEN, own_folder
from course_utils.exercises.progress import Progress
from course_utils.lesson09.scoreboard import Scoreboard

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))  # Windows
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "shared" / "data"))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return tmp_path / "home"


def forbid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder look read-only, as to a student; the tests' own user may be root."""
    access = os.access

    def ask(path: Path, mode: int) -> bool:
        return access(path, mode) and not (mode & os.W_OK and Path(path) == folder)

    monkeypatch.setattr(os, "access", ask)


def test_on_a_reader_s_own_computer_it_lies_beside_the_downloads(home: Path) -> None:
    assert own_folder() == home.parent / "shared" / "data"
    assert not own_folder().exists(), "asking must make nothing"


def test_beside_shared_data_that_cannot_be_written_it_lies_in_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = home.parent / "shared" / "data"
    shared.mkdir(parents=True)
    forbid(shared, monkeypatch)
    assert own_folder() == home / HIDDEN


def test_a_folder_not_made_yet_is_judged_by_the_one_above_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(home.parent, monkeypatch)  # /srv, say, without /srv/shared/data
    assert own_folder() == home / HIDDEN


def test_course_progress_decides(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine")
    assert own_folder() == home / "mine"


def test_exercises_and_scores_go_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine")
    Progress().note("4.1", "right")
    Scoreboard().add("thrift", 0.5, "accuracy")
    assert {path.name for path in (home / "mine").iterdir()} == {
        "exercises.json",
        "lab_scores.json",
    }
    assert Progress().states() == {"4.1": "solved"}
