"""Exercises of lesson 01 about state dicts: to keep one, and to compare two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DAMAGED = "features.1.conv.1.weight"  # where the lesson flips a bit
State = dict[str, Tensor]


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
    mistakes={
        "mode-changed": "my_keep left the network in eval mode, and training would go on like "
        "that: batch norm would no longer follow the data. Keeping must not change anything.",
        "missing-keys": "load_state_dict refused, as it misses batch norm's buffers: they were not "
        "kept. (strict=False would hide that, not mend it.)",
        "kept-nothing": "my_keep returned None, so my_restore had nothing to go back to.",
        "kept-lazily": "my_keep returned {seen}: it copies nothing until somebody goes through it, "
        "and by then training has changed the tensors. Make a list or a dictionary at once.",
        "another-network": "my_restore returned another network; the one that it was given still "
        "has {count} tensors of the later epoch. Whoever holds that one sees no change.",
        "only-references": "All {count} tensors of a trial network are those of the last epoch. "
        "What was kept are the network's own tensors, not copies: training changed them too.",
        "nothing-restored": "my_restore has changed no tensor of the network it was given.",
        "buffers-forgotten": "Weights and biases are back, but not {names}: a value of {name} "
        "was {was:.4g} and is {found:.4g}. {matters}",
        "parameters-forgotten": "The buffers are back, but not the {count} parameters, which were "
        "trained.",
        "some-left": "Still not as in the best epoch: {names}.",
    },
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
        raise Mistake("mode-changed")
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
    """Take a few steps that change every tensor of the network."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = F.cross_entropy(model(torch.randn(8, 3, 6, 6) + 2), torch.arange(8) % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _copied(model: nn.Module) -> State:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _restored(restore: Callable[..., Any], model: nn.Module, kept: Any) -> Any:
    """Return what the reader's function returns; known failures are explained."""
    try:
        return restore(model, kept)
    except (RuntimeError, TypeError, AttributeError) as error:
        if "Missing key" in str(error):
            raise Mistake("missing-keys") from error
        if kept is None:
            raise Mistake("kept-nothing") from error
        if isinstance(kept, Iterator):
            raise Mistake("kept-lazily", seen=describe(kept)) from error
        raise


def _all_back(model: nn.Module, best: State, later: State, kept: Any, returned: Any) -> None:
    """Raise unless all tensors are as they were kept."""
    now = model.state_dict()
    off = [name for name in best if not torch.equal(now[name], best[name])]
    if not off:
        return
    if returned is not model and isinstance(returned, nn.Module):
        raise Mistake("another-network", count=len(off))
    parameters = {name for name, _ in model.named_parameters()}
    if isinstance(kept, Iterator):
        raise Mistake("kept-lazily", seen=describe(kept))
    if set(off) == set(best) and all(torch.equal(now[name], later[name]) for name in off):
        if _pointers(kept) & _pointers(model):
            raise Mistake("only-references", count=len(off))
        raise Mistake("nothing-restored")
    if not parameters & set(off):
        _buffers_forgotten(now, best, off)
    if set(off) == parameters:
        raise Mistake("parameters-forgotten", count=len(parameters))
    raise Mistake("some-left", names=", ".join(off))


def _buffers_forgotten(now: State, best: State, off: list[str]) -> None:
    """Raise with the value that has changed most; a counter matters less than an average."""
    floats = [name for name in off if now[name].is_floating_point()]
    name = (floats or off)[0]
    change = (now[name] - best[name]).abs().flatten()
    was, found = (state[name].flatten()[change.argmax()].item() for state in (best, now))
    matters = (
        "In eval mode the network answers with wrong averages."
        if floats
        else "The averages are right; only the counters of batches have gone on."
    )
    names = ", ".join(off)
    raise Mistake(
        "buffers-forgotten", names=names, name=name, was=was, found=found, matters=matters
    )


