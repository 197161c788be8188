"""``python -m authoring publish``: set the repository's public address, everywhere at once."""

import argparse
import sys

HELP = "set the address of the public repository (for Colab, Binder and the badges)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to ``parser``."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "address", nargs="?", metavar="OWNER/NAME", help="on GitHub, or a full git address"
    )
    which.add_argument(
        "--withdraw", action="store_true", help="take the address and all links out again"
    )


def main(args: argparse.Namespace) -> int:
    """Write the address into ``pyproject.toml``, the lessons and the pages' links."""
    # Imported here: the other commands also work where jupytext is not installed.
    from authoring import notebooks, publishing

    try:
        url = "" if args.withdraw else publishing.full_address(args.address)
        changed = publishing.publish(url, notebooks.ROOT)
    except (ValueError, OSError, notebooks.LessonError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Address: {url or 'none'}")
    for path in changed:
        print(f"  written: {path.relative_to(notebooks.ROOT)}")
    if not changed:
        print("  Everything says so already.")
    return 0
