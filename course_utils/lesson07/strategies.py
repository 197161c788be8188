"""Six ways to get a classifier for a task, each with a budget that is known beforehand.

The strategies take the same arguments, so that they can be compared over tasks and sizes.
A network that starts from nothing gets two thirds more epochs than a fine-tuned one, and the small
network three times as many as that: a comparison that gave all the same would only show that some
had not finished.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from course_utils import environment, training
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import as_they_are
from course_utils.networks.heads import replace_head
from course_utils.networks.small_resnet import small_resnet
from course_utils.training import freezing, probes, recipes
from course_utils.training.loop import Epoch
from course_utils.world import Course

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

FROZEN_BLOCKS = 14
RATE_FROM_SCRATCH = 3e-3


@dataclass(frozen=True)
class Result:
    """What a strategy reached, and what it took.

    Parameters
    ----------
    accuracy, train_accuracy : float
        At the end, in eval mode, 0 to 1.
    epochs, images_seen : int
        Passes over the training images, and their number times that.
    seconds : float
        Training alone.
    block : str, optional
        The block whose output is classified (only `earlier_block` chooses one).
    curve : tuple of Epoch, optional
        Every epoch, with its test accuracy, where the caller asked to watch.
    """

    accuracy: float
    train_accuracy: float
    epochs: int
    images_seen: int
    seconds: float
    block: str = ""
    curve: tuple[Epoch, ...] = ()

    def row(self) -> dict[str, float | int | str]:
        """The result without its curve, as a row of a table."""
        names = ("accuracy", "train_accuracy", "epochs", "images_seen", "seconds", "block")
        return {name: getattr(self, name) for name in names}


def tune_epochs(images: int, base: int = 3) -> int:
    """More passes over fewer images: `base` at 1000, eight times as many at 30."""
    return math.ceil(base * (1000 / images) ** 0.6)


def scratch_epochs(images: int) -> int:
    """Two thirds more than for fine-tuning; at 30 images just enough for batch norm."""
    return tune_epochs(images, base=5)


def batch_size(images: int) -> int:
    """32, or 16 where that would leave hardly any steps, or all where there are still fewer."""
    return 32 if images >= 100 else min(16, images)


def scratch(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """The same network as the pretrained one, from random weights."""
    environment.seed_everything(seed)
    model = mobilenet_v2(num_classes=len(data.class_names))
    return _from_scratch(model, course, data, course.prepare, seed=seed, watch=watch)


def small_scratch(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """A small ResNet from random weights, on 32 pixels: made for small data, and quick.

    It gets three times the epochs of `scratch`.
    """
    environment.seed_everything(seed)
    model, prepare = small_resnet(len(data.class_names)), replace(course.prepare, size=32)
    return _from_scratch(model, course, data, prepare, seed=seed, watch=watch, times=3)


def head_only(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """A new head on the features of the last block; nothing else learns."""
    model, n = _with_new_head(course, data, seed), len(data.train_images)
    events = recipes.train_head(
        model, data, course.prepare, count=max(10, 3000 // n), batch_size=batch_size(n), seed=seed,
        watch=watch,
    )  # fmt: skip
    return _result(model, data, course.prepare, events)


def earlier_block(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """A linear classifier on the pooled output of one block, whichever is best.

    The block is chosen on a quarter of the training images that is held out for this; then the
    classifier is fitted to all of them. The test images have no say. (`watch` has no effect:
    the fit has no epochs.)
    """
    model, classes = course.pretrained(), len(data.class_names)
    begun = time.perf_counter()
    held = data.hold_out(len(data.train_images) // 4, seed=seed)
    kept = probes.features_by_depth(model, held.train_images, course.prepare)
    out = probes.features_by_depth(model, held.test_images, course.prepare)
    scores = {
        block: probes.fit(x, held.train_labels, classes).accuracy(out[block], held.test_labels)
        for block, x in kept.items()
    }
    block = max(scores, key=scores.__getitem__)
    features = torch.cat([kept[block], out[block]])
    labels = torch.cat([held.train_labels, held.test_labels])
    probe = probes.fit(features, labels, classes)
    seconds = time.perf_counter() - begun
    test = probes.features_by_depth(model, data.test_images, course.prepare)[block]
    return Result(
        accuracy=probe.accuracy(test, data.test_labels),
        train_accuracy=probe.accuracy(features, labels),
        epochs=1,
        images_seen=len(labels),
        seconds=seconds,
        block=block,
    )


def part_frozen(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """The first blocks frozen (their output is cached), the others fine-tuned; head first."""
    model = _warmed_up(course, data, seed)
    plan = freezing.freeze_first(model, FROZEN_BLOCKS)
    freezing.apply(model, plan)
    tail, features = training.cache_features(model, plan, data, course.prepare)
    return _fine_tuned(tail, features, as_they_are, plan=plan, seed=seed, watch=watch)


def everything(course: Course, data: ImageData, *, seed: int, watch: bool = False) -> Result:
    """All blocks fine-tuned, the head briefly first."""
    model = _warmed_up(course, data, seed)
    return _fine_tuned(model, data, course.prepare, seed=seed, watch=watch)


Strategy = Callable[..., Result]
STRATEGIES: dict[str, Strategy] = {
    "scratch": scratch,
    "scratch, small network": small_scratch,
    "head only": head_only,
    "earlier block": earlier_block,
    "first blocks frozen": part_frozen,
    "everything": everything,
}


def _with_new_head(course: Course, data: ImageData, seed: int) -> nn.Module:
    environment.seed_everything(seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    return model.to(course.device)


def _warmed_up(course: Course, data: ImageData, seed: int) -> nn.Module:
    """A new head trained for about ten steps: lesson 05 measured that longer does not help."""
    model, n = _with_new_head(course, data, seed), len(data.train_images)
    for _ in recipes.train_head(
        model, data, course.prepare, count=max(1, 300 // n), batch_size=batch_size(n), seed=seed
    ):
        pass
    return model


def _from_scratch(
    model: nn.Module,
    course: Course,
    data: ImageData,
    prepare: Callable[[Tensor], Tensor],
    times: int = 1,
    **options: Any,
) -> Result:
    model.to(course.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = times * scratch_epochs(len(data.train_images))
    rates = {"backbone_rate": RATE_FROM_SCRATCH, "head_rate": RATE_FROM_SCRATCH}
    return _fine_tuned(model, data, prepare, count=count, **rates, **options)


def _fine_tuned(
    model: nn.Module, data: ImageData, prepare: Callable[[Tensor], Tensor], **options: Any
) -> Result:
    n = len(data.train_images)
    settings = {"count": tune_epochs(n), "batch_size": batch_size(n), **options}
    return _result(model, data, prepare, recipes.fine_tune(model, data, prepare, **settings))


def _result(
    model: nn.Module,
    data: ImageData,
    prepare: Callable[[Tensor], Tensor],
    events: Iterable[Epoch],
) -> Result:
    """Train to the end, then look at test and training images once."""
    curve = tuple(events)
    test = training.evaluate(model, data.test_images, data.test_labels, prepare)
    train = training.evaluate(model, data.train_images[:300], data.train_labels[:300], prepare)
    return Result(
        accuracy=test.accuracy,
        train_accuracy=train.accuracy,
        epochs=len(curve),
        images_seen=len(curve) * len(data.train_images),
        seconds=sum(event.seconds for event in curve),
        curve=curve,
    )
