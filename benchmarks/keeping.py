"""What a record is made of: single measurements, kept on the way, and the command that made it.

A run that is cut short loses only one measurement.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Kept:
    """Rows in a file, one JSON object a line; None keeps them in memory only.

    Two processes may share a file as long as they measure different things.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        there = path.read_text(encoding="utf-8").splitlines() if path and path.is_file() else []
        self.rows: list[Row] = [json.loads(line) for line in there]

    def has(self, setting: Mapping[str, Any]) -> bool:
        """Whether some row was measured with just this setting."""
        return any(all(row.get(k) == v for k, v in setting.items()) for row in self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Keep more rows, and write them down at once."""
        new = list(rows)
        self.rows += new
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row, default=float) + "\n" for row in new)

    def measure(
        self, settings: Iterable[Mapping[str, Any]], run: Callable[..., list[Row]]
    ) -> list[Row]:
        """Call `run(**setting)` for every setting that is not there yet; return the rows of all."""
        wanted = list(settings)
        for setting in wanted:
            if not self.has(setting):
                self.add({**setting, **row} for row in run(**setting))
                print(*setting.values(), flush=True)
        return [
            row
            for setting in wanted
            for row in self.rows
            if all(row.get(k) == v for k, v in setting.items())
        ]


PRIVATE = ("--keep", "--out", "--data-name", "--weights-name")


def command(words: list[str]) -> str:
    """The command to make a record again: without names and places that only this machine has."""
    kept, skip = [f"python -m {_module(Path(words[0]))}"], False
    for word in words[1:]:
        if not skip and word not in PRIVATE:
            kept.append("FOLDER" if kept[-1] == "--data" and Path(word).is_dir() else word)
        skip = not skip and word in PRIVATE
    return " ".join([kept[0], *map(shlex.quote, kept[1:])])


def _module(script: Path) -> str:
    """What `python -m` calls a script of this folder: `benchmarks.lesson05.fine_tuning`."""
    below = script.resolve().relative_to(Path(__file__).resolve().parent).with_suffix("")
    return ".".join(["benchmarks", *below.parts])
