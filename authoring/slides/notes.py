"""What the speaker says: `lessons/notes/NN.md`, one part for each heading of the lesson.

The notes stand beside the lesson, not in it: a student's notebook stays free of them. A part is
headed by the very words of the lesson's heading, and begins with the minutes it takes::

    ## 1.1 Open the file
    *6 min.* What to show, in a sentence or two.

    - **Ask:** the question to the class
    - **Often heard:** the usual wrong answer
    - **Say:** what to say to it
"""

import re
from pathlib import Path

from authoring import notebooks

from nbformat import NotebookNode

_HEADING = re.compile(r"^##? (.+?)\s*$")
_MINUTES = re.compile(r"\A\*(\d+) min\.\*")
_QUESTION = ("- **Ask:**", "- **Often heard:**", "- **Say:**")


def path_of(lesson: Path) -> Path:
    """Return where the notes of a notebook lie: ``lessons/notes/04.md`` for ``04_freezing``."""
    return lesson.parent / "notes" / f"{lesson.name[:2]}.md"


def read(path: Path) -> dict[str, str]:
    """Read notes: heading -> text. A line that begins with one # is for whoever edits the file.

    Raises
    ------
    LessonError
        If there are no notes, or two parts have the same heading.
    """
    if not path.is_file():
        raise notebooks.LessonError(f"{path} is missing")
    found: dict[str, str] = {}
    for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        if heading.strip() in found:
            raise notebooks.LessonError(f"{path.name}: two parts are called {heading.strip()!r}")
        found[heading.strip()] = text.strip()
    return found


def sections(notebook: NotebookNode) -> dict[str, bool]:
    """Return the headings of a lesson in order, and whether a prediction is made under each."""
    found: dict[str, bool] = {}
    now = ""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        fenced = False
        for line in cell.source.splitlines():
            fenced ^= line.startswith("```")
            if fenced:
                continue
            if match := _HEADING.match(line):
                now = match[1]
                found[now] = False
            elif line.startswith("**Predict.**"):
                found[now] = True
    return found


def minutes(text: str) -> int:
    """Return the minutes that a part says it takes; 0 where it says nothing."""
    match = _MINUTES.match(text)
    return int(match[1]) if match else 0


def findings(notebook: NotebookNode, notes: dict[str, str]) -> list[str]:
    """Say where notes and lesson disagree, and where a prediction comes without advice."""
    wanted = sections(notebook)
    found = [f"no notes for {heading!r}" for heading in wanted if heading not in notes]
    found += [f"no heading {heading!r} in the lesson" for heading in notes if heading not in wanted]
    for heading, text in notes.items():
        if not minutes(text):
            found.append(f"{heading!r} does not begin with its minutes, such as *5 min.*")
        if wanted.get(heading) and not all(line in text for line in _QUESTION):
            found.append(f"{heading!r} holds a prediction: its notes need {', '.join(_QUESTION)}")
    return found
