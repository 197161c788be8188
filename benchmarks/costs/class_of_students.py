"""How many students one machine carries: several kernels at once, without a hub.

    python -m benchmarks.costs.class_of_students
        both, about 15 minutes on two cores
    python -m benchmarks.costs.class_of_students --only times
        needs a machine that does nothing else
    python -m benchmarks.costs.class_of_students --only memory    may run beside anything

Writes the record class_of_students (times) and class_of_students_memory.json, and then the
tables in hub/README.md. Each student is a kernel of its own, as in JupyterLab, with the variables
that hub/jupyterhub_config.py sets. All take the same steps at the same moment: the last five blocks
of the pretrained network and its head, batches of 32 images, as in lesson 04 and in the live lab.
"""

from __future__ import annotations

import argparse
import ast
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from authoring import notebooks, recording
from benchmarks.costs import class_page, memory_of
from course_utils import environment, experiments, world

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

PREPARE = """
import itertools, time
import course_utils
from course_utils import datasets, freezing, models, training, world
import torch
course = world.choose(4, "shapes", 1000, 500)
data = course.data
torch.manual_seed(0)
model = course.pretrained()
replace_head(model, len(data.class_names))
plan = freezing.thaw_last(model, 6)  # the head counts as one of them
freezing.apply(model, plan)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
def experiment(count):
    batches = datasets.batches(data.train_images, data.train_labels, 32, seed=0)
    endless = itertools.cycle(list(batches))
    seconds, start = [], time.perf_counter()
    steps = training.steps(
        model, optimizer, itertools.islice(endless, count), course.prepare, plan=plan
    )
    for step in steps:
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return seconds
experiment(2)  # what is slow only once is over before anything is measured
"""


class Kernel:
    """A kernel that answers with Python values."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.pid = int(self.run("import os; print(os.getpid())"))

    def run(self, code: str, timeout: float = 900) -> str:
        """Run a cell; what it printed.

        Raises RuntimeError with the cell's error.
        """
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=hear)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}")
        return "".join(printed)


@contextmanager
def kernels(count: int, threads: int) -> Iterator[list[Kernel]]:
    """So many fresh kernels with the settings of the hub, on so many threads each."""
    from_the_hub = class_page.hub_environment()
    variables = {name: str(threads) for name in from_the_hub if name.endswith("_NUM_THREADS")}
    variables |= {name: from_the_hub[name] for name in ("OMP_WAIT_POLICY", "MALLOC_ARENA_MAX")}
    with ExitStack() as stack:
        ipython = stack.enter_context(tempfile.TemporaryDirectory())
        settings = {**os.environ, **recording.OFFLINE, **variables, "IPYTHONDIR": ipython}
        started = []
        for _ in range(count):
            manager, client = start_new_kernel(
                kernel_name="python3",
                env=settings,
                cwd=str(environment.PROJECT / "lessons"),
                stderr=subprocess.DEVNULL,  # ipykernel's advice; a cell's error comes as a reply
            )
            stack.callback(manager.shutdown_kernel, now=True)
            stack.callback(client.stop_channels)
            started.append(Kernel(client))
        yield started


def at_once(crowd: Sequence[Kernel], code: str) -> list[tuple[str, float]]:
    """Run the same cell in all kernels at the same moment; what each printed, and its seconds."""

    def one(kernel: Kernel) -> tuple[str, float]:
        start = time.perf_counter()
        return kernel.run(code), time.perf_counter() - start

    with ThreadPoolExecutor(len(crowd)) as pool:
        return list(pool.map(one, crowd))


def times(students: int, threads: int, steps: int) -> dict[str, Any]:
    """Seconds a step, and seconds from Shift + Enter to the answer, for so many at once."""
    with kernels(students, threads) as crowd:
        at_once(crowd, PREPARE)
        answers = at_once(crowd, f"print(experiment({steps}))")
    of_each = [statistics.median(ast.literal_eval(text)) for text, _ in answers]
    return {
        "students": students,
        "threads": threads,
        "step_seconds": statistics.median(of_each),
        "slowest_step_seconds": max(of_each),
        "answer_seconds": statistics.median(seconds for _, seconds in answers),
        "slowest_answer_seconds": max(seconds for _, seconds in answers),
    }


def memory_of_steps(students: int, steps: int) -> list[dict[str, Any]]:
    """Memory of each kernel after the experiment, while it does nothing."""
    with kernels(students, 1) as crowd:
        at_once(crowd, PREPARE)
        at_once(crowd, f"experiment({steps})")
        time.sleep(1)
        return [{"what": "steps", "students": students, **memory_of.one(k.pid)} for k in crowd]


def memory_of_lesson(number: str, students: int) -> list[dict[str, Any]]:
    """Memory of each kernel after all cells of a lesson, while it does nothing."""
    [lesson] = notebooks.choose(notebooks.lessons(), [number])
    cells = notebooks.code_cells(notebooks.read_source(lesson.source))
    with kernels(students, 1) as crowd:
        for cell in cells:
            at_once(crowd, cell.source)
        time.sleep(1)
        return [{"what": lesson.name, "students": students, **memory_of.one(k.pid)} for k in crowd]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("times", "memory"), help="one of the two records")
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 4, 6, 8], metavar="K")
    parser.add_argument("--steps", type=int, default=30, help="steps of each student")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each time")
    parser.add_argument("--lessons", nargs="*", default=["04"], metavar="NN", help="for memory")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS / "costs")
    args = parser.parse_args()
    shared: dict[str, Any] = {
        "data": "the built-in Shapes world",
        "weights": world.shapes_weights().title,
        "seeds": [0],
        "folder": args.out,
        "cores": os.cpu_count(),
        "memory_bytes": environment.memory_limit(),
    }
    options = f"--students {' '.join(map(str, args.students))} --steps {args.steps}"
    command = "python -m benchmarks.costs.class_of_students --only"
    if args.only != "times":
        rows = [row for k in args.students for row in memory_of_steps(k, args.steps)]
        rows += [row for number in args.lessons for row in memory_of_lesson(number, 2)]
        rows += memory_of.servers(2)
        path = experiments.write_record(
            "class_of_students_memory",
            what="memory of each student's kernel that has just worked, and of an idle JupyterLab "
            "server (10**6 bytes): resident, its share where pages are shared (PSS), what no other "
            "process uses (unique), and the most it ever held (peak, resident)",
            command=f"{command} memory {options} --lessons {' '.join(args.lessons)}",
            rows=rows,
            **shared,
        )
        print(f"wrote {path}")
    if args.only != "memory":
        # one thread a student, as on the hub; and, for comparison, what torch does by itself
        cores = os.cpu_count() or 1
        plan = [(k, 1) for k in args.students]
        plan += [(k, cores) for k in (min(args.students), max(args.students)) if cores > 1]
        rows = []
        for run in range(args.runs):
            for students, threads in plan:
                rows.append({**times(students, threads, args.steps), "run": run})
                print(rows[-1], flush=True)
        path = experiments.write_record(
            "class_of_students",
            what="seconds an optimizer step (last five blocks and head, 32 images, 64 px) and "
            "seconds from the start of a cell to its answer, for so many kernels at once; medians "
            "over the kernels, and the slowest of them",
            command=f"{command} times {options} --runs {args.runs}",
            steps=args.steps,
            rows=rows,
            **shared,
        )
        print(f"wrote {path}")
    if args.out == experiments.RECORDS / "costs":
        class_page.write()
        print(f"wrote the tables of {class_page.PAGE}")


if __name__ == "__main__":
    main()
