"""What the scripts share: their arguments, the rows they keep on the way, the record they write.

A run that is cut short loses only one measurement where its script keeps rows (`--keep`).
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from course_utils import experiments, world
from course_utils.images.preprocessing import Prepare

HERE = Path(__file__).resolve().parent
PRIVATE = ("--keep", "--out", "--data-name", "--weights-name")  # say something of one machine only
Row = dict[str, Any]


def arguments(
    about: str | None,
    *,
    data: str | None = None,
    sized: bool = False,
    seeds: int = 3,
    keep: bool = False,
    **counts: int,
) -> argparse.ArgumentParser:
    """The arguments that scripts have in common; a script adds its own.

    Parameters
    ----------
    about : str, optional
        The script's docstring, whose first line is shown.
    data : str, optional
        The world that is used unless the command names another: ``shapes``, ``cifar10`` or a
        folder. None leaves out all that is about data and weights.
    sized : bool
        Whether the input size can be chosen.
    seeds : int
        How many are run unless the command names them.
    keep : bool
        Whether the script keeps its rows in a file on the way.
    **counts : int
        Other whole numbers with their defaults, such as ``train=300``, ``held_out=200``.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    if data is not None:
        parser.add_argument("--data", default=data, help="shapes, cifar10 or a folder")
        parser.add_argument("--data-name", help="what the images of a folder honestly are")
        parser.add_argument("--weights-name", help="what the pretrained weights honestly are")
    if sized:
        parser.add_argument("--size", type=int, help="input size in pixels (default: the world's)")
    for name, default in counts.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(seeds)))
    if keep:
        parser.add_argument("--keep", type=Path, help="rows measured so far; a run goes on there")
        parser.add_argument("--only-keep", action="store_true", help="write no record")
    parser.add_argument("--record", help="name of the record, where it is not the usual one")
    parser.add_argument("--out", type=Path, help="folder for the record")
    return parser


def choose_world(args: argparse.Namespace, train: int, test: int) -> tuple[world.Course, Prepare]:
    """The world that `--data` names, and how its images are prepared at `--size`."""
    course = world.choose(0, args.data, train, test)
    size = getattr(args, "size", None) or course.size
    return course, Prepare(size, course.weights.mean, course.weights.std, course.device)


def name_of(args: argparse.Namespace, name: str) -> str:
    """The record's name: the one asked for, else the usual one, which tells photographs apart."""
    photographs = getattr(args, "data", "shapes") != "shapes"
    return args.record or name + ("_cifar10" if photographs else "")


def folder_of(args: argparse.Namespace) -> Path:
    """The folder for the record: `--out`, else the one that is called like the script's own."""
    return args.out or experiments.RECORDS / _script(sys.argv[0]).parent.name


def images(args: argparse.Namespace, course: world.Course, task: str = "target") -> str:
    """What the images of a record honestly are."""
    if course.world == "shapes":
        return f"Shapes ({task})"
    return args.data_name or {"cifar10": "CIFAR-10"}.get(course.world, "a folder of images")


def write(
    args: argparse.Namespace,
    name: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    course: world.Course | None = None,
    **fields: Any,
) -> Path:
    """Write a record with the command that made it, and say so.

    Parameters
    ----------
    args : argparse.Namespace
        From `arguments`; names seeds, folder and record.
    name : str
        The usual name of the record; photographs get an ending of their own.
    rows : iterable of mapping
        The figures.
    course : Course, optional
        Whose weights were used, unless ``weights`` is among the fields.
    **fields
        As for `experiments.write_record`: ``what``, ``data``, and whatever else is to be kept.
    """
    if course is not None:
        fields.setdefault("weights", args.weights_name or course.weights.title)
    fields.setdefault("seeds", args.seeds)
    table = [dict(row) for row in rows]
    path = experiments.write_record(
        name_of(args, name), folder=folder_of(args), command=command(sys.argv), rows=table, **fields
    )
    print(f"{len(table)} rows in {path.name}", flush=True)
    return path


def command(words: list[str]) -> str:
    """The command to make a record again: without names and places that only this machine has."""
    below = _script(words[0]).relative_to(HERE).with_suffix("")
    kept, skip = ["python -m " + ".".join(["benchmarks", *below.parts])], False
    for word in words[1:]:
        if not skip and word not in PRIVATE:
            kept.append("FOLDER" if kept[-1] == "--data" and Path(word).is_dir() else word)
        skip = not skip and word in PRIVATE
    return " ".join([kept[0], *map(shlex.quote, kept[1:])])


def _script(word: str) -> Path:
    """The file of a script by the first word of its command line: its path or its name."""
    return next(HERE.rglob(f"{Path(word).stem}.py"))


def stored_rows(args: argparse.Namespace, name: str) -> list[Row]:
    """The rows of the record that is there already; none where there is none."""
    path = folder_of(args) / f"{name_of(args, name)}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []


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
