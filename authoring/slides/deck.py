"""Write a lesson as slides: one file of HTML that needs nothing else, not even a network.

nbconvert renders the cells, and reveal.js turns the pages. Both scripts and all styles and pictures
are put into the file. reveal.js lies in `template/static/reveal`, as npm has it in `reveal.js`
6.0.2 (MIT licence, beside it): ``dist/reveal.js``, ``dist/reveal.css``, ``dist/plugin/notes.js``.
"""

import html
import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from authoring import notebooks
from authoring.slides import notes
from authoring.slides.pages import Page, lay_out
from authoring.slides.parts import Part, cut, markdown

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

TEMPLATES = Path(__file__).parent
_LINK = re.compile(r"\[([^\]]+)\]\(([\w./-]+)\.(?:ipynb|md)(?:#[\w-]*)?\)")  # to another file
_WORLD = re.compile(r"^Lesson \d\d runs in the (.+?)\.?$", re.MULTILINE)


@dataclass(frozen=True)
class Deck:
    """A lesson as slides.

    Parameters
    ----------
    name : str
        Of the lesson, such as ``"04_freezing"``; the file is called ``04_freezing.html``.
    title : str
        The lesson's heading.
    html : str
        The whole file.
    slides : int
        Number of slides.
    minutes : int
        Sum of the minutes in the speaker's notes.
    """

    name: str
    title: str
    html: str
    slides: int
    minutes: int


def build(notebook: Path, available: Collection[str] = ()) -> Deck:
    """Make the deck of one stored lesson, with the notes that lie beside it.

    Parameters
    ----------
    notebook : Path
        The stored lesson; its outputs are shown as they are, and nothing is executed.
    available : collection of str
        Names of the lessons that have a deck: only to these do links lead.

    Raises
    ------
    LessonError, NotesError
        If the lesson or its notes cannot be read, or do not fit together.
    """
    lesson = notebooks.read_notebook(notebook)
    said = notes.read(notes.path_of(notebook))
    if wrong := notes.findings(lesson, said):
        raise notes.NotesError(f"{notes.path_of(notebook).name}: " + "; ".join(wrong))
    pages = lay_out(cut(deepcopy(lesson)))
    cells = [cell for page in pages for cell in _cells(page, said.get(page.section, ""))]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = _links(cell.source, available)
    title = pages[0].section or pages[1].section
    number, _, name = title.partition(" · ")
    body, _ = _exporter().from_notebook_node(
        nbformat.v4.new_notebook(cells=cells, metadata={"title": name or title}),
        resources={"deck": {"title": title, "number": number, "world": world(lesson)}},
    )
    minutes = sum(map(notes.minutes, said.values()))
    return Deck(notebook.stem, title, body, len(pages), minutes)


def world(lesson: NotebookNode) -> str:
    """Return the world in which a lesson's outputs were computed, as its banner says."""
    for cell in notebooks.code_cells(lesson):
        for output in cell.outputs:
            if match := _WORLD.search(output.get("text", "")):
                return match[1]
    return ""


def _exporter() -> SlidesExporter:
    config = Config()
    config.SlidesExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.SlidesExporter.template_name = "template"
    config.SlidesExporter.exclude_input_prompt = True
    config.SlidesExporter.exclude_output_prompt = True
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"no-code"}
    return SlidesExporter(config=config)


def _cells(page: Page, said: str) -> Iterator[NotebookNode]:
    """Yield a page as cells with the metadata by which nbconvert makes slides."""
    start = markdown(_heading(page))
    kind = "slide" if page.starts else "subslide"
    start.metadata["slideshow"] = {"slide_type": kind, "data": {"layout": page.layout}}
    yield start
    if text := "\n\n".join([said, *page.spoken]).strip():
        speaker = markdown(text)
        speaker.metadata["slideshow"] = {"slide_type": "notes"}
        yield speaker
    for cell, fragment in _joined(page.parts):
        if fragment:
            cell.metadata["slideshow"] = {"slide_type": "fragment"}
        yield cell


def _heading(page: Page) -> str:
    level = 1 if page.layout == "title" else 2
    return f'<h{level} class="where">{html.escape(page.where)}</h{level}>'


def _joined(parts: list[tuple[Part, bool]]) -> Iterator[tuple[NotebookNode, bool]]:
    """Join paragraphs that come one after the other, so that a key press brings up all of them."""
    last: NotebookNode | None = None
    waits = False
    for part, fragment in parts:
        is_text = part.kind == "text"
        if last is not None and is_text and fragment == waits:
            last.source += "\n\n" + part.text
            continue
        if last is not None:
            yield last, waits
            last = None
        if is_text:
            last, waits = part.cell, fragment
        else:
            yield part.cell, fragment
    if last is not None:
        yield last, waits


def _links(text: str, available: Collection[str]) -> str:
    """Let links to lessons lead to their decks; a link to none becomes plain words."""
    return _LINK.sub(lambda m: f"[{m[1]}]({m[2]}.html)" if m[2] in available else m[1], text)


def index(decks: list[Deck]) -> str:
    """Return a page of links to the decks."""
    rows = "\n".join(
        f'<li><a href="{deck.name}.html">{html.escape(deck.title)}</a> '
        f"<span>{deck.slides} slides, {deck.minutes} min</span></li>"
        for deck in decks
    )
    page = (TEMPLATES / "template" / "contents.html").read_text(encoding="utf-8")
    return page.replace("<!-- decks -->", rows)
