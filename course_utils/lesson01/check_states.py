"""Exercises of lesson 01 about state dicts: to keep one, and to compare two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DAMAGED = "features.1.conv.1.weight"  # where the lesson flips a bit


@exercise(
    "1.2",
    wanted="two functions, my_keep(model) and my_restore(model, kept)",
    hints=(
        "Two things are wrong. Which tensors are not in model.parameters()? And does "
        "list(...) copy the tensors, or does it point to those that training goes on to change?",
        "state_dict() has the buffers too, but its tensors are the network's own: an optimizer's "
        "step changes them as well. They must be copied.",
        "Keep {name: tensor.clone() for name, tensor in model.state_dict().items()}; go back with "
        "model.load_state_dict(kept).",
    ),
)
def best_epoch(keep: Any, restore: Any) -> str:
    """Keep a network's state while training goes on, and go back to it."""
    my_keep = recognise.function(keep, "my_keep")
    my_restore = recognise.function(restore, "my_restore")
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
    )
    _train_on(model)
    best = _copied(model)
    kept = my_keep(model)
    if not model.training:
        raise wrong(
            "mode-changed",
            "my_keep left the network in eval mode, and training would go on like that: batch "
            "norm would no longer follow the data. Keeping must not change anything.",
        )
    _train_on(model)
    later = _copied(model)
    returned = _restored(my_restore, model, kept)
    _all_back(model, best, later, kept, returned)
    return (
        f"All {len(best)} tensors of a trial network are as they were kept: weights, biases, and "
        "batch norm's buffers. A state dict that is not copied follows the training, and no error "
        "says so."
    )


def _train_on(model: nn.Module) -> None:
    """A few steps that change every tensor of the network."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = F.cross_entropy(model(torch.randn(8, 3, 6, 6) + 2), torch.arange(8) % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _copied(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all tensors of a network, by name."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _restored(restore: Callable[..., Any], model: nn.Module, kept: Any) -> Any:
    """What the reader's function returns; known failures are explained."""
    try:
        return restore(model, kept)
    except (RuntimeError, TypeError, AttributeError) as error:
        if "Missing key" in str(error):
            raise wrong(
                "missing-keys",
                "load_state_dict refused, as it misses batch norm's buffers: they were not kept. "
                "(strict=False would hide that, not mend it.)",
            ) from error
        if kept is None:
            raise wrong(
                "kept-nothing", "my_keep returned None, so my_restore had nothing to go back to."
            ) from error
        raise


def _all_back(
    model: nn.Module, best: dict[str, Tensor], later: dict[str, Tensor], kept: Any, returned: Any
) -> None:
    """Raise unless all tensors are as they were kept."""
    now = model.state_dict()
    off = [name for name in best if not torch.equal(now[name], best[name])]
    if not off:
        return
    if returned is not model and isinstance(returned, nn.Module):
        raise wrong(
            "another-network",
            "my_restore returned another network; the one that it was given still has "
            f"{len(off)} tensors of the later epoch. Whoever holds that one sees no change.",
        )
    parameters = {name for name, _ in model.named_parameters()}
    if set(off) == set(best) and all(torch.equal(now[name], later[name]) for name in off):
        if _pointers(kept) & _pointers(model):
            raise wrong(
                "only-references",
                f"All {len(off)} tensors of a trial network are those of the last epoch. What "
                "was kept are the network's own tensors, not copies: training changed them too.",
            )
        raise wrong(
            "nothing-restored", "my_restore has changed no tensor of the network it was given."
        )
    if not parameters & set(off):
        was, found = best["1.running_mean"][0], now["1.running_mean"][0]
        raise wrong(
            "buffers-forgotten",
            f"Weights and biases are back, but not {', '.join(off)}: the first running mean was "
            f"{was:.2f} and is {found:.2f}. In eval mode the network answers with wrong averages.",
        )
    if parameters & set(off) == parameters:
        raise wrong(
            "parameters-forgotten",
            f"The buffers are back, but not the {len(parameters)} parameters, which were trained.",
        )
    raise wrong("some-left", f"Still not as in the best epoch: {', '.join(off)}.")


def _pointers(kept: Any) -> set[int]:
    """Where the numbers of the tensors in an object lie in memory."""
    if isinstance(kept, Tensor):
        return {kept.data_ptr()}
    if isinstance(kept, nn.Module):
        return _pointers(kept.state_dict())
    values = kept.values() if isinstance(kept, Mapping) else kept
    if not isinstance(kept, Mapping | list | tuple):
        return set()
    flat = [item for v in values for item in (v if isinstance(v, list | tuple) else [v])]
    return {item.data_ptr() for item in flat if isinstance(item, Tensor)}


