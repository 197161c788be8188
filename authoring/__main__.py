"""`python -m authoring NAME`: the workshop's commands, one module of `commands` each."""

import sys

from course_utils.__main__ import run_command

COMMANDS = ("record", "slides", "solutions", "publish", "site")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 is success)."""
    return run_command("authoring", COMMANDS, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
