"""All exercises of the course, found in the files of this folder."""

from __future__ import annotations

import importlib
from pathlib import Path

from .exercise import Exercise


def modules() -> dict[int, str]:
    """Names of the modules that hold exercises, by number of lesson."""
    found = sorted(Path(__file__).parent.glob("lesson[0-9][0-9].py"))
    return {int(path.stem[-2:]): f"{__package__}.{path.stem}" for path in found}


def by_lesson() -> dict[int, list[Exercise]]:
    """The exercises of each lesson, by their numbers."""
    return {
        lesson: sorted(
            (e for e in vars(importlib.import_module(name)).values() if isinstance(e, Exercise)),
            key=lambda e: tuple(map(int, e.number.split("."))),
        )
        for lesson, name in modules().items()
    }


def everything() -> list[Exercise]:
    """All exercises, in the order of the course."""
    return [exercise for exercises in by_lesson().values() for exercise in exercises]
