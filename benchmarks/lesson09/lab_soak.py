"""A reader who clicks at random for minutes: does the lab's memory stay flat, is a thread left?

    python -m benchmarks.lesson09.lab_soak                  ten minutes on the Shapes world
    python -m benchmarks.lesson09.lab_soak --minutes 1

Writes the record lab_soak.  A lab trains in the background, as in JupyterLab, and a stand-in
for its page sends it the messages that a reader's clicks send: start and pause, freeze and thaw,
presets, rates, optimizers, batch norm modes, single steps, resets, code and table, nonsense, a page
loaded again, an output that is closed, now and then a second lab, and weights that are no numbers.

Memory is noted twice each time: as it is, and once freed memory was given back to the system,
which is what shows a leak.  It fails if the latter in the last quarter exceeds that of the second
quarter by more than the allowance (the first quarter is for warming up), if a command is not
answered exactly once, if a message is no JSON, or if a thread or a task is left at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import experiments, world
from course_utils.environment import MEGABYTE, memory_used
from course_utils.lab import Lab, glibc_memory

import psutil
import torch

ALLOWANCE_MB = 60  # a step of the whole network that is being taken needs more than that
PAUSE = 0.1  # seconds between two clicks
PATIENCE = 30  # seconds that training may take to end
WEIGHTS = {
    "toggle": 12, "preset": 4, "first N": 3, "all": 1, "batch norm": 2, "rates": 2, "optimizer": 1,
    "start": 6, "pause": 1, "double start": 1, "one step": 1, "reset": 1, "code": 1, "table": 1,
    "nonsense": 2, "wreck": 0.3, "reload": 0.5, "leave": 0.5, "second lab": 0.3,
}  # fmt: skip


class Page:
    """Stands in for the panel's page: sends commands, and keeps the answers."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.asked = lab, 0
        self.answers: Counter[int] = Counter()
        self.refused, self.bytes, self.messages = 0, 0, 0
        lab.widget.send = self._take

    def _take(self, message: dict[str, Any], buffers: object = None) -> None:
        self.bytes += len(json.dumps(message, allow_nan=False))
        self.messages += 1
        if message["kind"] == "answer":
            self.answers[message["id"]] += 1
            self.refused += not message["ok"]

    def say(self, **message: Any) -> None:
        self.lab.widget._receive(self.lab.widget, message, [])

    def command(self, name: str, /, **arguments: Any) -> None:
        self.asked += 1
        self.say(kind="command", id=self.asked, name=name, args=arguments)


def click(page: Page, rng: random.Random, second: Lab) -> str:
    """One random action."""
    name = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    blocks, command = page.lab.session.block_names, page.command
    if name == "toggle":
        command("toggle", name=rng.choice(blocks))
    elif name == "preset":
        command("preset", name=rng.choice(["head only", "last block", "last five"]))
    elif name == "first N":
        command("preset", name="first N", n=rng.randrange(len(blocks)))
    elif name == "all":
        command("preset", name="all")
    elif name == "batch norm":
        command("set_batch_norm", mode=rng.choice(["eval", "train"]))
    elif name == "rates":
        command("set_rates", head=rng.choice([1e-3, 3e-3]), backbone=rng.choice([1e-4, 1e-3]))
    elif name == "optimizer":
        command("set_optimizer", name=rng.choice(["adamw", "adam", "sgd"]))
    elif name in ("start", "pause", "code"):
        command(name)
    elif name == "double start":
        for _ in range(4):
            command(rng.choice(["start", "pause"]))
    elif name == "one step":
        command("step")
    elif name == "reset":
        command("reset", seed=rng.randrange(100), preset="head only")
    elif name == "table":
        command("csv")
    elif name == "nonsense":
        command("set_rates", head=rng.choice([0, -1, 1e6, "fast"]))
    elif name == "wreck":
        with torch.no_grad():  # the loss of the next step is no number
            page.lab.session.model.classifier[-1].bias.fill_(float("nan"))
    elif name == "reload":
        json.dumps(page.lab.widget.get_state("picture"), allow_nan=False)
        page.say(kind="hello")
    elif name == "leave":
        page.say(kind="closed")
    elif name == "second lab":
        second.start(20)  # which pauses the first
        command("start")  # which pauses the second
    return name


