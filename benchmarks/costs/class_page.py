"""The tables of hub/README.md, made from the records of class_of_students.py.

python -m benchmarks.costs.class_page       writes them again; a test compares them with the records
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import marked
from benchmarks.marked import table
from course_utils import environment, experiments

from traitlets.config import PyFileConfigLoader

PAGE = environment.PROJECT / "hub" / "README.md"
CONFIG = environment.PROJECT / "hub" / "jupyterhub_config.py"
START, END = "<!-- measured: made by benchmarks/costs/class_page.py -->", "<!-- /measured -->"
SCRIPT, NOT_YET = "python -m benchmarks.costs.class_of_students", "not been measured yet:"
SYSTEM_MB = 1500  # set aside for the system and the hub; not measured
MACHINES_GB = (8, 16, 32, 64, 128)


def hub_environment() -> dict[str, str]:
    """The variables that the hub sets for each student."""
    settings = PyFileConfigLoader(CONFIG.name, str(CONFIG.parent)).load_config()
    return dict(settings.Spawner.environment)


def medians(
    rows: list[dict[str, Any]], keys: tuple[str, ...], values: tuple[str, ...]
) -> list[Any]:
    """One row for each setting, with the median of each value."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [
        dict(zip(keys, group, strict=True))
        | {value: statistics.median(row[value] for row in members) for value in values}
        for group, members in groups.items()
    ]


def memory_table(record: dict[str, Any]) -> list[str]:
    """What one student takes, by what the student does."""
    names = {"server": "a JupyterLab server, idle", "steps": "a kernel after a few training steps"}
    rows = []
    for row in medians(record["rows"], ("what",), ("pss_mb", "unique_mb", "peak_mb")):
        name = names.get(row["what"], f"a kernel after lesson {row['what'][:2]}, idle")
        rows.append([name, *(f"{row[k]:.0f}" for k in ("pss_mb", "unique_mb", "peak_mb"))])
    head = ["MB", "its share", "of these its own", "at its peak"]
    return table(head, rows)


def each_student(record: dict[str, Any], lessons: dict[str, Any]) -> tuple[float, float]:
    """MB for a student in the hungriest lesson, and for one whose kernel rests after a lesson."""
    rows = record["rows"]
    server = statistics.median(r["pss_mb"] for r in rows if r["what"] == "server")
    resting = statistics.median(r["pss_mb"] for r in rows if r["what"] not in ("server", "steps"))
    hungriest = max(row["peak_mb"] for row in lessons["medians"])
    return server + hungriest, server + resting


def machine_table(working: float, resting: float) -> list[str]:
    """How many students fit into how much memory."""
    rows = []
    for gigabytes in MACHINES_GB:
        room = gigabytes * 1000 - SYSTEM_MB
        rows.append([f"{gigabytes} GB", f"{room // working:.0f}", f"{room // resting:.0f}"])
    return table(["memory", "all in the hungriest lesson", "all resting after a lesson"], rows)


def times_table(record: dict[str, Any]) -> list[str]:
    """How long a step and an answer take, by how many compute at once."""
    values = ("step_seconds", "answer_seconds", "slowest_answer_seconds")
    found = medians(record["rows"], ("students", "threads"), values)
    alone = next(row for row in found if row["students"] == 1 and row["threads"] == 1)
    rows = [
        [
            f"{row['students']}",
            f"{row['threads']}",
            f"{1000 * row['step_seconds']:.0f} ms",
            f"{row['step_seconds'] / alone['step_seconds']:.1f}",
            f"{row['answer_seconds']:.1f} s",
            f"{row['slowest_answer_seconds']:.1f} s",
        ]
        for row in found
    ]
    head = ["computing at once", "threads of each", "a step", "times a lone student's", "an answer",
            "the slowest answer"]  # fmt: skip
    return table(head, rows)


def memory_part() -> list[str]:
    """What a student takes, and how many fit."""
    try:
        memory = experiments.read_record("class_of_students_memory")
    except FileNotFoundError:
        return [f"How much memory a student takes has {NOT_YET} `{SCRIPT} --only memory`."]
    lessons = experiments.read_record("lesson_costs")
    working, resting = each_student(memory, lessons)
    return [
        *memory_table(memory),
        "",
        f"With a server and the hungriest lesson a student takes {working:.0f} MB, and "
        f"{resting:.0f} MB while the kernel rests after a lesson. Less {SYSTEM_MB} MB for the "
        "system and the hub, which were not measured, this many students fit. (Under a hub a "
        "server is somewhat larger than JupyterLab alone: `tests/hub/run -s -k costs` prints it.)",
        "",
        *machine_table(working, resting),
        "",
        f"*Measured by `{memory['command']}`: {memory['hardware']}; the peak of each lesson by "
        f"`{lessons['command']}`.*",
    ]


def times_part() -> list[str]:
    """How long students wait when many compute at once."""
    try:
        times = experiments.read_record("class_of_students")
    except FileNotFoundError:
        return [f"How long an answer takes then has {NOT_YET} `{SCRIPT} --only times`."]
    return [
        f"An answer is that of a cell with {times['steps']} training steps. On {times['cores']} "
        "cores:",
        "",
        *times_table(times),
        "",
        f"*Measured by `{times['command']}`: {times['hardware']}.*",
    ]


def block() -> str:
    """All that stands between START and END."""
    return "\n".join([START, "", *memory_part(), "", *times_part(), "", END])


def replaced(page: str) -> str:
    """The page with its block made anew.  Raises ValueError unless it has exactly one."""
    return marked.replaced(page, START, END, block())


def write(page: Path = PAGE) -> None:
    """Write the block into the page."""
    page.write_text(replaced(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
