"""What is in reach in the challenges of lesson 09, by strategies of several kinds.

    python benchmarks/lab_challenges.py

Writes data/records/lab_challenges.json.  The targets in `course_utils/lab/challenges.py` were set
by it: no strategy that needs no thought passes, and several that do need it pass with room.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import experiments
from course_utils.lab import challenges
from course_utils.lab.session import Session

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


def run(seed: int, challenge: str, strategy: str) -> dict[str, Any]:
    task = next(c for c in challenges.CHALLENGES if c.name == challenge)
    learns, rate, steps = STRATEGIES[challenge][strategy]
    settings = replace(task.settings, seed=seed, preset="all", backbone_rate=rate)
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
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for challenge, strategies in STRATEGIES.items():
        for strategy in strategies:
            for seed in options.seeds:
                found = run(seed, challenge, strategy)
                rows.append({"challenge": challenge, "strategy": strategy, "seed": seed, **found})
    path = experiments.write_record(
        "lab_challenges",
        what="accuracy on 400 held-out images by several strategies in the live lab's challenges",
        command="python benchmarks/lab_challenges.py",
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
