"""Lessons as text: build, compare and store the notebooks.

``lessons/source/NN_name.py`` (jupytext's py:percent format) is the text to edit, and
``lessons/NN_name.ipynb`` is made from it. The pair is compared, never repaired: an automatic
repair must guess which of the two is newer, and a wrong guess throws an edit away.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

# The first code cell of every lesson, folded away.  Colab opens one page and nothing else, so there
# the cell fetches the rest; anywhere else it only makes the course importable.  The form and the
# fold hide what no student needs to read, so each of the five lines may be long.
FIRST_CELL = """\
# @title Set up the course
import os, subprocess, sys
if "google.colab" in sys.modules: print(end=subprocess.getoutput("test -d ~/transfer-learning || git clone -q --depth=1 '<address>' ~/transfer-learning"))
sys.path[:0] = [os.path.abspath(".."), os.path.expanduser("~/transfer-learning")]
import course_utils  # not found? git says why: is the address spelt right, is it public, does the network answer?"""  # noqa: E501
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
NO_ADDRESS = "no address set, run `python -m authoring publish OWNER/NAME`"

NOTEBOOK_METADATA = {
    "jupytext": {
        "cell_metadata_filter": "cellView,jupyter,slideshow,tags,-all",
        "notebook_metadata_filter": "kernelspec,jupytext,-all",
    },
    # Always this name: JupyterLab asks with a dialog when it does not know a kernel.
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
}
CELL_METADATA = ("cellView", "jupyter", "slideshow", "tags")


class LessonError(Exception):
    """A lesson could not be read, executed or stored; the message says why."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: its text and the notebook made from it.

    Parameters
    ----------
    source : Path
        The text, ``lessons/source/NN_name.py``. It may be missing.
    notebook : Path
        The notebook, ``lessons/NN_name.ipynb``. It may be missing.
    """

    source: Path
    notebook: Path

    @property
    def name(self) -> str:
        """File name without its ending, such as ``"04_freezing"``."""
        return self.source.stem


def first_cell(repository: str = "") -> str:
    """Return the first code cell for a repository's address (empty: not published yet)."""
    return FIRST_CELL.replace("<address>", repository or NO_ADDRESS)


def lessons(root: Path = ROOT) -> list[Lesson]:
    """Return all lessons under ``root/lessons``, by name; halves of a pair are included."""
    folder = root / "lessons"
    names = {path.stem for path in folder.glob("source/[0-9][0-9]_*.py")}
    names |= {path.stem for path in folder.glob("[0-9][0-9]_*.ipynb")}
    return [
        Lesson(folder / "source" / f"{name}.py", folder / f"{name}.ipynb") for name in sorted(names)
    ]


def choose(lessons: list[Lesson], numbers: list[str]) -> list[Lesson]:
    """Return the lessons with these numbers, or all of them when no number is given.

    Raises
    ------
    LessonError
        If there is no lesson at all, or none with a number that was asked for.
    """
    known = {lesson.name[:2]: lesson for lesson in lessons}
    if not known:
        raise LessonError("No lessons found: lessons/source holds no NN_name.py.")
    wanted = [number.zfill(2) for number in numbers] or sorted(known)
    if unknown := [number for number in wanted if number not in known]:
        there = ", ".join(sorted(known))
        raise LessonError(f"No lesson {', '.join(unknown)}. There are: {there}.")
    return [known[number] for number in wanted]


def read_source(path: Path) -> NotebookNode:
    """Build the notebook that a text describes: no outputs, stable ids, plain metadata.

    Raises
    ------
    LessonError
        If the text is missing or is no py:percent script.
    """
    if not path.is_file():
        raise LessonError(f"{path} is missing: a lesson is edited there, as text.")
    text = path.read_text(encoding="utf-8")
    if not re.search(r"^# %%", text, flags=re.MULTILINE):
        raise LessonError(f"{path} has no cells: a cell starts with a line '# %%'.")
    return strip(jupytext.reads(text, fmt="py:percent"))


def read_notebook(path: Path) -> NotebookNode:
    """Read a stored notebook as it is.

    Raises
    ------
    LessonError
        If the file is missing or is no notebook.
    """
    if not path.is_file():
        raise LessonError(f"{path} is missing: run `make record` to make it from its text.")
    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise LessonError(f"{path} is not a readable notebook: {error}") from error


