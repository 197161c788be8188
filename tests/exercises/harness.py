"""What every exercise is tried with; tests/lessonNN/cases.py say what is right and wrong."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import course_utils  # noqa: F401  before torch

import numpy as np
import torch
from torch import Tensor, nn

Answers = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Cases:
    """Answers to one exercise, each made afresh by a function without arguments.

    right : the reference solution, and at least two others
    wrong : an answer for each mistake that the check recognises, under the mistake's code
    """

    right: tuple[Answers, ...]
    wrong: dict[str, Answers]


def endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def raises(*given: Any, **named: Any) -> None:
    raise RuntimeError("no such thing")


class Uncooperative:
    """Fails at whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = None  # type: ignore[assignment]


GARBAGE: dict[str, Any] = {
    "None": None,
    "a text": "garbage",
    "a class": nn.Linear,
    "a lambda that raises": raises,
    "an endless generator": endless,
    "a number": -3.5,
    "not a number": float("nan"),
    "a network of another kind": lambda: nn.Linear(3, 2),
    "an empty list": list,
    "a tensor": lambda: torch.zeros(2, 3),
    "a state dict": lambda: nn.Linear(2, 2).state_dict(),
    "uncooperative": Uncooperative,
}
MADE = ("an endless generator", "a network of another kind", "an empty list", "a tensor")
MADE = (*MADE, "a state dict", "uncooperative")


def garbage(name: str) -> Any:
    value = GARBAGE[name]
    return value() if name in MADE else value


def fingerprint(value: Any) -> Any:
    """All that a check must leave alone: tensors, gradients, switches, modes, optimizer state."""
    if isinstance(value, nn.Module):
        return [
            {n: t.clone() for n, t in value.state_dict().items()},
            [
                (n, p.requires_grad, None if p.grad is None else p.grad.clone())
                for n, p in value.named_parameters()
            ],
            [(n, m.training, sorted(vars(m))) for n, m in value.named_modules()],
        ]
    if isinstance(value, torch.optim.Optimizer):
        groups = [{k: v for k, v in g.items() if k != "params"} for g in value.param_groups]
        return [groups, [[p.detach().clone() for p in g["params"]] for g in value.param_groups]]
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, list | tuple):
        return [fingerprint(item) for item in value]
    if isinstance(value, dict):
        return {name: fingerprint(item) for name, item in value.items()}
    return None


def random_state() -> list[Any]:
    numbers = np.random.get_state()  # noqa: NPY002  the reader may use the global generator
    return [random.getstate(), torch.get_rng_state(), numbers[1].tolist(), numbers[2]]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        if not isinstance(other, Tensor) or one.is_meta:  # no numbers there to compare
            return isinstance(other, Tensor) and other.is_meta and one.shape == other.shape
        return torch.equal(one, other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return bool(one == other)
