"""Fine-tuning on all images: seconds from the start of the program to the last step, and accuracy.

    python -m benchmarks.races.whole_set --data cifar10 --size 224 --precision bfloat16 --compile
        (a GPU)
    python -m benchmarks.races.whole_set --train 1000 --test 500
        (a CPU)

Each seed is a program of its own, so that its clock holds all that a reader waits for: importing,
loading the images, copying them to the device, compiling, training.  Number of epochs and rates are
chosen on held-out training images (`--validate`); the test images are looked at once, at the end,
and that look is not counted.

`floor` says how far from the best possible this is, roughly: operations that the network needs for
these images, three times the forward pass for forward and backward, by the operations a second that
this machine reaches in a large matrix product of the same precision.

Writes the record whole_set, anew after each seed.
"""

import time

STARTED = time.perf_counter()  # before anything is imported: that is waited for, too

import argparse  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

import course_utils  # noqa: E402, F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script, timing  # noqa: E402
from course_utils import (  # noqa: E402
    environment,
    training,
    world,
)
from course_utils.images.augmentation import Augment  # noqa: E402
from course_utils.networks import inspection  # noqa: E402
from course_utils.networks.heads import replace_head  # noqa: E402
from course_utils.training import recipes  # noqa: E402

import torch  # noqa: E402


def one_seed(args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Load, train, and look once; a row."""
    course = world.choose(5, args.data, args.train or 1000, args.test or 1000)
    device = course.device
    data = course.load(args.train, args.test)
    if args.validate:
        data = data.hold_out(len(data.train_labels) // 10)
    data = data.to(device)
    environment.seed_everything(seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    precision = getattr(torch, args.precision) if args.precision else None
    # No reader asks for it, but it is free: float32 products in the tensor cores' own precision.
    torch.set_float32_matmul_precision("high")
    prepare = replace(course.prepare, size=args.size or course.size)
    sizes = args.sizes or [prepare.size] * args.epochs
    ready = time.perf_counter()
    losses = [
        epoch.loss
        for epoch in recipes.fine_tune(
            model,
            data,
            prepare,
            sizes=sizes,
            backbone_rate=args.rate,
            head_rate=args.head_rate,
            label_smoothing=args.label_smoothing,
            batch_size=args.batch,
            seed=seed,
            augment=Augment(shift=args.shift),
            precision=precision,
            forward=torch.compile(model) if args.compile else None,
        )
    ]
    ended = time.perf_counter()
    result = training.evaluate(model, data.test_images, data.test_labels, prepare, args.batch)
    images = len(data.train_labels) * len(sizes)
    return {
        "seed": seed,
        "seconds": ended - STARTED,
        "seconds_before_training": ready - STARTED,
        "images_a_second": images / (ended - ready),
        "floor_seconds": floor(model, data.train_images.shape[0], sizes, device, precision),
        "losses": losses,
        "accuracy": result.accuracy,
    }


def floor(
    model: torch.nn.Module,
    images: int,
    sizes: list[int],
    device: torch.device,
    precision: torch.dtype | None,
) -> float:
    """Seconds that the operations alone would take at the speed of a large matrix product."""
    model.cpu()
    macs = sum(
        3 * images * int(inspection.cost_by_block(model, size)["macs"].sum()) for size in sizes
    )
    model.to(device)
    n = 4096 if device.type == "cuda" else 1024
    a = torch.ones(n, n, device=device, dtype=precision or torch.float32)
    a @ a  # warm
    seconds, _ = timing.timed(lambda: [a @ a for _ in range(10)])
    return macs / (10 * n**3 / seconds)


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", sized=True, epochs=5, batch=64, shift=0)
    parser.add_argument("--train", type=int, help="training images (default: all there are)")
    parser.add_argument("--test", type=int)
    parser.add_argument("--sizes", type=int, nargs="+", help="instead: the size of each epoch")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--head-rate", type=float, default=3e-3)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--precision", choices=("bfloat16", "float16"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--validate", action="store_true", help="look at held-out training images")
    parser.add_argument("--alone", type=int, metavar="SEED", help="one seed; its row is printed")
    args = parser.parse_args()
    if args.alone is not None:
        print(json.dumps(one_seed(args, args.alone)))
        return
    course = world.choose(5, args.data, args.train or 1000, args.test or 1000)
    rows = []
    for seed in args.seeds:
        again = [sys.executable, "-m", "benchmarks.races.whole_set", *sys.argv[1:]]
        done = subprocess.run(
            [*again, "--alone", str(seed)],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"seed {seed}: {rows[-1]['seconds']:.1f} s, {rows[-1]['accuracy']:.2%}", flush=True)
        if args.validate:
            continue
        script.write(
            args,
            "whole_set",
            rows,
            course=course,
            what="fine-tuning everything: seconds from the program's start to the last step, and "
            "test accuracy, looked at once",
            data=script.images(args, course),
            seeds=args.seeds[: len(rows)],
        )


if __name__ == "__main__":
    main()
