"""Exercise of lesson 06 about a loader that refuses what strict=False lets pass."""

from __future__ import annotations

import contextlib
import copy
import dis
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake
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

    Parameters
    ----------
    error : Exception or None
        What it raised.
    said : bool
        Whether it printed or warned.
    loaded, wanted : int
        Convolution weights of the backbone that are the checkpoint's, and all of them.
    outputs : int
        Of the head.
    """

    error: Exception | None
    said: bool
    loaded: int
    wanted: int
    outputs: int

    def mistake(self, code: str) -> Mistake:
        """A mistake with all that was seen."""
        why = f"{type(self.error).__name__}: {' '.join(str(self.error).split())[:120]}"
        lost = self.wanted - self.loaded
        return Mistake(code, why=why, lost=lost, **{**vars(self)})


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
    mistakes={
        "refuses-what-fits": "A checkpoint in which every name and shape fits was refused: {why}.",
        "not-loaded": "A checkpoint that fits was accepted, but only {loaded} of {wanted} "
        "convolutions of the backbone have its values in the network that was handed in. (A copy "
        "or a new network does not help the caller.)",
        "strict-about-the-head": "The backbone fits and the head has other classes: that is the "
        "usual case, and it was refused with a size mismatch. strict=False never forgives a "
        "shape: leave out the tensors of the head.",
        "refuses-a-new-head": "The backbone fits and only the head has other classes. Refused: "
        "{why}.",
        "backbone-left-out": "With another head only {loaded} of {wanted} convolutions of the "
        "backbone were loaded, without an error.",
        "head-changed": "The network came with a head of 10 classes and has one of {outputs} now. "
        "The head is the caller's: leave it.",
        "stops-by-accident": "With `module.` in front of every name it stopped with {why}. That "
        "is luck, and nobody understands such a message. Ask whether a name is in the network "
        "before you use it, and raise an error that says what did not fit.",
        "only-says-so": "With `module.` in front of every name nothing was loaded, and the "
        "function printed or warned. The script goes on all the same, and a line among many is "
        "not read. Raise an error.",
        "loads-nothing": "With `module.` in front of every name {loaded} of {wanted} convolutions "
        "were loaded, and the function returned as if all were well. Whoever trains on has a "
        "random network.",
        "half-is-enough": "A checkpoint without any tensor of features.9 was accepted: {loaded} "
        "of {wanted} convolutions were loaded, and a block in the middle of the network is "
        "random. It is not enough that something fits, or that nothing is left over: ask what the "
        "network still lacks.",
        "drops-other-shapes": "Block 14 of the network is wider than in the checkpoint. What did "
        "not fit was left out, {lost} of {wanted} convolutions, without a word. Only the head may "
        "have another shape.",
    },
)
def careful_load(function: Any) -> str:
    """Load a whole backbone, with another head if need be, and refuse anything less."""
    my_load = recognise.function(function, "my_load")
    torch.manual_seed(0)
    state = _network(30).state_dict()
    _loads_what_fits(_attempt(my_load, _network(30), state), _attempt(my_load, _network(10), state))
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    strangers = _attempt(my_load, _network(10), prefixed)
    if strangers.error is None and strangers.loaded < strangers.wanted:
        raise strangers.mistake("only-says-so" if strangers.said else "loads-nothing")
    if isinstance(strangers.error, BROKEN) and not _on_purpose(strangers.error):
        raise strangers.mistake("stops-by-accident")
    gap = {name: tensor for name, tensor in state.items() if not name.startswith("features.9.")}
    tried = _attempt(my_load, _network(10), gap)
    if tried.error is None:
        raise tried.mistake("half-is-enough")
    wider = _network(10)
    surgery.widen_block(wider, 14)
    tried = _attempt(my_load, wider, state)
    if tried.error is None:
        raise tried.mistake("drops-other-shapes")
    first = "renamed and loaded" if strangers.error is None else "refused"
    return (
        f"Five checkpoints: one that fits and one with another head loaded; names with `module.` "
        f"in front {first}; a missing block and a wider one refused. A loader that refuses costs "
        "you a minute. One that keeps silent costs a training, and the belief in its result."
    )


def _network(classes: int) -> Any:
    return mobilenet_v2(num_classes=classes, width_mult=WIDTH)


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
    outputs = next((m.out_features for m in model.modules() if isinstance(m, nn.Linear)), 0)
    return Attempt(error, bool(heard.getvalue() or warned), loaded, len(wanted), outputs)


def _loads_what_fits(same: Attempt, other_head: Attempt) -> None:
    """Raise unless a checkpoint was loaded into the same network, and beside another head."""
    if same.error is not None:
        raise same.mistake("refuses-what-fits")
    if same.loaded < same.wanted:
        raise same.mistake("not-loaded")
    if isinstance(other_head.error, RuntimeError) and "size mismatch" in str(other_head.error):
        raise other_head.mistake("strict-about-the-head")
    if other_head.error is not None:
        raise other_head.mistake("refuses-a-new-head")
    if other_head.loaded < other_head.wanted:
        raise other_head.mistake("backbone-left-out")
    if other_head.outputs != 10:
        raise other_head.mistake("head-changed")


def _on_purpose(error: Exception) -> bool:
    """Whether an error comes from a `raise` of the reader's own, with a sentence."""
    last = error.__traceback__
    assert last is not None
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    steps = {step.offset: step.opname for step in dis.get_instructions(code)}
    own = "site-packages" not in code.co_filename
    return own and steps.get(last.tb_lasti) == "RAISE_VARARGS" and " " in str(error)
