"""What each part of a checkpoint is worth: load all but one kind of tensor, and measure.

    python -m benchmarks.lesson01.checkpoint_parts
        (a CPU, about 6 minutes)
    python -m benchmarks.lesson01.checkpoint_parts --data cifar10 \
        --size 64 --train 200

The tensors that are left out keep the values that a new network has: random convolutions and head,
norms of weight 1 and bias 0, buffers of mean 0 and variance 1.  Measured are

- the old head's accuracy on the task that the weights were trained for (Shapes only: nobody has
  ImageNet's images at hand), as loaded, and after batch norm's statistics were taken anew from
  unlabelled images;
- how often the old head names the same class as that of the intact network, on the target images;
- a new head on frozen features, which are standardised first: a change of scale alone is no loss;
- fine-tuning of everything, as it ends, and with statistics taken anew from the training images.

Writes the record checkpoint_parts, one row for each seed, part and measure.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from course_utils import environment, training, world
from course_utils.images import shapes
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare, as_they_are
from course_utils.networks.batch_norm import batch_norms
from course_utils.networks.checkpoint_files import read_checkpoint
from course_utils.networks.heads import replace_head
from course_utils.training import recipes

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

Rows = list[dict[str, Any]]
PARTS = (
    "everything",
    "without buffers",
    "without norm weights and biases",
    "without first convolution",
    "without depthwise convolutions",
    "without pointwise convolutions",
    "without head",
    "nothing",
)


def belongs(name: str, tensor: Tensor, part: str) -> bool:
    """Whether `part` leaves a tensor of MobileNetV2's state out; `name` is its full name."""
    last = name.rpartition(".")[2]
    buffer = last.startswith("running_") or last == "num_batches_tracked"
    if part == "everything":
        return False
    if part == "nothing":
        return True
    if part == "without buffers":
        return buffer
    if part == "without head":
        return name.startswith("classifier.")
    if part == "without norm weights and biases":
        return tensor.ndim == 1 and not buffer and not name.startswith("classifier.")
    if part == "without first convolution":
        return name == "features.0.0.weight"
    depthwise = tensor.ndim == 4 and tensor.shape[1] == 1
    if part == "without depthwise convolutions":
        return depthwise
    if part == "without pointwise convolutions":
        return tensor.ndim == 4 and tensor.shape[2:] == (1, 1) and not depthwise
    raise ValueError(f"there is no part {part!r}; there are: {', '.join(PARTS)}")


def load_part(course: world.Course, part: str, seed: int) -> tuple[nn.Module, int]:
    """MobileNetV2 with some of the course's weights, and how many numbers were left out."""
    state = read_checkpoint(course.weights.path)
    # not the seed of the pretraining: the built-in weights grew out of what seed 0 gives here, and
    # a layer put back to its own first values fits its neighbours far better than a random one
    torch.manual_seed(1000 + seed)
    model = mobilenet_v2(num_classes=len(state["classifier.1.bias"]))
    dropped = {name for name, tensor in state.items() if belongs(name, tensor, part)}
    kept = {name: tensor for name, tensor in state.items() if name not in dropped}
    report = model.load_state_dict(kept, strict=False)
    # torch fills an absent counter of batches in silence, so that is not reported as missing
    counters = {name for name in dropped if name.endswith("num_batches_tracked")}
    assert set(report.missing_keys) == dropped - counters
    assert not report.unexpected_keys
    count = sum(state[name].numel() for name in dropped)
    return model.to(course.device, memory_format=torch.channels_last), count


@torch.no_grad()
def refresh_statistics(model: nn.Module, images: Tensor, prepare: Prepare) -> None:
    """Take batch norm's running statistics anew from images; no label, no gradient, no weight."""
    for norm in batch_norms(model):
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
    model.train()
    for part in images.split(50):
        model(prepare(part))
    model.eval()


def features(model: nn.Module, images: Tensor, prepare: Prepare) -> Tensor:
    """What reaches the head: float32 `(n, 1280)`."""
    model.eval()
    backbone = model.get_submodule("features")
    with torch.no_grad():
        return torch.cat([backbone(prepare(x)).mean((2, 3)) for x in images.split(100)])


