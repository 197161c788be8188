"""Answers to the exercises of lesson 00."""

from collections.abc import Callable
from typing import Any

from tests.exercises.harness import Cases

import torch
from torchvision.models import mobilenet_v2

# of a network with 10 classes
HEAD, ALL = 12_810, 2_236_682
# Five images and three classes: right and sure, wrong and less sure, wrong and least sure, ...
SCORES = torch.tensor([[9.0, 0, 0], [0, 2, 0], [1, 0, 0], [0, 0, 4], [0, 1.5, 0]])
LABELS = torch.tensor([0, 0, 1, 2, 2])


def share(value: Any) -> Callable[[], tuple[Any, ...]]:
    return lambda: (value, mobilenet_v2(num_classes=10))


def place(value: Any, labels: torch.Tensor = LABELS) -> Callable[[], tuple[Any, ...]]:
    return lambda: (value, SCORES, labels)


CASES = {
    "head_share": Cases(
        right=(share(HEAD / ALL), share(12_800 / ALL), share(torch.tensor(0.00573))),
        wrong={
            "percent": share(100 * HEAD / ALL),
            "the-backbone": share(1 - HEAD / ALL),
            "of-the-backbone": share(HEAD / (ALL - HEAD)),
            "upside-down": share(ALL / HEAD),
            "a-count": share(HEAD),
            "tensors": share(2 / 158),
            "another-share": share(0.3),
        },
    ),
    "sure_and_wrong": Cases(
        right=(place(1), place(torch.tensor(1)), place(-4)),
        wrong={
            "sure-and-right": place(0),
            "not-a-mistake": place(3),
            "least-sure": place(2),
            "less-sure": place(4),
            "a-share": place(0.79),
            "out-of-range": place(5),
            "place-among-mistakes": place(1, torch.tensor([0, 1, 1, 0, 1])),
            "no-mistake": place(1, torch.tensor([0, 1, 0, 2, 1])),
        },
    ),
}
