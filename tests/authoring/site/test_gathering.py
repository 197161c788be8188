"""What is gathered for the website: pages, what they link, and nothing that is no longer there."""

import json
from pathlib import Path
from types import ModuleType

import pytest

CELLS = [
    {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# 4 · T\n", "[g](G.md#x)"]},
    {"cell_type": "code", "id": "b", "metadata": {}, "source": ["1"], "outputs": []},
    {"cell_type": "code", "id": "c", "metadata": {}, "source": ["2"], "outputs": []},
]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a small course: a front page, one lesson, one page that only the lesson links."""
    course = tmp_path / "course"
    (course / "lessons" / "images").mkdir(parents=True)
    (course / "README.md").write_text(
        "# T\n<!-- badges -->\n![b](https://x.org/b.svg)\n<!-- /badges -->\n"
        '[one](lessons/04_t.ipynb) ![p](lessons/images/p.png) <img alt="q" src="q.png">\n'
        "[all](lessons) [out](https://x.org)\n"
    )
    (course / "lessons" / "images" / "p.png").write_bytes(b"p")
    (course / "q.png").write_bytes(b"q")
    (course / "lessons" / "G.md").write_text("# G\n## x\n[home](../README.md) [back](04_t.ipynb)\n")
    (course / "lessons" / "04_t.ipynb").write_text(json.dumps({"cells": CELLS}))
    return course


def test_the_front_page_the_lessons_and_what_they_link(
    pages: ModuleType, course: Path, tmp_path: Path
) -> None:
    gathering = pages.Gathering(course, tmp_path / "to")
    assert sorted(gathering.all()) == ["lessons/04_t", "lessons/G", "measured"]
    front = (tmp_path / "to" / "index.md").read_text()
    assert "b.svg" not in front, "a badge comes from another machine"
    assert "[out](https://x.org)" in front
    assert "all [out]" in front, "a folder is no page: its link becomes text"
    for doc in ("lessons/04_t", "lessons/G", "measured"):
        assert f"\n{doc}\n" in front
    for picture in ("lessons/images/p.png", "q.png"):
        assert (tmp_path / "to" / picture).read_bytes() == (course / picture).read_bytes()
    assert "[home](../index.md)" in (tmp_path / "to" / "lessons" / "G.md").read_text()


def test_a_lesson_says_how_to_run_it_and_starts_shut(
    pages: ModuleType, course: Path, tmp_path: Path
) -> None:
    pages.Gathering(course, tmp_path / "to").all()
    cells = json.loads((tmp_path / "to" / "lessons" / "04_t.ipynb").read_text())["cells"]
    assert "make lab" in cells[1]["source"]
    assert "lessons/04_t.ipynb" in cells[1]["source"]
    assert [cell["metadata"] for cell in cells[2:]] == [{"tags": ["hide-input"]}, {}]


def test_a_dead_link_stops_it(pages: ModuleType, course: Path, tmp_path: Path) -> None:
    (course / "lessons" / "G.md").write_text("[gone](nothing.md)")
    with pytest.raises(pages.PageError, match=r"lessons/G\.md links nothing\.md"):
        pages.Gathering(course, tmp_path / "to").all()


def test_a_second_time_writes_only_what_changed_and_takes_away_what_is_gone(
    pages: ModuleType, course: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    pages.Gathering(course, to).all()
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*.*")}
    (course / "q.png").unlink()
    (course / "README.md").write_text("# T\n")
    again = pages.Gathering(course, to)
    again.all()
    again.clear()
    after = {path: path.stat().st_mtime_ns for path in to.rglob("*.*")}
    assert set(before) - set(after) == {to / "q.png", to / "lessons" / "images" / "p.png"}
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {to / "index.md"}
