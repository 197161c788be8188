"""What an answer is: functions that return it in a usable form, or raise the mistake they see."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from course_utils.exercises.verdict import Mistake, describe
from course_utils.networks.batch_norm import batch_norms

import numpy as np
import torch
from torch import Tensor, nn

Target = float | tuple[float, float] | list[Any]

# What is said about the mistakes below, unless an exercise has its own words for them.
MESSAGES = {
    "not-a-number": "{what} is a number; this is {seen}.",
    "infinite": "{what} is {value}: wanted is a finite number.",
    "a-class": "This is the class {name}. Call it to make a network: add ().",
    "a-state-dict": (
        "This is a dictionary of tensors, such as state_dict() gives: only the numbers. Hand over "
        "the network itself, such as {example}."
    ),
    "not-a-network": "Here a network is needed; this is {seen}.",
    "not-a-function": (
        "Here a function is needed, such as {example}, without brackets behind it; this is {seen}."
    ),
    "not-a-choice": "Choose one of {choices}; this is {seen}.",
    "not-a-list": "{what} is a list; this is {seen}.",
    "empty": "{what} is empty.",
    "too-many": "{what} has more than {most} items.",
    "set-on-module": (
        "requires_grad was set on a module: Python made a new attribute that nobody reads. It "
        "belongs to the parameters; requires_grad_(False), with the underscore, reaches them."
    ),
    "misspelt-switch": (
        "A parameter was given a new attribute {name}, which nobody reads: the switch of a "
        "parameter is called requires_grad."
    ),
}


def number(
    answer: Any,
    what: str,
    *,
    right: Target | None = None,
    tolerance: float = 0.005,
    near: Mapping[str, Target] | None = None,
    otherwise: str = "another-number",
    **values: Any,
) -> float:
    """Return an answer as a float if it is right; a tensor or array of one element counts too.

    Parameters
    ----------
    answer : object
        What the reader gave.
    what : str
        Its name at the beginning of a sentence, such as "The share".
    right : float, tuple or list, optional
        A value, a range `(low, high)` with both ends, or a list of values and ranges. Without it
        any finite number is right.
    tolerance : float, optional
        How far from a value an answer may be, relative to that value. Ranges are exact.
    near : mapping of str to float, tuple or list, optional
        Mistakes by code, each with the values it leads to; the first that fits is raised.
    otherwise : str, optional
        Code of the mistake when nothing fits.
    **values
        More for the message, which also knows `what`, `value` and `right`.

    Returns
    -------
    float
        The number, which is finite.

    Raises
    ------
    Mistake
        "not-a-number", "infinite", a code of `near`, or `otherwise`.
    """
    if isinstance(answer, Tensor | np.ndarray | np.generic) and math.prod(answer.shape) == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        raise Mistake("not-a-number", what=what, seen=describe(answer))
    value = float(answer)
    if not math.isfinite(value):
        raise Mistake("infinite", what=what, value=value)
    if right is None or fits(value, right, tolerance):
        return value
    known = (code for code, target in (near or {}).items() if fits(value, target, tolerance))
    raise Mistake(next(known, otherwise), **{"what": what, "value": value, "right": right} | values)


def fits(value: float, target: Target, tolerance: float) -> bool:
    """Whether a number is near a value, within a range, or one of a list of both.

    >>> fits(0.1, [5.0, (0.0, 0.2)], tolerance=0.005)
    True
    """
    if isinstance(target, list):
        return any(fits(value, one, tolerance) for one in target)
    if isinstance(target, tuple):
        return target[0] <= value <= target[1]
    return abs(value - target) <= tolerance * abs(target)


def network(answer: Any, example: str = "model") -> nn.Module:
    """Return an answer as a network, without a wrapper of DataParallel or torch.compile.

    Raises
    ------
    Mistake
        "a-class", "a-state-dict" or "not-a-network".
    """
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        raise Mistake("a-class", name=answer.__name__)
    if isinstance(answer, dict):
        raise Mistake("a-state-dict", example=example)
    if not isinstance(answer, nn.Module):
        raise Mistake("not-a-network", seen=describe(answer))
    return unwrapped(answer)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside DataParallel, DistributedDataParallel or torch.compile."""
    while True:
        parallel = nn.DataParallel | nn.parallel.DistributedDataParallel
        inside = model.module if isinstance(model, parallel) else getattr(model, "_orig_mod", None)
        if not isinstance(inside, nn.Module):
            return model
        model = inside


