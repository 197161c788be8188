"""One experiment as a value: what is frozen, at which rate, for how long; and how to run it.

`python -m course_utils run` is the command line around this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from course_utils import training
from course_utils.environment import MEGABYTE, seed_everything
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare, PrepareFunction, as_they_are
from course_utils.networks.blocks import Tail
from course_utils.networks.heads import replace_head
from course_utils.networks.mobilenet import load_mobilenet_v2
from course_utils.training import feature_cache, freezing
from course_utils.training.freezing import BatchNormMode, FreezePlan
from course_utils.training.loop import Epoch
from course_utils.world import Weights

import torch
from torch import nn

OptimizerName = Literal["adamw", "sgd", "adam"]
Start = Literal["pretrained", "scratch"]
CACHE_LIMIT = 400 * MEGABYTE
FREEZE_WORDS = "backbone, none, first:K or all-but:N"


@dataclass(frozen=True)
class Setup:
    """How to train; the same set-up and seed give the same run.

    Parameters
    ----------
    freeze : str, optional
        "backbone", "none", "first:K" (the first K blocks) or "all-but:N" (all but the last N).
    epochs : int, optional
        Passes over the training images.
    rate, head_rate : float, optional
        Learning rates of backbone and head; no `head_rate` means the same for both.
    optimizer : str, optional
        "adamw" (weight decay 0.01), "sgd" (momentum 0.9) or "adam".
    batch : int, optional
        Images a step.
    batch_norm : str, optional
        Mode of the batch norms in frozen blocks.
    start : str, optional
        "pretrained" weights, or random ones ("scratch").
    cache : bool, optional
        Run frozen blocks only once where that changes nothing but the time.
    """

    freeze: str = "backbone"
    epochs: int = 5
    rate: float = 1e-3
    head_rate: float | None = None
    optimizer: OptimizerName = "adamw"
    batch: int = 64
    batch_norm: BatchNormMode = "eval"
    start: Start = "pretrained"
    cache: bool = True

    def plan(self, model: nn.Module) -> FreezePlan:
        """The freeze plan that `freeze` and `batch_norm` mean for this model.

        Raises
        ------
        ValueError
            When the words are not understood, a count is out of range, or the head would be frozen
            too: it is new and must learn.
        """
        word, colon, number = self.freeze.partition(":")
        if not colon and word == "backbone":
            return freezing.freeze_backbone(model, self.batch_norm)
        if not colon and word == "none":
            return freezing.freeze_nothing()
        blocks = len(freezing.block_names(model))
        if word in ("first", "all-but"):
            count = int(number) if number.isdecimal() else -1
            least, most = (0, blocks - 1) if word == "first" else (1, blocks)
            if not least <= count <= most:
                raise ValueError(
                    f"--freeze {self.freeze}: there are {blocks} blocks, and the last one, the new "
                    f"head, must learn; choose {word}:{least} to {word}:{most}"
                )
            choose = freezing.freeze_first if word == "first" else freezing.thaw_last
            return choose(model, count, self.batch_norm)
        hint = ""
        if word == "last":  # easily written, and it says the opposite of what is meant
            hint = f"; to let only the last blocks learn, write all-but:{number or 'N'}"
        raise ValueError(f"--freeze {self.freeze} is not known; possible are {FREEZE_WORDS}{hint}")

    def build(self, weights: Weights, classes: int, device: torch.device) -> nn.Module:
        """A MobileNetV2 with a new head for `classes`, on the device, as the run starts it."""
        if self.start == "pretrained":
            model = load_mobilenet_v2(weights.path)
        else:
            from torchvision.models import mobilenet_v2

            model = mobilenet_v2()
        replace_head(model, classes)
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.to(device)

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """An optimizer over all parameters: frozen ones have no gradient, so it skips them."""
        groups = training.parameter_groups(
            model,
            backbone_rate=self.rate,
            head_rate=self.rate if self.head_rate is None else self.head_rate,
            weight_decay=0.01 if self.optimizer == "adamw" else 0.0,
        )
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9)
        if self.optimizer == "adam":
            return torch.optim.Adam(groups)
        return torch.optim.AdamW(groups)


@dataclass
class Experiment:
    """A set-up, applied to some images: `epochs(seed)` runs it.

    Parameters
    ----------
    setup : Setup
        How to train.
    data : ImageData
        The images.
    prepare : Prepare
        How they become the network's input.
    weights : Weights
        Where the network starts.
    device : torch.device
        Where it runs.
    """

    setup: Setup
    data: ImageData
    prepare: Prepare
    weights: Weights
    device: torch.device
    _features: ImageData | None = field(default=None, repr=False)

    def fresh(self, seed: int) -> tuple[nn.Module, FreezePlan]:
        """A new network with the plan applied; `seed` decides the head's first weights."""
        seed_everything(seed)
        model = self.setup.build(self.weights, len(self.data.class_names), self.device)
        plan = self.setup.plan(model)
        freezing.apply(model, plan)
        return model, plan

    def why_no_cache(self) -> str | None:
        """Why the frozen blocks must run in every epoch; None where once is enough."""
        if not self.setup.cache:
            return "--no-cache was given"
        model, plan = self.fresh(0)
        if not feature_cache.frozen_prefix(model, plan):
            return "no block at the start of the network is frozen"
        if plan.batch_norm == "train":
            return "batch norm in train mode gives other outputs in every batch"
        needed = feature_cache.cached_bytes(model, plan, self.data, self.prepare)
        if needed > CACHE_LIMIT:
            limit = CACHE_LIMIT / MEGABYTE
            return f"the stored outputs would take {needed / MEGABYTE:.0f} MB, over {limit:.0f} MB"
        return None

    def epochs(self, seed: int) -> Iterator[Epoch]:
        """Train once, and yield an event after each epoch.

        The images are the same for every seed; the head's first weights, the order of the images
        and dropout differ.
        """
        cached = self.why_no_cache() is None
        model, plan = self.fresh(seed)
        data: ImageData = self.data
        prepare: PrepareFunction = self.prepare
        if cached:
            model, plan, data = self._cut(model, plan)
            prepare = as_they_are
        yield from training.epochs(
            model,
            self.setup.make_optimizer(model),
            data,
            prepare,
            plan=plan,
            count=self.setup.epochs,
            batch_size=self.setup.batch,
            seed=seed,
        )

    def _cut(self, model: nn.Module, plan: FreezePlan) -> tuple[Tail, FreezePlan, ImageData]:
        """The part that learns, its plan, and the stored outputs of the part that does not."""
        tail = Tail(feature_cache.split_at_prefix(model, plan)[1])
        # pretrained blocks are the same for every seed, random ones are not
        if self._features is None or self.setup.start == "scratch":
            _, self._features = training.cache_features(
                model,
                plan,
                self.data,
                self.prepare,
                batch_size=self.setup.batch,
                limit=CACHE_LIMIT,
            )
        return tail, plan, self._features
