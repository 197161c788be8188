"""What a run of the live lab starts from, and what can be changed while it trains."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from course_utils.images.datasets import ImageData
from course_utils.lab.session.errors import LabError
from course_utils.networks.blocks import split_into_blocks
from course_utils.training.freezing import BatchNormMode, FreezePlan

from torch import Tensor, nn

OptimizerName = Literal["adamw", "adam", "sgd"]
Start = Literal["pretrained", "random"]

OPTIMIZERS = ("adamw", "adam", "sgd")
NETWORKS = ("mobilenet_v2", "resnet18")
HIGHEST_RATE = 10.0
PRESETS = {
    "head only": "only the new head learns; the whole backbone is frozen",
    "last block": "the head and the last block of the backbone learn",
    "last five": "the head and the last five blocks of the backbone learn",
    "first N": "the first N blocks, counted from the input, are frozen; the others learn",
    "all": "every block learns",
}


@dataclass(frozen=True)
class Settings:
    """What a run starts from; the same settings give the same run.

    world : "shapes", "cifar10", a folder of class folders, or "auto" (what `COURSE_DATA` says)
    network : one of `NETWORKS`; a `build` of your own may know others
    train, test : how many images to train on, and how many other ones to look at meanwhile
    seed : decides the head's first weights and the order of the images
    optimizer : "adamw" (weight decay 0.01), "adam" or "sgd" (momentum 0.9)
    head_rate, backbone_rate : learning rates
    batch_norm : mode of the batch norms in frozen blocks
    batch_size : images a step
    start : "pretrained" weights or "random" ones
    preset : which blocks are frozen at first, one of `PRESETS`; "first 7" stands for N = 7
    evaluate_every : seconds between two looks at the held-out images
    evaluate_steps : steps between two looks, for runs whose record must not depend on the clock;
        None leaves it to `evaluate_every`
    cache : run frozen blocks at the start of the network only once for each image
    """

    world: str = "auto"
    network: str = "mobilenet_v2"
    train: int = 500
    test: int = 200
    seed: int = 0
    optimizer: OptimizerName = "adamw"
    head_rate: float = 3e-3
    backbone_rate: float = 1e-3
    batch_norm: BatchNormMode = "eval"
    batch_size: int = 32
    start: Start = "pretrained"
    preset: str = "head only"
    evaluate_every: float = 1.0
    evaluate_steps: int | None = None
    cache: bool = True

    def __post_init__(self) -> None:
        for name, value in (("world", self.world), ("network", self.network)):
            if not isinstance(value, str | os.PathLike) or not str(value).strip():
                raise LabError(f"{name} must be a name, not {value!r}")
        object.__setattr__(self, "world", str(self.world))
        check_count("train", self.train, 2)
        check_count("test", self.test, 1)
        check_count("seed", self.seed, 0)
        check_count("batch_size", self.batch_size, 2)
        if self.evaluate_steps is not None:
            check_count("evaluate_steps", self.evaluate_steps, 1)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("batch_norm", self.batch_norm, ("eval", "train"))
        check_choice("start", self.start, ("pretrained", "random"))
        object.__setattr__(self, "head_rate", check_rate("head_rate", self.head_rate))
        object.__setattr__(self, "backbone_rate", check_rate("backbone_rate", self.backbone_rate))
        if not is_number(self.evaluate_every) or not self.evaluate_every > 0:
            raise LabError(f"evaluate_every must be seconds above 0, not {self.evaluate_every!r}")
        parse_preset(self.preset, None)


def from_keywords(world: str | os.PathLike[str] | None, keywords: dict[str, Any]) -> Settings:
    """Settings of a lab with a panel.

    Raises LabError if a keyword is unknown or its value makes no sense.
    """
    known = [name for name in Settings.__dataclass_fields__ if name != "world"]
    if unknown := sorted(keywords.keys() - set(known)):
        raise LabError(f"there is no setting {unknown[0]!r}; there are: {', '.join(known)}")
    # often enough for a smooth curve; where looking is slow, the session looks less often by itself
    keywords = {"evaluate_every": 0.25, **keywords}
    return Settings(**keywords) if world is None else Settings(world=str(world), **keywords)


@dataclass(frozen=True)
class Setup:
    """What a run trains: made by the lab's `build` from `Settings`, a new one for every run.

    model : with its new head in place, on its device
    data : `test_images` are those looked at meanwhile, so hold them out of the training images
    prepare : from stored images to the model's input
    world, weights, device : in words, for the panel
    code : Python lines that define `model`, `data` and `prepare` just as they are here, for the
        code that the lab shows; "" when there are none
    """

    model: nn.Module
    data: ImageData
    prepare: Callable[[Tensor], Tensor]
    world: str = "images"
    weights: str = "weights"
    device: str = "CPU"
    code: str = ""


@dataclass(frozen=True)
class Controls:
    """Everything that can be changed while the model trains, as one value.

    Commands replace the value as a whole, and training takes it over as a whole between two steps:
    that is why no half of a wish is ever followed.
    """

    plan: FreezePlan
    optimizer: OptimizerName
    head_rate: float
    backbone_rate: float


def first_controls(settings: Settings, blocks: list[str]) -> Controls:
    """The controls that settings mean for a network of these blocks."""
    plan = FreezePlan(preset_blocks(settings.preset, None, blocks), settings.batch_norm)
    return Controls(plan, settings.optimizer, settings.head_rate, settings.backbone_rate)


def with_controls(settings: Settings, controls: Controls) -> Settings:
    """Settings with the values that the reader has chosen since."""
    return replace(
        settings,
        optimizer=controls.optimizer,
        head_rate=controls.head_rate,
        backbone_rate=controls.backbone_rate,
        batch_norm=controls.plan.batch_norm,
    )


def parse_preset(name: object, n: object) -> tuple[str, int | None]:
    """Split "first 7" into "first N" and 7; other presets have no number.

    Raises LabError for unknown presets and for numbers that are missing or superfluous.
    """
    text = str(name).strip()
    word, _, number = text.partition(" ")
    if word == "first" and number.isdecimal() and n is None:
        text, n = "first N", int(number)
    if not isinstance(name, str) or text not in PRESETS:
        raise LabError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    if text != "first N":
        if n is not None:
            raise LabError(f"the preset {text!r} takes no number; {n!r} was given")
        return text, None
    if isinstance(n, bool) or not isinstance(n, int):
        raise LabError(f"the preset 'first N' needs N, the number of blocks to freeze, not {n!r}")
    return text, n


def preset_blocks(name: object, n: object, blocks: list[str]) -> frozenset[str]:
    """The blocks that a preset freezes.

    Raises LabError as `parse_preset` does, and for an N that would freeze the head too.
    """
    text, number = parse_preset(name, n)
    backbone = len(blocks) - 1
    if text == "first N":
        assert number is not None
        if not 0 <= number <= backbone:
            raise LabError(
                f"cannot freeze the first {number} blocks: there are {len(blocks)}, and the last "
                f"one, the new head, must learn; choose a number from 0 to {backbone}"
            )
    else:
        learning = {"head only": 0, "last block": 1, "last five": 5, "all": backbone}[text]
        number = max(0, backbone - learning)
    return frozenset(blocks[:number])


def preset_of(frozen: frozenset[str], blocks: list[str]) -> str | None:
    """The preset that freezes just these blocks, in the reader's words; None if there is none."""
    for name in ("head only", "all", "last block", "last five"):
        if preset_blocks(name, None, blocks) == frozen:
            return name
    return f"first {len(frozen)}" if frozenset(blocks[: len(frozen)]) == frozen else None


