"""The cells of a lesson as slides, by the slide types in their metadata.

A text cell is cut at its headings and predictions: each begins a slide.  All else is as the cells
say, in Jupyter's own words: ``slide`` and ``subslide`` begin a page, ``fragment`` waits for a key
press, ``skip`` is left out, ``notes`` goes to the speaker, and a cell without a type goes on with
the page.
"""

import html
import re
from collections.abc import Iterator

from authoring import notebooks

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SLIDE_TYPES = ("slide", "subslide", "fragment", "skip", "notes", "-")
PREDICT = "**Predict.**"
_HEADING = re.compile(r"(#{1,3}) (.+)\n*")
BLANK_GUESS = re.compile(r"my_guess[\w, ]*= \.\.\.[., ]*(#.*)?")


def as_slides(lesson: NotebookNode, said: dict[str, str]) -> Iterator[NotebookNode]:
    """Yield the cells of a deck: on each page its heading, what the speaker says, and the rest.

    Parameters
    ----------
    lesson : NotebookNode
        A stored lesson; its cells are changed.
    said : dict of str to str
        What the speaker says, by the headings of the lesson's sections.
    """
    section = title = ""
    for piece in (piece for cell in lesson.cells for piece in pieces(cell)):
        kind = slide_type(piece)
        layout = "words"
        if piece.cell_type == "markdown" and (heading := _HEADING.match(piece.source)):
            title = heading[2].strip()
            section = section if len(heading[1]) == 3 else title
            layout = "title" if len(heading[1]) == 1 else layout
            piece.source = piece.source[heading.end() :]
        if piece.source.startswith(PREDICT):
            layout = "predict"
        if kind in ("slide", "subslide"):
            level = 1 if layout == "title" else 2
            where = f'<h{level} class="where">{html.escape(title)}</h{level}>'
            yield _with_type(new_markdown_cell(where), kind, data={"layout": layout})
            yield _with_type(new_markdown_cell(said.get(section, "")), "notes")
            kind = "-"
        if kind != "skip" and piece.source:
            yield _with_type(piece, kind)


def live_copy(lesson: NotebookNode) -> NotebookNode:
    """Return a lesson without outputs to present in JupyterLab itself, with a kernel behind it.

    An extension such as jupyterlab-deck shows one cell after the other by their slide types.  Only
    the blanks for guesses are skipped: a cell that is skipped in the show is not run by it either,
    and what comes later may need it.  There are no slides below slides, so that one key leads
    through all of them.
    """
    cells = []
    for piece in (piece for cell in lesson.cells for piece in pieces(cell)):
        if piece.cell_type == "code":
            kind = "skip" if BLANK_GUESS.fullmatch(piece.source.strip()) else "slide"
            piece = new_code_cell(piece.source)
        else:
            kind = slide_type(piece).replace("subslide", "slide").replace("-", "fragment")
        cells.append(_with_type(piece, kind))
    return notebooks.strip(new_notebook(cells=cells))


def pieces(cell: NotebookNode) -> Iterator[NotebookNode]:
    """Cut a text cell at headings and predictions; a code cell stays whole.

    A prediction stands alone, since what follows it in the same cell may give the answer away.
    """
    if cell.cell_type != "markdown":
        yield cell
        return
    kind, piece = slide_type(cell), []  # type: tuple[str, list[str]]
    for block in _blocks(cell.source):
        heading = _HEADING.match(block)
        predicts = block.startswith(PREDICT) and not (len(piece) == 1 and _HEADING.match(piece[0]))
        if heading or predicts or (piece and piece[-1].startswith(PREDICT)):
            if piece:
                yield _with_type(new_markdown_cell("\n\n".join(piece)), kind)
            kind, piece = "slide" if heading and len(heading[1]) < 3 else "subslide", []
        piece.append(block)
    yield _with_type(new_markdown_cell("\n\n".join(piece)), kind)


def slide_type(cell: NotebookNode) -> str:
    """Return what a cell is on a slide; ``"-"`` for one that goes on with the page.

    Raises
    ------
    LessonError
        If there is no such type.
    """
    kind = str(cell.metadata.get("slideshow", {}).get("slide_type", "-"))
    if kind not in SLIDE_TYPES:
        raise notebooks.LessonError(f"no slide type {kind!r}: there are {', '.join(SLIDE_TYPES)}")
    return kind


def _with_type(cell: NotebookNode, kind: str, **more: object) -> NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind, **more}
    return cell


def _blocks(text: str) -> list[str]:
    """Split Markdown at its blank lines; what stands between fences stays whole."""
    found, fenced = [[]], False  # type: tuple[list[list[str]], bool]
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if line.strip() or fenced:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]
