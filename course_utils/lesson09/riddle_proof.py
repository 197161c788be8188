"""Exercise 9.3: which of two networks had batch norm in train mode, and what proves it."""

from __future__ import annotations

import numbers
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson09.riddle import NAMES, Riddle
from course_utils.lesson09.run_summary import HEAD, noted
from course_utils.lesson09.scoreboard import Scoreboard

import torch
from torch import Tensor

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@exercise(
    "9.3",
    wanted='"A" or "B", and a list of names of tensors that prove it',
    given=("puzzle", "board"),
    hints=(
        "Accuracy cannot tell: either may be ahead. What does a frozen block consist of besides "
        "its parameters?",
        "state_dict() of a network lists parameters and buffers by name; compare each with "
        "puzzle.original's.",
        "[name for name, t in puzzle.models['A'].state_dict().items() if not torch.equal(t, "
        "puzzle.original.state_dict()[name]) and name.startswith('features.')]; the same for B.",
    ),
    mistakes={
        "a-network": 'This is a network itself. Its name is asked: "A" or "B".',
        "no-name": 'The answer is "A" or "B"; this is {seen}.',
        "by-accuracy": (
            "{share:g} looks like an accuracy. Drift may help or harm, so the better network, or "
            "the worse one, proves nothing. Name tensors that differ."
        ),
        "a-count": "{share:g} tensors, perhaps; which ones? Give a list of names.",
        "one-text": "The proof is a list of names, even if it has one: [name].",
        "unknown-tensor": (
            "{unknown!r} is no tensor of this network; names are such as "
            "'features.0.1.running_mean', from state_dict()."
        ),
        "the-head": (
            "Tensors of the head are among them. It was trained in both runs, so it differs in "
            "both, and tells nothing. Look at the frozen blocks, features."
        ),
        "only-parameters": (
            "{tensor} is a parameter, and the same to the bit in {name} and in the original: both "
            "backbones were frozen. What else does a block remember?"
        ),
        "not-in-this-one": (
            "None of these {count} tensors differs from the original's in {name}. In which "
            "network did you look?"
        ),
        "some-the-same": (
            "Of {count} tensors {same} did not change from the original to {name}, such as "
            "{tensor}: a proof names those that differ."
        ),
        "second-try": (
            "{said} With two answers anybody finds it: make a new riddle with the cell above, and "
            "ask the networks first."
        ),
    },
)
def which_drifted(answer: Any, proof: Any, puzzle: Riddle, board: Scoreboard) -> str:
    """The network whose frozen batch norms drifted, with tensors that prove it."""
    if isinstance(answer, torch.nn.Module):
        raise Mistake("a-network")
    name = answer.strip().upper() if isinstance(answer, str) else answer
    if name not in NAMES:
        raise Mistake("no-name", seen=describe(answer))
    check_proof(proof, name, puzzle)  # first: one that is none does not use up the answer
    result = puzzle.check(name)
    if not result.passed:
        raise Mistake("second-try", said=result.sentence)
    return (
        f"{result.sentence} No accuracy was needed, and none would have done. "
        f"{noted(board, puzzle, result)}"
    )


def check_proof(proof: Any, name: str, puzzle: Riddle) -> None:
    """Raise unless these are names of frozen blocks' statistics that differ in this network."""
    if isinstance(proof, numbers.Number) or (isinstance(proof, Tensor) and proof.numel() == 1):
        share = float(proof) if isinstance(proof, numbers.Real | Tensor) else -1.0
        raise Mistake("by-accuracy" if 0 < share < 1 else "a-count", share=share)
    if isinstance(proof, str):
        raise Mistake("one-text")
    names = [str(n) for n in recognise.items(proof, 999, "The proof")]
    before, after = puzzle.original.state_dict(), puzzle.models[name].state_dict()
    if unknown := [n for n in names if n not in before]:
        raise Mistake("unknown-tensor", unknown=unknown[0][:60])
    if any(n.startswith(f"{HEAD}.") for n in names):
        raise Mistake("the-head")
    same = [n for n in names if torch.equal(before[n], after[n])]
    if not same:
        return
    seen = {"name": name, "count": len(names), "same": len(same), "tensor": same[0]}
    if not any(n.endswith(BUFFERS) for n in names):
        raise Mistake("only-parameters", **seen)
    raise Mistake("not-in-this-one" if len(same) == len(names) else "some-the-same", **seen)
