"""From the classic recipe to a better one, one change at a time, in the Shapes world on a CPU.

    python -m benchmarks.lesson05.ladder

Each arm differs from the one before it in exactly one setting (tests/lesson05/test_ladder.py).
Accuracies are on images held out of training, not on the test set.  Writes the record
fine_tuning_ladder: five seeds, which differ in images, new head and order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson05.fine_tuning import HELD_OUT, accuracy, setting
from course_utils import training, world
from course_utils.images.datasets import ImageData, batches
from course_utils.training import freezing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 32
THAWED_EPOCHS = 3


@dataclass(frozen=True)
class Arm:
    """How one recipe trains: some epochs of the head alone, then three of everything.

    As it stands, it is the classic recipe.
    """

    batch_norm: str = "train"  # of the frozen backbone
    optimizer: str = "kept"  # across the thaw: the same one, or a "new" one
    schedule: str = "StepLR"  # after the thaw: a cut after its first epoch, or "one cycle"
    decay: float = 0.0  # weight decay, of weights with more than one dimension
    head_rates: tuple[float, float] = (1e-3, 1e-4)  # while frozen, and at the top once thawed
    backbone_rate: float = 1e-4  # at the top, once thawed
    head_epochs: int = 2
    mirror: bool = False


def _arms() -> dict[str, Arm]:
    steps: list[tuple[str, dict[str, Any]]] = [
        ("+ batch norm still while frozen", {"batch_norm": "eval"}),
        ("+ new optimizer at the thaw", {"optimizer": "new"}),
        ("+ one cycle: warm-up, then down", {"schedule": "one cycle"}),
        ("+ weight decay 0.05", {"decay": 0.05}),
        ("+ head's rate 3e-3 throughout", {"head_rates": (3e-3, 3e-3)}),
        ("+ backbone's rate 1e-3", {"backbone_rate": 1e-3}),
        ("+ head alone for one epoch, not two", {"head_epochs": 1}),
        ("+ mirrored images", {"mirror": True}),
    ]
    arms = {"classic": Arm()}
    for name, change in steps:
        arms[name] = replace(list(arms.values())[-1], **change)
    return arms


ARMS = _arms()


def difference(one: Arm, other: Arm) -> dict[str, tuple[Any, Any]]:
    """In which settings two arms differ."""
    both = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(Arm)}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def train(model: Any, data: ImageData, course: world.Course, arm: Arm, seed: int) -> None:
    """Both phases of an arm; the network itself is trained."""
    frozen = freezing.freeze_backbone(model, batch_norm=arm.batch_norm)
    freezing.apply(model, frozen)
    optimizer = _optimizer(model, arm, arm.head_rates[0])
    for epoch in range(arm.head_epochs):
        for _ in _one_epoch(model, frozen, optimizer, data, course, 1 + epoch, arm, seed):
            pass
    thawed = freezing.freeze_nothing()
    freezing.apply(model, thawed)
    if arm.optimizer == "new":
        optimizer = _optimizer(model, arm, arm.head_rates[1])
    for group, rate in zip(optimizer.param_groups, _rates(arm, arm.head_rates[1]), strict=True):
        group["lr"] = rate
    schedule = _schedule(optimizer, arm, training.steps_per_epoch(data, BATCH))
    for epoch in range(THAWED_EPOCHS):
        number = arm.head_epochs + 1 + epoch
        for _ in _one_epoch(model, thawed, optimizer, data, course, number, arm, seed):
            if arm.schedule == "one cycle":
                schedule.step()
        if arm.schedule == "StepLR":
            schedule.step()


def _rates(arm: Arm, head_rate: float) -> tuple[float, float, float, float]:
    """Of the optimizer's groups: the backbone's and the head's, each with and without decay."""
    return arm.backbone_rate, arm.backbone_rate, head_rate, head_rate


def _optimizer(model: Any, arm: Arm, head_rate: float) -> torch.optim.Optimizer:
    parts = [list(model.features.parameters()), list(model.classifier.parameters())]
    groups = [
        {"params": [p for p in part if (p.ndim > 1) == decays], "weight_decay": arm.decay * decays}
        for part in parts
        for decays in (True, False)
    ]
    for group, rate in zip(groups, _rates(arm, head_rate), strict=True):
        group["lr"] = rate
    return torch.optim.AdamW(groups)  # which is Adam where nothing decays


def _schedule(optimizer: torch.optim.Optimizer, arm: Arm, steps: int) -> Any:
    if arm.schedule == "StepLR":  # StepLR(3, 0.1) from the first frozen epoch on cuts here
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1], gamma=0.1)
    tops = [float(group["lr"]) for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, tops, total_steps=THAWED_EPOCHS * steps, pct_start=0.2, cycle_momentum=False
    )


def _one_epoch(
    model: nn.Module, plan: freezing.FreezePlan, optimizer: torch.optim.Optimizer, data: ImageData,
    course: world.Course, number: int, arm: Arm, seed: int,
) -> Iterator[None]:  # fmt: skip
    """One pass over the training images; yields after each step."""
    mirrored = torch.Generator().manual_seed(1000 * seed + number)
    for images, labels in batches(
        data.train_images, data.train_labels, BATCH, seed=1000 * seed + number
    ):
        freezing.set_training_mode(model, plan)
        loss = F.cross_entropy(
            model(course.prepare(_mirror(images, mirrored) if arm.mirror else images)),
            labels.to(course.device),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


def _mirror(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored left to right with probability one half."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def main() -> None:
    args = script.arguments(__doc__, data="shapes", seeds=5, train=300).parse_args()
    course = world.choose(5, args.data, args.train, 10)
    rows = []
    for seed in args.seeds:
        for name, arm in ARMS.items():
            model, data = setting(course, seed, args.train)
            train(model, data, course, arm, seed)
            rows.append({"seed": seed, "arm": name, "accuracy": accuracy(model, data, course)})
            print(seed, name, f"{rows[-1]['accuracy']:.4f}", flush=True)
    script.write(
        args,
        "fine_tuning_ladder",
        rows,
        course=course,
        what="from the classic recipe to a better one, one change at a time",
        data=f"{script.images(args, course)}, {args.train} training and {HELD_OUT} held-out "
        f"images, {course.size} px",
    )


if __name__ == "__main__":
    main()
