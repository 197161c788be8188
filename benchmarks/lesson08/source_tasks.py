"""What makes a good source task?  Many small pretrainings, and what each is worth on the target.

    python -m benchmarks.lesson08.source_tasks                  in the Shapes world
    python -m benchmarks.lesson08.source_tasks --data FOLDER
        half of a folder's classes help the others

One thing at a time is changed: the number of source images, of source classes, and the kind of the
source.  Each run pretrains `small_net` for the same number of steps whatever the source.  On the
target we compare a new head on frozen features, fine-tuning of everything, and the same network
from random weights.  Learning rates are chosen for each of these, the random start included, on
validation images; accuracies are on test images that nothing was chosen by.  `--add` keeps the
seeds that the record already has.
"""

import argparse
import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, training
from course_utils.images import folders, shapes
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.small_net import SIZE, small_net, statistics
from course_utils.lesson08.source_task import keep_classes
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import pandas as pd
import torch
from torch import Tensor, nn

Row = dict[str, Any]
Held = tuple[Tensor, Tensor]  # validation images and their labels
TEST, VALIDATION = 900_001, 800_001  # seeds of images that no training sees
BATCH = 64
STEPS = 320  # of pretraining, whatever the source
RATES = {
    "frozen": (3e-3, 1e-2),
    "fine-tuned": (1e-3, 5e-3, 3e-2),  # of the backbone; the head's is 3e-3 at least
    "scratch": (1e-2, 3e-2, 1e-1),
    "scratch, 4 x the steps": (3e-2,),
}
# name, images, classes: one knob is turned at a time
KNOBS = [
    *(("other shapes", images, 30) for images in (320, 1280, 5120, 20480)),
    *(("other shapes", 5120, classes) for classes in (2, 5, 10)),
    *(
        (name, 5120, 10)
        for name in ("own classes", "other shapes at night", "fabric", "orientation",
                     "other shapes, random labels")
    ),
]  # fmt: skip


def source_data(name: str, images: int, classes: int, seed: int) -> ImageData:
    """Images to pretrain on; which of the 30 shapes take part is drawn by `seed`."""
    if name in ("fabric", "orientation"):
        return _drawn(name, images, seed)
    if name == "own classes":
        return _drawn("target", images, seed)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(seed)).tolist()
    chosen = sorted(order[:classes])
    names = [shapes.class_names("source")[i] for i in chosen]
    data = _drawn("source", images, seed, classes=names, night="night" in name)
    if "random" in name:
        dice = torch.Generator().manual_seed(seed)
        data = replace(data, train_labels=torch.randint(classes, (images,), generator=dice))
    return data


def _drawn(task: str, images: int, seed: int, **look: Any) -> ImageData:
    x, y, names = shapes.make(task, images, 5000 + seed, **look)
    test_x, test_y, _ = shapes.make(task, 400, TEST, **look)
    return ImageData(f"Shapes ({task})", x, y, test_x, test_y, names)


def target_data(images: int, seed: int, tests: int = 1000, **look: Any) -> tuple[ImageData, Held]:
    """The target's training and test images, and 400 validation images with their labels."""
    x, y, names = shapes.make("target", images, seed, **look)
    test_x, test_y, _ = shapes.make("target", tests, TEST, **look)
    val_x, val_y, _ = shapes.make("target", 400, VALIDATION, **look)
    return ImageData("Shapes (target)", x, y, test_x, test_y, names), (val_x, val_y)


