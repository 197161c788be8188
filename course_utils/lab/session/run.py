"""One run of the lab: a model that trains step by step and follows its controls.

Nothing here knows of threads or of a reader; `session` does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from course_utils import training
from course_utils.images.preprocessing import PrepareFunction, as_they_are
from course_utils.lab.session.controls import Controls
from course_utils.lab.session.lazy_feature_cache import LazyFeatureCache
from course_utils.lab.session.movement import Movement
from course_utils.lab.session.settings import Settings
from course_utils.lab.session.setup import Setup
from course_utils.networks.blocks import Block, split_into_blocks
from course_utils.training import feature_cache, freezing

import torch
from torch import Tensor, nn

EVALUATION_SLICE = 32  # images at a time


def build_optimizer(model: nn.Module, controls: Controls) -> torch.optim.Optimizer:
    """An optimizer over all parameters; frozen ones have no gradient, so it skips them."""
    groups = training.parameter_groups(
        model,
        backbone_rate=controls.backbone_rate,
        head_rate=controls.head_rate,
        weight_decay=0.01 if controls.optimizer == "adamw" else 0.0,
    )
    if controls.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9)
    return (torch.optim.AdamW if controls.optimizer == "adamw" else torch.optim.Adam)(groups)


class UpdateBegan:
    """A hook that notes whether an optimizer has begun to move anything."""

    def __init__(self) -> None:
        self.began = False

    def __call__(self, *_: object) -> None:
        """Note it, before the optimizer does anything."""
        self.began = True


class EndlessSampler:
    """Indices of training images without end: a new order in every pass, decided by `seed`.

    As in `training.epochs`, a pass depends on the seed and its number alone, and a lone last image
    is left out, because batch norm cannot take statistics of one.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._pass, self._next = 0, count
        self._order = torch.empty(0, dtype=torch.int64)

    def peek(self, size: int) -> Tensor:
        """The next batch, without going on to the one behind it."""
        if self._count - self._next < 2:
            self._pass, self._next = self._pass + 1, 0
            generator = torch.Generator().manual_seed(self._seed * 10_007 + self._pass)
            self._order = torch.randperm(self._count, generator=generator)
        return self._order[self._next : self._next + size]

    def advance(self, size: int) -> None:
        """Go on by the batch that `peek` gave."""
        self._next += size


@dataclass(frozen=True)
class HeldOutEvaluation:
    """What the network answered on the held-out images, and how far its blocks had moved.

    Attributes
    ----------
    step : int
        Steps taken before.
    accuracy : float
        From 0 to 1.
    predictions : Tensor
        Labels, int64 `(n,)`.
    weights, statistics : dict of str to float
        Relative movement since the start of the run, by block.
    """

    step: int
    accuracy: float
    predictions: Tensor
    weights: dict[str, float]
    statistics: dict[str, float]


