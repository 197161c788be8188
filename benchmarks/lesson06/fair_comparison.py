"""Which of three architectures is best?  The answer that each protocol gives.

    python -m benchmarks.lesson06.fair_comparison
        in the Shapes world, some 10 minutes of one core

A small residual network A is compared with two changes of it: B has one block more, C is wider by
half.  They start in four ways:

    scratch             random weights
    what fits of A's    A's pretrained weights wherever name and shape agree, the rest random
    pretrained alike    each pretrained on the same source images for as long
    A's, refitted       B alone: A's weights with the keys shifted, the new block as identity

Everything else is equal: images, order, epochs.  The learning rate is tuned for each architecture
and start on images that are used for nothing else.  The pretraining has one rate for all, unless
`--source-rates` names several to choose from.  Scenes are plain (no clutter), so that networks
which learn from some hundred images differ from chance.

Writes the record fair_comparison, anew after each seed.  With `--resume` the seeds that are
in it already are kept, with the rates that they were given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, training
from course_utils.images import shapes
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson06 import surgery
from course_utils.networks.heads import replace_head
from course_utils.networks.partial_loading import LoadReport, load_matching
from course_utils.networks.small_resnet import small_resnet
from course_utils.training import freezing
from course_utils.world import SHAPES_MEAN, SHAPES_STD

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

RATES = (1e-3, 3e-3, 1e-2)
SOURCE_RATE = 1e-2
BATCH = 64
SIDE = 32
INSERTED_AT = 2
State = dict[str, Tensor]
prepare = Prepare(SIDE, SHAPES_MEAN, SHAPES_STD)


@dataclass(frozen=True)
class Sizes:
    """How many images, and for how long; `test` images judge, `tune` images choose the rates."""

    source: int = 4000
    source_epochs: int = 3
    train: int = 500
    epochs: int = 8
    tune: int = 400
    test: int = 800


def network(architecture: str, classes: int) -> nn.Sequential:
    """A, B or C with random weights: blocks that are known by their number in the sequence."""
    widths = {"A": (16, 32, 64), "B": (16, 16, 32, 64), "C": (24, 48, 96)}[architecture]
    model = nn.Sequential(*small_resnet(classes, widths, stem_stride=2))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


STARTS = {
    "A": ("scratch", "pretrained alike"),
    "B": ("scratch", "pretrained alike", "what fits of A's", "A's, refitted"),
    "C": ("scratch", "pretrained alike", "what fits of A's"),
}


def draw(task: str, train: int, test: int, seed: int) -> ImageData:
    """Plain scenes: training images by the seed, and test images that are always the same."""
    images, labels, names = shapes.make(task, train, seed, clutter=0.0, size=SIDE)
    test_images, test_labels, _ = shapes.make(task, test, 900_001, clutter=0.0, size=SIDE)
    return ImageData(f"Shapes ({task}), plain", images, labels, test_images, test_labels, names)


def fit(model: nn.Module, data: ImageData, epochs: int, rate: float, seed: int) -> float:
    """Train everything with AdamW and one cycle; accuracy on the data's test images."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    steps = epochs * training.steps_per_epoch(data, BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2, cycle_momentum=False
    )
    try:
        for _ in training.epochs(
            model, optimizer, data, prepare, plan=freezing.freeze_nothing(), count=epochs,
            batch_size=BATCH, seed=seed, scheduler=schedule, step_schedule=True, watch=False,
        ):  # fmt: skip
            pass
    except training.TrainingDiverged:
        return 1 / len(data.class_names)
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


def tune_source(choice: Sequence[float], sizes: Sizes) -> dict[str, float]:
    """The best of some rates for the pretraining of each architecture."""
    if len(choice) == 1:
        return dict.fromkeys(STARTS, choice[0])
    data = draw("source", sizes.source + sizes.tune, 60, seed=6000).hold_out(sizes.tune)
    best = {}
    for architecture in STARTS:
        scores = {}
        for rate in choice:
            environment.seed_everything(0)
            model = network(architecture, len(data.class_names))
            scores[rate] = fit(model, data, sizes.source_epochs, rate, seed=0)
        best[architecture] = max(scores, key=lambda rate: scores[rate])
        print("tuned", architecture, "pretraining", scores, flush=True)
    return best


