"""Whole recipes for transfer: the classic one, a head on cached features, and fine-tuning.

All are iterators of `training.Epoch`, like everything that trains here, and train `model` itself.
Lesson 05 writes their lines out one by one before it lets these functions stand for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare, PrepareFunction, as_they_are
from course_utils.networks.blocks import Tail
from course_utils.training import freezing, loop
from course_utils.training.feature_cache import cache_features
from course_utils.training.loop import Epoch
from course_utils.training.optimizers import can_fuse, one_cycle

import torch
from torch import nn


def classic(
    model: nn.Module,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    seed: int = 0,
    frozen_epochs: int = 2,
    thawed_epochs: int = 3,
    batch_size: int = 64,
    watch: bool = True,
) -> Iterator[Epoch]:
    """The recipe of many tutorials: freeze, train the head, thaw everything at a tenth of the rate.

    One Adam at 1e-3 over all parameters and one StepLR(3, 0.1) from beginning to end; batch norm in
    train mode throughout; no augmentation; the test images are looked at after every epoch.

    Parameters
    ----------
    model : nn.Module
        Pretrained, with a new head.
    data, prepare, seed, batch_size, watch
        As for `training.epochs`.
    frozen_epochs, thawed_epochs : int
        Passes of the head alone, and of everything.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
    phases = (
        (freezing.freeze_backbone(model, batch_norm="train"), 0, frozen_epochs),
        (freezing.freeze_nothing(), frozen_epochs, thawed_epochs),
    )
    for plan, start, count in phases:
        freezing.apply(model, plan)
        if not plan.frozen:
            for group in optimizer.param_groups:
                group["lr"] *= 0.1
        yield from loop.epochs(
            model,
            optimizer,
            data,
            prepare,
            plan=plan,
            count=count,
            batch_size=batch_size,
            seed=seed,
            scheduler=scheduler,
            watch=watch,
            start=start,
        )


def train_head(
    model: nn.Module,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    count: int,
    rate: float = 3e-3,
    batch_size: int = 32,
    seed: int = 0,
    watch: bool = False,
) -> Iterator[Epoch]:
    """Feature extraction: the head is trained on cached features of a frozen backbone.

    Batch norm is in eval mode.  The head in `model` itself is trained; the features exist only
    meanwhile.

    Parameters
    ----------
    model, data, prepare, count, batch_size, seed, watch
        As for `training.epochs`.
    rate : float
        Learning rate of AdamW, which stays the same.
    """
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    tail, features = _behind_cache(model, plan, data, prepare, watch)
    optimizer = torch.optim.AdamW(
        tail.parameters(), lr=rate, weight_decay=0.01, fused=can_fuse(model)
    )
    yield from loop.epochs(
        tail,
        optimizer,
        features,
        as_they_are,
        plan=plan,
        count=count,
        batch_size=batch_size,
        seed=seed,
        watch=watch,
    )


def fine_tune(
    model: nn.Module,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    plan: freezing.FreezePlan | None = None,
    count: int = 3,
    backbone_rate: float = 1e-3,
    head_rate: float = 3e-3,
    weight_decay: float = 0.05,
    label_smoothing: float = 0.0,
    batch_size: int = 32,
    seed: int = 0,
    augment: Augment | None = None,
    sizes: Sequence[int] | None = None,
    cache: bool = False,
    watch: bool = False,
    precision: torch.dtype | None = None,
    forward: nn.Module | None = None,
) -> Iterator[Epoch]:
    """Fine-tuning with a new optimizer, discriminative rates, warm-up, and rates that fall to zero.

    The schedule is that of `one_cycle`: up over the first fifth of all steps, then down.

    Parameters
    ----------
    model, data, prepare, label_smoothing, batch_size, seed, augment, watch, precision, forward
        As for `training.epochs`.
    plan : FreezePlan, optional
        What stays frozen; None thaws everything.
    count : int
        Epochs.
    backbone_rate, head_rate : float
        Highest learning rate of each part.
    weight_decay : float
        Of AdamW; norms and biases are spared.
    sizes : sequence of int, optional
        Side of the input in pixels in each epoch, in place of `count`: progressive resizing, since
        a step on half the side takes a quarter of the time ("EfficientNetV2: Smaller Models and
        Faster Training", Mingxing Tan and Quoc V. Le, 2021).  The last should be the one that is
        used in the end; `prepare` must be a `Prepare`.
    cache : bool
        Compute the plan's frozen prefix once (see `cache_features`, which may refuse).

    Raises
    ------
    ValueError, MemoryError
        As `training.epochs` and `cache_features` do; also for `sizes` together with `cache`.
    """
    plan = plan or freezing.freeze_nothing()
    freezing.apply(model, plan)
    ready = [prepare] * count
    if sizes is not None:
        if cache or not isinstance(prepare, Prepare):
            raise ValueError("sizes need images, not cached features, and a Prepare to resize them")
        ready = [replace(prepare, size=size) for size in sizes]
    if cache:
        model, data = _behind_cache(model, plan, data, prepare, watch)
        ready = [as_they_are] * count
    steps = len(ready) * loop.steps_per_epoch(data, batch_size)
    optimizer, scheduler = one_cycle(model, steps, backbone_rate, head_rate, weight_decay)
    done = 0
    for at_size, group in groupby(ready):
        passes = len(list(group))
        yield from loop.epochs(
            model,
            optimizer,
            data,
            at_size,
            plan=plan,
            count=passes,
            batch_size=batch_size,
            seed=seed,
            augment=augment,
            scheduler=scheduler,
            step_schedule=True,
            label_smoothing=label_smoothing,
            watch=watch,
            start=done,
            precision=precision,
            forward=forward,
        )
        done += passes


def _behind_cache(
    model: nn.Module,
    plan: freezing.FreezePlan,
    data: ImageData,
    prepare: PrepareFunction,
    watch: bool,
) -> tuple[Tail, ImageData]:
    """The part that learns, and features in place of images."""
    if not watch:  # the test images' features would go unused: one image stands in for them
        data = replace(data, test_images=data.train_images[:1], test_labels=data.train_labels[:1])
    return cache_features(model, plan, data, prepare, fold=True)
