"""`python -m course_utils NAME`: the course's commands, one module of `commands` each."""

import argparse
import importlib
import sys

COMMANDS = ("lab", "doctor", "fetch", "run", "record", "publish")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 is success)."""
    parser = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="NAME")
    for name in COMMANDS:
        module = importlib.import_module(f"course_utils.commands.{name}")
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.configure(subparser)
        subparser.set_defaults(main=module.main)
    args = parser.parse_args(arguments)
    try:
        return int(args.main(args))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