def fresh(classes: int, seed: int) -> nn.Module:
    """The small network with random weights that depend on the seed alone."""
    environment.seed_everything(seed)
    model = small_net(classes)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def epochs_for(steps: int, images: int, batch: int) -> int:
    """How many passes make about this many steps: 320 images take 64 passes of 5 batches."""
    return max(1, round(steps / max(1, -(-images // batch))))


def pretrain(
    data: ImageData, seed: int, steps: int = STEPS, flip: bool = False
) -> tuple[nn.Module, Prepare]:
    """Train a fresh network on the source; also the normalisation that belongs to its weights."""
    model = fresh(len(data.class_names), seed)
    prepare = Prepare(SIZE, *statistics(data.train_images))
    batch = min(BATCH, len(data.train_images))
    drain(
        recipes.fine_tune(
            model, data, prepare, count=epochs_for(steps, len(data.train_images), batch),
            backbone_rate=3e-3, head_rate=3e-3, batch_size=batch, seed=seed,
            augment=Augment() if flip else None,
        )
    )  # fmt: skip
    return model, prepare


def transfer(
    start: nn.Module, prepare: Prepare, data: ImageData, held: Held, treatment: str, *,
    rate: float, steps: int, seed: int, flip: bool = False,
) -> Row:  # fmt: skip
    """A new head on a copy of the network, trained on the target by one treatment."""
    environment.seed_everything(seed)
    model = copy.deepcopy(start)
    replace_head(model, len(data.class_names))
    steps = 4 * steps if "4 x" in treatment else steps
    batch = min(32, len(data.train_images))
    count = epochs_for(steps, len(data.train_images), batch)
    if treatment == "frozen":
        drain(
            recipes.train_head(
                model, data, prepare, count=count, rate=rate, batch_size=batch, seed=seed
            )
        )
    else:
        drain(
            recipes.fine_tune(
                model, data, prepare, count=count, backbone_rate=rate,
                head_rate=max(rate, 3e-3), batch_size=batch, seed=seed,
            augment=Augment() if flip else None,
            )
        )  # fmt: skip
    return {
        "treatment": treatment,
        "rate": rate,
        "validation": training.evaluate(model, *held, prepare).accuracy,
        "accuracy": training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy,
        "train_accuracy": training.evaluate(
            model, data.train_images, data.train_labels, prepare
        ).accuracy,
    }


def drain(events: Iterable[Any]) -> None:
    """Run an iterator of events to its end."""
    for _ in events:
        pass


def compare(
    seed: int,
    sources: Iterable[tuple[str, int, int, ImageData]],
    target: ImageData,
    held: Held,
    *,
    steps: int = STEPS,
    target_steps: int = 120,
    flip: bool = False,
) -> list[Row]:
    """Every source and the random start, by every treatment and rate, on one target."""
    rows: list[Row] = []
    own = Prepare(SIZE, *statistics(target.train_images))
    always = {"seed": seed, "target_images": len(target.train_images)}
    options = {"steps": target_steps, "seed": seed, "flip": flip}
    for treatment in ("scratch", "scratch, 4 x the steps", "frozen"):
        head = {"source": "none", "source_images": 0, "source_classes": 0, **always}
        for rate in RATES[treatment]:
            start = fresh(2, seed)
            row = transfer(start, own, target, held, treatment, rate=rate, **options)
            rows.append({**head, **row})
    for name, images, classes, data in sources:
        model, prepare = pretrain(data, seed, steps, flip)
        head = {"source": name, "source_images": images, "source_classes": classes, **always}
        unseen = training.evaluate(model, data.test_images, data.test_labels, prepare)
        head["source_accuracy"] = unseen.accuracy
        for treatment in ("frozen", "fine-tuned"):
            for rate in RATES[treatment]:
                row = transfer(model, prepare, target, held, treatment, rate=rate, **options)
                rows.append({**head, **row})
        print(seed, *head.values(), *(round(r["accuracy"], 3) for r in rows[-5:]), flush=True)
    return rows


def knobs(seed: int, knobs: Iterable[tuple[str, int, int]] = KNOBS, **sizes: int) -> list[Row]:
    """The number of images, the number of classes and the kind of the source."""
    target, held = target_data(sizes.pop("target_images", 320), seed)
    drawn = ((n, i, c, source_data(n, i, c, seed)) for n, i, c in knobs)
    return compare(seed, drawn, target, held, **sizes)


def photographs(seed: int, folder: Path, images: int = 1800, **sizes: int) -> list[Row]:
    """Half of a folder's classes as the source, the other half as the target, split by `seed`."""
    whole = folders.load_folder(folder, None, None, side=SIZE)
    order = torch.randperm(
        len(whole.class_names), generator=torch.Generator().manual_seed(seed)
    ).tolist()
    half = len(order) // 2
    target_images = sizes.pop("target_images", 200)
    names = [whole.class_names[i] for i in order]
    rest, first = keep_classes(whole, names[:half]), keep_classes(whole, names[half : 2 * half])
    # the target's pool gives its training images, validation images, and its own classes as source
    pool = first.hold_out(target_images, seed=seed)
    target = replace(first, train_images=pool.test_images, train_labels=pool.test_labels)
    judged = pool.hold_out(min(400, len(pool.train_images) // 2), seed=seed)
    held = (judged.test_images, judged.test_labels)
    images = min(images, len(judged.train_images), len(rest.train_images))
    shaped = source_data("other shapes", images, 30, seed)
    dice = torch.Generator().manual_seed(seed)
    some = rest.subset(train=images, seed=seed)
    mixed = replace(some, train_labels=torch.randint(half, (images,), generator=dice))
    few = rest.subset(train=images // 8, seed=seed)
    sources = [
        ("other photographs", images // 8, half, few),
        ("other photographs", images, half, some),
        ("own classes", images, half, judged.subset(train=images, seed=seed)),
        ("drawn shapes", images, 30, shaped),
        ("other photographs, random labels", images, half, mixed),
    ]
    return compare(seed, sources, target, held, flip=True, **sizes)


def mark_chosen(rows: list[Row]) -> list[Row]:
    """Add `chosen`: whether the row's rate is its treatment's best on the validation images.

    The choice is one for all seeds of a source and treatment, by the mean over these seeds.
    """
    table = pd.DataFrame(rows)
    keys = ("source", "source_images", "source_classes", "target", "treatment")
    run = [column for column in table if column in keys]
    means = table.groupby([*run, "rate"], as_index=False)["validation"].mean()
    best = means.loc[means.groupby(run)["validation"].idxmax(), [*run, "rate"]]
    marked = table.drop(columns="chosen", errors="ignore").merge(
        best.assign(chosen=True), how="left"
    )
    marked["chosen"] = marked["chosen"].eq(True)
    # a random start has no accuracy on a source: the entry is left out, not written as NaN
    return [{k: v for k, v in row.items() if v == v} for row in marked.to_dict("records")]


def keep(args: argparse.Namespace, name: str, new: list[Row], add: bool, **about: Any) -> None:
    """Write the record, with the rows of other seeds that it already has if `add` is set."""
    seeds = {row["seed"] for row in new}
    stored = script.stored_rows(args, name) if add else []
    rows = mark_chosen([*(row for row in stored if row["seed"] not in seeds), *new])
    rows.sort(key=lambda row: row["seed"])
    script.write(args, name, rows, seeds=sorted({row["seed"] for row in rows}), **about)


def main() -> None:
    """Measure, seed by seed; the record is written after each, so that a break loses little."""
    parser = script.arguments(__doc__, data="shapes", steps=STEPS)
    parser.add_argument("--add", action="store_true", help="keep other seeds of the record")
    args = parser.parse_args()
    shapes = args.data == "shapes"
    title = "Shapes" if shapes else args.data_name or "a folder of images"
    rows: list[Row] = []
    for seed in args.seeds:
        if shapes:
            rows += knobs(seed, steps=args.steps)
        else:
            rows += photographs(seed, Path(args.data), steps=args.steps)
        keep(
            args, "source_tasks", rows, args.add or seed != args.seeds[0],
            what="what a source task is worth on the target, by its images, classes and kind",
            data=f"{title}, {rows[-1]['target_images']} target images, {SIZE} px",
            weights=f"a small residual network pretrained here for {args.steps} steps",
        )  # fmt: skip


if __name__ == "__main__":
    main()