class Run:
    """A model, its optimizer, and where they are."""

    def __init__(self, settings: Settings, setup: Setup, controls: Controls) -> None:
        self.settings, self.setup, self.controls = settings, setup, controls
        self.model = setup.model
        for module in self.model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                # drawn from torch's one global generator, which the reader's cells use as well: a
                # run could not be repeated, nor cells beside it
                module.p = 0.0
        self.blocks: list[Block] = split_into_blocks(self.model)
        self.number = 0
        self.batch_size = settings.batch_size
        self.trained: set[str] = set()  # blocks that were not frozen in some step
        # an object of its own: a method of this run as a hook would tie both into a circle, and
        # the memory of a run that was replaced would be freed only some time later
        self._update = UpdateBegan()
        self.cache: LazyFeatureCache | None = None
        self._why_no_cache = ""
        self._sampler = EndlessSampler(len(setup.data.train_images), settings.seed)
        self._movement = Movement(self.blocks)
        self._predictions: list[Tensor] = []
        self._slice = EVALUATION_SLICE
        self.optimizer = self._new_optimizer(controls)
        self._apply(controls)

    def follow(self, controls: Controls) -> None:
        """Take over new controls, all of them or, if that raises, none."""
        if controls == self.controls:
            return
        optimizer = self.optimizer
        if controls.optimizer != self.controls.optimizer:
            optimizer = self._new_optimizer(controls)
        freezing.freeze(self.model, controls.plan.frozen)  # raises before anything is changed
        self.optimizer = optimizer
        self._apply(controls)

    def _apply(self, controls: Controls) -> None:
        freezing.apply(self.model, controls.plan)
        for group in self.optimizer.param_groups:
            head = group["name"].startswith("head")
            group["lr"] = controls.head_rate if head else controls.backbone_rate
        self.controls = controls
        self._renew_cache()

    def _new_optimizer(self, controls: Controls) -> torch.optim.Optimizer:
        optimizer = build_optimizer(self.model, controls)
        optimizer.register_step_pre_hook(self._update)
        return optimizer

    @property
    def update_began(self) -> bool:
        """Whether the optimizer had begun to move weights when the last step ended or broke off."""
        return self._update.began

    def _renew_cache(self) -> None:
        """Keep the cache where it is still right; drop it, or begin another, where it is not."""
        plan = self.controls.plan
        fixed = len(feature_cache.frozen_prefix(self.model, plan))
        why = "" if fixed else "the first block learns, so every block must run in every step"
        if plan.batch_norm == "train" and plan.frozen:
            fixed, why = 0, "batch norm in train mode gives other outputs in every batch"
        if not self.settings.cache:
            fixed, why = 0, "switched off in the settings"
        if self.cache is not None and self.cache.count == fixed:
            return
        self.cache, self._why_no_cache = None, why
        if fixed:
            data, prepare = self.setup.data, self.setup.prepare
            try:
                self.cache = LazyFeatureCache(self.blocks, fixed, data, prepare)
            except (MemoryError, torch.OutOfMemoryError) as error:
                self._why_no_cache = str(error)

    def describe_cache(self) -> dict[str, object]:
        """State of the cache for the panel."""
        if self.cache is None:
            return {"active": False, "blocks": 0, "text": self._why_no_cache}
        return {"active": True, "blocks": self.cache.count, "text": self.cache.describe()}

    def train_step(self) -> training.Step:
        """Take one optimizer step.  A step that raises leaves no trace.

        (Unless the optimizer itself was cut short: `update_began` tells.)

        Returns
        -------
        training.Step
            With the seconds of everything, the cache included.

        Raises
        ------
        Exception
            Whatever the step raises, such as `training.TrainingDiverged`.
        """
        begun = time.perf_counter()
        data, chosen = self.setup.data, self._sampler.peek(self.batch_size)
        self._update.began = False
        kept = [(buffer, buffer.clone()) for buffer in self._moving_buffers()]
        try:
            network: nn.Module = self.model
            prepare: PrepareFunction = self.setup.prepare
            if self.cache is not None:
                network, prepare = self.cache.network, as_they_are
                images = self.cache.train.get(chosen)
            else:
                images = data.train_images[chosen]
            step = next(
                training.steps(
                    network,
                    self.optimizer,
                    [(images, data.train_labels[chosen])],
                    prepare,
                    plan=self.controls.plan,
                    start=self.number,
                )
            )
        except BaseException:
            for buffer, value in kept:
                buffer.copy_(value)
            self.optimizer.zero_grad(set_to_none=True)
            raise
        self._sampler.advance(len(chosen))
        self.number = step.number
        self.trained |= {block.name for block in self.blocks} - self.controls.plan.frozen
        return replace(step, seconds=time.perf_counter() - begun)

    def _moving_buffers(self) -> Iterator[Tensor]:
        """Buffers that a forward pass changes: batch norm's, where it is in train mode."""
        plan = self.controls.plan
        for block in self.blocks:
            if block.name not in plan.frozen or plan.batch_norm == "train":
                yield from block.buffers()

    def evaluate_slice(self) -> HeldOutEvaluation | None:
        """Evaluate a few more held-out images; the result once all have been seen, else None.

        The weights must not change between the first slice and the last, so whoever has begun goes
        on with this until the result is there.
        """
        data = self.setup.data
        done = sum(len(part) for part in self._predictions)
        chosen = torch.arange(done, min(done + self._slice, len(data.test_images)))
        if self.cache is not None:
            features = self.cache.test.get(chosen)
            part = training.evaluate(
                self.cache.network, features, data.test_labels[chosen], as_they_are
            )
        else:
            images, labels = data.test_images[chosen], data.test_labels[chosen]
            part = training.evaluate(self.model, images, labels, self.setup.prepare)
        self._predictions.append(part.predictions)
        if done + len(chosen) < len(data.test_images):
            return None
        predictions = torch.cat(self._predictions)
        self._predictions = []
        accuracy = (predictions == data.test_labels.cpu()).float().mean().item()
        return HeldOutEvaluation(self.number, accuracy, predictions, *self._movement.measure())

    @property
    def evaluating(self) -> bool:
        """Whether an evaluation has begun and is not finished."""
        return bool(self._predictions)

    def use_less_memory(self, *, while_evaluating: bool) -> str | None:
        """After memory ran out: halve what is held at a time, and say so; None when it cannot be.

        Training never goes below two images, of which batch norm needs statistics.
        """
        if while_evaluating:
            if self._slice == 1:
                return None
            self._slice //= 2
            return f"out of memory: looking at {self._slice} images at a time from here on"
        if self.update_began or self.batch_size < 4:
            return None
        self.batch_size //= 2
        return f"out of memory: {self.batch_size} images a step from here on"
