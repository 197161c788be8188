"""What a run of the live lab starts from."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from course_utils.lab.session.errors import LabError
from course_utils.training.freezing import BatchNormMode

OptimizerName = Literal["adamw", "adam", "sgd"]
Start = Literal["pretrained", "random"]

OPTIMIZERS = ("adamw", "adam", "sgd")
NETWORKS = ("mobilenet_v2", "resnet18")
BATCH_NORM_MODES = ("eval", "train")
STARTS = ("pretrained", "random")
HIGHEST_RATE = 10.0
# Each preset, and how many blocks of the backbone learn with it; "first N" counts from the input.
PRESETS = {"head only": 0, "last block": 1, "last five": 5, "first N": None, "all": math.inf}


@dataclass(frozen=True)
class Settings:
    """What a run starts from; the same settings give the same run.

    Parameters
    ----------
    world : str, optional
        "shapes", "cifar10", a folder of class folders, or "auto" (what `COURSE_DATA` says).
    network : str, optional
        One of `NETWORKS`; a `build` of your own may know others.
    train, test : int, optional
        How many images to train on, and how many other ones to evaluate on meanwhile.
    seed : int, optional
        Decides the head's first weights and the order of the images.
    optimizer : {"adamw", "adam", "sgd"}, optional
        AdamW has a weight decay of 0.01, SGD a momentum of 0.9.
    head_rate, backbone_rate : float, optional
        Learning rates.
    batch_norm : {"eval", "train"}, optional
        Mode of the batch norms in frozen blocks.
    batch_size : int, optional
        Images a step.
    start : {"pretrained", "random"}, optional
        Weights of the backbone.
    preset : str, optional
        Which blocks are frozen at first, one of `PRESETS`; "first 7" stands for N = 7.
    evaluate_every : float, optional
        Seconds between two evaluations on the held-out images.
    evaluate_steps : int or None, optional
        Steps between two evaluations, for runs whose record must not depend on the clock; None
        leaves it to `evaluate_every`.
    cache : bool, optional
        Run frozen blocks at the start of the network only once for each image.

    Raises
    ------
    LabError
        If a value makes no sense.
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
        for name, least in (("train", 2), ("test", 1), ("seed", 0), ("batch_size", 2)):
            check_count(name, getattr(self, name), least)
        if self.evaluate_steps is not None:
            check_count("evaluate_steps", self.evaluate_steps, 1)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("batch_norm", self.batch_norm, BATCH_NORM_MODES)
        check_choice("start", self.start, STARTS)
        for name in ("head_rate", "backbone_rate"):
            object.__setattr__(self, name, check_rate(name, getattr(self, name)))
        if not is_number(self.evaluate_every) or not self.evaluate_every > 0:
            raise LabError(f"evaluate_every must be seconds above 0, not {self.evaluate_every!r}")
        parse_preset(self.preset, None)


def settings_of_lab(world: str | os.PathLike[str] | None, keywords: dict[str, Any]) -> Settings:
    """Settings of a lab with a panel, which evaluates more often than a session alone.

    Raises
    ------
    LabError
        If a keyword is unknown or its value makes no sense.
    """
    check_setting_names(keywords)
    # often enough for a smooth curve; where that is slow, the session evaluates less by itself
    keywords = {"evaluate_every": 0.25, **keywords}
    if world is not None:
        keywords["world"] = str(world)
    return Settings(**keywords)


def check_setting_names(names: Iterable[str]) -> None:
    """Raise LabError if one of these names is no setting."""
    known = [field.name for field in fields(Settings)]
    if unknown := sorted(set(names) - set(known)):
        raise LabError(f"there is no setting {unknown[0]!r}; there are: {', '.join(known)}")


def parse_preset(name: object, n: object) -> tuple[str, int | None]:
    """Split "first 7" into "first N" and 7; other presets have no number.

    Raises
    ------
    LabError
        If there is no such preset, or its number is missing or superfluous.
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


def is_number(value: object) -> bool:
    """Whether a value is a finite number (True and False are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_rate(name: str, value: Any) -> float:
    """Return a learning rate as a float; LabError unless it is above 0 and not absurd."""
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


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise LabError unless the value is one of these words."""
    if value not in choices:
        raise LabError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r}")
