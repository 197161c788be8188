"""Exercise of lesson 08 about starting a network from a file: the backbone, and no old head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import TooSlow
from course_utils.exercises.verdict import describe
from course_utils.lesson08.check_files import used_network

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
        "nothing was loaded: load_matching does.",
        'backbone = {n: t for n, t in state.items() if not n.startswith("head.")}, then '
        "load_matching(model, backbone), and return the model.",
    ),
)
def safe_start(start: Any) -> str:
    """A network that starts from a file's backbone, with a new head, or says that it cannot."""
    function = recognise.function(start, "my_start")
    _starts(function, old=30, new=10)
    _starts(function, old=10, new=10)
    state = {f"module.{name}": tensor for name, tensor in used_network(10).state_dict().items()}
    try:
        model = function(dict(state), 10)
    except TooSlow:
        raise
    except Exception:  # refusing such a file aloud is right, in whatever words
        return _start_praise("refuses it aloud")
    if len(_not_loaded(model, used_network(10))) == len(_backbone(used_network(10))):
        raise wrong(
            "silent",
            "In a file whose names begin with 'module.' no name fits. Your function returned a "
            "network of random numbers, and said nothing. It must load them or refuse.",
        )
    return _start_praise("finds the tensors all the same")


def _start_praise(what: str) -> str:
    return (
        "The old head stays out even where its shape would fit, and with a file whose names have a "
        f"prefix your function {what}. Both faults cost accuracy, and neither gives an error."
    )


def _starts(function: Start, old: int, new: int) -> None:
    """Raise unless a backbone of `old` classes is loaded below a new head."""
    theirs = used_network(old)
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    given = dict(state)
    try:
        model = function(given, new)
    except RuntimeError as error:
        if "size mismatch" in str(error):
            raise wrong(
                "size-mismatch",
                f"With a file of {old} classes and a task of {new} it stops: load_state_dict "
                "compares shapes, with strict=False too. Leave the old head out by its name.",
            ) from error
        if "Missing key" in str(error):
            raise wrong(
                "head-demanded",
                "load_state_dict wants every tensor, the head's too, and that one was left out. "
                "strict=False allows it; load_matching also reports it.",
            ) from error
        raise
    if not isinstance(model, nn.Module):
        raise wrong("no-network", f"The function gave {describe(model)}: is a `return` missing?")
    theirs_now = theirs.state_dict()
    if given.keys() != theirs_now.keys() or any(
        not torch.equal(given[n], t) for n, t in theirs_now.items()
    ):
        gone = sorted(theirs_now.keys() - given.keys())
        seen = f"{' and '.join(gone)} are gone" if gone else "its tensors have changed"
        raise wrong(
            "state-changed",
            f"Your function changed the dictionary that it was given: {seen}. Whoever calls it "
            "twice, or loads the head later, gets something else. Build a new dictionary.",
        )
    _right_start(model, theirs, new)


def _right_start(model: nn.Module, theirs: nn.Module, new: int) -> None:
    """Raise unless the backbone is that of the file, and the head is new."""
    left, old = _not_loaded(model, theirs), len(theirs.state_dict()["head.weight"])
    if len(left) == len(_backbone(theirs)):
        raise wrong(
            "nothing-loaded", "Not one tensor of the backbone came from the file: all are random."
        )
    if left:
        raise wrong(
            "some-left",
            f"{len(left)} of the backbone's tensors are not those of the file, {left[0]} for one. "
            "Batch norm's running statistics are buffers, and weights without them are worthless.",
        )
    head = model.state_dict().get("head.weight")
    if head is None or len(head) != new:
        width = "no layer called head" if head is None else f"{len(head)} outputs"
        raise wrong("wrong-width", f"The network has {width}; the task has {new} classes.")
    bias = model.state_dict().get("head.bias")
    own, state = {"weight": head, "bias": bias}, theirs.state_dict()
    kept = [f"head.{n}" for n, t in own.items() if t is not None and _same(t, state[f"head.{n}"])]
    if kept:
        raise wrong(
            "old-head",
            f"File and task both have {old} classes, and {' and '.join(kept)} came along: it fits, "
            "and stands for other classes. Its shape cannot tell you; its name can.",
        )


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one.detach().cpu(), other)


def _not_loaded(model: Any, theirs: nn.Module) -> list[str]:
    """Names of the backbone's tensors that are not in the model as the file has them."""
    own = model.state_dict() if isinstance(model, nn.Module) else {}
    wanted = _backbone(theirs)
    return [n for n, t in wanted.items() if n not in own or not _same(own[n], t)]


def _backbone(model: nn.Module) -> dict[str, Tensor]:
    return {n: t for n, t in model.state_dict().items() if not n.startswith("head.")}