def function(answer: Any, example: str) -> Callable[..., Any]:
    """Return an answer as something to call; Mistake "not-a-function" for a value or a class."""
    if callable(answer) and not isinstance(answer, type):
        return answer
    raise Mistake("not-a-function", example=example, seen=describe(answer))


def choice(answer: Any, choices: Iterable[str]) -> str:
    """Return an answer as one of some words, in small letters; else Mistake "not-a-choice"."""
    words = list(choices)
    text = answer.strip().lower() if isinstance(answer, str) else answer
    if isinstance(text, str) and text in words:
        return text
    raise Mistake("not-a-choice", choices=", ".join(words), seen=describe(answer))


def items(answer: Any, most: int, what: str) -> list[Any]:
    """Return an answer's items, at least one and never more than `most`.

    Raises
    ------
    Mistake
        "not-a-list", "empty" or "too-many".
    """
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise Mistake("not-a-list", what=what, seen=describe(answer))
    found = list(islice(answer, most + 1))
    if not found:
        raise Mistake("empty", what=what)
    if len(found) > most:
        raise Mistake("too-many", what=what, most=most)
    return found


def switched_by_parameters(model: nn.Module) -> None:
    """Raise where a reader tried to freeze by an attribute that nobody reads.

    Raises
    ------
    Mistake
        "set-on-module" for `block.requires_grad = False`, "misspelt-switch" for
        `parameter.require_grad = False` and the like.
    """
    if any(_switches(module) for module in model.modules()):
        raise Mistake("set-on-module")
    for parameter in model.parameters():
        for name in _switches(parameter):
            raise Mistake("misspelt-switch", name=name)


def _switches(owner: nn.Module | nn.Parameter) -> list[str]:
    """Attributes of the object's own that look like `requires_grad`, which is none of them."""
    return [name for name in vars(owner) if re.fullmatch(r"requires?_?grads?_?", name)]


def is_frozen(module: nn.Module) -> bool:
    """Return whether no parameter of a module can learn. (True for a module without any.)"""
    return not any(p.requires_grad for p in module.parameters())


def frozen_blocks(blocks: Iterable[nn.Module]) -> list[int]:
    """Return the places of the blocks in which no parameter can learn."""
    return [place for place, block in enumerate(blocks) if is_frozen(block)]


def awake_blocks(blocks: Iterable[nn.Module]) -> list[int]:
    """Return the places of the blocks in which a batch norm is in train mode."""
    return [i for i, block in enumerate(blocks) if any(n.training for n in batch_norms(block))]


def rates(optimizer: torch.optim.Optimizer) -> dict[int, float]:
    """Return the learning rate of each parameter that an optimizer holds, by its `id`.

    A rate may be a float32 tensor, which is not quite the decimal number that was meant.
    """
    groups = [(float(f"{float(g['lr']):.6g}"), g["params"]) for g in optimizer.param_groups]
    return {id(p): rate for rate, parameters in groups for p in parameters}


def is_softmax(scores: Tensor) -> bool:
    """Return whether scores `(n, classes)` are probabilities already: positive, with sum one."""
    sums = scores.sum(1)
    return bool((scores >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def same_state(a: nn.Module, b: nn.Module) -> bool:
    """Return whether two networks have the same tensors, to the bit."""
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def listed(blocks: Iterable[int], one: str = "block", many: str = "blocks") -> str:
    """Return numbers in words, with runs joined.

    >>> listed([0, 1, 2, 5]), listed([3]), listed([])
    ('blocks 0 to 2, 5', 'block 3', 'no block')
    """
    runs: list[list[int]] = []
    for block in sorted(blocks):
        if runs and runs[-1][-1] == block - 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    named = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    if not runs:
        return f"no {one}"
    return f"{one if len(runs) == len(runs[0]) == 1 else many} {named}"
