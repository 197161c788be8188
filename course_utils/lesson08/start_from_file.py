"""Exercise 8.3: a network that starts from a file, with its backbone and without its old head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson08.file_with_notes import used_network

import torch
from torch import Tensor, nn

Start = Callable[[dict[str, Tensor], int], Any]


@exercise(
    "8.3",
    wanted="a function of a state dict and a number of classes that gives a small_net",
    hints=(
        "What does the line that asks for equal shapes do with an old head of ten classes? And "
        "with names of which none is known?",
        "Drop the head by its name, whatever its shape. And see to it that somebody notices when "
        "not everything else was loaded: load_state_dict(..., strict=False) returns which keys are "
        "missing and which it did not expect.",
        'backbone = {n: t for n, t in state.items() if not n.startswith("head.")}, then '
        "fit = model.load_state_dict(backbone, strict=False). Raise an error unless "
        "fit.missing_keys are just those of the head, and return the model.",
    ),
    mistakes={
        "size-mismatch": "With a file of {old} classes and a task of {new} it stops: "
        "load_state_dict compares shapes, with strict=False too. Leave the old head out by its "
        "name.",
        "head-demanded": "load_state_dict wants every tensor, the head's too, and that one was "
        "left out. strict=False allows it, and returns what was missing.",
        "no-network": "The function gave {seen}: is a `return` missing?",
        "state-changed": "Your function changed the dictionary that it was given: {what}. Whoever "
        "calls it twice, or loads the head later, gets something else. Build a new dictionary.",
        "nothing-loaded": "Not one tensor of the backbone came from the file: all are random.",
        "some-left": "{count} of the backbone's tensors are not those of the file, {name} for one. "
        "Batch norm's running statistics are buffers, and weights without them are worthless.",
        "wrong-width": "The network has {width}; the task has {new} classes.",
        "old-head": "File and task both have {old} classes, and {kept} came along: it fits, and "
        "stands for other classes. Its shape cannot tell you; its name can.",
        "silent": "In a file whose names begin with 'module.' no name fits. Your function returned "
        "a network of random numbers, and said nothing. It must load them or refuse.",
        "fits-in-part": "With {file} only {count} of the backbone's {all} tensors fit. Your "
        "function loaded these, left the others random, and said nothing. A file that does not fit "
        "as a whole must be refused.",
    },
)
def safe_start(start: Any) -> str:
    """A network that starts from a file's backbone, with a new head, or says that it cannot."""
    function = recognise.function(start, "my_start")
    _starts(function, old=30, new=10)
    _starts(function, old=10, new=10)
    theirs = used_network(10)
    _refuses_what_fits_in_part(function, theirs)
    prefixed = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    model = _tried(function, prefixed)
    if model is not None and len(_not_loaded(model, theirs)) == len(_backbone(theirs)):
        raise Mistake("silent")
    what = "refuses it aloud" if model is None else "finds the tensors all the same"
    return (
        "The old head stays out even where its shape would fit, and with a file whose names have a "
        f"prefix your function {what}. Both faults cost accuracy, and neither gives an error."
    )


def _tried(function: Start, state: dict[str, Tensor]) -> Any:
    """What the function makes of a file; None if it refuses it, in whatever words."""
    try:
        return function(dict(state), 10)
    except Exception:
        return None


def _refuses_what_fits_in_part(function: Start, theirs: nn.Module) -> None:
    """Raise if a file of which only some tensors fit gives a network."""
    whole = theirs.state_dict()
    files = {
        "the file of a network half as wide": used_network(10, width=8).state_dict(),
        "a file that lacks a block": {n: t for n, t in whole.items() if "block3" not in n},
    }
    for file, state in files.items():
        if _tried(function, state) is not None:
            wanted = _backbone(theirs)
            fit = [n for n, t in wanted.items() if n in state and state[n].shape == t.shape]
            raise Mistake("fits-in-part", file=file, count=len(fit), all=len(wanted))


def _starts(function: Start, old: int, new: int) -> None:
    """Raise unless the backbone of a file of `old` classes is loaded below a new head."""
    theirs = used_network(old)
    given = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    try:
        model = function(given, new)
    except RuntimeError as error:
        if "size mismatch" in str(error):
            raise Mistake("size-mismatch", old=old, new=new) from error
        if "Missing key" in str(error):
            raise Mistake("head-demanded") from error
        raise
    if not isinstance(model, nn.Module):
        raise Mistake("no-network", seen=describe(model))
    state = theirs.state_dict()
    if gone := sorted(state.keys() - given.keys()):
        raise Mistake("state-changed", what=f"{' and '.join(gone)} are gone")
    if given.keys() != state.keys() or any(not torch.equal(given[n], t) for n, t in state.items()):
        raise Mistake("state-changed", what="its tensors have changed")
    _right_start(recognise.unwrapped(model), theirs, new)


def _right_start(model: nn.Module, theirs: nn.Module, new: int) -> None:
    """Raise unless the backbone is that of the file, and the head is new."""
    left, state, own = _not_loaded(model, theirs), theirs.state_dict(), model.state_dict()
    if len(left) == len(_backbone(theirs)):
        raise Mistake("nothing-loaded")
    if left:
        raise Mistake("some-left", count=len(left), name=left[0])
    head = own.get("head.weight")
    if head is None or len(head) != new:
        width = "no layer called head" if head is None else f"{len(head)} outputs"
        raise Mistake("wrong-width", width=width, new=new)
    names = [name for name in ("head.weight", "head.bias") if name in own]
    if kept := [name for name in names if _same(own[name], state[name])]:
        raise Mistake("old-head", old=len(state["head.bias"]), kept=" and ".join(kept))


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one.detach().cpu(), other)


def _not_loaded(model: Any, theirs: nn.Module) -> list[str]:
    """Names of the backbone's tensors that are not in the model as the file has them."""
    own = recognise.unwrapped(model).state_dict() if isinstance(model, nn.Module) else {}
    return [n for n, t in _backbone(theirs).items() if n not in own or not _same(own[n], t)]


def _backbone(model: nn.Module) -> dict[str, Tensor]:
    return {n: t for n, t in model.state_dict().items() if not n.startswith("head.")}