@exercise(
    "1.4",
    wanted="a function of two state dicts that gives names, and the name of the damaged tensor",
    hints=(
        "Go through all names that are in the first or in the second.",
        "first.keys() | second.keys() are these names; torch.equal(a, b) compares shapes and all "
        "numbers, to the last bit.",
        "[n for n in first.keys() | second.keys() if n not in first or n not in second or not "
        "torch.equal(first[n], second[n])]",
    ),
)
def what_differs(function: Any, damaged: Any) -> str:
    """Names of the tensors that differ in two state dicts, and the one with the flipped bit."""
    differing = recognise.function(function, "differing")
    _plain_cases(differing)
    _hard_cases(differing)
    _one_sided(differing)
    named = list(damaged) if isinstance(damaged, list | tuple | set) else [damaged]
    if named != [DAMAGED]:
        raise wrong(
            "another-tensor",
            f"The function is right, but the damaged tensor is not {describe(damaged)}. Call it "
            'with ours and load_file(folder / "damaged.safetensors").',
        )
    return (
        f"One tensor of hundreds, {DAMAGED}. A fingerprint tells that a file has changed; this "
        "tells where, if you have the original."
    )


def _two() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two state dicts with the same numbers, in tensors of their own."""
    numbers = {"a.weight": torch.arange(1.0, 5.0), "a.bias": torch.ones(1), "b": torch.ones(2, 3)}
    return numbers, {name: tensor.clone() for name, tensor in numbers.items()}


def _names(function: Callable[..., Any], *states: dict[str, Tensor]) -> set[str]:
    """What the reader's function finds in two state dicts."""
    try:
        found = function(*states)
        listed = None if isinstance(found, str | Tensor) else found
        names = list(islice(listed, 99)) if isinstance(listed, Iterable) else None
    except RuntimeError as error:
        if "ambiguous" in str(error):
            raise wrong(
                "ambiguous",
                "== and != compare two tensors number by number and give many answers, so `if` "
                "does not know. torch.equal gives one.",
            ) from error
        if "must match" in str(error):
            raise wrong(
                "shapes-clash",
                "It fails for tensors of different shapes: == and subtraction cannot compare them. "
                "torch.equal answers False.",
            ) from error
        raise
    if names is None:
        raise wrong("no-names", f"It gave {describe(found)}; wanted is a list of names.")
    if not all(isinstance(name, str) for name in names):
        strange = next(name for name in names if not isinstance(name, str))
        raise wrong("not-names", f"Its list holds {describe(strange)}; wanted are names, texts.")
    return set(names)


def _plain_cases(function: Callable[..., Any]) -> None:
    """Raise unless one plain difference is found, and nothing in equal tensors."""
    first, second = _two()
    second["b"] += 1
    found = _names(function, first, second)
    if found == {"a.weight", "a.bias"}:
        raise wrong("the-same-ones", "It gave the tensors that are alike; wanted are the others.")
    if found == set(first):
        raise wrong(
            "everything",
            "It gave all names, though two of three tensors hold the same numbers: are objects "
            "compared (with `is`), rather than what is in them?",
        )
    if found != {"b"}:
        seen = ", ".join(sorted(found)) or "nothing"
        raise wrong("not-found", f"Only b differed in all its numbers; the function found {seen}.")
    first, second = _two()
    if found := _names(function, first, dict(reversed(second.items()))):
        raise wrong(
            "by-position",
            f"Same tensors in another order, and it gave {', '.join(sorted(found))}. Look tensors "
            "up by name, not by position.",
        )


def _hard_cases(function: Callable[..., Any]) -> None:
    """Raise unless small and well hidden differences are found."""
    first, second = _two()
    second["a.weight"] = second["a.weight"].flip(0)
    if "a.weight" not in _names(function, first, second):
        raise wrong(
            "only-a-summary",
            "1, 2, 3, 4 and 4, 3, 2, 1 passed as the same: they have the same sum, mean and shape, "
            "and are different tensors.",
        )
    first, second = _two()
    second["b"][1, 1] = torch.nextafter(second["b"][1, 1], torch.tensor(2.0))
    if "b" not in _names(function, first, second):
        raise wrong(
            "too-lenient",
            "One number differed in its lowest bit (1 and 1.0000001), and it was not found: "
            "allclose and rounding forgive that. A fingerprint would not.",
        )
    first, second = _two()
    second["b"] = torch.ones(3)
    if "b" not in _names(function, first, second):
        raise wrong(
            "broadcast",
            "Ones of shape (2, 3) and of shape (3,) passed as the same: == repeats the smaller one "
            "until it fits. Compare shapes too.",
        )
    second["b"] = torch.ones(2, 5)
    _names(function, first, second)


def _one_sided(function: Callable[..., Any]) -> None:
    """Raise unless tensors are named that only one of the two has."""
    for which, more in (("first", 0), ("second", 1)):
        states = _two()
        states[more]["c"] = torch.ones(1)
        try:
            found = _names(function, *states)
        except (KeyError, ValueError) as error:
            raise wrong(
                "cannot-miss",
                f"A name that only the {which} dictionary has made it fail "
                f"({type(error).__name__}). Ask whether a name is there before you look it up.",
            ) from error
        if "c" not in found:
            raise wrong(
                "one-sided",
                f"A tensor that only the {which} dictionary has was not named. A missing tensor is "
                "the largest difference of all.",
            )