def take_apart(model: nn.Module) -> list[str]:
    """Names of a model's blocks.

    Raises LabError if it has none that can be frozen one by one.
    """
    try:
        names = [block.name for block in split_into_blocks(model)]
    except (TypeError, AttributeError, AssertionError) as error:
        raise LabError(f"the lab needs a network of named blocks: {error}") from error
    if not any(p.numel() for p in model.parameters()):
        raise LabError(f"{type(model).__name__} has no parameters: there is nothing to train")
    return names


def check_images(data: object) -> None:
    """Raise LabError unless these are images that can be trained on: two of them at least."""
    if not isinstance(data, ImageData):
        raise LabError(f"the lab trains on an ImageData, not on {type(data).__name__}")
    if len(data.train_images) < 2:
        raise LabError(f"{data.name} has only one training image; the lab needs two at least")


def is_number(value: object) -> bool:
    """Whether a value is a finite number (True and False are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_rate(name: str, value: Any) -> float:
    """A learning rate as a float; LabError unless it is above 0 and not absurd."""
    if not is_number(value) or not 0 < value <= HIGHEST_RATE:
        raise LabError(
            f"{name} must be above 0 and at most {HIGHEST_RATE:g}, not {value!r}; "
            f"usual values lie between 0.0001 and 0.01"
        )
    return float(value)


def check_count(name: str, value: object, least: int) -> None:
    """Raise LabError unless the value is an integer, and at least so large."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise LabError(f"{name} must be a whole number, {least} or more, not {value!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise LabError unless the value is one of these words."""
    if value not in choices:
        raise LabError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
