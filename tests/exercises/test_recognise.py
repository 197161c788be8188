"""What an answer is taken for, and the mistake that is raised when it is something else."""

from collections.abc import Callable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.verdict import Mistake
from tests.exercises import harness

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2


def mistake(function: Callable[..., Any], *given: Any, **named: Any) -> Mistake:
    with pytest.raises(Mistake) as found:
        function(*given, **named)
    return found.value


@pytest.mark.parametrize("answer", [2.5, torch.tensor([2.5]), np.float32(2.5), np.array([[2.5]])])
def test_a_number(answer: Any) -> None:
    assert recognise.number(answer, "x") == 2.5


@pytest.mark.parametrize("answer", [True, "3", torch.zeros(2), None, 1j])
def test_no_number(answer: Any) -> None:
    assert mistake(recognise.number, answer, "x").told(recognise.MESSAGES).startswith("x is a")
    assert mistake(recognise.number, float("inf"), "x").code == "infinite"


@pytest.mark.parametrize(
    ("answer", "code"),
    [(100.4, ""), (7, ""), (3.3, ""), (101, "far"), (200, "twice"), (0, "none"), (-100, "far")],
)
def test_a_number_is_compared_with_what_is_right_and_with_what_is_known(
    answer: float, code: str
) -> None:
    known: dict[str, recognise.Target] = {"twice": 200, "none": (-1e-9, 1e-9)}

    def compare() -> float:
        return recognise.number(
            answer, "x", right=[100, 7, (3, 4)], near=known, otherwise="far", more=1
        )

    if not code:
        assert compare() == answer
        return
    found = mistake(compare)
    assert found.code == code
    assert (found.values["value"], found.values["more"]) == (answer, 1)


def test_tolerance_zero_is_exact() -> None:
    assert mistake(recognise.number, 10.01, "x", right=10, tolerance=0).code == "another-number"


def test_a_network_is_taken_out_of_its_wrappers() -> None:
    inside = nn.Linear(2, 2)
    assert recognise.network(nn.DataParallel(torch.compile(inside, backend="eager"))) is inside
    for answer, code in [
        (nn.Linear, "a-class"),
        (inside.state_dict(), "a-state-dict"),
        (3, "not-a-network"),
    ]:
        found = mistake(recognise.network, answer)
        assert found.code == code
        assert found.told(recognise.MESSAGES)


def test_words_functions_and_lists() -> None:
    assert recognise.choice(" Frozen ", ["frozen"]) == "frozen"
    assert mistake(recognise.choice, torch.zeros(2), ["frozen"]).code == "not-a-choice"
    assert mistake(recognise.function, nn.Linear, "mine").code == "not-a-function"
    assert recognise.items((1, 2), 3, "x") == [1, 2]
    assert mistake(recognise.items, harness.endless(), 3, "x").code == "too-many"
    assert mistake(recognise.items, [], 3, "x").code == "empty"
    assert mistake(recognise.items, "ab", 3, "x").code == "not-a-list"


def test_switches_that_nobody_reads() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model.requires_grad_(False)
    recognise.switched_by_parameters(model)
    model[0].bias.require_grad = False  # type: ignore[union-attr]
    assert mistake(recognise.switched_by_parameters, model).code == "misspelt-switch"
    model[0].requires_grad = False  # type: ignore[assignment]
    assert mistake(recognise.switched_by_parameters, model).code == "set-on-module"


def test_blocks_that_are_frozen_and_blocks_that_are_awake() -> None:
    blocks = mobilenet_v2(num_classes=2).features
    blocks[:3].requires_grad_(False)
    blocks[1].eval()
    assert recognise.frozen_blocks(blocks) == [0, 1, 2]
    assert recognise.awake_blocks(blocks[:3]) == [0, 2]


def test_rates() -> None:
    layer = nn.Linear(2, 2)
    groups = [{"params": [layer.weight], "lr": torch.tensor(0.5)}, {"params": [layer.bias]}]
    held = recognise.rates(torch.optim.SGD(groups, lr=0.25))
    assert held == {id(layer.weight): 0.5, id(layer.bias): 0.25}


def test_softmax_is_recognised() -> None:
    scores = torch.randn(4, 3)
    assert recognise.is_softmax(scores.softmax(1))
    assert not recognise.is_softmax(scores)
    assert not recognise.is_softmax(torch.tensor([[2.0, -1.0]]))
