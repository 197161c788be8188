"""What each lesson costs offline: wall time, peak memory, and the wait for the first figure.

    python -m benchmarks.costs.lesson_costs

Every lesson is executed from its text in a fresh kernel, in the built-in world and without a
network; the kernel's start is part of the time.  Several runs, medians.  Writes
the record lesson_costs, and nothing else: the stored notebooks stay as they are.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from authoring import notebooks, recording
from authoring.peak_memory import PeakMemory
from benchmarks import timing
from course_utils import experiments, world

from nbclient import NotebookClient
from nbformat import NotebookNode

SECONDS, MEGABYTES = 60, 1200  # what a lesson may cost


class Clock:
    """Notes when the cell with `begin(` starts and when the first figure stands below a cell."""

    def __init__(self) -> None:
        self.begun: float | None = None
        self.figure: float | None = None

    def before(self, cell: NotebookNode, cell_index: int) -> None:
        if self.begun is None and "begin(" in cell.source:
            self.begun = time.perf_counter()

    def after(self, cell: NotebookNode, cell_index: int, execute_reply: object) -> None:
        drawn = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if self.figure is None and self.begun is not None and drawn:
            self.figure = time.perf_counter()

    @property
    def wait(self) -> float | None:
        """Seconds from `begin()` to the first figure; None where there is none."""
        if self.begun is None or self.figure is None:
            return None
        return self.figure - self.begun


def measure(lesson: notebooks.Lesson, timeout: int) -> dict[str, Any]:
    """Execute one lesson once."""
    clock = Clock()
    client = NotebookClient(
        notebooks.read_source(lesson.source),
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(lesson.notebook.parent)}},
        store_widget_state=False,
        on_cell_execute=clock.before,
        on_cell_executed=clock.after,
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as ipython, PeakMemory() as memory:
        client.execute(env={**os.environ, **recording.OFFLINE, "IPYTHONDIR": ipython})
    return {
        "lesson": lesson.name,
        "seconds": time.perf_counter() - start,
        "peak_mb": memory.peak / 1e6,
        "first_figure_seconds": clock.wait,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="repetitions; 3 or more to quote")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS / "costs")
    args = parser.parse_args()

    try:
        chosen = notebooks.choose(notebooks.lessons(), args.numbers)
    except notebooks.LessonError as error:
        parser.error(str(error))
    rows: list[dict[str, Any]] = []
    medians: list[dict[str, Any]] = []
    for lesson in chosen:
        mine = []
        for run in range(args.runs):
            mine.append({**measure(lesson, args.timeout), "run": run})
            print(f"{lesson.name:32} {mine[-1]['seconds']:6.1f} s", flush=True)
        columns = [c for c in ("seconds", "peak_mb", "first_figure_seconds") if mine[0][c]]
        middle: dict[str, Any] = {"lesson": lesson.name}
        middle |= {column: timing.median(mine, column) for column in columns}
        rows += mine
        medians.append(middle)
        verdict = (
            "within the limits"
            if middle["seconds"] < SECONDS and middle["peak_mb"] < MEGABYTES
            else f"OVER {SECONDS} s or {MEGABYTES} MB"
        )
        figure = middle.get("first_figure_seconds")
        wait = f"first figure after {figure:.1f} s" if figure else "no figure"
        print(
            f"{lesson.name:32} {middle['seconds']:6.1f} s  {middle['peak_mb']:6.0f} MB  {wait}; "
            f"median of {args.runs}, {verdict}",
            flush=True,
        )

    path = experiments.write_record(
        "lesson_costs",
        folder=args.out,
        what="Each lesson offline: wall time with the kernel's start, peak memory of the kernel "
        "(resident, 10**6 bytes), and seconds from the start of begin() to the end of the "
        "first cell with a figure",
        command=f"python -m benchmarks.costs.lesson_costs --runs {args.runs}",
        data="the built-in Shapes world",
        weights=world.shapes_weights().title,
        seeds=[0],
        limits={"seconds": SECONDS, "peak_mb": MEGABYTES},
        medians=medians,
        rows=rows,
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
