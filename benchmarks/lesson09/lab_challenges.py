"""What is in reach in the challenges of lesson 09, by strategies of several kinds.

    python -m benchmarks.lesson09.lab_challenges

Writes the record lab_challenges.  The targets in `course_utils/lesson09/challenges.py` were
set
by it: no strategy that needs no thought passes, and several that do need it pass with room.

Two processes share the strategies, on one thread each: that is faster than one on two threads.
Those of the challenge that has a limit in seconds run at the end, alone and on all threads.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import experiments
from course_utils.lab.session.session import Session
from course_utils.lesson09 import challenges

import torch

HEAD = "classifier"
LAST_FIVE = tuple(f"features.{i}" for i in range(14, 19))
# challenge -> strategy -> blocks that learn besides the head (None: all), backbone's rate, steps
STRATEGIES: dict[str, dict[str, tuple[tuple[str, ...] | None, float, int]]] = {
    "fewest parameters": {
        "head only": ((), 1e-3, 300),
        "last five": (LAST_FIVE, 1e-3, 80),
        "all": (None, 1e-3, 80),
        "features.3": (("features.3",), 1e-3, 80),
        "features.3 to 5": (("features.3", "features.4", "features.5"), 1e-3, 80),
        "features.8 to 10": (("features.8", "features.9", "features.10"), 1e-3, 80),
    },
    "rescue": {
        "head only": ((), 1e-3, 80),
        "last five": (LAST_FIVE, 1e-3, 80),
        "all": (None, 1e-3, 80),
        "all at 3e-3": (None, 3e-3, 80),
        "the damaged block": (("features.4",), 1e-3, 80),
        "the damaged block at 1e-2": (("features.4",), 1e-2, 80),
    },
    "beat the default": {
        "default": ((), 1e-3, 300),
        "last block": (("features.18",), 1e-3, 60),
        "last five": (LAST_FIVE, 1e-3, 60),
        "all": (None, 1e-3, 60),
    },
}


def run(
    seed: int, challenge: str, strategy: str, *, share: float = 1.0, **settings_changed: int
) -> dict[str, Any]:
    """One strategy, on one seed.

    share : of the steps; less than 1 only to try the script
    """
    task = next(c for c in challenges.CHALLENGES if c.name == challenge)
    learns, rate, steps = STRATEGIES[challenge][strategy]
    steps = max(1, round(share * steps))
    settings = replace(task.settings, seed=seed, preset="all", backbone_rate=rate)
    settings = replace(settings, **settings_changed)
    session = Session(replace(settings, evaluate_steps=10**9), build=task.build)
    for block in session.block_names:
        if learns is not None and block not in (*learns, HEAD):
            session.freeze(block)
    session.run(steps)
    now = session.snapshot()
    row = {
        "accuracy": round(session.evaluate(), 4),
        "steps": steps,
        "trained": now["trained"],
        "seconds": round(now["compute_seconds"], 1),
    }
    print(f"{challenge}, {strategy}, seed {seed}: {row}", flush=True)
    return {"challenge": challenge, "strategy": strategy, "seed": seed, **row}


def one_thread() -> None:
    torch.set_num_threads(1)


def run_all(seeds: list[int], *, processes: int = 2, **changes: Any) -> list[dict[str, Any]]:
    """All strategies on all seeds; rows in the order of `STRATEGIES`."""
    jobs = [(s, c, name) for c, names in STRATEGIES.items() for name in names for s in seeds]
    if processes == 1:
        return [run(*job, **changes) for job in jobs]
    timed = challenges.beat_the_default.name
    rows = dict[tuple[int, str, str], dict[str, Any]]()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=one_thread) as pool:
        begun = {job: pool.submit(run, *job, **changes) for job in jobs if job[1] != timed}
        rows |= {job: future.result() for job, future in begun.items()}
    rows |= {job: run(*job, **changes) for job in jobs if job[1] == timed}
    return [rows[job] for job in jobs]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--share", type=float, default=1.0, help="of the steps, to try it quickly")
    parser.add_argument("--train", type=int, help="training images, to try it quickly")
    parser.add_argument("--out", type=Path, default=experiments.RECORDS / "lesson09")
    options = parser.parse_args()
    changes = {} if options.train is None else {"train": options.train, "test": 20}
    rows = run_all(options.seeds, processes=options.processes, share=options.share, **changes)
    path = experiments.write_record(
        "lab_challenges",
        folder=options.out,
        what="accuracy on 400 held-out images by several strategies in the live lab's challenges",
        command="python -m benchmarks.lesson09.lab_challenges",
        data="Shapes (target, 300 or 500 images; orientation, 500 images), 64 px",
        weights="MobileNetV2 pretrained by this course on 30 other shapes; in 'rescue' with one "
        "block's weights shuffled",
        seeds=options.seeds,
        rows=rows,
    )
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
