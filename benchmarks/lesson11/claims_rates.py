"""How large a learning rate from scratch, and how large a one for pretrained weights?

    python -m benchmarks.lesson11.claims_rates                   Shapes, 64 px, a CPU
    python -m benchmarks.lesson11.claims_rates --data FOLDER     photographs

"Fine-tune at a tenth of the rate that you would use from scratch" is a claim about two best rates.
So both starts get the same images, the same steps and the same schedule, and a row of rates wide
enough to hold the top of either curve.  Accuracies are on images held out of training, since a rate
is chosen by them.  Writes the record rates_by_start*; with --keep rows are kept on the way.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson11 import drawing
from benchmarks.script import Kept
from course_utils import environment, training
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import torch
from torch import nn
from torchvision.models import mobilenet_v2

RATES = {  # in steps of about three, wide enough that the top is not at an end
    "scratch": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "pretrained": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
Row = dict[str, Any]


def network(start: str, pretrained: Callable[[], nn.Module], classes: int) -> nn.Module:
    """The same architecture either way: random weights, or pretrained ones with a new head."""
    if start == "scratch":
        model: nn.Module = mobilenet_v2(num_classes=classes)
        return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
    model = pretrained()
    replace_head(model, classes)
    return model


def score(model: nn.Module, data: ImageData, prepare: Prepare, **options: Any) -> float:
    """Accuracy on the test images after fine-tuning everything; a diverged run is guessing."""
    try:
        for _ in recipes.fine_tune(model, data, prepare, **options):
            pass
    except training.TrainingDiverged:
        return 1 / len(data.class_names)
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


def sweep(
    draw: Callable[[int], ImageData],
    pretrained: Callable[[], nn.Module],
    prepare: Prepare,
    *,
    seeds: Sequence[int],
    rates: Mapping[str, Sequence[float]] = RATES,
    epochs: int = 8,
    batch_size: int = 16,
    keep: Path | None = None,
) -> list[Row]:
    """One row for each seed, start and rate; `rates` maps a start to the rates to try."""

    def run(seed: int, start: str, rate: float) -> list[Row]:
        data = draw(seed)
        environment.seed_everything(seed)
        model = network(start, pretrained, len(data.class_names)).to(prepare.device)
        accuracy = score(
            model, data, prepare, count=epochs, backbone_rate=rate, head_rate=rate,
            batch_size=batch_size, seed=seed,
        )  # fmt: skip
        return [{"accuracy": accuracy}]

    settings = [
        {"seed": seed, "start": start, "rate": rate}
        for seed in seeds
        for start, tried in rates.items()
        for rate in tried
    ]
    return Kept(keep).measure(settings, run)


def main() -> None:
    parser = drawing.arguments(__doc__, keep=True, train=600, held_out=500, epochs=8, batch=16)
    parser.add_argument("--quick", action="store_true", help="one rate for each start")
    args = parser.parse_args()
    course, prepare = script.choose_world(args, args.train, 10)
    draw = drawing.drawer(course, args.task, args.train, args.held_out)
    rates = {start: tried[2:3] for start, tried in RATES.items()} if args.quick else RATES
    rows = sweep(
        draw, course.pretrained, prepare, seeds=args.seeds, rates=rates,
        epochs=args.epochs, batch_size=args.batch, keep=args.keep,
    )  # fmt: skip
    if not args.only_keep:
        script.write(
            args,
            "rates_by_start",
            rows,
            course=course,
            what="accuracy by learning rate, from scratch and from pretrained weights: same "
            "images, same steps, same one-cycle schedule",
            data=drawing.images(args, course, prepare.size),
        )


if __name__ == "__main__":
    main()
