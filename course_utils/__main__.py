"""`python -m course_utils NAME`: the course's commands, one module of `commands` each."""

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = ("lab", "progress", "doctor", "fetch", "run")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 is success)."""
    return run_command("course_utils", COMMANDS, __doc__, arguments)


def run_command(
    package: str, commands: Sequence[str], about: str | None, arguments: list[str] | None
) -> int:
    """Run one of a package's commands, each a module of its folder `commands`.

    Returns the exit status: 0 is success, 130 means that Ctrl+C stopped it.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=about)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="NAME")
    for name in commands:
        try:
            module = importlib.import_module(f"{package}.commands.{name}")
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
