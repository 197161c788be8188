"""The cells of a lesson as slides, by their slide types."""

from authoring import notebooks
from authoring.slides import cells

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def cell(kind: str, source: str = "", slide_type: str = "") -> NotebookNode:
    metadata = {"slideshow": {"slide_type": slide_type}} if slide_type else {}
    new = new_code_cell if kind == "code" else new_markdown_cell
    return new(source, metadata=metadata)


def slides(*lesson: NotebookNode, said: dict[str, str] | None = None) -> list[list[str]]:
    """Return the pages: layout and heading, what the speaker says, and each cell with its type."""
    pages: list[list[str]] = []
    for made in cells.as_slides(new_notebook(cells=list(lesson)), said or {}):
        kind = made.metadata.slideshow.slide_type
        if kind in ("slide", "subslide"):
            pages.append([f"{kind} {made.metadata.slideshow.data.layout}: {made.source}"])
        else:
            pages[-1].append(f"{kind} {made.source}")
    return pages


def test_headings_start_slides_and_each_has_the_notes_of_its_section() -> None:
    made = slides(
        cell("text", "# 4 · Freezing\n\nWords.", "slide"),
        cell("text", "More.\n\n## 4.1 First\n\nWords & such.\n\n### Live\n\nEnd.", "subslide"),
        said={"4 · Freezing": "hello", "4.1 First": "ask"},
    )
    assert made == [
        ['slide title: <h1 class="where">4 · Freezing</h1>', "notes hello", "- Words."],
        ['subslide words: <h2 class="where">4 · Freezing</h2>', "notes hello", "- More."],
        ['slide words: <h2 class="where">4.1 First</h2>', "notes ask", "- Words & such."],
        ['subslide words: <h2 class="where">Live</h2>', "notes ask", "- End."],
    ]


def test_a_prediction_stands_alone_before_what_answers_it() -> None:
    made = slides(
        cell("text", "## 4.2 A <part>\n\nWords.\n\n**Predict.** Yes or no?\n\nIt is no.", "slide"),
        cell("code", "my_guess = ...", "skip"),
        cell("code", "print('no')", "subslide"),
        cell("text", "So it is.", "fragment"),
        cell("text", "Tell them.", "notes"),
    )
    heading = '<h2 class="where">4.2 A &lt;part&gt;</h2>'
    assert made == [
        [f"slide words: {heading}", "notes ", "- Words."],
        [f"subslide predict: {heading}", "notes ", "- **Predict.** Yes or no?"],
        [f"subslide words: {heading}", "notes ", "- It is no."],
        [
            f"subslide words: {heading}",
            *("notes ", "- print('no')", "fragment So it is.", "notes Tell them."),
        ],
    ]


def test_a_prediction_right_below_its_heading_shares_its_slide() -> None:
    [page] = slides(cell("text", "## 4.2 Is it?\n\n**Predict.** Yes or no?", "slide"))
    assert page[0].startswith("slide predict: ")


def test_fenced_lines_are_no_headings() -> None:
    fenced = "```python\n\n# no heading\n\n```"
    assert [piece.source for piece in cells.pieces(cell("text", fenced))] == [fenced]


def test_an_unknown_slide_type_is_named() -> None:
    with pytest.raises(notebooks.LessonError, match="no slide type 'sub-slide'"):
        slides(cell("code", "1", "sub-slide"))


@pytest.mark.parametrize("lesson", notebooks.lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_says_of_its_cells_what_a_slide_shows(lesson: notebooks.Lesson) -> None:
    """Set-up and blanks are left out, an answer waits for its question, a verdict is not shown."""
    answer_is_near = False
    for number, part in enumerate(notebooks.read_source(lesson.source).cells, 1):
        kind, source = cells.slide_type(part), part.source
        where = f"cell {number}: {source[:60]}"
        if part.cell_type == "markdown":
            answer_is_near = source.split("\n\n")[-1].startswith(cells.PREDICT)
            if source.startswith("#"):
                assert kind in ("slide", "subslide"), where
            continue
        if cells.BLANK_GUESS.fullmatch(source) or "# @title" in source:
            assert kind == "skip", where
        elif kind != "skip" and answer_is_near:
            assert kind == "subslide", f"{where}: it would stand beside the question"
            answer_is_near = False
        if "check." in source and "= ..." in source and kind != "skip":
            assert "slide-no-output" in part.metadata.get("tags", []), where
