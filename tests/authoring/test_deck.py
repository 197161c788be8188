"""A deck is one file that needs nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path

from authoring import notebooks
from authoring.__main__ import main
from authoring.notebooks import ROOT, Lesson, code_cells, lessons, read_notebook
from authoring.slides import deck, notes

import pytest

FREEZING = ROOT / "lessons" / "04_freezing.ipynb"
REVEAL = deck.TEMPLATES / "template" / "static" / "reveal"


class Resources(HTMLParser):
    """Collects all that a browser would fetch to show a page, and the links."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.links.append(found.get("href") or "")
        elif tag == "img":
            self.pictures.append(found)
        for name in ("src", "srcset", "data", "poster", *(["href"] if tag == "link" else [])):
            value = found.get(name)
            if value and not value.startswith("data:"):
                self.fetched.append(value)


def read(html: str) -> Resources:
    found = Resources()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def freezing() -> deck.Deck:
    return deck.build(FREEZING, {"04_freezing", "03_a_new_head"})


def test_nothing_is_fetched(freezing: deck.Deck) -> None:
    assert read(freezing.html).fetched == []
    styles = "".join(re.findall(r"<style.*?</style>", freezing.html, re.DOTALL))
    assert not re.search(r"@import|url\((?!['\"]?data:)", styles)
    assert "default-src 'none'" in freezing.html


def test_what_would_be_fetched_is_noticed() -> None:
    page = '<script src="https://x/a.js"></script><link href="b.css"><img src="data:image/png,x">'
    assert read(page).fetched == ["https://x/a.js", "b.css"]


def test_pictures_keep_their_descriptions(freezing: deck.Deck) -> None:
    pictures = read(freezing.html).pictures
    assert len(pictures) >= 5
    assert all(len(picture.get("alt") or "") > 10 for picture in pictures)


def test_links_lead_to_decks_that_there_are(freezing: deck.Deck) -> None:
    lessons_linked = {link for link in read(freezing.html).links if not link.startswith("#")}
    assert lessons_linked == {"03_a_new_head.html"}, "lesson 05 has no deck here: plain words"


def test_every_slide_has_the_notes_of_its_section(freezing: deck.Deck) -> None:
    assert freezing.html.count('<aside class="notes">') == freezing.slides
    assert "Often heard" in freezing.html
    said = notes.read(notes.path_of(FREEZING))
    assert freezing.minutes == sum(map(notes.minutes, said.values()))


def test_what_code_prints_waits_for_a_key_press(freezing: deck.Deck) -> None:
    waits = r'<div class="fragment">\s*<div class="jp-Cell-outputWrapper">'
    assert len(re.findall(waits, freezing.html)) > 5
    tags = [cell.metadata.get("tags", []) for cell in code_cells(read_notebook(FREEZING))]
    assert freezing.html.count("jp-Cell-outputWrapper") > len(re.findall(waits, freezing.html)), (
        "a figure without its code does not wait"
    )
    assert any("slide-no-code" in of_cell for of_cell in tags)


def test_the_world_of_the_numbers_is_told(freezing: deck.Deck) -> None:
    assert "run beforehand in the built-in Shapes world" in freezing.html


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_every_lesson_has_the_notes_of_each_part_and_no_others(lesson: Lesson) -> None:
    said = notes.read(notes.path_of(lesson.notebook))
    assert notes.findings(read_notebook(lesson.notebook), said) == []


def test_notes_that_do_not_fit_stop_the_deck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "read", lambda path: {"No such heading": "*1 min.* x"})
    with pytest.raises(notebooks.LessonError, match="no heading 'No such heading'"):
        deck.build(FREEZING)


def test_the_command_writes_decks_and_their_contents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["slides", "9", "--to", str(tmp_path / "new")]) == 0
    assert re.search(r"09_the_live_lab +\d+ slides +\d+ min", capsys.readouterr().out)
    assert read((tmp_path / "new" / "index.html").read_text()).links == ["09_the_live_lab.html"]
    assert (tmp_path / "new" / "09_the_live_lab.html").is_file()
    assert main(["slides", "99", "--to", str(tmp_path)]) == 2


def test_reveal_is_vendored_with_its_licence() -> None:
    assert "Hakim El Hattab" in (REVEAL / "LICENSE").read_text()
    assert {path.name for path in REVEAL.iterdir()} == {
        *("LICENSE", "notes.js", "reveal.css", "reveal.js")
    }
    assert "MIT licensed" in (REVEAL / "reveal.js").read_text()[:300]


def test_a_live_copy_can_be_run_and_shown_cell_by_cell(tmp_path: Path) -> None:
    assert main(["slides", "4", "--live", "--to", str(tmp_path)]) == 0
    lesson, made = read_notebook(FREEZING), read_notebook(tmp_path / FREEZING.name)
    code = [[c.source for c in book.cells if c.cell_type == "code"] for book in (lesson, made)]
    assert code[0] == code[1], "every cell is there, so that all of it runs"
    assert not any(cell.get("outputs") for cell in made.cells)
    types = [cell.metadata.slideshow.slide_type for cell in made.cells]
    shown = dict(zip((cell.source for cell in made.cells), types, strict=True))
    assert types[:3] == ["slide", "slide", "slide"], "the show must run the imports, too"
    assert all(
        t == "slide" for source, t in shown.items() if source.startswith(("**Predict.**", "## "))
    )
    assert all(t == "skip" for source, t in shown.items() if source.startswith("my_guess = ...  #"))
