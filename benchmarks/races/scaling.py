"""How time and memory grow with the number of images, their resolution, and the blocks that learn.

    python -m benchmarks.races.scaling                        about five minutes on two cores
    python -m benchmarks.races.scaling --runs 1 --epochs 1    a quick look

One thing is changed at a time, from a setting in the middle: 500 images of the built-in world, 64
pixels, the last five blocks learn behind a cached prefix.  Each measurement is a program of its
own, so that its peak memory is its own; that holds Python, torch and the images as well.  Nothing
learned is judged here: time and memory do not depend on it.  Writes the record scaling.
"""

import json
import resource
import statistics
import subprocess
import sys
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script, timing
from course_utils import environment, world
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, recipes

MIDDLE = {"images": 500, "size": 64, "thawed": 5}
ROWS = {
    "images": (125, 250, 500, 1000, 2000, 4000),
    "size": (32, 48, 64, 96, 128, 160),
    "thawed": (0, 2, 5, 8, 12, 16, 19),  # of 19; the head learns always
}
BATCH = 64


def measure(images: int, size: int, thawed: int, epochs: int) -> dict[str, float]:
    """Seconds before the first step, seconds an epoch, and this program's peak memory."""
    course = world.choose(4, "shapes", images, 10)
    data, prepare = course.data, replace(course.prepare, size=size)
    environment.seed_everything(0)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    plan = freezing.thaw_last(model, thawed + 1)
    events = recipes.fine_tune(
        model, data, prepare, plan=plan, count=epochs, batch_size=BATCH, cache=bool(plan.frozen)
    )
    whole, finished = timing.timed(lambda: list(events))
    learning = sum(event.seconds for event in finished)
    return {
        "seconds_once": whole - learning,
        "seconds_an_epoch": statistics.median(event.seconds for event in finished),
        "trainable": freezing.count_trainable(model),
        "peak_mb": peak_bytes() / 1e6,
    }


def peak_bytes() -> int:
    """The most memory that this program ever held (resident)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def settings() -> list[dict[str, Any]]:
    """Every setting once for each row that it stands in; `by` names the row."""
    return [{**MIDDLE, "by": by, by: value} for by, values in ROWS.items() for value in values]


def main() -> None:
    parser = script.arguments(__doc__, runs=3, epochs=3)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--alone", type=int, nargs=3, metavar=tuple(map(str.upper, MIDDLE)))
    args = parser.parse_args()
    if args.alone is not None:
        print(json.dumps(measure(*args.alone, epochs=args.epochs)))
        return
    rows = []
    for run in range(args.runs):
        for setting in settings():
            if setting["by"] not in args.only:
                continue
            values = [str(setting[name]) for name in MIDDLE]
            again = [sys.executable, "-m", "benchmarks.races.scaling"]
            done = subprocess.run(
                [*again, "--epochs", str(args.epochs), "--alone", *values],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            rows.append({**setting, **json.loads(done.stdout.splitlines()[-1]), "run": run})
            print(*(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    script.write(
        args,
        "scaling",
        rows,
        what="seconds before the first step (the cache) and seconds an epoch, and the program's "
        "peak memory (resident, 10**6 bytes), by images, resolution and thawed blocks",
        data="the built-in Shapes world",
        weights=world.shapes_weights().title,
        seeds=[0],
        middle=MIDDLE,
        batch_size=BATCH,
    )


if __name__ == "__main__":
    main()
