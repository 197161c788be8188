"""What holds for every lesson as it is stored: in step with its text, whole, and readable."""

import ast
import re
import statistics
import tomllib
from pathlib import Path

from authoring import notebooks

import pytest
from nbformat import NotebookNode

LESSONS = notebooks.lessons()
MOST_BYTES = 3_000_000
MARKDOWN_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(|<img\b(?P<tag>[^>]*)>")
NO_PLACE_IN_A_LESSON = re.compile(
    r"\bfilterwarnings\b|\bsimplefilter\b|\bpip\b|\bconda\b|get_ipython\(", re.IGNORECASE
)

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@pytest.fixture(scope="module")
def address(root: Path) -> str:
    """Return the repository's address, from the one place that holds it."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["tool"]["course"]["repository"])


def code(lesson: notebooks.Lesson) -> list[NotebookNode]:
    return notebooks.code_cells(notebooks.read_notebook(lesson.notebook))


def test_there_are_lessons() -> None:
    assert LESSONS, "lessons/ holds no lesson: the tests below would pass on nothing"


def test_numbers_are_used_once() -> None:
    numbers = [lesson.name[:2] for lesson in LESSONS]
    assert len(set(numbers)) == len(numbers), f"two lessons share a number: {numbers}"


def test_readme_links_every_lesson(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    absent = [lesson.name for lesson in LESSONS if f"lessons/{lesson.name}.ipynb" not in readme]
    assert not absent, f"README.md does not link {absent}"


@each_lesson
def test_text_and_notebook_agree_and_every_cell_ran(lesson: notebooks.Lesson) -> None:
    assert notebooks.check(lesson) == []


@each_lesson
def test_first_cell_is_the_same_everywhere(lesson: notebooks.Lesson, address: str) -> None:
    first, second = code(lesson)[:2]
    assert first.source == notebooks.first_cell(address)
    assert len(first.source.splitlines()) <= 5
    folded = {name: first.metadata.get(name) for name in notebooks.FOLDED}
    assert folded == notebooks.FOLDED, "folded in JupyterLab, a form in Colab"
    assert re.search(rf"begin\(lesson={int(lesson.name[:2])}[,)]", second.source), second.source


@each_lesson
def test_metadata_is_what_a_lesson_needs(lesson: notebooks.Lesson) -> None:
    stored = notebooks.read_notebook(lesson.notebook)
    text = notebooks.as_text(stored)
    assert stored.metadata == notebooks.NOTEBOOK_METADATA
    assert text == notebooks.as_text(notebooks.strip(stored)), "run `make record`"


@each_lesson
def test_file_is_small(lesson: notebooks.Lesson) -> None:
    assert lesson.notebook.stat().st_size < MOST_BYTES


@each_lesson
def test_cells_are_short(lesson: notebooks.Lesson) -> None:
    lengths = sorted(len(cell.source.splitlines()) for cell in code(lesson))
    assert statistics.median(lengths) <= 8, lengths
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 25, lengths


@each_lesson
def test_every_image_is_described(lesson: notebooks.Lesson) -> None:
    stored = notebooks.read_notebook(lesson.notebook)
    for number, cell in enumerate(stored.cells, 1):
        if cell.cell_type == "markdown":
            assert bare_images(cell.source) == [], f"cell {number}: an image without words"
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert len(alt) > 10, f"cell {number}: a figure without a description: {alt!r}"


def bare_images(markdown: str) -> list[str]:
    """Return the images of a text that have no alternative text."""
    return [
        match[0]
        for match in MARKDOWN_IMAGE.finditer(markdown)
        if not ((match["alt"] or "").strip() or re.search(r'alt="[^"]+"', match["tag"] or ""))
    ]


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        ("![](a.png)", 1),
        ("![ ](a.png) and ![a cat](b.png)", 1),
        ('<img src="a.png">', 1),
        ('<img src="a.png" alt="">', 1),
        ('<img src="a.png" alt="a cat"> ![a dog](b.png)', 0),
    ],
)
def test_bare_images_are_found(markdown: str, count: int) -> None:
    assert len(bare_images(markdown)) == count


@each_lesson
def test_code_sets_a_good_example(lesson: notebooks.Lesson) -> None:
    for number, cell in enumerate(code(lesson)[1:], 2):
        assert bad_habits(cell.source) == [], f"code cell {number}"


def bad_habits(source: str) -> list[str]:
    """Return what a student should not learn from a cell."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:  # IPython's magics among them
        return [f"no plain Python: {error}"]
    found = [match[0] for match in NO_PLACE_IN_A_LESSON.finditer(source)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names):
            found.append(f"star import from {node.module}")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append("bare except")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "from torch import *",
        "try:\n    run()\nexcept:\n    pass",
        "import warnings\nwarnings.filterwarnings('ignore')",
        "!pip install torch",
        "%matplotlib inline",
        "subprocess.run(['pip', 'install', 'torch'])",
    ],
)
def test_bad_habits_are_found(source: str) -> None:
    assert bad_habits(source)
    assert not bad_habits("from torch import nn\nmodel = nn.Linear(2, 1)")
