"""One run of the lab: a model that trains step by step and follows its controls.

Nothing here knows of threads or of a reader; `session` does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from course_utils import training
from course_utils.images.preprocessing import as_they_are
from course_utils.lab.session.cache import PrefixCache, Shortcut, cacheable, describe
from course_utils.lab.session.movement import Movement
from course_utils.lab.session.settings import Controls, Settings, Setup
from course_utils.networks.blocks import Block, split_into_blocks
from course_utils.training import freezing

import torch
from torch import Tensor, nn

SLICE = 32


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


class _Watch:
    """Notes whether an optimizer has begun to move anything."""

    def __init__(self) -> None:
        self.began = False

    def __call__(self, *_: object) -> None:
        self.began = True


class Order:
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
class Look:
    """One look at the held-out images: what the network answered, and how far blocks had moved.

    answers : predicted labels, int64 `(n,)`
    weights, statistics : relative movement since the start of the run, by block
    """

    step: int
    accuracy: float
    answers: Tensor
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
        self._watch = _Watch()
        self.cache: PrefixCache | None = None
        self.why_no_cache = ""
        self._shortcut: Shortcut | None = None
        self._order = Order(len(setup.data.train_images), settings.seed)
        self._movement = Movement(self.blocks)
        self._answers: list[Tensor] = []
        self._slice = SLICE
        self.optimizer = self._watched(build_optimizer(self.model, controls))
        self._set(controls)

    def follow(self, controls: Controls) -> None:
        """Take over new controls, all of them or, if that raises, none."""
        if controls == self.controls:
            return
        optimizer = self.optimizer
        if controls.optimizer != self.controls.optimizer:
            optimizer = self._watched(build_optimizer(self.model, controls))
        freezing.freeze(self.model, controls.plan.frozen)  # raises before anything is changed
        self.optimizer = optimizer
        self._set(controls)

    def _set(self, controls: Controls) -> None:
        freezing.apply(self.model, controls.plan)
        for group in self.optimizer.param_groups:
            head = group["name"].startswith("head")
            group["lr"] = controls.head_rate if head else controls.backbone_rate
        self.controls = controls
        self._refresh_cache()

    def _watched(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        optimizer.register_step_pre_hook(self._watch)
        return optimizer

    @property
    def update_began(self) -> bool:
        """Whether the optimizer had begun to move weights when the last step ended or broke off."""
        return self._watch.began

    def _refresh_cache(self) -> None:
        """Keep the cache where it is still right; drop it, or begin another, where it is not."""
        fixed = cacheable(self.blocks, self.controls.plan) if self.settings.cache else []
        if self.cache is not None and [s.name for s in self.cache.blocks] == [
            s.name for s in fixed
        ]:
            return
        self.drop_cache(self._reason(fixed))
        if fixed:
            try:
                self.cache = PrefixCache(fixed, self.setup.data, self.setup.prepare)
                self._shortcut = Shortcut(self.blocks, len(fixed))
            except (MemoryError, torch.OutOfMemoryError) as error:
                self.why_no_cache = str(error)

    def _reason(self, fixed: list[Block]) -> str:
        if fixed:
            return ""
        if not self.settings.cache:
            return "switched off in the settings"
        if self.controls.plan.batch_norm == "train" and self.controls.plan.frozen:
            return "batch norm in train mode gives other outputs in every batch"
        return "the first block learns, so every block must run in every step"

    def drop_cache(self, why: str) -> None:
        """Train without stored features from here on."""
        self.cache, self._shortcut, self.why_no_cache = None, None, why

    def describe_cache(self) -> dict[str, object]:
        """State of the cache for the panel."""
        if self.cache is None:
            return {"active": False, "blocks": 0, "text": self.why_no_cache}
        count = len(self.cache.blocks)
        return {"active": True, "blocks": count, "text": describe(count, self.cache.train.share)}

    def train_step(self) -> training.Step:
        """Take one optimizer step.  A step that raises leaves no trace.

        (Unless the optimizer itself was cut short: `update_began` tells.)

        Raises whatever the step raises, such as `training.TrainingDiverged`.
        """
        begun = time.perf_counter()
        data, chosen = self.setup.data, self._order.peek(self.batch_size)
        self._watch.began = False
        kept = [(buffer, buffer.clone()) for buffer in self._moving_buffers()]
        try:
            network: nn.Module = self.model
            prepare: training.PrepareFunction = self.setup.prepare
            if self.cache is not None and self._shortcut is not None:
                images = self.cache.train_features(chosen)
                network, prepare = self._shortcut, as_they_are
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
        self._order.advance(len(chosen))
        self.number = step.number
        self.trained |= {block.name for block in self.blocks} - self.controls.plan.frozen
        seconds = time.perf_counter() - begun
        return training.Step(
            step.number, step.loss, step.accuracy, step.images, seconds, step.trainable
        )

    def _moving_buffers(self) -> Iterator[Tensor]:
        """Buffers that a forward pass changes: batch norm's, where it is in train mode."""
        plan = self.controls.plan
        for block in self.blocks:
            if block.name not in plan.frozen or plan.batch_norm == "train":
                yield from block.buffers()

    def look(self) -> Look | None:
        """Look at a few more held-out images; the result once all have been seen, else None.

        The weights must not change between the first slice and the last, so whoever has begun goes
        on with this until the result is there.
        """
        data = self.setup.data
        done = sum(len(part) for part in self._answers)
        chosen = torch.arange(done, min(done + self._slice, len(data.test_images)))
        network: nn.Module = self.model
        prepare: training.PrepareFunction = self.setup.prepare
        if self.cache is not None and self._shortcut is not None:
            images = self.cache.test_features(chosen)
            network, prepare = self._shortcut, as_they_are
        else:
            images = data.test_images[chosen]
        part = training.evaluate(network, images, data.test_labels[chosen], prepare)
        self._answers.append(part.predictions)
        if done + len(chosen) < len(data.test_images):
            return None
        answers = torch.cat(self._answers)
        self._answers = []
        accuracy = (answers == data.test_labels.cpu()).float().mean().item()
        return Look(self.number, accuracy, answers, *self._movement.measure())

    @property
    def looking(self) -> bool:
        """Whether a look has begun and is not finished."""
        return bool(self._answers)

    def use_less_memory(self, *, while_looking: bool) -> str | None:
        """After memory ran out: halve what is held at a time, and say so; None when it cannot be.

        Training never goes below two images, of which batch norm needs statistics.
        """
        if while_looking:
            if self._slice == 1:
                return None
            self._slice //= 2
            return f"out of memory: looking at {self._slice} images at a time from here on"
        if self.update_began or self.batch_size < 4:
            return None
        self.batch_size //= 2
        return f"out of memory: {self.batch_size} images a step from here on"
