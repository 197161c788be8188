"""Cut a lesson into parts, and lay them out on pages."""

import base64
import io

from authoring.slides import pages, parts, pictures

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image


def text(source: str, slide_type: str = "") -> NotebookNode:
    metadata = {"slideshow": {"slide_type": slide_type}} if slide_type else {}
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def code(source: str, *outputs: NotebookNode) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def printed(words: str) -> NotebookNode:
    return nbformat.v4.new_output("stream", text=words)


def picture(width: int, height: int, panels: int = 1) -> NotebookNode:
    pixels = np.full((height, width, 3), 255, np.uint8)
    for panel in range(panels):
        top = panel * height // panels
        pixels[top + 10 : top + height // panels - 10, 10:-10] = 40
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    return nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": "bars"}})


def layout(*cells: NotebookNode) -> list[pages.Page]:
    return pages.lay_out(parts.cut(nbformat.v4.new_notebook(cells=list(cells))))


def kinds(page: pages.Page) -> list[str]:
    return [part.kind + ("*" if fragment else "") for part, fragment in page.parts]


def test_headings_start_pages_and_sections() -> None:
    made = layout(
        text("# 4 · Freezing\n\nWords."),
        text("More words.\n\n## 4.1 First\n\nWords.\n\n### Live\n\nWords."),
    )
    assert [(p.section, p.where, p.starts, p.layout) for p in made] == [
        ("4 · Freezing", "4 · Freezing", True, "title"),
        ("4.1 First", "4.1 First", True, "words"),
        ("4.1 First", "Live", False, "words"),
    ]


def test_a_prediction_comes_before_the_figure_that_answers_it() -> None:
    made = layout(
        text(f"## 4.2 Is it?\n\n{'Long words. ' * 60}"),
        text("**Predict.** Yes or no?"),
        code("my_guess = ...  # yes or no"),
        code("plots.show(figure)", picture(700, 300)),
        text("Look at the left."),
    )
    assert [page.layout for page in made] == ["words", "predict", "below"]
    assert kinds(made[1]) == ["predict"]
    assert kinds(made[2]) == ["picture", "text*"], "the explanation waits for a key press"


def test_code_and_what_it_prints_stay_together() -> None:
    made = layout(
        text("## 4.3"), code("a()\n" * 12, printed("1")), code("b()\n" * 8, printed("2\n" * 6))
    )
    assert [kinds(page) for page in made] == [["code", "printed*"]] * 2


def test_words_that_lead_to_code_are_not_left_alone() -> None:
    made = layout(text(f"## 4.3\n\n{'Words. ' * 150}\n\nThree lines do it:"), code("c()\n" * 6))
    assert "Three lines" in made[-1].parts[0][0].text
    assert made[-1].parts[-1][0].kind == "code"


def test_long_code_is_split_between_functions() -> None:
    function = "def f():\n" + "    step()\n" * 15
    made = layout(text("## 4.4"), code(f"{function}\n\n{function}"))
    assert len(made) == 2
    for page in made:
        [(part, _)] = page.parts
        assert part.text.startswith("def f():")
        assert part.height <= parts.MOST_HEIGHT


def test_long_output_is_cut_and_says_so() -> None:
    made = layout(text("## 9.6"), code("lab.code_of()", printed("a line\n" * 80)))
    last = made[-1].parts[-1][0].cell.outputs[0].text.splitlines()
    assert len(last) <= max(parts.PRINT_FONTS)
    assert last[-1] == "... and 55 more lines"


def test_a_narrow_figure_has_its_words_at_the_side() -> None:
    words = "Compare the rows of each pair. " * 8
    made = layout(text("## 1.2"), code("plots.show(f)", picture(700, 640)), text(words))
    assert [page.layout for page in made] == ["beside"]
    width = made[0].parts[0][0].cell.outputs[0].metadata["image/png"]["width"]
    assert 400 < width < 900


def test_a_figure_is_never_larger_than_its_place() -> None:
    for size in ((1400, 300), (800, 500), (300, 290), (60, 60)):
        [page] = layout(text("## x"), code("plots.show(f)", picture(*size)))
        width = page.parts[0][0].cell.outputs[0].metadata["image/png"]["width"]
        assert width <= min(parts.WIDTH, pages.LARGEST * size[0])
        assert width * size[1] / size[0] <= parts.MOST_HEIGHT + 1


def test_a_tall_figure_is_cut_between_its_panels() -> None:
    pieces = pictures.pieces(picture(600, 1200, panels=4))
    assert [pictures.png_size(piece) for piece in pieces] == [(600, 300)] * 4
    assert pieces[1].metadata["image/png"]["alt"] == "bars (Part 2 of 4.)"
    whole = picture(600, 1200)
    assert pictures.pieces(whole) == [whole], "one panel cannot be cut"
    wide = picture(600, 300, panels=2)
    assert pictures.pieces(wide) == [wide]


def test_notes_cells_and_exercise_hints_go_to_the_speaker() -> None:
    made = layout(
        text("## 4.1\n\nSeen."),
        text("Said.", "notes"),
        text("## Exercises\n\nHow hints work.\n\n### Exercise 4.1\n\nFreeze it."),
        code("# Your code here\nmy_network = ...", printed("Not attempted yet.")),
    )
    assert made[0].spoken == ["Said."]
    assert made[1].spoken == ["How hints work."]
    assert made[1].section == "Exercises"
    assert kinds(made[1]) == ["text", "code"]


def test_a_list_that_is_too_long_goes_on_with_the_next_page() -> None:
    entries = "\n".join(f"- **entry {number}**, with a few words behind it" for number in range(20))
    output = nbformat.v4.new_output("display_data", {"text/markdown": entries})
    for made in (layout(text(f"## x\n\n{entries}")), layout(text("## x"), code("f()", output))):
        lists = [part.text for page in made for part, _ in page.parts if part.kind == "text"]
        assert "\n".join(lists) == entries
        assert all(page.used <= parts.MOST_HEIGHT for page in made)


def test_skipped_text_keeps_its_headings() -> None:
    made = layout(text("Gone.\n\n## 4.2 Stays", "skip"), text("Words."))
    assert [(page.section, kinds(page)) for page in made] == [("4.2 Stays", ["text"])]


@pytest.mark.parametrize(
    ("block", "most"),
    [("Short.", 60), ("- one\n- two\n- three", 140), ("| a |\n| --- |\n| 1 |", 100)],
)
def test_heights_are_of_the_right_order(block: str, most: float) -> None:
    assert 30 < parts.text_height(block) < most
