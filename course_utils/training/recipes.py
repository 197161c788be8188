"""Two whole recipes for fine-tuning: the classic one, and one that mends its faults.

Both are iterators of `training.Epoch`, like everything that trains here.  Lesson 05 writes their
lines out one by one before it lets these functions stand for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import as_they_are
from course_utils.training import freezing
from course_utils.training import loop as training
from course_utils.training.feature_cache import cache_features
from course_utils.training.loop import Epoch
from course_utils.training.optimizers import one_cycle

import torch
from torch import Tensor, nn

Prepare = Callable[[Tensor], Tensor]


def classic(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
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
    model : pretrained, with a new head
    data, prepare, seed, batch_size, watch : as for `training.epochs`
    """
    frozen = freezing.freeze_backbone(model, batch_norm="train")
    freezing.apply(model, frozen)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
    yield from training.epochs(
        model,
        optimizer,
        data,
        prepare,
        plan=frozen,
        count=frozen_epochs,
        batch_size=batch_size,
        seed=seed,
        scheduler=scheduler,
        watch=watch,
    )
    thawed = freezing.freeze_nothing()
    freezing.apply(model, thawed)
    for group in optimizer.param_groups:
        group["lr"] *= 0.1
    yield from training.epochs(
        model,
        optimizer,
        data,
        prepare,
        plan=thawed,
        count=thawed_epochs,
        batch_size=batch_size,
        seed=seed,
        scheduler=scheduler,
        watch=watch,
        start=frozen_epochs,
    )


def train_head(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
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
    """
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    tail, features = cache_features(model, plan, data, prepare, batch_size=batch_size)
    optimizer = torch.optim.AdamW(tail.parameters(), lr=rate, weight_decay=0.01)
    yield from training.epochs(
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
    prepare: Prepare,
    *,
    plan: freezing.FreezePlan | None = None,
    count: int = 3,
    backbone_rate: float = 1e-3,
    head_rate: float = 3e-3,
    weight_decay: float = 0.05,
    batch_size: int = 32,
    seed: int = 0,
    flip: bool = False,
    watch: bool = False,
) -> Iterator[Epoch]:
    """Fine-tuning with a new optimizer, discriminative rates, warm-up, and rates that fall to zero.

    The schedule is `optimizers.one_cycle`: up over the first fifth of all steps, then down.

    Parameters
    ----------
    plan : what stays frozen; None thaws everything
    count : epochs
    backbone_rate, head_rate : highest learning rate of each part
    flip : mirror images at random; lesson 05 measures whether that pays in a few epochs
    """
    plan = plan or freezing.freeze_nothing()
    freezing.apply(model, plan)
    steps = count * training.steps_per_epoch(data, batch_size)
    optimizer, scheduler = one_cycle(model, steps, backbone_rate, head_rate, weight_decay)
    yield from training.epochs(
        model,
        optimizer,
        data,
        prepare,
        plan=plan,
        count=count,
        batch_size=batch_size,
        seed=seed,
        flip=flip,
        scheduler=scheduler,
        step_schedule=True,
        watch=watch,
    )
