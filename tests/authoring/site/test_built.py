"""The built website, read as files: links, anchors, pictures, and nothing from elsewhere."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from authoring import notebooks

import pytest

LOADS = {"img": "src", "script": "src", "source": "src", "iframe": "src", "link": "href"}


@dataclass
class Seen(HTMLParser):
    """What one page links, loads and names."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    pictures: list[dict[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {value for key in ("id", "name") if (value := given.get(key))}
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in LOADS and given.get(LOADS[tag]):
            self.loads.append(str(given[LOADS[tag]]))
        if tag == "img":
            self.pictures.append(given)


@pytest.fixture(scope="module")
def seen(built: Path) -> dict[Path, Seen]:
    found = {}
    for path in sorted(built.rglob("*.html")):
        found[path] = Seen()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_lesson_has_a_page(seen: dict[Path, Seen], built: Path) -> None:
    lessons = [f"lessons/{lesson.name}.html" for lesson in notebooks.lessons()]
    assert lessons, "no lesson at all: this test would pass on nothing"
    names = {path.relative_to(built).as_posix() for path in seen}
    assert {"index.html", "search.html", "measured.html", *lessons} <= names


def test_every_link_leads_somewhere(seen: dict[Path, Seen], built: Path) -> None:
    dead, counted = [], 0
    for path, page in seen.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            counted += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(built.resolve()):
                dead.append(f"{path.name}: {link}")
                continue
            place = unquote(parts.fragment) if target.suffix == ".html" else ""
            if place and place not in seen[target].names:
                dead.append(f"{path.name}: {link} (no such place)")
    assert counted > 100
    assert dead == []


def test_nothing_comes_from_another_machine(seen: dict[Path, Seen], built: Path) -> None:
    loads = [(path, load) for path, page in seen.items() for load in page.loads]
    assert len(loads) > 100
    assert [load for _, load in loads if urlsplit(load).scheme not in {"", "data"}] == []
    absent = [
        f"{path.name}: {load}"
        for path, load in loads
        if (place := unquote(urlsplit(load).path))  # none in "#", the page itself
        and not urlsplit(load).scheme
        and not (path.parent / place).is_file()
    ]
    assert absent == []
    for sheet in built.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert "url(http" not in text, sheet
        assert "url(//" not in text, sheet


def test_every_picture_is_described(seen: dict[Path, Seen]) -> None:
    pictures = [picture for page in seen.values() for picture in page.pictures]
    assert len(pictures) > 50
    bare = [picture.get("src") for picture in pictures if len(picture.get("alt") or "") < 10]
    assert bare == []


def test_no_output_was_lost(seen: dict[Path, Seen], built: Path) -> None:
    """Each stored figure stands on its lesson's page, the lab's still picture included."""
    for lesson in notebooks.lessons():
        stored = [
            output.metadata["image/png"]["alt"]
            for cell in notebooks.code_cells(notebooks.read_notebook(lesson.notebook))
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        shown = seen[built / "lessons" / f"{lesson.name}.html"].pictures
        assert [picture["alt"] for picture in shown if picture["alt"] in stored] == stored


def test_the_page_of_records_names_every_record(built: Path, root: Path) -> None:
    text = (built / "measured.html").read_text(encoding="utf-8")
    names = [path.stem for path in (root / "data" / "records").rglob("*.json")]
    assert names
    assert [name for name in names if name not in text] == []
