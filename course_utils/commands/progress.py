"""`python -m course_utils progress`: which exercises are solved."""

import argparse

HELP = "show which exercises you have solved (kept on this computer only)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def main(args: argparse.Namespace) -> int:
    """Print the table."""
    from course_utils.exercises.catalogue import progress_table
    from course_utils.exercises.progress import Progress

    kept = Progress()
    table = progress_table(kept)
    if table.empty:
        print("No lesson has exercises yet.")
        return 0
    print(table.to_string(index=False))
    print(f"{table['solved'].sum()} of {table['exercises'].sum()} solved; kept in {kept.path}")
    return 0
