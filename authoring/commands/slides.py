"""``python -m authoring slides``: make the lessons into slides."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authoring.notebooks import Lesson

HELP = "make the lessons into slides with speaker's notes, which open without a network"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare which lessons, and where the decks go."""
    parser.add_argument("lessons", nargs="*", metavar="NN", help="such as 04 (default: all)")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="folder for the decks (default: build/slides, or build/live, in the course's folder)",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="make notebooks instead, to be run while JupyterLab shows them: lessons/PRESENTING.md",
    )


def main(args: argparse.Namespace) -> int:
    """Write a deck for each lesson, and a page of contents; 1 if one could not be made."""
    # Imported here: the other commands also work where nbconvert is not installed.
    from authoring import notebooks
    from authoring.slides import cells

    try:
        chosen = notebooks.choose(notebooks.lessons(), args.lessons)
    except notebooks.LessonError as error:
        print(error, file=sys.stderr)
        return 2
    kind = "live" if args.live else "slides"
    folder = args.to or notebooks.ROOT / "build" / kind
    folder.mkdir(parents=True, exist_ok=True)
    if args.live:
        for lesson in chosen:
            made = cells.live_copy(notebooks.read_notebook(lesson.notebook))
            notebooks.write_whole(notebooks.as_text(made), folder / lesson.notebook.name)
        print(f"Notebooks to present are in {folder}.")
        return 0
    return _write_decks(chosen, folder)


def _write_decks(chosen: "list[Lesson]", folder: Path) -> int:
    from authoring import notebooks
    from authoring.slides import deck

    names = {lesson.name for lesson in chosen}
    decks = []
    for lesson in chosen:
        try:
            made = deck.build(lesson.notebook, names)
        except notebooks.LessonError as error:
            print(f"{lesson.name}: {error}", file=sys.stderr)
            continue
        notebooks.write_whole(made.html, folder / f"{made.name}.html")
        print(f"{made.name:32} {made.slides:3} slides  {made.minutes:3} min", flush=True)
        decks.append(made)
    if decks:
        notebooks.write_whole(deck.index(decks), folder / "index.html")
        print(f"Open {folder / 'index.html'} in a browser. S shows the speaker's notes.")
    return 0 if len(decks) == len(chosen) else 1
