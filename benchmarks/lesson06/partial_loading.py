"""Pretrained weights in changed networks: what fits, and what it is worth.

    python -m benchmarks.lesson06.partial_loading
        in the Shapes world, some 20 minutes
    python -m benchmarks.lesson06.partial_loading --data FOLDER
        on photographs, with ImageNet weights

MobileNetV2 is changed in several ways and loaded in several ways.  These treatments follow:

    frozen       only the head is trained
    renewed      batch norm's statistics are measured anew on the training images, then as frozen
    fine-tuned   the head for an epoch, then everything for three
    retrained    the same with ten: as long as from scratch
    scratch      the checkpoint is thrown away, and everything is trained for ten epochs

The last two end with statistics measured anew, too.

Three epochs of 200 images are 21 steps, after which a tenth of batch norm's first running variance,
1, is still there.  Where the true one is far smaller, nothing gets through in eval mode: accuracies
of exactly 10 % in the rows "frozen" and "fine-tuned" mean just that.

Writes the record partial_loading, anew after each row.  Accuracies are on images held out of
training.  With `--resume` the rows that this record has already are kept, and not measured again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson06.changed_networks import (
    ALL_WIDER,
    CASES,
    DEEPER,
    INSERTED,
    PLACE,
    SHALLOW,
    Case,
    InputChannels,
    to_grey,
)
from course_utils import environment, training, world
from course_utils.images.datasets import ImageData
from course_utils.networks.checkpoint_files import read_checkpoint
from course_utils.networks.heads import replace_head
from course_utils.networks.partial_loading import LoadReport, load_matching
from course_utils.training import freezing, recipes

import torch
from torch import nn
from torchvision.models import MobileNetV2
from torchvision.models import mobilenet_v2 as build

# changes whose networks are trained from random weights, too; and those for which it is
# asked how much of the damage is batch norm's, whose new statistics no data has ever set
FROM_SCRATCH = ("untouched", INSERTED)
RETRAINED = ("untouched", INSERTED, DEEPER, ALL_WIDER, "SiLU for ReLU6")
RENEWED = ("untouched", INSERTED, SHALLOW, DEEPER, ALL_WIDER, "SiLU for ReLU6")


TREATMENTS = ("frozen", "renewed", "fine-tuned", "retrained", "scratch")


def network(
    course: world.Course, case: Case, seed: int, classes: int
) -> tuple[MobileNetV2, dict[str, int]]:
    """The changed network, random but for what was loaded, with a new head; and what was loaded.

    The counts are taken before the head is replaced, so that the untouched network is whole.
    """
    environment.seed_everything(seed)
    state = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in read_checkpoint(course.weights.path).items()
    }
    model = build(num_classes=len(course.weights.class_names), width_mult=case.width)
    case.operate(model)
    state = case.refit(model, state)
    # strict=False would load nothing in silence where no name fits; `load_matching` refuses
    report = load_matching(model, state) if state else LoadReport()
    sizes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
    counts = {
        "tensors_matched": len(report.matched),
        "tensors_total": len(sizes),
        "numbers_matched": sum(sizes[name] for name in report.matched),
        "numbers_total": sum(sizes.values()),
    }
    if case.silence:
        nn.init.zeros_(model.features[PLACE].conv[-1].weight)
    replace_head(model, classes)
    model.to(memory_format=torch.channels_last)
    return model.to(course.device), counts


def images(course: world.Course, seed: int, train: int, held_out: int) -> ImageData:
    """Training images drawn by the seed, and others held out to judge by."""
    pool = course.load(2 * train + held_out, 10).hold_out(held_out, seed=seed)
    return pool.subset(train=train, seed=seed)


def run(
    course: world.Course,
    data: ImageData,
    case: Case,
    treatment: str,
    seed: int,
    *,
    epochs: int,
    scratch_epochs: int,
) -> dict[str, Any]:
    """One row of the record."""
    data = data.with_images(to_grey) if case.grey else data
    prepare = InputChannels(course.prepare, case.channels)
    if treatment == "scratch":
        case = replace(case, load="nothing", refit=lambda model, state: {}, silence=False)
    model, counts = network(course, case, seed, len(data.class_names))
    try:
        for _ in train(model, data, prepare, treatment, seed, epochs, scratch_epochs):
            pass
        score = training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy
    except training.TrainingDiverged:
        score = 1 / len(data.class_names)
    return {
        "seed": seed,
        "change": case.change,
        "load": case.load,
        "treatment": treatment,
        "accuracy": score,
        **counts,
    }


def train(
    model: nn.Module,
    data: ImageData,
    prepare: InputChannels,
    treatment: str,
    seed: int,
    epochs: int,
    scratch_epochs: int,
) -> Iterator[training.Epoch]:
    """Train as the treatment says (see the top of this file)."""
    if treatment == "renewed":
        renew_statistics(model, data, prepare)
    if treatment != "scratch":
        head_epochs = 10 if treatment in ("frozen", "renewed") else 1
        yield from recipes.train_head(model, data, prepare, count=head_epochs, seed=seed)
    count = {"fine-tuned": epochs, "retrained": scratch_epochs, "scratch": scratch_epochs}
    if treatment in count:
        yield from recipes.fine_tune(
            model, data, prepare, count=count[treatment], seed=seed,
            backbone_rate=3e-3 if treatment == "scratch" else 1e-3,
        )  # fmt: skip
    if treatment in ("retrained", "scratch"):
        renew_statistics(model, data, prepare)


@torch.no_grad()
def renew_statistics(model: nn.Module, data: ImageData, prepare: InputChannels) -> None:
    """Measure all batch norm statistics anew: the average over all training images."""
    norms = freezing.batch_norms(model)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's sign for a plain average
    model.train()
    for part in data.train_images.split(100):
        model(prepare(part))
    for norm in norms:
        norm.momentum = 0.1


def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("seed", "change", "load", "treatment"))


def measure(
    course: world.Course,
    seed: int,
    cases: Sequence[Case] = CASES,
    *,
    train: int = 200,
    held_out: int = 300,
    epochs: int = 3,
    scratch_epochs: int = 10,
    allowed: Collection[str] = TREATMENTS,
    done: Collection[tuple[Any, ...]] = (),
) -> Iterator[dict[str, Any]]:
    """All rows of one seed: each case frozen, most fine-tuned, some from scratch.

    done : rows that need no measuring, as `key` names them
    """
    data = images(course, seed, train, held_out)
    for case in cases:
        treatments = ["frozen", *(["fine-tuned"] if case.tune else [])]
        if case.change in RENEWED and case.load in ("as it is", "overlap copied"):
            treatments.append("renewed")
        if case.change in RETRAINED and case.load in ("as it is", "overlap copied"):
            treatments.append("retrained")
        if case.change in FROM_SCRATCH and case.load == "as it is":
            treatments.append("scratch")
        for treatment in (name for name in treatments if name in allowed):
            load = "nothing" if treatment == "scratch" else case.load
            if (seed, case.change, load, treatment) in done:
                continue
            yield run(
                course, data, case, treatment, seed, epochs=epochs, scratch_epochs=scratch_epochs
            )


def main() -> None:
    parser = script.arguments(
        __doc__, data="shapes", train=200, held_out=300, epochs=3, scratch_epochs=10
    )
    parser.add_argument("--cases", type=int, nargs="+", help="numbers of some cases only")
    parser.add_argument("--treatments", nargs="+", default=list(TREATMENTS), choices=TREATMENTS)
    parser.add_argument("--resume", action="store_true", help="go on with the record")
    args = parser.parse_args()
    course = world.choose(6, args.data, args.train, 10)
    cases = CASES if args.cases is None else [CASES[i] for i in args.cases]
    rows = script.stored_rows(args, "partial_loading") if args.resume else []
    done = {key(row) for row in rows}
    for seed in args.seeds:
        for row in measure(
            course, seed, cases, train=args.train, held_out=args.held_out,
            epochs=args.epochs, scratch_epochs=args.scratch_epochs,
            allowed=args.treatments, done=done,
        ):  # fmt: skip
            rows.append(row)
            print(seed, row["change"], row["load"], row["treatment"], row["accuracy"], flush=True)
            script.write(
                args,
                "partial_loading",
                rows,
                course=course,
                what="pretrained weights in changed networks: frozen, fine-tuned, from scratch",
                data=f"{script.images(args, course)}, {args.train} training, {args.held_out} "
                f"held-out images, {course.size} px",
                seeds=sorted({row["seed"] for row in rows}),
                epochs={
                    "frozen": 10,
                    "fine-tuned": args.epochs,
                    "retrained": args.scratch_epochs,
                    "scratch": args.scratch_epochs,
                },
            )


if __name__ == "__main__":
    main()
