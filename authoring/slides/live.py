"""A copy of a lesson to present in JupyterLab itself, cell by cell, with a kernel behind it.

An extension such as jupyterlab-deck shows one cell after the other by the slide types in their
metadata. The lessons have few of these, since rules choose (`rules`); here they are written down.
"""

from collections.abc import Iterator

from authoring import notebooks
from authoring.slides import rules
from authoring.slides.parts import blocks

import nbformat
from nbformat import NotebookNode


def copy_of(lesson: NotebookNode) -> NotebookNode:
    """Return a lesson without outputs, with a slide type in each cell, to be run while it is shown.

    Text cells are cut at headings and predictions. Only the blanks for guesses are skipped: a cell
    that is skipped in the show is not run by it either, and what comes later may need it. There
    are no slides below slides, so that one key leads through all of them.
    """
    cells: list[NotebookNode] = []
    for cell in lesson.cells:
        if cell.cell_type == "code":
            new = nbformat.v4.new_code_cell(cell.source)
            skipped = rules.is_guess(cell.source)
            cells.append(_with_type(new, "skip" if skipped else "slide"))
        else:
            cells += _cut(cell)
    made = nbformat.v4.new_notebook(cells=cells)
    return notebooks.strip(made)


def _cut(cell: NotebookNode) -> Iterator[NotebookNode]:
    """Yield a text cell in pieces: each heading and each prediction begins one."""
    asked = cell.metadata.get("slideshow", {}).get("slide_type", "-")
    kind = "fragment" if asked == "-" else asked
    piece: list[str] = []
    for block in blocks(cell.source):
        if block.startswith(("#", "**Predict.**")):
            if piece:
                yield _with_type(nbformat.v4.new_markdown_cell("\n\n".join(piece)), kind)
            kind, piece = "slide", []
        piece.append(block)
    yield _with_type(nbformat.v4.new_markdown_cell("\n\n".join(piece)), kind)


def _with_type(cell: NotebookNode, slide_type: str) -> NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": slide_type}
    return cell
