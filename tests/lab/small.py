"""Sessions small enough to take thousands of steps in a test."""

from __future__ import annotations

from typing import Any

from course_utils.images.preprocessing import Prepare
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lab.session.setup import Setup
from tests.tiny import BLOCKS, data, mobilenet, network, prepare

prepare32 = Prepare(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
CODE = """from tests.tiny import data as images, network, prepare

data, model = images({train}, {test}), network({seed})"""
MOBILENET_CODE = """from small import prepare32 as prepare
from tests.tiny import data as images, mobilenet

data, model = images({train}, {test}), mobilenet({seed})"""


def build(settings: Settings) -> Setup:
    """Give three blocks and a head, or a MobileNetV2 of a quarter of its width."""
    values = {"train": settings.train, "test": settings.test, "seed": settings.seed}
    images = data(settings.train, settings.test)
    if settings.network == "mobilenet_v2":
        code = MOBILENET_CODE.format(**values)
        return Setup(mobilenet(settings.seed), images, prepare32, code=code)
    code = CODE.format(**values)
    return Setup(network(settings.seed), images, prepare, "noise", "none", "CPU", code)


def small(**settings: Any) -> Session:
    """Give a session on noise; nothing in it depends on the clock."""
    usual: dict[str, Any] = {
        "network": "three blocks",
        "train": 32,
        "test": 12,
        "batch_size": 8,
        "evaluate_steps": 5,
    }
    return Session(Settings(**{**usual, **settings}), build=build)


__all__ = ["BLOCKS", "build", "prepare32", "small"]
