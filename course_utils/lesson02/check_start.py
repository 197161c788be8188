"""Exercise of lesson 02 about a start in which every block is the identity."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import describe
from course_utils.lesson02 import twins

import torch
from torch import Tensor, nn

DEPTH = 28
TOLERANCE = 0.25  # relative, of a measured change: other images and other noise are welcome


@exercise(
    "2.2",
    wanted="your guess, a residual twin, and the last change that twins.nudge measured in it",
    guessed=True,
    given=("images",),
    hints=(
        "A batch norm multiplies each channel by its weight. What is F(x), if the last weight is "
        "zero? What is relu(F(x) + x) then, if x comes out of a ReLU?",
        "Loop over my_network.modules() and take those that are a twins.Block: 12 of them.",
        "nn.init.zeros_(block.layers[-1].weight) for each block; then "
        "twins.nudge(my_network, images)[-1]['change'].",
    ),
)
def quiet_start(guess: Any, network: Any, change: Any, images: Any) -> str:
    """A residual twin whose blocks start as the identity, and what becomes of a nudge in it."""
    guessed = recognise.number(guess, "Your guess")
    net = recognise.network(network, example="my_network")
    blocks = [module for module in net.modules() if isinstance(module, twins.Block)]
    _a_residual_twin(net, blocks)
    _last_norms_at_zero(blocks)
    if isinstance(change, list) and change and isinstance(change[-1], dict):
        raise wrong(
            "all-rows",
            f"These are the rows of all {len(change)} blocks; wanted is the change behind the last "
            "one: [-1]['change'].",
        )
    value = recognise.number(change, "The last change")
    x = images.detach()
    rows = twins.nudge(copy_of(net), x)
    quiet, first = float(rows[-1]["change"]), float(rows[0]["change"])
    loud = _change_in_the_usual_twin(net, x)
    if abs(value - quiet) <= TOLERANCE * quiet:
        return (
            f"1 % of noise becomes {value:.3f} behind the last block; in the usual twin it becomes "
            f"{loud:.3f}. Your guess was {guessed:g}. All {len(blocks)} blocks only pass x on, so "
            f"what is left comes from the {_others(net)} layers between them. The blocks "
            "are not dead: the zero weights get gradients, and grow."
        )
    if abs(value - loud) <= TOLERANCE * loud:
        raise wrong(
            "measured-before",
            f"{value:.3f} is what the usual twin gives ({loud:.3f}). Measure after the weights "
            "have been set to zero.",
        )
    if abs(value - first) <= 0.1 * first:
        raise wrong(
            "first-block", f"{value:.3f} is the change behind the first block; wanted is the last."
        )
    if abs(value / 100 - quiet) <= TOLERANCE * quiet:
        raise wrong("percent", f"{value:.2f} is in percent; twins.nudge gives {quiet:.3f}.")
    raise wrong(
        "another-change",
        f"You say {value:.4g}; measured in your network with these images it is {quiet:.4g}.",
    )


def _a_residual_twin(net: nn.Module, blocks: list[twins.Block]) -> None:
    """Raise unless the network is a residual twin of 28 layers with batch norm."""
    if not blocks:
        raise wrong(
            "other-network", f"This is {describe(net)} without any twins.Block: use twins.twin."
        )
    if not all(block.shortcut for block in blocks):
        raise wrong(
            "plain-network",
            "This is the plain twin. Without a shortcut a block with F(x) = 0 gives 0 for every "
            "image, and everything behind it is blind.",
        )
    if not any(isinstance(module, nn.BatchNorm2d) for module in blocks[0].modules()):
        raise wrong("no-batch-norm", "This twin was built without batch norm: nothing to set.")
    if len(blocks) != (DEPTH - 4) // 2:
        raise wrong(
            "other-depth",
            f"This twin has {len(blocks)} blocks, so {4 + 2 * len(blocks)} layers; wanted are "
            f"{DEPTH} layers.",
        )


def _last_norms_at_zero(blocks: list[twins.Block]) -> None:
    """Raise unless in each block the weight of the last batch norm, and of no other, is zero."""
    first = [b for b in blocks if not _norm(b, 1).weight.any()]
    last = [b for b in blocks if not _norm(b, -1).weight.any()]
    if first:
        raise wrong(
            "first-norm",
            f"In {len(first)} blocks the weight of the first batch norm is zero. F(x) is 0 then "
            "as well, but for ever: the ReLU behind it passes no gradient at 0, and its block "
            "can never begin to work. The last norm, layers[-1], has no ReLU behind it.",
        )
    if len(last) == len(blocks):
        if all(_norm(b, -1).bias.any() for b in blocks):
            raise wrong(
                "bias-left",
                "The weights are zero, but the biases of the same norms are not: F(x) is a "
                "constant and not 0.",
            )
        return
    if not last and not any(_last_convolution(b).weight.any() for b in blocks):
        raise wrong(
            "convolution-zeroed",
            "The last convolutions were set to zero, not the norms behind them. F(x) is 0 as "
            "well, but such a norm divides by a deviation of nearly zero: the first gradient "
            "through it is some hundred times too long.",
        )
    if not last and all(_norm(b, -1).weight.max() <= 0.01 for b in blocks):
        raise wrong("only-small", "The weights of the last norms are small, but not zero.")
    if not last:
        raise wrong(
            "not-zeroed",
            "In no block the weight of the last batch norm is zero: layers[-1].weight is "
            f"{_norm(blocks[0], -1).weight[0]:g}. (zeros_ with the underscore changes a tensor in "
            "place.)",
        )
    raise wrong("some-blocks", f"{len(last)} of {len(blocks)} blocks are set; a loop misses some.")


def _norm(block: twins.Block, place: int) -> nn.BatchNorm2d:
    """A batch norm of a twin's block: 1 is the first one, -1 the last."""
    norm = block.layers[place]
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


def _last_convolution(block: twins.Block) -> nn.Conv2d:
    layer = block.layers[3]
    assert isinstance(layer, nn.Conv2d)
    return layer


def _others(net: nn.Module) -> int:
    """How many convolutions lie outside the blocks."""
    inside = {id(m) for b in net.modules() if isinstance(b, twins.Block) for m in b.modules()}
    return sum(isinstance(m, nn.Conv2d) and id(m) not in inside for m in net.modules())


@torch.no_grad()
def _change_in_the_usual_twin(net: nn.Module, x: Tensor) -> float:
    """The last change in the same network with the weights of the last norms back at one."""
    usual = copy_of(net)
    for block in usual.modules():
        if isinstance(block, twins.Block):
            nn.init.ones_(_norm(block, -1).weight)
    return float(twins.nudge(usual, x)[-1]["change"])
