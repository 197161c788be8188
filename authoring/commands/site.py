"""``python -m authoring site``: build the website, offline.

The pages are gathered in one folder and made into HTML in another. Nothing is executed: figures and
tables are those that the lessons were stored with.
"""

import argparse
from pathlib import Path

HELP = "build the website from the stored lessons, offline"

ROOT = Path(__file__).resolve().parents[2]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare where the site goes."""
    parser.add_argument(
        "--to",
        type=Path,
        default=ROOT / "build" / "site",
        metavar="DIR",
        help="default: build/site, in the course's folder",
    )


def main(args: argparse.Namespace) -> int:
    """Build the site, and say where it is; returns Sphinx's exit status."""
    # Imported here: the other commands also work where Sphinx is not installed.
    from authoring.site import measured, pages

    from sphinx.cmd.build import build_main

    to = args.to.resolve()
    gathering = pages.Gathering(ROOT, to.with_name(f"{to.name}-source"))
    gathering.all()
    gathering.written |= set(measured.write(gathering.to))
    gathering.clear()
    settings = ROOT / "authoring" / "site"
    # -W: a warning is a dead link or a picture that is not there
    options = ["-b", "html", "-q", "-W", "--keep-going", "-d", f"{to}-doctrees"]
    status = int(build_main([*options, "-c", str(settings), str(gathering.to), str(to)]))
    if status == 0:
        print(f"Built: open {to / 'index.html'} in a browser.")
    return status
