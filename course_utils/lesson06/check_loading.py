"""Exercise of lesson 06 about a loader that refuses what strict=False lets pass."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.lesson06 import surgery

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

WIDTH = 0.25  # of MobileNetV2: small enough to build some in no time
BROKEN = (KeyError, NameError, AttributeError, TypeError, IndexError)
State = dict[str, Tensor]


@dataclass(frozen=True)
class Attempt:
    """What a loader did with one checkpoint.

    error : what it raised, if anything
    said : whether it printed or warned
    loaded, wanted : convolution weights of the backbone that are the checkpoint's, and all of them
    """

    error: Exception | None
    said: bool
    loaded: int
    wanted: int
    model: nn.Module


@exercise(
    "6.1",
    wanted="a function my_load(model, state) that loads, or raises an error",
    hints=(
        "Which tensors may be left out? Those of the head, whose names begin with `classifier.`. "
        "Everything else that the network wants must be loaded.",
        "First collect what fits by name and shape. Then look from the network's side: which names "
        "of model.state_dict() are not among these? If any of them is not the head's, raise.",
        "own = model.state_dict(); fitting = {n: t for n, t in state.items() if n in own and "
        "t.shape == own[n].shape}; lost = [n for n in own if n not in fitting and not "
        'n.startswith("classifier.")]; if lost: raise ValueError(...); then load_state_dict.',
    ),
)
def careful_load(function: Any) -> str:
    """Load a whole backbone, with another head if need be, and refuse anything less."""
    my_load = recognise.function(function, "my_load")
    torch.manual_seed(0)
    donor = mobilenet_v2(num_classes=30, width_mult=WIDTH)
    state = donor.state_dict()
    _takes_what_fits(_attempt(my_load, mobilenet_v2(num_classes=30, width_mult=WIDTH), state))
    _allows_a_new_head(_attempt(my_load, _network(), state))
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    strangers = _attempt(my_load, _network(), prefixed)
    _refuses_other_names(strangers)
    gap = {name: tensor for name, tensor in state.items() if not name.startswith("features.9.")}
    _refuses_a_gap(_attempt(my_load, _network(), gap))
    wider = _network()
    surgery.widen_block(wider, 14)
    _refuses_other_shapes(_attempt(my_load, wider, state))
    first = "renamed and loaded" if strangers.error is None else "refused"
    return (
        f"Five checkpoints: one that fits and one with another head loaded; names with `module.` "
        f"in front {first}; a missing block and a wider one refused. A loader that refuses costs "
        "you a minute. One that keeps silent costs a training, and the belief in its result."
    )


def _network() -> Any:
    return mobilenet_v2(num_classes=10, width_mult=WIDTH)


def _attempt(load: Callable[..., Any], model: nn.Module, state: State) -> Attempt:
    """Let the reader's function load copies of a checkpoint's tensors, and see what happened."""
    heard, error = io.StringIO(), None
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(heard):
        warnings.simplefilter("always")
        try:
            load(model, copy.deepcopy(state))
        except Exception as raised:  # any refusal is a refusal; which one, is looked at later
            error = raised
    own = model.state_dict()
    plain = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    wanted = [n for n, t in own.items() if n.startswith("features.") and t.ndim == 4]
    loaded = sum(n in plain and torch.equal(own[n], plain[n]) for n in wanted)
    return Attempt(error, bool(heard.getvalue() or warned), loaded, len(wanted), model)


def _why(error: Exception | None) -> str:
    """An error in a few words."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _takes_what_fits(tried: Attempt) -> None:
    """Raise unless a checkpoint of the same network was loaded."""
    if tried.error is not None:
        raise wrong(
            "refuses-what-fits",
            f"A checkpoint in which every name and shape fits was refused: {_why(tried.error)}.",
        )
    if tried.loaded < tried.wanted:
        raise wrong(
            "not-loaded",
            f"A checkpoint that fits was accepted, but only {tried.loaded} of {tried.wanted} "
            "convolutions of the backbone have its values in the network that was handed in. (A "
            "copy or a new network does not help the caller.)",
        )


def _allows_a_new_head(tried: Attempt) -> None:
    """Raise unless the backbone was loaded beside another head."""
    if isinstance(tried.error, RuntimeError) and "size mismatch" in str(tried.error):
        raise wrong(
            "strict-about-the-head",
            "The backbone fits and the head has other classes: that is the usual case, and it was "
            "refused with a size mismatch. strict=False never forgives a shape: leave out the "
            "tensors of the head.",
        )
    if tried.error is not None:
        raise wrong(
            "refuses-a-new-head",
            f"The backbone fits and only the head has other classes. Refused: {_why(tried.error)}.",
        )
    if tried.loaded < tried.wanted:
        raise wrong(
            "backbone-left-out",
            f"With another head only {tried.loaded} of {tried.wanted} convolutions of the backbone "
            "were loaded, without an error.",
        )
    (head,) = (m for m in tried.model.modules() if isinstance(m, nn.Linear))
    if len(head.weight) != 10:
        raise wrong(
            "head-changed",
            f"The network came with a head of 10 classes and has one of {len(head.weight)} now. "
            "The head is the caller's: leave it.",
        )


def _refuses_other_names(tried: Attempt) -> None:
    """Raise if a checkpoint with a prefix passed without being loaded."""
    if isinstance(tried.error, BROKEN):
        raise wrong(
            "stops-by-accident",
            f"With `module.` in front of every name it stopped with {_why(tried.error)}. That is "
            "luck, and nobody understands such a message. Ask whether a name is in the network "
            "before you use it, and raise an error that says what did not fit.",
        )
    if tried.error is not None or tried.loaded == tried.wanted:
        return
    if tried.said:
        raise wrong(
            "only-says-so",
            "With `module.` in front of every name nothing was loaded, and the function printed or "
            "warned. The script goes on all the same, and a line among many is not read. Raise an "
            "error.",
        )
    raise wrong(
        "loads-nothing",
        f"With `module.` in front of every name {tried.loaded} of {tried.wanted} convolutions were "
        "loaded, and the function returned as if all were well. Whoever trains on has a random "
        "network.",
    )


def _refuses_a_gap(tried: Attempt) -> None:
    """Raise if a checkpoint that lacks a block passed."""
    if tried.error is None:
        raise wrong(
            "half-is-enough",
            f"A checkpoint without any tensor of features.9 was accepted: {tried.loaded} of "
            f"{tried.wanted} convolutions were loaded, and a block in the middle of the network is "
            "random. It is not enough that something fits, or that nothing is left over: ask what "
            "the network still lacks.",
        )


def _refuses_other_shapes(tried: Attempt) -> None:
    """Raise if a checkpoint with other shapes in the backbone passed."""
    if tried.error is None:
        raise wrong(
            "drops-other-shapes",
            f"Block 14 of the network is wider than in the checkpoint. What did not fit was left "
            f"out, {tried.wanted - tried.loaded} of {tried.wanted} convolutions, without a word. "
            "Only the head may have another shape.",
        )
