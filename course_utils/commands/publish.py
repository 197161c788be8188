"""``python -m course_utils publish``: set the repository's public address, everywhere at once."""

import argparse
import sys

HELP = "set the address of the public repository (for Colab, Binder and the badges)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to ``parser``."""
    parser.add_argument(
        "address", metavar="OWNER/NAME", help="a GitHub repository, or a full git address"
    )


def main(args: argparse.Namespace) -> int:
    """Write the address into ``pyproject.toml``, the lessons and the README's badges."""
    # Imported here: the other commands also work where jupytext is not installed.
    from course_utils import notebooks, publishing

    try:
        url = publishing.full_address(args.address)
        changed = publishing.publish(url, notebooks.ROOT)
    except (ValueError, notebooks.LessonError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Address: {url}")
    for path in changed:
        print(f"  written: {path.relative_to(notebooks.ROOT)}")
    if not changed:
        print("  Everything says so already.")
    return 0