def pretrain(seed: int, rates: dict[str, float], sizes: Sizes) -> dict[str, State]:
    """The weights of each architecture after the same source images and epochs."""
    data = draw("source", sizes.source, 60, seed=1000 + seed)
    weights = {}
    for architecture, rate in rates.items():
        environment.seed_everything(seed)
        model = network(architecture, len(data.class_names))
        fit(model, data, sizes.source_epochs, rate, seed)
        weights[architecture] = model.state_dict()
    return weights


def begin(
    architecture: str, start: str, weights: dict[str, State], seed: int, classes: int
) -> tuple[nn.Module, int, int]:
    """A network with its first weights and a new head; tensors that were loaded, of how many."""
    environment.seed_everything(seed)
    old_classes = len(shapes.class_names("source"))
    model = network(architecture, old_classes)
    report = LoadReport()
    if start == "A's, refitted":
        shifted = surgery.shift_blocks(weights["A"], INSERTED_AT, prefix="")
        report = load_matching(model, shifted)
        new = model[INSERTED_AT]
        assert isinstance(new, BasicBlock)
        nn.init.zeros_(new.bn2.weight)
    elif start != "scratch":
        donor = architecture if start == "pretrained alike" else "A"
        report = load_matching(model, weights[donor])
    replace_head(model, classes)
    return model, len(report.matched), len(model.state_dict())


def tune(weights: dict[str, State], sizes: Sizes) -> dict[tuple[str, str], float]:
    """The best of `RATES` for each architecture and start, on images used for nothing else."""
    data = draw("target", sizes.train + sizes.tune, 10, seed=5000).hold_out(sizes.tune)
    best = {}
    for architecture, starts in STARTS.items():
        for start in starts:
            scores = {}
            for rate in RATES:
                model, _, _ = begin(architecture, start, weights, 0, len(data.class_names))
                scores[rate] = fit(model, data, sizes.epochs, rate, seed=0)
            best[architecture, start] = max(scores, key=lambda rate: scores[rate])
            print("tuned", architecture, start, scores, flush=True)
    return best


def measure(
    seed: int, weights: dict[str, State], rates: dict[tuple[str, str], float], sizes: Sizes
) -> Iterator[dict[str, Any]]:
    """One row for each architecture and start."""
    data = draw("target", sizes.train, sizes.test, seed)
    for (architecture, start), rate in rates.items():
        model, matched, total = begin(architecture, start, weights, seed, len(data.class_names))
        yield {
            "seed": seed,
            "architecture": architecture,
            "start": start,
            "accuracy": fit(model, data, sizes.epochs, rate, seed),
            "rate": rate,
            "tensors_matched": matched,
            "tensors_total": total,
            "parameters": sum(p.numel() for p in model.parameters()),
        }


def main() -> None:
    parser = script.arguments(__doc__, **vars(Sizes()))
    parser.add_argument("--source-rates", type=float, nargs="+", default=[SOURCE_RATE])
    parser.add_argument("--resume", action="store_true", help="go on with the record")
    args = parser.parse_args()
    sizes = Sizes(**{name: getattr(args, name) for name in vars(Sizes())})
    rows = script.stored_rows(args, "fair_comparison") if args.resume else []
    rates = {(row["architecture"], row["start"]): row["rate"] for row in rows}
    source_rates = {row["architecture"]: row.get("source_rate", SOURCE_RATE) for row in rows}
    done = {row["seed"] for row in rows}
    for seed in args.seeds:
        if seed in done:
            continue
        source_rates = source_rates or tune_source(args.source_rates, sizes)
        weights = pretrain(seed, source_rates, sizes)
        rates = rates or tune(weights, sizes)
        for row in measure(seed, weights, rates, sizes):
            rows.append({**row, "source_rate": source_rates[row["architecture"]]})
            print({k: row[k] for k in ("seed", "architecture", "start", "accuracy")}, flush=True)
        script.write(
            args,
            "fair_comparison",
            rows,
            what="three architectures under protocols that are fair and unfair",
            data=f"Shapes (target), plain scenes, {sizes.train} training, {sizes.test} test "
            f"images, {SIDE} px",
            weights=f"random, or pretrained here on {sizes.source} plain source images for "
            f"{sizes.source_epochs} epochs",
            seeds=sorted({row["seed"] for row in rows}),
            sizes=vars(sizes),
        )


if __name__ == "__main__":
    main()
