"""The map of lesson 07, task by task and size by size, as several claims read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from course_utils.lesson11.claim import Tables

import pandas as pd

TASKS = {"near": "own classes", "fabric": "weave", "orientation": "grain"}
"""What the tasks are called in figures; the last two are drawn textures without any object."""

FROM_NOTHING = ("scratch", "scratch, small network")
PRETRAINED = ("head only", "earlier block", "first blocks frozen", "everything")


def sizes(table: pd.DataFrame) -> list[int]:
    """The numbers of training images on a map, the smallest first."""
    return sorted(int(n) for n in table["train"].unique())


def cells(
    tables: Tables, which: Sequence[str] = ("all",), tasks: Sequence[str] = tuple(TASKS)
) -> Iterator[tuple[str, str, int, pd.DataFrame]]:
    """World, task's name, number of images and rows for some cells of each map.

    which : "all", or some of "few" (the smallest number of images), "many" (the largest) and
        "middle" (what lies between)
    """
    for world, table in tables.each("data_and_similarity"):
        known = sizes(table)
        chosen = {
            "all": known, "few": known[:1], "many": known[-1:], "middle": known[1:-1] or known[-1:],
        }  # fmt: skip
        wanted = sorted({n for name in which for n in chosen[name]})
        for task in [t for t in tasks if t in set(table["task"])]:
            for train in wanted:
                part = table[(table["task"] == task) & (table["train"] == train)]
                if not part.empty:
                    yield world, TASKS[task], train, part
