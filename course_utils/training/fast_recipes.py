"""Three ways to use pretrained weights, put together from the fast parts.

Each is an iterator of `training.Epoch`, like the recipes of the lessons, and trains `model` itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData
from course_utils.images.fast_preparing import FastPrepare
from course_utils.images.preprocessing import Prepare, as_they_are
from course_utils.training import freezing
from course_utils.training import loop as training
from course_utils.training.fast_features import cache
from course_utils.training.fast_loop import Speed, epochs
from course_utils.training.freezing import FreezePlan
from course_utils.training.loop import Epoch, PrepareFunction
from course_utils.training.optimizers import one_cycle

from torch import nn


def frozen(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
    *,
    count: int = 10,
    rate: float = 3e-3,
    batch_size: int = 64,
    seed: int = 0,
) -> Iterator[Epoch]:
    """Feature extraction: a new head on features that are computed once."""
    plan = freezing.freeze_backbone(model)
    yield from _behind_a_cache(
        model,
        plan,
        data,
        prepare,
        count=count,
        both_rates=(rate, rate),
        batch_size=batch_size,
        seed=seed,
    )


def partly_frozen(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
    *,
    blocks: int = 5,
    count: int = 10,
    backbone_rate: float = 1e-3,
    head_rate: float = 3e-3,
    batch_size: int = 64,
    seed: int = 0,
    mirrored: bool = False,
) -> Iterator[Epoch]:
    """Fine-tune the last `blocks` blocks and the head behind a prefix that is computed once.

    mirrored : train on each image's mirror image as well, which doubles cache and time
    """
    plan = freezing.thaw_last(model, blocks + 1)
    yield from _behind_a_cache(
        model,
        plan,
        data,
        prepare,
        count=count,
        both_rates=(backbone_rate, head_rate),
        batch_size=batch_size,
        seed=seed,
        mirrored=mirrored,
    )


def _behind_a_cache(
    model: nn.Module,
    plan: FreezePlan,
    data: ImageData,
    prepare: Prepare,
    *,
    count: int,
    both_rates: tuple[float, float],
    batch_size: int,
    seed: int,
    mirrored: bool = False,
) -> Iterator[Epoch]:
    freezing.apply(model, plan)
    # The test images' features would go unused: one image stands in for them.
    needed = replace(data, test_images=data.train_images[:1], test_labels=data.train_labels[:1])
    tail, features = cache(model, plan, needed, FastPrepare(prepare), mirrored=mirrored)
    steps = count * training.steps_per_epoch(features, batch_size)
    optimizer, schedule = one_cycle(tail, steps, *both_rates, fused=can_fuse(tail))
    yield from epochs(
        tail,
        optimizer,
        features,
        as_they_are,
        plan=plan,
        count=count,
        batch_size=batch_size,
        seed=seed,
        scheduler=schedule,
    )


def everything(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
    *,
    sizes: Sequence[int],
    backbone_rate: float = 1e-3,
    head_rate: float = 3e-3,
    weight_decay: float = 0.05,
    label_smoothing: float = 0.0,
    batch_size: int = 64,
    seed: int = 0,
    change: Augment | None = None,
    speed: Speed | None = None,
) -> Iterator[Epoch]:
    """Fine-tune the whole network; one epoch for each of `sizes`, at that input size in pixels.

    Small images first, since a step on half the side takes a quarter of the time: progressive
    resizing, as in "EfficientNetV2: Smaller Models and Faster Training", Mingxing Tan and
    Quoc V. Le, 2021.  The last sizes should be the one that is used in the end.
    """
    plan = freezing.freeze_nothing()
    freezing.apply(model, plan)
    each = training.steps_per_epoch(data, batch_size)
    optimizer, schedule = one_cycle(
        model, len(sizes) * each, backbone_rate, head_rate, weight_decay, fused=can_fuse(model)
    )
    for start, size, length in _runs(sizes):
        at_size: PrepareFunction = FastPrepare(prepare, size)
        yield from epochs(
            model,
            optimizer,
            data,
            at_size,
            plan=plan,
            count=length,
            batch_size=batch_size,
            seed=seed,
            change=change,
            scheduler=schedule,
            label_smoothing=label_smoothing,
            speed=speed,
            start=start,
        )


def can_fuse(model: nn.Module) -> bool:
    """Whether AdamW can update all weights in one go on the device of a network (torch 2.6 on)."""
    return next(model.parameters()).device.type in ("cpu", "cuda")


def _runs(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Where each run of equal sizes begins, the size, and how long the run is.

    >>> _runs([64, 64, 96])
    [(0, 64, 2), (2, 96, 1)]
    """
    found: list[list[int]] = []
    for size in sizes:
        if found and found[-1][0] == size:
            found[-1][1] += 1
        else:
            found.append([size, 1])
    starts = accumulate((length for _, length in found), initial=0)
    return [(start, size, length) for start, (size, length) in zip(starts, found, strict=False)]
