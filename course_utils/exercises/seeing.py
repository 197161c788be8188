"""What checks ask of an answer, with a message for each way in which it can be something else."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from course_utils.exercises.exercise import wrong
from course_utils.exercises.verdict import Wrong, describe

import torch
from torch import Tensor, nn


def a_number(answer: Any, what: str) -> float:
    """The answer as a float; a tensor with one element counts too.

    Raises Wrong if it is none, or is not finite.
    """
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        raise Wrong("not-a-number", f"{what} is a number; this is {describe(answer)}.")
    value = float(answer)
    if not math.isfinite(value):
        raise Wrong(
            "not-a-number", f"{what} is {value}: something was divided by zero, or overflowed."
        )
    return value


def a_model(answer: Any, kind: type[nn.Module] = nn.Module, example: str = "model") -> nn.Module:
    """The answer as a module of a kind; Raises Wrong if it is something else."""
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        raise Wrong(
            "a-class", f"This is the class {answer.__name__}. Call it to make a network: add ()."
        )
    if isinstance(answer, dict):
        raise Wrong(
            "a-state-dict",
            "This is a dictionary of tensors, such as state_dict() gives: only the numbers. "
            f"Hand over the network itself, such as {example}.",
        )
    raise Wrong("not-a-network", f"Here a network is needed; this is {describe(answer)}.")


def a_function(answer: Any, example: str) -> Callable[..., Any]:
    """The answer as something to call; Raises Wrong for a value, most often a call's result."""
    if callable(answer) and not isinstance(answer, type):
        return answer
    raise Wrong(
        "not-a-function",
        f"Here a function is needed, such as {example}, without brackets behind it; "
        f"this is {describe(answer)}.",
    )


def a_choice(answer: Any, choices: Iterable[str]) -> str:
    """The answer as one of some words, in small letters; Raises Wrong if it is another."""
    words = list(choices)
    text = answer.strip().lower() if isinstance(answer, str) else answer
    if text in words:
        return str(text)
    raise Wrong("not-a-choice", f"Choose one of {', '.join(words)}; this is {describe(answer)}.")


def items(answer: Any, most: int, what: str) -> list[Any]:
    """The answer's items as a list, never more than `most`; Raises Wrong if it has none or more."""
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise Wrong("not-a-list", f"{what} is a list; this is {describe(answer)}.")
    found = list(islice(answer, most + 1))
    if not found:
        raise Wrong("empty", f"{what} is empty.")
    if len(found) > most:
        raise Wrong("too-many", f"{what} has more than {most} items.")
    return found


def frozen(module: nn.Module) -> bool:
    """Whether no parameter of a module can learn. (True for a module without any.)"""
    return not any(p.requires_grad for p in module.parameters())


def listed(blocks: Iterable[int]) -> str:
    """Numbers of blocks in words: runs are joined.

    >>> listed([0, 1, 2, 5])
    'blocks 0 to 2, 5'
    """
    runs: list[list[int]] = []
    for block in sorted(blocks):
        if runs and runs[-1][-1] == block - 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    named = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"blocks {', '.join(named)}" if named else "no block"


def same_state(a: nn.Module, b: nn.Module) -> bool:
    """Whether two networks have the same tensors, to the bit."""
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


__all__ = [
    "a_choice",
    "a_function",
    "a_model",
    "a_number",
    "frozen",
    "items",
    "listed",
    "same_state",
    "wrong",
]