def new_head(model: nn.Module, data: ImageData, prepare: Prepare, seed: int) -> float:
    """Test accuracy of a new head on frozen, standardised features; guessing if they overflow."""
    x, tx = (features(model, images, prepare) for images in (data.train_images, data.test_images))
    mean, scale = x.mean(0), x.std(0) + 1e-3 * x.std()
    ready = replace(data, train_images=(x - mean) / scale, test_images=(tx - mean) / scale)
    # without its buffers a network can overflow, or come so near that the scale does
    if not (ready.train_images.isfinite().all() and ready.test_images.isfinite().all()):
        return 1 / len(data.class_names)
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Dropout(0.2), nn.Linear(x.shape[1], len(data.class_names)))
    head.to(x.device)
    events = recipes.fine_tune(
        head, ready, as_they_are, count=20, backbone_rate=3e-3, head_rate=3e-3, seed=seed
    )
    try:
        for _ in events:
            pass
    except training.TrainingDiverged:  # finite, but too large to multiply
        return 1 / len(data.class_names)
    return training.evaluate(head, ready.test_images, ready.test_labels, as_they_are).accuracy


def fine_tuned(
    model: nn.Module, data: ImageData, prepare: Prepare, seed: int, epochs: int
) -> tuple[float, float]:
    """Test accuracy after fine-tuning of everything behind a new head.

    The second figure is that with statistics refreshed at the end.  In a short training the running
    averages may not have forgotten yet where they began.
    """
    environment.seed_everything(seed)
    replace_head(model, len(data.class_names))
    try:
        for _ in recipes.fine_tune(model, data, prepare, count=epochs, seed=seed):
            pass
    except training.TrainingDiverged:
        return 1 / len(data.class_names), 1 / len(data.class_names)
    as_left = training.evaluate(model, data.test_images, data.test_labels, prepare)
    refresh_statistics(model, data.train_images, prepare)
    refreshed = training.evaluate(model, data.test_images, data.test_labels, prepare)
    return as_left.accuracy, refreshed.accuracy


def measure(
    course: world.Course,
    seed: int,
    parts: Sequence[str] = PARTS,
    *,
    size: int | None = None,
    source: int = 500,
    unlabelled: int = 200,
    epochs: int = 4,
) -> Rows:
    """All measures of all parts for one seed, which draws images, random weights and order."""
    prepare = replace(course.prepare, size=size or course.size)
    data = course.draw(seed)
    intact = training.evaluate(course.pretrained(), data.test_images, data.test_labels, prepare)
    # a training seed that the weights have not seen, and other images for the statistics
    images, labels, _ = shapes.make("source", source, seed=2_000_000 + seed)
    others, _, _ = shapes.make("source", unlabelled, seed=3_000_000 + seed)
    rows: Rows = []
    for part in parts:
        model, dropped = load_part(course, part, seed)
        scores: dict[str, float] = {}
        same = training.evaluate(model, data.test_images, data.test_labels, prepare)
        agreement = (same.predictions == intact.predictions).float().mean().item()
        scores["same answer as intact"] = agreement
        scores["new head, frozen"] = new_head(model, data, prepare, seed)
        if course.world == "shapes":
            before = training.evaluate(model, images, labels, prepare)
            scores["old head"] = before.accuracy
            refresh_statistics(model, others, prepare)
            after = training.evaluate(model, images, labels, prepare)
            scores["old head, statistics refreshed"] = after.accuracy
        model, _ = load_part(course, part, seed)
        as_left, refreshed = fine_tuned(model, data, prepare, seed, epochs)
        scores |= {"fine-tuned": as_left, "fine-tuned, statistics refreshed": refreshed}
        total = sum(t.numel() for t in model.state_dict().values())
        print(seed, part, {name: round(value, 3) for name, value in scores.items()}, flush=True)
        rows += [
            {
                "seed": seed,
                "part": part,
                "dropped": dropped,
                "dropped_share": dropped / total,
                "measure": name,
                "accuracy": value,
            }
            for name, value in scores.items()
        ]
    return rows


def main() -> None:
    parser = script.arguments(
        __doc__, data="shapes", sized=True, train=200, test=300, source=300, epochs=4
    )
    parser.add_argument("--resume", action="store_true", help="keep the seeds that are there")
    args = parser.parse_args()
    course, prepare = script.choose_world(args, args.train, args.test)
    name, size = "checkpoint_parts", prepare.size
    rows = script.stored_rows(args, name) if args.resume else []
    for seed in args.seeds:
        if any(row["seed"] == seed for row in rows):
            continue
        rows += measure(course, seed, size=size, source=args.source, epochs=args.epochs)
        # written after each seed: a run that is cut off has lost little
        script.write(
            args,
            name,
            rows,
            course=course,
            what="accuracy when one kind of tensor of the checkpoint is not loaded",
            data=f"{script.images(args, course)}, {args.train} training images a run, {size} px",
            seeds=sorted({row["seed"] for row in rows}),
        )


if __name__ == "__main__":
    main()
