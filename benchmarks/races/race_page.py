"""The races' part of benchmarks/README.md, tables and pictures, made from their records.

`python -m benchmarks.races.race_page` writes them again; a test compares tables and records.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import marked
from course_utils import environment, experiments, plots

from matplotlib.axes import Axes
from matplotlib.figure import Figure

PAGE = environment.PROJECT / "benchmarks" / "README.md"
PICTURES = environment.PROJECT / "benchmarks" / "images"
START, END = "<!-- races: made by benchmarks/races/race_page.py -->", "<!-- /races -->"
PHOTOGRAPHS = ("race_frozen_cifar10", "race_partly_cifar10", "race_full_cifar10")
BUILT_IN = ("race_frozen", "race_partly", "race_full", "race_frozen_resnet18_slim")
QUESTIONS = {"frozen": "head only", "partly": "last five blocks", "full": "everything"}
NAMES = {
    "classic": "classic A: Adam, batches of 64",
    "classic-b": "classic B: SGD, 0.5 / 0.5, batches of 32",
    "tutorial": "PyTorch's tutorial: SGD, batches of 4",
    "fastai": "fastai",
    "ours": "ours",
}
SHORT = {"classic": "classic A", "classic-b": "classic B", "tutorial": "tutorial"}
AXES = {
    "images": "training images",
    "size": "side of the input, pixels",
    "thawed": "blocks thawed, of 19",
}
NETWORKS = {"mobilenet_v2": "MobileNetV2", "resnet18_slim": "a slim ResNet-18"}
Record = dict[str, Any]


def there(names: tuple[str, ...]) -> list[Record]:
    """The records that have been made."""
    found = []
    for name in names:
        try:
            found.append(experiments.read_record(name))
        except FileNotFoundError:
            continue
    return found


def question(record: Record) -> str:
    """Which race a record is of: frozen, partly or full."""
    return str(record["command"].split()[3])


def race_table(record: Record) -> list[str]:
    """Seconds, accuracy, and what ours saves, a row for each contender."""
    medians, rows = record["medians"], []
    for name, seconds in medians["seconds"].items():
        values = [row["accuracy"] for row in record["rows"] if row["contender"] == name]
        against = medians.get("against", {}).get(name)
        rows.append(
            [
                NAMES[name],
                f"{seconds:.1f} s",
                experiments.mean_and_std(values).removesuffix(f" ({len(values)} runs)"),
                f"{against['median_ratio']:.1f}" if against else "",
                f"{against['mean_points_ahead']:+.1f}" if against else "",
            ]
        )
    rows.sort(key=lambda row: row[0] == "ours")
    return marked.table(
        ["", "seconds", "test accuracy", "ours is faster, times", "ours is ahead, points"], rows
    )


def race_part(record: Record) -> list[str]:
    """One race: title, table, and where its figures come from."""
    title = f"{QUESTIONS[question(record)]}, {NETWORKS[record['network']]}"
    return [
        f"**{title[0].upper()}{title[1:]}** at {record['size']} pixels, {record['data']}; "
        f"{record['weights']}:",
        "",
        *race_table(record),
        "",
        f"*Medians and means of {len(record['seeds'])} seeds; `{record['command']}`: "
        f"{record['hardware']}, torch {record['versions']['torch']}.*",
        "",
    ]


def parts_part(record: Record) -> list[str]:
    """Where the speed comes from."""
    sizes = sorted({row["size"] for row in record["medians"]})
    ms = {(row["kind"], row["way"], row["size"]): row["ms"] for row in record["medians"]}
    ways = list(dict.fromkeys((row["kind"], row["way"]) for row in record["medians"]))
    rows = [[f"{k}: {way}", *(f"{ms[k, way, size]:.2f}" for size in sizes)] for k, way in ways]
    head = ["milliseconds an image", *(f"{size} px" for size in sizes)]
    return [
        *marked.table(head, rows),
        "",
        f"*Medians; `{record['command']}`: {record['hardware']}.*",
        "",
    ]


def block() -> str:
    """All that stands between START and END."""
    lines = [START, ""]
    for title, names in (("On photographs", PHOTOGRAPHS), ("In the built-in world", BUILT_IN)):
        records = there(names)
        if records:
            lines += [f"### {title}", ""]
            for record in records:
                lines += race_part(record)
        if records and names is PHOTOGRAPHS:
            lines += [f"![{RACE_ALT}](images/race.png)", ""]
    if parts := there(("speed_parts",)):
        lines += ["### Where the time goes", "", *parts_part(parts[0])]
    if scaling := there(("scaling",)):
        (record,) = scaling
        lines += [
            "### How it grows",
            "",
            f"![{SCALING_ALT}](images/scaling.png)",
            "",
            f"*Medians; `{record['command']}`: {record['hardware']}.*",
            "",
        ]
    return "\n".join([*lines, END])


RACE_ALT = (
    "Left, seconds on a logarithmic axis, right, test accuracy: a row for the classic loop and a "
    "row for ours, for each of the races on photographs; one dot a seed."
)
SCALING_ALT = (
    "Six panels. Above, seconds once for the cache and seconds an epoch; below, the program's peak "
    "memory; by the number of images, by the side of the input, and by the number of thawed blocks."
)


def race_figure(records: list[Record]) -> Figure:
    """Every run a dot: seconds on the left, accuracy on the right."""
    figure, (left, right) = plots.new_figure(10, 0.55 * 2 * len(records) + 1.2, 2)
    labels = []
    for record in records:
        names = sorted(record["medians"]["seconds"], key=lambda name: name == "ours")
        for name in names:
            mine = [row for row in record["rows"] if row["contender"] == name]
            colour, marker = (plots.ORANGE, "s") if name == "ours" else (plots.BLUE, "o")
            labels.append(f"{QUESTIONS[question(record)]}: {SHORT.get(name, name)}")
            place = [len(labels) - 1] * len(mine)
            for axis, values in (
                (left, [row["seconds"] for row in mine]),
                (right, [100 * row["accuracy"] for row in mine]),
            ):
                axis.scatter(values, place, color=colour, marker=marker, s=36, zorder=3)
    left.set_xscale("log")
    left.set(xlabel="seconds, logarithmic", yticks=range(len(labels)), yticklabels=labels)
    right.set(xlabel="test accuracy (%)", yticks=range(len(labels)), yticklabels=[])
    for axis in (left, right):
        axis.set_ylim(len(labels) - 0.5, -0.5)
    return figure


def scaling_figure(record: Record) -> Figure:
    """Time above, memory below; a column for each thing that grows."""
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    grid = figure.subplots(2, len(AXES), sharex="col", sharey="row")
    for (by, title), (above, below) in zip(AXES.items(), grid.T, strict=True):
        mine = [row for row in record["rows"] if row["by"] == by]
        curve(above, mine, by, "seconds_once", plots.BLUE, "o", "the cache, once")
        curve(above, mine, by, "seconds_an_epoch", plots.ORANGE, "s", "an epoch")
        curve(below, mine, by, "peak_mb", plots.NAVY, "D", "peak memory")
        below.set_xlabel(title)
    grid[0, 0].set_ylabel("seconds")
    grid[0, 0].legend()
    grid[1, 0].set_ylabel("peak memory (MB)")
    grid[1, 0].set_ylim(bottom=0)
    return figure


def curve(
    axis: Axes, rows: list[Record], by: str, value: str, colour: str, marker: str, label: str
) -> None:
    """Medians as a line, single runs as small dots."""
    places = sorted({row[by] for row in rows})
    middle = [statistics.median(row[value] for row in rows if row[by] == x) for x in places]
    axis.plot(places, middle, color=colour, marker=marker, label=label)
    axis.scatter([r[by] for r in rows], [r[value] for r in rows], color=colour, s=8, alpha=0.6)


def replaced(page: str) -> str:
    """The page with its block made anew.  Raises ValueError unless it has exactly one."""
    return marked.replaced(page, START, END, block())


def write(page: Path = PAGE, pictures: Path = PICTURES) -> None:
    """Write the block into the page, and draw the pictures."""
    page.write_text(replaced(page.read_text(encoding="utf-8")), encoding="utf-8")
    pictures.mkdir(exist_ok=True)
    if records := there(PHOTOGRAPHS):
        race_figure(records).savefig(pictures / "race.png", dpi=100, facecolor="white")
    if records := there(("scaling",)):
        scaling_figure(records[0]).savefig(pictures / "scaling.png", dpi=100, facecolor="white")


if __name__ == "__main__":
    write()