async def soak(minutes: float, train: int, seed: int) -> dict[str, Any]:
    """Click for so many minutes.

    Returns
    -------
    What happened: `rows` (one for each note of memory), counts, and `faults`, empty if all is well.
    """
    rng, rows, counts = random.Random(seed), list[dict[str, float]](), Counter[str]()
    second = Lab("shapes", driver="background", train=60, test=20)
    lab = Lab("shapes", driver="background", train=train, test=min(60, train))
    page, process = Page(lab), psutil.Process()
    begun, next_note, stopped, steps, step = time.monotonic(), 0.0, 0, 0, 0
    page.command("start")
    while (now := time.monotonic() - begun) < 60 * minutes:
        counts[click(page, rng, second)] += 1
        shot = lab.session.snapshot(since=10**9)
        steps += shot["step"] - step if shot["step"] >= step else shot["step"]
        step = shot["step"]
        if shot["status"] == "failed":
            stopped += 1
            page.command("reset", preset="head only", backbone_rate=1e-3)
        elif not lab.running and rng.random() < 0.2:
            page.command("start")
        if now >= next_note:
            note = {"seconds": round(now, 1), "threads": process.num_threads(), "steps": steps}
            note["memory_mb"] = round(memory_used() / MEGABYTE, 1)
            await asyncio.to_thread(glibc_memory.give_back)
            rows.append({**note, "in_use_mb": round(memory_used() / MEGABYTE, 1)})
            next_note = now + max(0.5, minutes / 2)
        await asyncio.sleep(PAUSE)
    left = await _close(lab, second, page)
    return {"rows": rows, **summary(rows), **left, "actions": dict(counts.most_common()),
            "commands": page.asked, "refused": page.refused, "runs_that_stopped": stopped,
            "runs": shot["run"], "messages": page.messages,
            "megabytes_sent": round(page.bytes / MEGABYTE, 1)}  # fmt: skip


async def _close(lab: Lab, second: Lab, page: Page) -> dict[str, Any]:
    """Close the labs; what is left of them then, and every fault found."""
    page.command("pause")
    second.close()
    lab.close()
    end = time.monotonic() + PATIENCE
    while (threads := training_threads()) or len(asyncio.all_tasks()) > 1 or unanswered(page):
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.02)
    tasks = len(asyncio.all_tasks()) - 1
    faults = []
    if threads:
        faults.append(f"threads left: {threads}")
    if tasks:
        faults.append(f"tasks left: {tasks}")
    if lost := unanswered(page):
        faults.append(f"commands not answered exactly once: {lost[:5]} of {page.asked}")
    return {"threads_left": len(threads), "tasks_left": tasks, "faults": faults}


def training_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("live-lab")]


def unanswered(page: Page) -> list[int]:
    return [number for number in range(1, page.asked + 1) if page.answers[number] != 1]


def summary(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Memory at the start and at the end, and how fast it grows in the second half."""
    used, quarter = [row["in_use_mb"] for row in rows], max(1, len(rows) // 4)
    half = rows[len(rows) // 2 :]
    minutes = [row["seconds"] / 60 for row in half]
    slope = 0.0
    if len(half) > 1:
        slope = statistics.linear_regression(minutes, [row["in_use_mb"] for row in half]).slope
    return {
        "memory_start_mb": used[0],
        "memory_second_quarter_mb": statistics.median(used[quarter : 2 * quarter]),
        "memory_last_quarter_mb": statistics.median(used[-quarter:]),
        "memory_end_mb": used[-1],
        "memory_most_mb": max(row["memory_mb"] for row in rows),
        "slope_mb_per_minute": round(slope, 2),
        "threads_most": max(row["threads"] for row in rows),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--train", type=int, default=200, help="training images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=experiments.RECORDS / "lesson09")
    options = parser.parse_args()
    found = asyncio.run(soak(options.minutes, options.train, options.seed))
    rows, faults = found.pop("rows"), found["faults"]
    growth = found["memory_last_quarter_mb"] - found["memory_second_quarter_mb"]
    if growth > ALLOWANCE_MB:
        faults.append(f"memory grew by {growth:.0f} MB; {ALLOWANCE_MB} MB are allowed")
    path = experiments.write_record(
        "lab_soak",
        folder=options.out,
        what="the live lab under random clicks, noted every few seconds: resident memory as it is "
        "(memory_mb) and once freed memory was given back (in_use_mb, which the medians and the "
        "slope of the second half are about), threads, optimizer steps so far",
        command=f"python -m benchmarks.lesson09.lab_soak --minutes {options.minutes:g}",
        data=f"the built-in Shapes world, {options.train} training images, 64 px",
        weights=world.shapes_weights().title,
        seeds=[options.seed],
        minutes=options.minutes,
        allowance_mb=ALLOWANCE_MB,
        **found,
        rows=rows,
    )
    for name, value in found.items():
        print(f"{name:26} {value}")
    print(f"second to last quarter     {growth:+.0f} MB")
    print(f"wrote {path}")
    print("FAILED: " + "; ".join(faults) if faults else "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
