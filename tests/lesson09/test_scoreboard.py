"""The reader's scores survive, and a broken file of scores stops nobody."""

from __future__ import annotations

import json

from course_utils.lesson09.scoreboard import Score, Scoreboard

import pytest


def test_scores_are_kept(tmp_path):
    path = tmp_path / "new folder" / "scores.json"
    board = Scoreboard(path)
    assert board.scores() == []
    assert board.table().columns.tolist() == ["challenge", "score", "unit", "day"]
    board.add("rescue", 81.5, "%")
    board.add("rescue", 84.0, "%")
    board.add("fewest", 21_642, "parameters")
    again = Scoreboard(path)
    assert again.best("rescue").score == 84.0
    assert again.best("rescue", lowest=True).score == 81.5
    assert again.best("unknown") is None
    assert again.table()["challenge"].tolist() == ["rescue", "rescue", "fewest"]
    assert [p.name for p in path.parent.iterdir()] == ["scores.json"], "no draft left behind"


def test_the_file_lies_with_the_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    Scoreboard().add("rescue", 1, "%")
    assert (tmp_path / "lab_scores.json").is_file()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"{}",
        b"3",
        b"[1, null, {}]",
        b'[{"challenge": "rescue", "score": "high", "unit": "%", "day": "x"}]',
        b'[{"challenge": "rescue", "score": NaN, "unit": "%", "day": "x"}]',
        b'[{"challenge": 4, "score": 1, "unit": "%", "day": "x"}]',
        b'[{"challenge": "rescue", "score": true, "unit": "%", "day": "x"}]',
    ],
)
def test_a_damaged_file_counts_as_empty(tmp_path, content):
    path = tmp_path / "scores.json"
    path.write_bytes(content)
    board = Scoreboard(path)
    assert board.scores() == []
    board.add("rescue", 80, "%")
    assert [s.score for s in Scoreboard(path).scores()] == [80]


def test_good_entries_beside_bad_ones_are_kept(tmp_path):
    path = tmp_path / "scores.json"
    good = {"challenge": "rescue", "score": 70, "unit": "%", "day": "2026-01-02"}
    path.write_text(json.dumps([None, good]))
    assert Scoreboard(path).scores() == [Score("rescue", 70.0, "%", "2026-01-02")]


def test_a_place_that_cannot_be_written_loses_nothing_in_this_notebook(tmp_path):
    (tmp_path / "file").write_text("in the way")
    board = Scoreboard(tmp_path / "file" / "scores.json")
    board.add("rescue", 75, "%")
    board.add("rescue", 77, "%")
    assert not board.saved
    assert board.best("rescue").score == 77
    assert len(board.scores()) == 2
