"""Exercise 9.3: which of two networks had batch norm in train mode, and what proves it."""

from __future__ import annotations

import numbers
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.lesson09.check_lab import HEAD, noted
from course_utils.lesson09.riddle import NAMES, Riddle
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
)
def which_drifted(answer: Any, proof: Any, puzzle: Riddle, board: Scoreboard) -> str:
    """The network whose frozen batch norms drifted, with tensors that prove it."""
    name = _name(answer)
    _proof(proof, name, puzzle)
    result = puzzle.check(name)
    if not result.passed:
        raise wrong(
            "second-try",
            f"{result.sentence} With two answers anybody finds it: make a new riddle with the cell "
            "above, and ask the networks first.",
        )
    return (
        f"{result.sentence} No accuracy was needed, and none would have done. "
        f"{noted(board, puzzle, result)}"
    )


def _name(answer: Any) -> str:
    """The answer as a name of a network."""
    if isinstance(answer, torch.nn.Module):
        raise wrong("a-network", 'This is a network itself. Its name is asked: "A" or "B".')
    word = answer.strip().upper() if isinstance(answer, str) else answer
    if word not in NAMES:
        raise wrong("no-name", f'The answer is "A" or "B"; this is {describe(answer)}.')
    return str(word)


def _differing(puzzle: Riddle, name: str) -> set[str]:
    """Names of the tensors of a network that differ from the original's."""
    before = puzzle.original.state_dict()
    after = puzzle.models[name].state_dict()
    return {key for key, tensor in after.items() if not torch.equal(tensor, before[key])}


def _proof(proof: Any, name: str, puzzle: Riddle) -> None:
    """Raise unless these are statistics of frozen blocks that differ in this network.

    The riddle's one answer is not used up by a proof that is none.
    """
    if isinstance(proof, numbers.Number) or (isinstance(proof, Tensor) and proof.numel() == 1):
        share = float(proof) if isinstance(proof, numbers.Real | Tensor) else -1.0
        if 0 < share < 1:
            raise wrong(
                "by-accuracy",
                f"{share:g} looks like an accuracy. Drift may help or harm, so the better network, "
                "or the worse one, proves nothing. Name tensors that differ.",
            )
        raise wrong("a-count", f"{share:g} tensors, perhaps; which ones? Give a list of names.")
    if isinstance(proof, str):
        raise wrong("one-text", "The proof is a list of names, even if it has one: [name].")
    names = [str(n) for n in recognise.items(proof, 999, "The proof")]
    known = set(puzzle.original.state_dict())
    if unknown := [n for n in names if n not in known]:
        raise wrong(
            "unknown-tensor",
            f"{unknown[0][:60]!r} is no tensor of this network; names are such as "
            "'features.0.1.running_mean', from state_dict().",
        )
    if any(n.startswith(f"{HEAD}.") for n in names):
        raise wrong(
            "the-head",
            "Tensors of the head are among them. It was trained in both runs, so it differs in "
            "both, and tells nothing. Look at the frozen blocks, features.",
        )
    differ = _differing(puzzle, name)
    same = [n for n in names if n not in differ]
    if same and not any(n.endswith(BUFFERS) for n in names):
        raise wrong(
            "only-parameters",
            f"{same[0]} is a parameter, and the same to the bit in {name} and in the original: "
            "both backbones were frozen. What else does a block remember?",
        )
    if len(same) == len(names):
        raise wrong(
            "not-in-this-one",
            f"None of these {len(names)} tensors differs from the original's in {name}. In which "
            "network did you look?",
        )
    if same:
        raise wrong(
            "some-the-same",
            f"Of {len(names)} tensors {len(same)} did not change from the original to {name}, such "
            f"as {same[0]}: a proof names those that differ.",
        )
