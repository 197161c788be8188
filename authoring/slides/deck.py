"""Write a lesson as slides: one file of HTML that needs nothing else, not even a network.

nbconvert renders the cells, and reveal.js turns the pages. Both scripts and all styles and pictures
are put into the file. reveal.js lies in `template/static/reveal`, as npm has it in `reveal.js`
6.0.2 (MIT licence, beside it): ``dist/reveal.js``, ``dist/reveal.css``, ``dist/plugin/notes.js``.
"""

import html
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from authoring import notebooks
from authoring.slides import notes
from authoring.slides.cells import as_slides, slide_type

from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
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
    LessonError
        If the lesson or its notes cannot be read, or do not fit together.
    """
    lesson = notebooks.read_notebook(notebook)
    said = notes.read(notes.path_of(notebook))
    if wrong := notes.findings(lesson, said):
        raise notebooks.LessonError(f"{notes.path_of(notebook).name}: " + "; ".join(wrong))
    shown = list(as_slides(lesson, said))
    for cell in shown:
        if cell.cell_type == "markdown":
            cell.source = _links(cell.source, available)
    title = next(iter(notes.sections(lesson)))
    body, _ = _exporter().from_notebook_node(
        new_notebook(cells=shown),
        resources={"deck": {"title": title, "world": world(lesson)}},
    )
    slides = sum(slide_type(cell) in ("slide", "subslide") for cell in shown)
    minutes = sum(map(notes.minutes, said.values()))
    return Deck(notebook.stem, title, body, slides, minutes)


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
    config.TagRemovePreprocessor.remove_input_tags = {"slide-no-code"}
    config.TagRemovePreprocessor.remove_all_outputs_tags = {"slide-no-output"}
    return SlidesExporter(config=config)


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