def strip(notebook: NotebookNode) -> NotebookNode:
    """Keep only the metadata that a lesson needs, and give each cell a stable id.

    An id is made from the cell's own text, so that an edit elsewhere does not change it. The
    metadata of outputs stays: it carries the description of each image.

    Returns
    -------
    NotebookNode
        The same notebook, changed in place.
    """
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        cell.metadata = nbformat.from_dict(kept)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        cell.id = f"{digest}-{seen[digest]}"
        seen[digest] += 1
        for output in cell.get("outputs", []):
            _drop_live_view(output)
    return notebook


def _drop_live_view(output: NotebookNode) -> None:
    # A stored widget has no kernel behind it, and JupyterLab shows an error in its place. Its
    # picture or its text, stored beside it, shows instead.
    data = output.get("data", {})
    if len(data) > 1:
        data.pop("application/vnd.jupyter.widget-view+json", None)


def differences(source: NotebookNode, stored: NotebookNode) -> list[str]:
    """Say where a stored notebook differs from its text: types, sources, cell metadata.

    Returns
    -------
    list of str
        One sentence for each difference; empty when the pair agrees.
    """
    found = []
    if len(source.cells) != len(stored.cells):
        found.append(f"the text has {len(source.cells)} cells, the notebook {len(stored.cells)}")
    for number, (ours, theirs) in enumerate(zip(source.cells, stored.cells, strict=False), 1):
        for what, value in _compared(ours).items():
            other = _compared(theirs)[what]
            if value != other:
                value, other = _first_difference(value, other)
                found.append(
                    f"cell {number}: {what} {_short(value)} in the text, "
                    f"{_short(other)} in the notebook"
                )
                break  # one difference a cell: the rest usually follows from it
    return found


def _compared(cell: NotebookNode) -> dict[str, Any]:
    return {
        "type": cell.cell_type,
        "source": cell.source.rstrip(),
        **{key: cell.metadata.get(key, "none") for key in CELL_METADATA},
    }


def _first_difference(ours: Any, theirs: Any) -> tuple[Any, Any]:
    if isinstance(ours, str) and isinstance(theirs, str):
        for pair in zip_longest(ours.splitlines(), theirs.splitlines(), fillvalue=""):
            if pair[0] != pair[1]:
                return pair
    return ours, theirs


def _short(value: object, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else f"{text[:width]}..."


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells that hold any code."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def stored_faults(notebook: NotebookNode) -> list[str]:
    """Say what a reader should not find in a stored notebook.

    No code cell may be empty.  Every one must have been executed, in order, without an error and
    without a word on stderr (warnings, progress bars).
    """
    found = [
        f"cell {place} is an empty code cell"
        for place, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and not cell.source.strip()
    ]
    for expected, cell in enumerate(code_cells(notebook), 1):
        where = f"code cell {expected} ({_short(cell.source.splitlines()[0])})"
        count = cell.get("execution_count")
        if count is None:
            found.append(f"{where} was never executed")
        elif count != expected:
            found.append(f"{where} has execution count {count}: not run once, from top to bottom")
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{where} ends in {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                found.append(f"{where} writes to stderr: {_short(output.text)}")
    return found


def check(lesson: Lesson) -> list[str]:
    """Say what is wrong with a stored lesson, without executing or changing anything."""
    try:
        source, stored = read_source(lesson.source), read_notebook(lesson.notebook)
    except LessonError as error:
        return [str(error)]
    return differences(source, stored) + stored_faults(stored)


def as_text(notebook: NotebookNode) -> str:
    """Return a notebook as the text of its file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write_whole(text: str, path: Path) -> None:
    """Write a file whole or not at all: an interruption leaves the old one."""
    write_all({path: text})


def write_all(texts: Mapping[Path, str]) -> None:
    """Write several files: all of them beside the old ones first, and then each in its place.

    A full disk or a folder that cannot be written leaves all the old ones.
    """
    partial = {path: path.with_name(f".{path.name}.partial") for path in texts}
    try:
        for path, text in texts.items():
            partial[path].write_text(text, encoding="utf-8", newline="\n")
        for path in texts:
            partial[path].replace(path)
    finally:
        for leftover in partial.values():
            leftover.unlink(missing_ok=True)
