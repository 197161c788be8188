"""A reader who clicks at random for minutes: does the lab's memory stay flat?

    python benchmarks/lab_soak.py                  ten minutes on the Shapes world
    python benchmarks/lab_soak.py --minutes 1

One thread trains without pause, as the panel's does, while this one clicks: it freezes and thaws,
chooses presets, rates, optimizers and batch norm modes, resets, and asks for snapshots ten times a
second.  Memory is noted every few seconds.  It fails if memory in the last quarter exceeds that of
the second quarter by more than the allowance, if a snapshot is no JSON, or if a thread is left.
(The first quarter is for warming up: torch keeps memory that it has once had.)
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import threading
import time

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils.environment import MEGABYTE, memory_used
from course_utils.lab.session import LabError, Session, Settings

ALLOWANCE_MB = 40


def click(session: Session, rng: random.Random) -> str:
    """One random action."""
    blocks = session.block_names
    actions = {
        "toggle": lambda: session.toggle(rng.choice(blocks)),
        "preset": lambda: session.preset(rng.choice(["head only", "last block", "last five"])),
        "all": lambda: session.preset("all"),
        "first": lambda: session.preset("first N", rng.randrange(len(blocks))),
        "batch norm": lambda: session.set_batch_norm(rng.choice(["eval", "train"])),
        "rates": lambda: session.set_rates(rng.choice([1e-3, 3e-3]), rng.choice([1e-4, 1e-3])),
        "optimizer": lambda: session.set_optimizer(rng.choice(["adamw", "adam", "sgd"])),
        "table": session.history,
        "code": session.code,
        "nonsense": lambda: session.set_rates(head=rng.choice([0, -1, 1e6])),
        "reset": lambda: session.reset(seed=rng.randrange(100), preset="head only"),
    }
    weights = [12, 3, 1, 3, 2, 2, 1, 1, 1, 1, 1]
    name = rng.choices(list(actions), weights)[0]
    try:
        actions[name]()
    except LabError:
        return f"{name} (refused)"
    return name


def soak(minutes: float, train: int, seed: int) -> int:
    rng, stop = random.Random(seed), threading.Event()
    session = Session(Settings(world="shapes", train=train, test=60))
    failures: list[str] = []
    steps = [0]

    def train_on() -> None:
        while not stop.is_set():
            try:
                steps[0] += session.step() is not None
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")
                session.reset()

    thread = threading.Thread(target=train_on)
    thread.start()
    begun, counts, memory = time.monotonic(), dict[str, int](), list[tuple[float, float]]()
    waits: list[float] = []
    next_note = 0.0
    try:
        while (now := time.monotonic() - begun) < 60 * minutes:
            name = click(session, rng)
            counts[name] = counts.get(name, 0) + 1
            asked = time.perf_counter()
            text = json.dumps(session.snapshot(since=max(0, steps[0] - 5)), allow_nan=False)
            waits.append(time.perf_counter() - asked)
            assert text
            if now >= next_note:
                memory.append((now, memory_used() / MEGABYTE))
                next_note = now + max(1.0, minutes)
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(60)
    quarter = len(memory) // 4
    early = statistics.median(mb for _, mb in memory[quarter : 2 * quarter])
    late = statistics.median(mb for _, mb in memory[-quarter:])
    print(f"{sum(counts.values())} clicks, {steps[0]} steps in {minutes:g} minutes: {counts}")
    print("memory, MB:", " ".join(f"{seconds:.0f}s {mb:.0f}" for seconds, mb in memory))
    print(f"second quarter {early:.0f} MB, last quarter {late:.0f} MB: {late - early:+.0f}")
    print(f"a snapshot as JSON: median {1000 * statistics.median(waits):.1f} ms", end=", ")
    print(f"longest {1000 * max(waits):.0f} ms")
    print(f"runs that stopped: {len(failures)}", *sorted(set(failures)), sep="\n  ")
    if thread.is_alive():
        print("FAILED: the training thread hangs")
    elif late - early > ALLOWANCE_MB:
        print(f"FAILED: memory grew by more than {ALLOWANCE_MB} MB")
    else:
        return 0
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--train", type=int, default=200, help="training images")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(soak(options.minutes, options.train, options.seed))
