"""No page and no lesson links a file that is not there, whatever copy of the course it is in."""

import re
from collections.abc import Iterator
from pathlib import Path

from authoring import notebooks

import pytest

ROOT = notebooks.ROOT
LINK = re.compile(
    r"\]\((?P<link>[^)\s]+)[^)]*\)|<(?:img|a)\b[^>]*?(?:src|href)=\"(?P<tag>[^\"]+)\""
)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", flags=re.DOTALL | re.MULTILINE)
PAGES = sorted(
    page
    for pattern in ("*.md", "*/*.md")
    for page in ROOT.glob(pattern)
    if page.parts[-2][0] != "."
)


def dead(markdown: str, folder: Path) -> Iterator[str]:
    """Yield the relative links of a text that lead nowhere from `folder`."""
    for match in LINK.finditer(CODE.sub("", markdown)):
        link = (match["link"] or match["tag"]).split("#")[0]
        if link and not re.match(r"[a-z]+:", link) and not (folder / link).exists():
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert list(dead(page.read_text(encoding="utf-8"), page.parent)) == []


@pytest.mark.parametrize("lesson", notebooks.lessons(), ids=lambda lesson: lesson.name)
def test_links_of_a_lesson_lead_somewhere(lesson: notebooks.Lesson) -> None:
    cells = [c for c in notebooks.read_source(lesson.source).cells if c.cell_type == "markdown"]
    assert cells
    assert [link for c in cells for link in dead(c.source, lesson.notebook.parent)] == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = '[a](there.md#part) [b](gone.md "t") [c](#part) [d](https://x/y) <img src="gone.png">'
    assert list(dead(text + " `[e](code.md)`", tmp_path)) == ["gone.md", "gone.png"]
