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

from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData, batches
from course_utils.images.preprocessing import PrepareFunction
from course_utils.training import micro_batches
from course_utils.training.evaluation import evaluate
from course_utils.training.freezing import (
    FreezePlan,
    check_plan,
    count_trainable,
    set_training_mode,
)
from course_utils.training.micro_batches import MicroBatches, autocast
from course_utils.training.optimizers import check_optimizer

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]
CHECK_EVERY = 50  # steps between two looks at the loss on a GPU


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
class Epoch:
    """One pass over the training images, and what the network then did on the test images.

    Attributes
    ----------
    number : int
        Counted from 1.
    loss, accuracy : float
        Means over the training batches, each measured before its step.
    test_loss, test_accuracy : float
        After the pass; NaN where evaluation was not asked for.
    seconds : float
        Time for training alone, without the evaluation.
    trainable : int
        Parameters that could learn.
    rates : tuple of float
        Learning rate of each parameter group at the start of the pass.
    """

    number: int
    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    trainable: int
    rates: tuple[float, ...]


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
    forward: nn.Module | None = None,
) -> Iterator[Step]:
    """Take one optimizer step a batch, and yield an event after each.

    Parameters
    ----------
    model : nn.Module
        Already carries the plan (`freezing.apply`).
    optimizer : torch.optim.Optimizer
        Holds the model's trainable parameters (see `check_optimizer`).
    data : iterable of (Tensor, Tensor)
        Batches of images and int64 labels.
    prepare : callable
        Turns a batch of images into the network's input, on its device.
    plan : FreezePlan
        Keeps frozen blocks in the right mode.
    scheduler : Scheduler, optional
        Stepped after every batch; None leaves the rates alone.
    label_smoothing : float
        As in `torch.nn.functional.cross_entropy`.
    start : int
        Number of the step before the first.
    memory : MicroBatches, optional
        How many images go through the network at a time; None takes whole batches, and leaves it
        to the caller what to do when memory runs out.
    forward : nn.Module, optional
        Runs in place of the model and shares its parameters, such as `torch.compile(model)` or
        `DistributedDataParallel(model)`.

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
        loss, hits = memory.backward(model, images, labels, prepare, label_smoothing, forward)
        _check_loss(loss, model, optimizer, f"at step {number}")
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        accuracy = int(hits) / len(labels)
        seconds = time.perf_counter() - begun
        yield Step(number, float(loss), accuracy, len(labels), seconds, trainable)


def _check_loss(
    loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, when: str
) -> None:
    value = float(loss)  # on a GPU this waits until all that was asked for is computed
    if not math.isfinite(value):
        model.zero_grad(set_to_none=True)
        rates = ", ".join(f"{group['lr']:g}" for group in optimizer.param_groups)
        raise TrainingDiverged(
            f"the loss became {value} {when}: the learning rate is most likely too large "
            f"(now {rates}); start again from the pretrained weights with a tenth of it"
        )


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
    augment: Augment | None = None,
    scheduler: Scheduler | None = None,
    step_schedule: bool = False,
    label_smoothing: float = 0.0,
    watch: bool = True,
    start: int = 0,
    precision: torch.dtype | None = None,
    forward: nn.Module | None = None,
    check_every: int | None = None,
) -> Iterator[Epoch]:
    """Train for `count` passes over the data, and yield an event after each.

    Where memory is short, a step computes its gradients in micro-batches, and says so.

    Parameters
    ----------
    model, optimizer, prepare, plan, label_smoothing, forward
        As for `steps`.
    data : ImageData
        Trained on its training images; its test images are only looked at.  On a GPU training is
        fastest with the data there (`data.to(device)`).
    count : int
        How many passes.
    batch_size : int
        Images a step.
    seed : int
        Decides order and augmentation; an epoch's depend on `seed` and its number alone, so a run
        that is stopped and resumed sees the same batches as one that is not.
    augment : Augment, optional
        Changes each batch of images at random; for images only, not for cached features.
    scheduler : Scheduler, optional
        Stepped after every epoch, or after every batch with `step_schedule=True`.
    watch : bool
        Evaluate on the test images after each pass.
    start : int
        Number of the epoch before the first, when a run goes on.
    precision : torch.dtype, optional
        Of autocast in training, such as `torch.bfloat16`; None computes in float32.
    check_every : int, optional
        Steps between two looks at the loss.  With 1, as on a CPU, training that diverges is stopped
        before the bad step is applied.  A GPU would have to be waited for at each look, so there
        it is 50, and the weights of a run that diverged are spoilt.

    Raises
    ------
    TrainingDiverged
        If the loss becomes infinite or not a number.
    ValueError
        As `steps` does; also for a batch larger than the data, and for augmenting features.
    MemoryError
        If not even a single image fits.
    """
    if augment is not None and data.train_images.dtype != torch.uint8:
        raise ValueError(
            "augmentation changes images, but these are cached features: what a network computes "
            "from a mirrored image is not its features mirrored; leave out augment, or the cache"
        )
    memory = micro_batches.that_fit(model, data.train_images, prepare, batch_size)
    memory.precision = precision
    device = next(model.parameters()).device
    check_every = check_every or (1 if device.type == "cpu" else CHECK_EVERY)
    for number in range(start + 1, start + count + 1):
        check_optimizer(model, optimizer)
        check_plan(model, plan)
        set_training_mode(model, plan)
        rates = tuple(group["lr"] for group in optimizer.param_groups)
        begun = time.perf_counter()
        exact = torch.float32 if device.type == "mps" else torch.float64  # Apple has no double
        loss_sum = torch.zeros((), device=device, dtype=exact)
        hits_sum = torch.zeros((), device=device, dtype=torch.int64)
        taken = images = 0
        for x, y in _batches_of(data, batch_size, seed * 10_007 + number, augment):
            loss, hits = memory.backward(model, x, y, prepare, label_smoothing, forward)
            taken, images = taken + 1, images + len(y)
            if check_every == 1:
                _check_loss(loss, model, optimizer, f"at step {taken}")
            optimizer.step()
            if scheduler is not None and step_schedule:
                scheduler.step()
            loss_sum += loss.to(exact) * len(y)
            hits_sum += hits
            if taken % check_every == 0 and check_every > 1:
                _check_loss(loss_sum, model, optimizer, f"in the {check_every} steps to {taken}")
        _check_loss(loss_sum, model, optimizer, f"in the {check_every} steps to {taken}")
        seconds = time.perf_counter() - begun
        if scheduler is not None and not step_schedule:
            scheduler.step()
        test_loss = test_accuracy = math.nan
        if watch:
            with autocast(device, precision):
                result = evaluate(model, data.test_images, data.test_labels, prepare)
            test_loss, test_accuracy = result.loss, result.accuracy
        yield Epoch(
            number=number,
            loss=float(loss_sum) / images,
            accuracy=int(hits_sum) / images,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            seconds=seconds,
            trainable=count_trainable(model),
            rates=rates,
        )


def _batches_of(
    data: ImageData, batch_size: int, seed: int, augment: Augment | None
) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    for images, labels in batches(data.train_images, data.train_labels, batch_size, seed=seed):
        yield (augment(images, generator) if augment else images), labels


def steps_per_epoch(data: ImageData, batch_size: int) -> int:
    """How many batches `epochs` takes in one pass (a lone last image makes no batch)."""
    full, rest = divmod(len(data.train_images), batch_size)
    return full + (rest > 1 or (rest == 1 and batch_size == 1))
