"""`python -m course_utils fetch`: download the data and weights before they are needed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "download CIFAR-10 and the ImageNet weights (once; resumed when interrupted)"
ALL = ("cifar10", "weights")
INTERRUPTED = 130  # the exit status that shells expect after Ctrl-C


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="cifar10|weights",
        help="what to fetch (default: both)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="put everything into DIR, for instance a USB stick to hand round",
    )


def main(args: argparse.Namespace) -> int:
    """Fetch what was asked for; return 0, or 1 when something could not be had.

    Each thing is tried even when another failed: what can be had is worth having.
    """
    unknown = [name for name in args.what if name not in ALL]
    if unknown:
        print(
            f"Nothing here is called {unknown[0]!r}; possible: {', '.join(ALL)}.", file=sys.stderr
        )
        return 2

    # Only now: loading torch takes seconds, and `--help` should not.
    from course_utils.downloads.disk import DownloadError

    status = 0
    for name in args.what or ALL:
        try:
            _fetch(name, args.to)
        except DownloadError as error:
            print(error, file=sys.stderr)
            status = 1
        except KeyboardInterrupt:
            return INTERRUPTED
    if args.to is not None and status == 0:
        print(f"To use this folder elsewhere, set COURSE_MIRROR={args.to.resolve()}")
    return status


def _fetch(name: str, folder: Path | None) -> None:
    from course_utils.downloads import cifar10, torchvision_weights

    from torchvision.models import MobileNet_V2_Weights

    if name == "cifar10":
        print(f"CIFAR-10 is in {cifar10.fetch(folder)}")
    else:
        weights = MobileNet_V2_Weights.IMAGENET1K_V1
        print(f"ImageNet weights are in {torchvision_weights.fetch(weights, folder=folder)}")
