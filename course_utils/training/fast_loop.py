"""The loop of `course_utils.training.loop`, without a wait in every step.

The lessons' loop asks for the loss after each step, to show it and to stop at the first one that is
no number.  On a GPU that question costs more than the step: the processor must wait for the answer
before it can hand out the next work.  Here losses are added up on the device and asked for now and
then.  Batches, order and events are the same.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from course_utils.images.datasets import ImageData, batches
from course_utils.training import loop as training
from course_utils.training.freezing import (
    FreezePlan,
    check_plan,
    count_trainable,
    set_training_mode,
)
from course_utils.training.loop import Epoch, PrepareFunction, Scheduler, TrainingDiverged

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

Change = Callable[[Tensor, torch.Generator], Tensor]
ASK_EVERY = 50  # steps between two looks at the loss


@dataclass(frozen=True)
class Speed:
    """What may be done faster, at the price of other roundings.

    precision : dtype of autocast, such as torch.bfloat16; None computes in float32
    forward : runs in place of the model where given, such as `torch.compile(model)`, or
        `DistributedDataParallel(model)` when several processes share the work
    share : this process's number and how many there are; each takes its part of every batch
    """

    precision: torch.dtype | None = None
    forward: nn.Module | None = None
    share: tuple[int, int] = (0, 1)

    def context(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """Autocast where a precision is set, else nothing."""
        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(device.type, self.precision)


def on_device(data: ImageData, device: torch.device) -> ImageData:
    """The same data with images and labels on a device: copied once, not once a batch."""
    parts = ("train_images", "train_labels", "test_images", "test_labels")
    return replace(data, **{part: getattr(data, part).to(device) for part in parts})


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
    change: Change | None = None,
    scheduler: Scheduler | None = None,
    label_smoothing: float = 0.0,
    average: AveragedModel | None = None,
    speed: Speed | None = None,
    watch: bool = False,
    start: int = 0,
) -> Iterator[Epoch]:
    """Train for `count` passes, and yield an event after each: `training.epochs`, faster.

    Parameters
    ----------
    model, optimizer, prepare, plan, count, batch_size, seed, label_smoothing, watch, start :
        as for `training.epochs`; batches and their order are the same for the same seed
    data : best on the device (`on_device`)
    change : alters each batch of images, such as `Augment()`; with `flip_some` it does what
        `flip=True` does there
    scheduler : stepped after every batch
    average : follows the weights (an exponential moving average), and is what `watch` looks at
    speed : precision and compilation; None changes nothing

    Raises
    ------
    TrainingDiverged
        If a loss was infinite or not a number.  This is seen up to 50 steps later, so the weights
        are spoilt by then.
    ValueError
        As `training.epochs` does; also for changing features instead of images.
    """
    if change is not None and data.train_images.dtype != torch.uint8:
        raise ValueError("images can be changed at random, but these are cached features")
    training.check_optimizer(model, optimizer)
    check_plan(model, plan)
    speed = speed or Speed()
    for number in range(start + 1, start + count + 1):
        begun = time.perf_counter()
        rates = tuple(group["lr"] for group in optimizer.param_groups)
        set_training_mode(model, plan)
        sums = _one_pass(
            model,
            optimizer,
            data,
            prepare,
            batch_size=batch_size,
            seed=seed * 10_007 + number,
            change=change,
            scheduler=scheduler,
            label_smoothing=label_smoothing,
            average=average,
            speed=speed,
        )
        seconds = time.perf_counter() - begun
        if watch:
            seen = average.module if average is not None else model
            with speed.context(data.test_images.device):
                result = training.evaluate(seen, data.test_images, data.test_labels, prepare, 512)
            test_loss, test_accuracy = result.loss, result.accuracy
        else:
            test_loss = test_accuracy = math.nan
        yield Epoch(number, *sums, test_loss, test_accuracy, seconds, count_trainable(model), rates)


def _one_pass(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    batch_size: int,
    seed: int,
    change: Change | None,
    scheduler: Scheduler | None,
    label_smoothing: float,
    average: AveragedModel | None,
    speed: Speed,
) -> tuple[float, float]:
    """One pass over the training images; mean loss and accuracy, each before its step."""
    generator = torch.Generator().manual_seed(seed)
    forward = speed.forward or model
    rank, processes = speed.share
    device = data.train_images.device
    exact = torch.float32 if device.type == "mps" else torch.float64  # Apple has no double
    loss_sum = torch.zeros((), device=device, dtype=exact)
    hits = torch.zeros((), device=device, dtype=torch.int64)
    images = 0
    passes = batches(data.train_images, data.train_labels, batch_size, seed=seed)
    for number, (x, y) in enumerate(passes, 1):
        if change is not None:
            x = change(x, generator)
        whole = len(y)
        x, y = x[rank::processes], y[rank::processes]
        prepared = prepare(x)
        y = y.to(prepared.device)
        with speed.context(prepared.device):
            scores = forward(prepared)
            loss = F.cross_entropy(scores, y, label_smoothing=label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        # the processes' gradients will be averaged, whatever the sizes of their parts
        (loss if processes == 1 else loss * (len(y) * processes / whole)).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        if average is not None:
            average.update_parameters(model)
        loss_sum += loss.detach().to(loss_sum) * len(y)
        hits += (scores.detach().argmax(1) == y).sum().to(hits)
        images += len(y)
        if number % ASK_EVERY == 0:
            _check_finite(loss_sum, optimizer)
    if processes > 1:
        sums = torch.stack([loss_sum, hits.to(loss_sum), torch.full_like(loss_sum, images)])
        torch.distributed.all_reduce(sums)
        loss_sum, hits, images = sums[0], sums[1], int(sums[2])
    _check_finite(loss_sum, optimizer)
    return float(loss_sum) / images, int(hits) / images


def _check_finite(loss_sum: Tensor, optimizer: torch.optim.Optimizer) -> None:
    if not math.isfinite(float(loss_sum)):
        rates = ", ".join(f"{group['lr']:g}" for group in optimizer.param_groups)
        raise TrainingDiverged(
            f"a loss was no number within the last {ASK_EVERY} steps: the learning rate is most "
            f"likely too large (now {rates}); start again from the pretrained weights with a tenth"
        )
