"""`python -m authoring solutions`: execute lessons with their solutions filled in."""

import argparse
import sys
from pathlib import Path

HELP = "for instructors: execute the lessons with the solutions filled in; all checks must pass"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare which lessons, and where the filled copies go."""
    parser.add_argument("lessons", nargs="*", metavar="NN", help="such as 04 (default: all)")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="keep the executed copies there, with the marks that nbgrader strips",
    )
    parser.add_argument(
        "--behind",
        type=Path,
        metavar="DIR",
        help="execute nothing: write the stored lessons there, each with its solutions behind it",
    )


def main(args: argparse.Namespace) -> int:
    """Fill, execute, report; 1 if a lesson failed or a solution was not accepted."""
    from authoring import notebooks, recording, solving

    chosen = notebooks.choose(notebooks.lessons(), args.lessons)
    if args.behind is not None:
        args.behind.mkdir(parents=True, exist_ok=True)
        for lesson in chosen:
            text = notebooks.as_text(solving.solved_afterwards(lesson))
            notebooks.write_whole(text, args.behind / lesson.notebook.name)
        return 0
    failed = 0
    for lesson in chosen:
        try:
            notebook = solving.filled(lesson)
            cost = recording.execute(notebook, lesson.notebook.parent)
        except notebooks.LessonError as error:
            print(f"{lesson.name}: {error}", file=sys.stderr)
            failed += 1
            continue
        said = solving.verdicts(notebook)
        bad = [text for text in said.values() if text != "right"]
        failed += bool(bad)
        print(f"{lesson.name}: {len(said) - len(bad)} of {len(said)} right, {cost.seconds:.0f} s")
        for text in bad:
            print(f"  {text}", file=sys.stderr)
        if args.to is not None:
            args.to.mkdir(parents=True, exist_ok=True)
            text = notebooks.as_text(notebooks.strip(notebook))
            notebooks.write_whole(text, args.to / lesson.notebook.name)
    return 1 if failed else 0
