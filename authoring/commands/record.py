"""``python -m authoring record``: make the notebooks from their text."""

import argparse
import sys

HELP = "execute the lessons and store them as notebooks (or only check the stored ones)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to ``parser``."""
    parser.add_argument(
        "numbers", nargs="*", metavar="NN", help="lessons by number, such as 03 05 (default: all)"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--check",
        action="store_true",
        help="execute and change nothing: say where text and notebook disagree",
    )
    way.add_argument(
        "--keep-outputs",
        action="store_true",
        help="execute nothing: store edited words and cell metadata; refused where code changed",
    )
    parser.add_argument(
        "--timeout",
        type=int,
        default=300,
        metavar="SECONDS",
        help="longest time for one cell (default: 300)",
    )


def main(args: argparse.Namespace) -> int:
    """Record or check the lessons; return 0 when all of them are well."""
    # Imported here: the other commands also work where jupytext is not installed.
    from authoring import notebooks, recording

    try:
        chosen = notebooks.choose(notebooks.lessons(), args.numbers)
    except notebooks.LessonError as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    for lesson in chosen:
        try:
            findings = notebooks.check(lesson) if args.check else []
            if args.keep_outputs:
                recording.carry_over(lesson)
                print(f"{lesson.name:32} text stored, outputs kept", flush=True)
            elif not args.check:
                cost = recording.record(lesson, args.timeout)
                print(f"{lesson.name:32} {cost.seconds:6.1f} s  {cost.peak_mb:6.0f} MB", flush=True)
        except notebooks.LessonError as error:
            findings = [str(error)]
        for finding in findings:
            print(f"{lesson.name}: {finding}", file=sys.stderr, flush=True)
        failed += bool(findings)
    if failed:
        print(f"{failed} of {len(chosen)} lessons need attention.", file=sys.stderr)
    return 1 if failed else 0
