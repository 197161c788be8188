"""Speaker's notes fit their lesson, each part to a heading."""

from pathlib import Path

from authoring import notebooks
from authoring.slides import notes

import nbformat
import pytest

LESSON = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_markdown_cell("# 1 · Lesson\n\nWords.\n\n```python\n# no heading\n```"),
        nbformat.v4.new_markdown_cell("## 1.1 A part\n\n**Predict.** What?\n\n### No part"),
    ]
)
GOOD = {
    "1 · Lesson": "*2 min.* Begin.",
    "1.1 A part": "*5 min.* Ask.\n\n- **Ask:** a\n- **Often heard:** b\n- **Say:** c",
}


def test_headings_and_predictions_are_found() -> None:
    assert notes.sections(LESSON) == {"1 · Lesson": False, "1.1 A part": True}


def test_good_notes_have_no_findings() -> None:
    assert notes.findings(LESSON, GOOD) == []
    assert notes.minutes(GOOD["1.1 A part"]) == 5


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"1.2 Gone": "*1 min.* x"}, "no heading '1.2 Gone' in the lesson"),
        ({"1 · Lesson": "Begin."}, "does not begin with its minutes"),
        ({"1.1 A part": "*5 min.* Ask."}, "holds a prediction"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, str], finding: str) -> None:
    [found] = notes.findings(LESSON, {**GOOD, **change})
    assert finding in found


def test_a_part_without_notes_is_named() -> None:
    [found] = notes.findings(LESSON, {"1 · Lesson": GOOD["1 · Lesson"]})
    assert found == "no notes for '1.1 A part'"


def test_files_are_read_by_their_headings(tmp_path: Path) -> None:
    path = tmp_path / "01.md"
    path.write_text("# For the speaker\n\n## A\n*1 min.* x\n\n## B\n*2 min.* y\n")
    assert notes.read(path) == {"A": "*1 min.* x", "B": "*2 min.* y"}
    path.write_text("## A\n*1 min.* x\n\n## A\n*2 min.* y\n")
    with pytest.raises(notebooks.LessonError, match="two parts are called 'A'"):
        notes.read(path)
    with pytest.raises(notebooks.LessonError, match="missing"):
        notes.read(tmp_path / "02.md")
