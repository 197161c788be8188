"""Answers to the exercises of lesson 01."""

import copy
import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tests.exercises.harness import Cases
from tests.lesson04.cases import numbers

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


@cache
def small_state() -> State:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 5)).state_dict()


FLOATS = 224 + 16 + 16 + 45  # convolution, batch norm's parameters and its buffers, head


def size(value: Any) -> Callable[[], tuple[Any, ...]]:
    return lambda: (value, small_state())


def keep_copy(model: Any) -> Any:
    return copy.deepcopy(model.state_dict())


def load(model: Any, kept: Any) -> None:
    model.load_state_dict(kept)


def to_file(model: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file


def from_file(model: Any, kept: io.BytesIO) -> None:
    kept.seek(0)
    model.load_state_dict(torch.load(kept, weights_only=True))


def one_by_one(model: Any, kept: Any) -> Any:
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(kept.state_dict()[name])
    return model


def in_eval_mode(model: Any) -> Any:
    return copy.deepcopy(model.eval().state_dict())


def copy_in(model: Any, kept: Any) -> None:
    for mine, theirs in zip(model.parameters(), kept, strict=True):
        mine.data.copy_(theirs)


def parameters_only(model: Any) -> Any:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def load_quietly(model: Any, kept: Any) -> None:
    model.load_state_dict(kept, strict=False)


def a_new_one(model: Any, kept: Any) -> nn.Module:
    other = copy.deepcopy(model)
    other.load_state_dict(kept)
    return other


def buffers_only(model: Any) -> Any:
    return {name: b.clone() for name, b in model.named_buffers()}


def without_head(model: Any) -> Any:
    return {n: t.clone() for n, t in model.state_dict().items() if not n.startswith("4.")}


def pair(keep: Any, restore: Any) -> Callable[[], tuple[Any, ...]]:
    return lambda: (keep, restore)


def reference(first: State, second: State) -> list[str]:
    both = first.keys() & second.keys()
    names = first.keys() | second.keys()
    return sorted(n for n in names if n not in both or not torch.equal(first[n], second[n]))


def one_at_a_time(first: State, second: State) -> Iterator[str]:
    for name in [*first, *(n for n in second if n not in first)]:
        a, b = first.get(name), second.get(name)
        if a is None or b is None or a.shape != b.shape or bool((a != b).any()):
            yield name


def by_bytes(first: State, second: State) -> set[str]:
    def fingerprints(state: State) -> dict[str, Any]:
        return {n: (t.shape, t.numpy().tobytes()) for n, t in state.items()}

    one, other = fingerprints(first), fingerprints(second)
    return {n for n in {**one, **other} if one.get(n) != other.get(n)}


def comparing(alike: Callable[[Tensor, Tensor], Any]) -> Callable[[], tuple[Any, ...]]:
    """Right but for the way in which two tensors are compared."""

    def function(first: State, second: State) -> list[str]:
        both = first.keys() & second.keys()
        names = first.keys() | second.keys()
        return [n for n in names if n not in both or not alike(first[n], second[n])]

    return lambda: (function, DAMAGED)


def finding(function: Callable[[State, State], Any]) -> Callable[[], tuple[Any, ...]]:
    return lambda: (function, DAMAGED)


def close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b)


def by_position(first: State, second: State) -> list[str]:
    pairs = zip(first.items(), second.values(), strict=False)
    return [name for (name, a), b in pairs if not torch.equal(a, b)]


def the_first_alone(first: State, second: State) -> list[str]:
    return [n for n in first if n not in second or not torch.equal(first[n], second[n])]


def the_tensors(first: State, second: State) -> list[Tensor]:
    return [second[n] for n in reference(first, second) if n in second]


DAMAGED = "features.1.conv.1.weight"

CASES = {
    "eight_bits": Cases(
        right=(size(FLOATS + 8), size(float(FLOATS + 8)), size(torch.tensor(FLOATS + 8))),
        wrong={
            "counters-left-out": size(FLOATS),
            "counters-shrunk": size(FLOATS + 1),
            "in-bits": size(8 * FLOATS + 64),
            "as-stored": size(4 * FLOATS + 8),
            "wider-floats": size(2 * FLOATS + 8),
            "statistics-forgotten": size(FLOATS - 16),
            "tensors-counted": size(9),
            "another-unit": size((FLOATS + 8) / 1000),
            "another-count": size(1000),
            "not-a-number": size("2 MB"),
        },
    ),
    "best_epoch": Cases(
        right=(
            pair(keep_copy, load),
            pair(to_file, from_file),
            pair(copy.deepcopy, one_by_one),
        ),
        wrong={
            "mode-changed": pair(in_eval_mode, load),
            "only-references": pair(lambda model: list(model.parameters()), copy_in),
            "missing-keys": pair(parameters_only, load),
            "buffers-forgotten": pair(parameters_only, load_quietly),
            "parameters-forgotten": pair(buffers_only, load_quietly),
            "kept-nothing": pair(lambda model: print(end=""), load),
            "kept-lazily": pair(lambda m: map(Tensor.clone, m.parameters()), copy_in),
            "nothing-restored": pair(keep_copy, lambda model, kept: kept),
            "another-network": pair(keep_copy, a_new_one),
            "some-left": pair(without_head, load_quietly),
            "not-a-function": pair({}, load),
        },
    ),
    "resnet_field": Cases(
        right=(numbers(20, 27), numbers(27, 27.0), numbers(64, torch.tensor(27))),
        wrong={
            "whole-image": numbers(20, 64),
            "fence-posts": numbers(20, 26),
            "area": numbers(20, 729),
            "too-early": numbers(20, 11),
            "one-convolution": numbers(20, 19),
            "whole-layer": numbers(20, 43),
            "no-pooling": numbers(20, 15),
            "no-steps": numbers(20, 13),
            "steps-too-early": numbers(20, 37),
            "another-side": numbers(20, 29),
            "unfinished": numbers(20, ...),
        },
    ),
    "what_differs": Cases(
        right=(
            finding(reference),
            lambda: (one_at_a_time, [DAMAGED]),
            lambda: (by_bytes, {DAMAGED}),
        ),
        wrong={
            "ambiguous": comparing(lambda a, b: a == b),
            "shapes-clash": comparing(lambda a, b: len(a) == len(b) and bool((a == b).all())),
            "no-names": finding(lambda first, second: bool(reference(first, second))),
            "not-names": finding(the_tensors),
            "the-same-ones": comparing(lambda a, b: not torch.equal(a, b)),
            "everything": comparing(lambda a, b: a is b),
            "not-found": comparing(lambda a, b: a.shape == b.shape),
            "by-position": finding(by_position),
            "too-lenient": comparing(close),
            "only-a-summary": comparing(lambda a, b: torch.equal(a.sum(), b.sum())),
            "broadcast": comparing(lambda a, b: bool((a == b).all())),
            "cannot-miss": finding(
                lambda first, second: [n for n in first if not torch.equal(first[n], second[n])]
            ),
            "one-sided": finding(the_first_alone),
            "another-tensor": lambda: (reference, "features.0.0.weight"),
        },
    ),
}
