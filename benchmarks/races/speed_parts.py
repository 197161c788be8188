"""What each part of the fast way is worth by itself, in milliseconds an image.

    python -m benchmarks.races.speed_parts            about two minutes on two cores

Three kinds of work: preparing images (one by one with PIL, or a batch at once), a look of the
frozen network (what a cached feature costs), and a training step of the whole network.  Each row
changes one thing in the row before it; rows with "and" add to the last row without one.  bfloat16
is the half precision that some processors compute with; whether it helps is measured here, not
believed.  Rounds go in turn over all rows, and medians are quoted.  Writes
the record speed_parts.
"""

import copy
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script, timing
from benchmarks.races import contenders
from course_utils import environment, world
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.batch_norm import fold_batch_norm
from course_utils.networks.heads import replace_head

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import v2

Work = Callable[[], object]
ORDERS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


def preparing(data: ImageData, prepare: Prepare) -> dict[str, Work]:
    """The same images, made ready for the network in three ways."""
    images, labels = data.train_images, data.train_labels
    one_by_one = contenders.loader(images, labels, prepare, contenders.CLASSIC_A, 0)
    plainly = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Resize((prepare.size, prepare.size), antialias=True),
            v2.Normalize(prepare.mean, prepare.std),
        ]
    )
    return {
        "PIL, one by one (DataLoader)": lambda: list(one_by_one),
        "a batch at once": lambda: [plainly(part) for part in images.split(64)],
        "and in one multiplication": lambda: [prepare(part) for part in images.split(64)],
    }


def looking(model: nn.Module, x: Tensor) -> dict[str, Work]:
    """The frozen backbone over all images, from the common way to ours."""
    plain, ordered = ordered_twins(model)
    lean = fold_batch_norm(ordered)

    @torch.no_grad()
    def run(
        network: nn.Module, order: str, batch: int, train: bool = False, half: bool = False
    ) -> None:
        network.train(train)
        parts = x.contiguous(memory_format=ORDERS[order]).split(batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            for part in parts:
                network.features(part)  # type: ignore[operator]

    return {
        "train mode, default order, 64 at a time": lambda: run(plain, "default", 64, train=True),
        "eval mode": lambda: run(plain, "default", 64),
        "channels_last": lambda: run(ordered, "channels_last", 64),
        "batch norm folded away": lambda: run(lean, "channels_last", 64),
        "and 16 at a time": lambda: run(lean, "channels_last", 16),
        "and 256 at a time": lambda: run(lean, "channels_last", 256),
        "and bfloat16, 64 at a time": lambda: run(lean, "channels_last", 64, half=True),
    }


def stepping(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Work]:
    """Training steps of the whole network, 64 images each."""
    plain, ordered = ordered_twins(model)

    def run(network: nn.Module, order: str, half: bool = False, fused: bool = False) -> None:
        network.train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=fused or None)
        parts = x.contiguous(memory_format=ORDERS[order]).split(64)
        for part, y in zip(parts, labels.split(64), strict=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = F.cross_entropy(network(part), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return {
        "default order": lambda: run(plain, "default"),
        "channels_last": lambda: run(ordered, "channels_last"),
        "and a fused optimizer": lambda: run(ordered, "channels_last", fused=True),
        "and bfloat16": lambda: run(ordered, "channels_last", half=True),
    }


def ordered_twins(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Two copies: in PyTorch's default memory order, and in channels_last."""
    plain, ordered = (
        copy.deepcopy(model).to(memory_format=order)  # type: ignore[call-overload]
        for order in ORDERS.values()
    )
    return plain, ordered


def main() -> None:
    parser = script.arguments(__doc__, images=256, runs=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96])
    args = parser.parse_args()
    if args.images % 64:
        parser.error("--images must be a multiple of 64: the last batch would be another size")

    environment.seed_everything(0)
    course = world.choose(4, "shapes", args.images, 10)
    data, model = course.data, course.pretrained()
    replace_head(model, len(data.class_names))
    rows: list[dict[str, Any]] = []
    for size in args.sizes:
        prepare = replace(course.prepare, size=size)
        x = prepare(data.train_images)
        parts = {
            "preparing": preparing(data, prepare),
            "looking": looking(model, x),
            "a training step": stepping(model, x, data.train_labels),
        }
        for run in range(-1, args.runs):
            for kind, works in parts.items():
                for name, work in works.items():
                    seconds, _ = timing.timed(work)
                    if run >= 0:  # the round before the first warms up
                        ms = 1000 * seconds / args.images
                        rows.append({"size": size, "kind": kind, "way": name, "ms": ms, "run": run})
    medians = []
    for size, kind, way in dict.fromkeys((r["size"], r["kind"], r["way"]) for r in rows):
        mine = [r["ms"] for r in rows if (r["size"], r["kind"], r["way"]) == (size, kind, way)]
        medians.append({"size": size, "kind": kind, "way": way, "ms": statistics.median(mine)})
        print(f"{size:4} px  {kind:16} {way:42} {medians[-1]['ms']:7.2f} ms an image")
    script.write(
        args,
        "speed_parts",
        rows,
        what="milliseconds an image of MobileNetV2 and of preparing its images, by how it is done; "
        "the network's times are without the preparing",
        data=str(data),
        weights=course.weights.title,
        seeds=[0],
        medians=medians,
    )


if __name__ == "__main__":
    main()