def _pointers(kept: Any) -> set[int]:
    """Return where the numbers of the tensors in an object lie in memory."""
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
    mistakes={
        "ambiguous": "== and != compare two tensors number by number and give many answers, so "
        "`if` does not know. torch.equal gives one.",
        "shapes-clash": "It fails for tensors of different shapes: == and subtraction cannot "
        "compare them. torch.equal answers False.",
        "no-names": "It gave {seen}; wanted is a list of names.",
        "not-names": "Its list holds {seen}; wanted are names, texts.",
        "the-same-ones": "It gave the tensors that are alike; wanted are the others.",
        "everything": "It gave all names, though two of three tensors hold the same numbers: are "
        "objects compared (with `is`), rather than what is in them?",
        "not-found": "Only b differed in all its numbers; the function found {found}.",
        "by-position": "Same tensors in another order, and it gave {found}. Look tensors up by "
        "name, not by position.",
        "only-a-summary": "1, 2, 3, 4 and 4, 3, 2, 1 passed as the same: they have the same sum, "
        "mean and shape, and are different tensors.",
        "too-lenient": "One number differed in its lowest bit (1 and 1.0000001), and it was not "
        "found: allclose and rounding forgive that. A fingerprint would not.",
        "broadcast": "Ones of shape (2, 3) and of shape (3,) passed as the same: == repeats the "
        "smaller one until it fits. Compare shapes too.",
        "cannot-miss": "A name that only the {which} dictionary has made it fail ({error}). Ask "
        "whether a name is there before you look it up.",
        "one-sided": "A tensor that only the {which} dictionary has was not named. A missing "
        "tensor is the largest difference of all.",
        "another-tensor": "The function is right, but the damaged tensor is not {seen}. Call it "
        'with ours and load_file(folder / "damaged.safetensors").',
    },
)
def what_differs(function: Any, damaged: Any) -> str:
    """Names of the tensors that differ in two state dicts, and the one with the flipped bit."""
    differing = recognise.function(function, "differing")
    _plain_cases(differing)
    _hard_cases(differing)
    _one_sided(differing)
    named = list(damaged) if isinstance(damaged, list | tuple | set) else [damaged]
    if named != [DAMAGED]:
        raise Mistake("another-tensor", seen=describe(damaged))
    return (
        f"One tensor of hundreds, {DAMAGED}. A fingerprint tells that a file has changed; this "
        "tells where, if you have the original."
    )


def _two() -> tuple[State, State]:
    """Return two state dicts with the same numbers, in tensors of their own."""
    numbers = {"a.weight": torch.arange(1.0, 5.0), "a.bias": torch.ones(1), "b": torch.ones(2, 3)}
    return numbers, {name: tensor.clone() for name, tensor in numbers.items()}


def _names(function: Callable[..., Any], *states: State) -> set[str]:
    """Return what the reader's function finds in two state dicts."""
    try:
        found = function(*states)
        if isinstance(found, str | Tensor) or not isinstance(found, Iterable):
            raise Mistake("no-names", seen=describe(found))
        names = list(islice(found, 99))
    except RuntimeError as error:
        if "ambiguous" in str(error):
            raise Mistake("ambiguous") from error
        if "must match" in str(error):
            raise Mistake("shapes-clash") from error
        raise
    for name in names:
        if not isinstance(name, str):
            raise Mistake("not-names", seen=describe(name))
    return set(names)


def _plain_cases(function: Callable[..., Any]) -> None:
    """Raise unless one plain difference is found, and nothing in equal tensors."""
    first, second = _two()
    second["b"] += 1
    found = _names(function, first, second)
    if found == {"a.weight", "a.bias"}:
        raise Mistake("the-same-ones")
    if found == set(first):
        raise Mistake("everything")
    if found != {"b"}:
        raise Mistake("not-found", found=", ".join(sorted(found)) or "nothing")
    first, second = _two()
    if found := _names(function, first, dict(reversed(second.items()))):
        raise Mistake("by-position", found=", ".join(sorted(found)))


def _hard_cases(function: Callable[..., Any]) -> None:
    """Raise unless small and well hidden differences are found."""
    first, second = _two()
    nearly = torch.ones(2, 3)
    nearly[1, 1] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    hidden = {
        "only-a-summary": ("a.weight", first["a.weight"].flip(0)),
        "too-lenient": ("b", nearly),
        "broadcast": ("b", torch.ones(3)),
    }
    for code, (name, tensor) in hidden.items():
        if name not in _names(function, first, second | {name: tensor}):
            raise Mistake(code)
    _names(function, first, second | {"b": torch.ones(2, 5)})


def _one_sided(function: Callable[..., Any]) -> None:
    """Raise unless tensors are named that only one of the two has."""
    for which, more in (("first", 0), ("second", 1)):
        states = _two()
        states[more]["c"] = torch.ones(1)
        try:
            found = _names(function, *states)
        except (KeyError, ValueError) as error:
            raise Mistake("cannot-miss", which=which, error=type(error).__name__) from error
        if "c" not in found:
            raise Mistake("one-sided", which=which)
