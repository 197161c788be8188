"""`python -m course_utils NAME`: the course's commands, one module of `commands` each."""

import argparse
import importlib
import sys

COMMANDS = ("lab", "progress", "doctor", "fetch", "run", "record", "slides", "solutions", "publish")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 is success)."""
    parser = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="NAME")
    for name in COMMANDS:
        try:
            module = importlib.import_module(f"course_utils.commands.{name}")
        except ImportError as error:  # the others, doctor above all, must still work
            subparsers.add_parser(name, help=f"not available here: {error}")
            continue
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.configure(subparser)
        subparser.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    if not hasattr(args, "main"):
        print(f"{args.command} needs a package that is missing", file=sys.stderr)
        return int(importlib.import_module("course_utils.commands.doctor").main(args))
    try:
        return int(args.main(args))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
