"""Training as an iterator of events: the caller owns the loop.

    for epoch in training.epochs(model, optimizer, data, prepare, plan=plan, count=5):
        print(epoch.number, epoch.test_accuracy)

No callbacks and no trainer class.  A lesson loops and prints, a progress bar wraps the iterator,
the live lab changes the plan between two steps, a test takes three events and stops.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from course_utils.images.augmentation import flip_some
from course_utils.images.datasets import ImageData, batches
from course_utils.training import micro_batches
from course_utils.training.freezing import (
    FreezePlan,
    check_plan,
    count_trainable,
    set_training_mode,
)
from course_utils.training.micro_batches import MicroBatches, NonFiniteLoss, PrepareFunction
from course_utils.training.optimizers import parameter_groups

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Tensor, Tensor]
__all__ = [
    "Batch", "Epoch", "Evaluation", "PrepareFunction", "Scheduler", "Step", "TrainingDiverged",
    "check_optimizer", "epochs", "evaluate", "parameter_groups", "steps", "steps_per_epoch",
]  # fmt: skip


class Scheduler(Protocol):
    """What `epochs` and `steps` need of a learning-rate schedule: every torch scheduler has it."""

    def step(self) -> None:
        """Move on to the next learning rate."""


class TrainingDiverged(RuntimeError):
    """The loss is no longer a number; the message says when, and what to try."""


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step: loss and accuracy (0 to 1) on its batch, before the step was taken."""

    number: int
    loss: float
    accuracy: float
    images: int
    seconds: float
    trainable: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A network's answers on a set of images: mean loss, accuracy (0 to 1), predicted labels."""

    loss: float
    accuracy: float
    predictions: Tensor


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images, and what the network then did on the test images.

    loss, accuracy : means over the training batches, each measured before its step
    test_loss, test_accuracy : after the pass; NaN where evaluation was not asked for
    seconds : time for training alone, without the evaluation
    trainable : parameters that could learn
    rates : learning rate of each parameter group during the pass
    """

    number: int
    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    trainable: int
    rates: tuple[float, ...]


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError unless the optimizer holds the model's trainable parameters.

    The classic mistake: the optimizer was built, then the head was replaced.  It then trains a
    layer that the network no longer has, and the new head never learns.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    own = {id(p): name for name, p in model.named_parameters()}
    if stale := held - own.keys():
        raise ValueError(
            f"the optimizer holds {len(stale)} parameters that the model does not have; "
            f"was the head replaced after the optimizer was built? Build it again"
        )
    learns = {id(p): n for n, p in model.named_parameters() if p.requires_grad}
    if not learns:
        raise ValueError("every parameter is frozen, the head too: nothing can learn")
    if missing := [name for key, name in learns.items() if key not in held]:
        raise ValueError(
            f"{len(missing)} trainable parameters are not in the optimizer, so they would never "
            f"move: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
        )


def steps(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Iterable[Batch],
    prepare: PrepareFunction,
    *,
    plan: FreezePlan,
    scheduler: Scheduler | None = None,
    label_smoothing: float = 0.0,
    start: int = 0,
    memory: MicroBatches | None = None,
) -> Iterator[Step]:
    """Take one optimizer step a batch, and yield an event after each.

    Parameters
    ----------
    model : already carries the plan (`freezing.apply`)
    optimizer : holds the model's trainable parameters (see `check_optimizer`)
    data : batches of images and int64 labels
    prepare : turns a batch of images into the network's input, on its device
    plan : keeps frozen blocks in the right mode
    scheduler : stepped after every batch; None leaves the rates alone
    label_smoothing : as in `torch.nn.functional.cross_entropy`
    start : number of the step before the first
    memory : how many images go through the network at a time; None takes whole batches, and leaves
        it to the caller what to do when memory runs out

    Raises
    ------
    TrainingDiverged
        If the loss becomes infinite or not a number.  The step that did it is not applied: no
        parameter moves.  (Batch norm's statistics have met the batch already.)
    ValueError
        If model and optimizer do not belong together, or the model does not carry the plan.
    MemoryError
        If not even a single image fits.
    """
    memory = memory or MicroBatches(halve=False)
    check_optimizer(model, optimizer)
    trainable = count_trainable(model)
    for number, (images, labels) in enumerate(data, start + 1):
        begun = time.perf_counter()
        check_plan(model, plan)  # at every step: the caller may have thawed a block in between
        set_training_mode(model, plan)
        try:
            loss, hits = memory.backward(model, images, labels, prepare, label_smoothing)
        except NonFiniteLoss as error:
            rates = ", ".join(f"{group['lr']:g}" for group in optimizer.param_groups)
            raise TrainingDiverged(
                f"the loss became {error.value} at step {number}: the learning rate is most likely "
                f"too large (now {rates}); "
                f"start again from the pretrained weights with a tenth of it"
            ) from error
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        seconds = time.perf_counter() - begun
        yield Step(number, loss, hits / len(labels), len(labels), seconds, trainable)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    prepare: PrepareFunction,
    batch_size: int = 128,
) -> Evaluation:
    """Loss and accuracy over all images, each counted once whatever the batch size.

    The network runs in eval mode; every module's mode is put back as it was found.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        scores = torch.cat([model(prepare(x)).float().cpu() for x in images.split(batch_size)])
    finally:
        for module, mode in modes.items():
            module.training = mode
    target = labels.cpu()
    loss = F.cross_entropy(scores, target).item()
    predictions = scores.argmax(1)
    return Evaluation(loss, (predictions == target).float().mean().item(), predictions)


def epochs(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    plan: FreezePlan,
    count: int,
    batch_size: int = 64,
    seed: int = 0,
    flip: bool = False,
    scheduler: Scheduler | None = None,
    step_schedule: bool = False,
    label_smoothing: float = 0.0,
    watch: bool = True,
    start: int = 0,
) -> Iterator[Epoch]:
    """Train for `count` passes over the data, and yield an event after each.

    Where memory is short, a step computes its gradients in pieces, and says so (see `pieces`).

    Parameters
    ----------
    model, optimizer, prepare, plan, label_smoothing : as for `steps`
    data : trained on its training images; its test images are only looked at
    batch_size : images a step
    seed : decides order and mirroring; an epoch's depend on `seed` and its number alone, so a
        run that is stopped and resumed sees the same batches as one that is not
    flip : mirror each image with probability one half; images only, not cached features
    scheduler : stepped after every epoch, or after every batch with `step_schedule=True`
    watch : evaluate on the test images after each pass
    start : number of the epoch before the first, when a run goes on

    Raises
    ------
    TrainingDiverged, ValueError
        As `steps` does; ValueError also for a batch larger than the data, and for flipping
        features instead of images.
    """
    if flip and data.train_images.dtype != torch.uint8:
        raise ValueError(
            "flip=True mirrors images, but these are cached features: what a network computes from "
            "a mirrored image is not its features mirrored; leave out flip, or the cache"
        )
    memory = micro_batches.that_fit(model, data.train_images, prepare, batch_size)
    for number in range(start + 1, start + count + 1):
        rates = tuple(group["lr"] for group in optimizer.param_groups)
        passes = batches(
            data.train_images, data.train_labels, batch_size, seed=seed * 10_007 + number
        )
        if flip:
            passes = _flipped(passes, torch.Generator().manual_seed(seed * 10_007 + number))
        taken = list(
            steps(
                model,
                optimizer,
                passes,
                prepare,
                plan=plan,
                label_smoothing=label_smoothing,
                scheduler=scheduler if step_schedule else None,
                memory=memory,
            )
        )
        if scheduler is not None and not step_schedule:
            scheduler.step()
        images = sum(step.images for step in taken)
        result = (
            evaluate(model, data.test_images, data.test_labels, prepare)
            if watch
            else Evaluation(math.nan, math.nan, torch.empty(0))
        )
        yield Epoch(
            number=number,
            loss=sum(step.loss * step.images for step in taken) / images,
            accuracy=sum(step.accuracy * step.images for step in taken) / images,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            seconds=sum(step.seconds for step in taken),
            trainable=taken[-1].trainable,
            rates=rates,
        )


def steps_per_epoch(data: ImageData, batch_size: int) -> int:
    """How many batches `epochs` takes in one pass (a lone last image makes no batch)."""
    full, rest = divmod(len(data.train_images), batch_size)
    return full + (rest > 1 or (rest == 1 and batch_size == 1))


def _flipped(passes: Iterator[Batch], generator: torch.Generator) -> Iterator[Batch]:
    for images, labels in passes:
        yield flip_some(images, generator), labels
