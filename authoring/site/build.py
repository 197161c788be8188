"""Build the website, offline: `python -m authoring.site.build`, or `make site`.

The pages are gathered in one folder and made into HTML in another. Nothing is executed: figures and
tables are those that the lessons were stored with.
"""

import argparse
import sys
from pathlib import Path

from authoring.site import measured, pages

ROOT = Path(__file__).resolve().parents[2]


def build(root: Path, to: Path) -> int:
    """Build the site of the repository ``root`` below ``to``; return Sphinx's exit status."""
    from sphinx.cmd.build import build_main

    gathering = pages.Gathering(root, to.with_name(f"{to.name}-source"))
    gathering.all()
    gathering.written |= set(measured.write(gathering.to))
    gathering.clear()
    # a warning is a dead link or a picture that is not there
    options = ["-b", "html", "-q", "-W", "--keep-going", "-d", f"{to}-doctrees"]
    return build_main(
        [*options, "-c", str(ROOT / "authoring" / "site"), str(gathering.to), str(to)]
    )


def main() -> int:
    """Read the command line, build, and say where the site is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "site", help="where to")
    to = parser.parse_args().to.resolve()
    status = build(ROOT, to)
    if status == 0:
        print(f"Built: open {to / 'index.html'} in a browser.")
    return status


if __name__ == "__main__":
    sys.exit(main())
