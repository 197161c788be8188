"""Epochs in which a backbone learns, counted whatever the loop looks like."""

from collections.abc import Callable

from course_utils.lesson05.backbone_epochs import BackboneEpochs
from course_utils.training import recipes
from tests import tiny

import pytest
import torch
from torch import nn

DATA = tiny.data(32, 8)


def step(model: nn.Module, x: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(x).logsumexp(1).sum().backward()
    optimizer.step()


def prepared_once(model: nn.Module) -> None:
    x = tiny.prepare(DATA.train_images)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(7):
        for part in x.split(8):
            step(model.train(), part, optimizer)


def head_in_a_plain_loop(model: nn.Module) -> None:
    """Gradients reach the backbone, and no optimizer takes them."""
    x = tiny.prepare(DATA.train_images)
    optimizer = torch.optim.SGD(model.get_submodule("classifier").parameters(), lr=0.01)
    for _ in range(12):
        step(model.eval(), x, optimizer)


def head_and_then_two_epochs(model: nn.Module) -> None:
    head_in_a_plain_loop(model)
    for _ in recipes.fine_tune(model, DATA, tiny.prepare, count=2, batch_size=16, watch=True):
        pass


def accumulated_by_hand(model: nn.Module) -> None:
    """Four batches a step, taken through `.data`."""
    for _ in range(3):
        model.zero_grad()
        for part in tiny.prepare(DATA.train_images).split(8):
            model(part).logsumexp(1).sum().backward()
        for parameter in model.parameters():
            parameter.data -= 0.001 * parameter.grad


def classic(model: nn.Module) -> None:
    for _ in recipes.classic(model, DATA, tiny.prepare, batch_size=16):
        pass


@pytest.mark.parametrize(
    ("train", "epochs"),
    [
        (prepared_once, 7),
        (head_in_a_plain_loop, 0),
        (head_and_then_two_epochs, 2),
        (accumulated_by_hand, 3),
        (classic, 3),
    ],
)
def test_what_moves_the_backbone_is_counted(
    train: Callable[[nn.Module], None], epochs: int
) -> None:
    model = tiny.mobilenet()
    watch = BackboneEpochs(model, len(DATA.train_images))
    train(model)
    assert watch.count() == pytest.approx(epochs, abs=0.3)
    assert not any(block._forward_hooks for block in model.modules())
