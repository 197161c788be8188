"""Exercise of lesson 02 about a start in which every block is the identity."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe
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
    mistakes={
        "other-network": "This is {seen} without any twins.Block: use twins.twin.",
        "plain-network": "This is the plain twin. Without a shortcut a block with F(x) = 0 gives 0 "
        "for every image, and everything behind it is blind.",
        "no-batch-norm": "This twin was built without batch norm: there is nothing to set.",
        "other-layers": "In {count} of {blocks} blocks a batch norm has gone: where it was there "
        "is {seen}. Leave the layers as they are, and set weights of the norms to zero.",
        "other-depth": "This twin has {blocks} blocks, so {layers} layers; wanted are 28 layers.",
        "first-norm": "In {count} blocks the weight of the first batch norm is zero. F(x) is 0 "
        "then as well, but for ever: the ReLU behind it passes no gradient at 0, and its block can "
        "never begin to work. The last norm, layers[-1], has no ReLU behind it.",
        "bias-left": "The weights are zero, but the biases of the same norms are not: F(x) is a "
        "constant and not 0.",
        "convolution-zeroed": "The last convolutions were set to zero, not the norms behind them. "
        "F(x) is 0 as well, but such a norm divides by a deviation of nearly zero: the first "
        "gradient through it is some hundred times too long.",
        "only-small": "The weights of the last norms are small, but not zero.",
        "not-zeroed": "In no block the weight of the last batch norm is zero: layers[-1].weight is "
        "{weight:g}. (zeros_ with the underscore changes a tensor in place.)",
        "some-blocks": "{count} of {blocks} blocks are set; a loop misses some.",
        "all-rows": "These are the rows of all {rows} blocks; wanted is the change behind the last "
        "one: [-1]['change'].",
        "measured-before": "{value:.3f} is what the usual twin gives ({loud:.3f}). Measure after "
        "the weights have been set to zero.",
        "first-block": "{value:.3f} is the change behind the first block; wanted is the last.",
        "percent": "{value:.2f} is in percent; twins.nudge gives {quiet:.3f}.",
        "another-change": "You say {value:.4g}; measured in your network with these images it is "
        "{quiet:.4g}.",
    },
)
def quiet_start(guess: Any, network: Any, change: Any, images: Any) -> str:
    """A residual twin whose blocks start as the identity, and what becomes of a nudge in it."""
    guessed = recognise.number(guess, "Your guess")
    net = recognise.network(network, example="my_network")
    blocks = [module for module in net.modules() if isinstance(module, twins.Block)]
    _a_residual_twin(net, blocks)
    _last_norms_at_zero(blocks)
    if isinstance(change, list) and change and isinstance(change[-1], dict):
        raise Mistake("all-rows", rows=len(change))
    recognise.number(change, "The last change")
    x = images.detach()
    rows = twins.nudge(copy_of(net), x)
    quiet, first = float(rows[-1]["change"]), float(rows[0]["change"])
    loud = _change_in_the_usual_twin(net, x)
    value = recognise.number(
        change,
        "The last change",
        right=quiet,
        tolerance=TOLERANCE,
        near={
            "measured-before": loud,
            "first-block": (0.9 * first, 1.1 * first),
            "percent": 100 * quiet,
        },
        otherwise="another-change",
        quiet=quiet,
        loud=loud,
    )
    return (
        f"1 % of noise becomes {value:.3f} behind the last block; in the usual twin it becomes "
        f"{loud:.3f}. Your guess was {guessed:g}. All {len(blocks)} blocks only pass x on, so "
        f"what is left comes from the {_others(net)} layers between them. The blocks "
        "are not dead: the zero weights get gradients, and grow."
    )


def _a_residual_twin(net: nn.Module, blocks: list[twins.Block]) -> None:
    """Raise unless the network is a residual twin of 28 layers with batch norm."""
    if not blocks:
        raise Mistake("other-network", seen=describe(net))
    if not all(block.shortcut for block in blocks):
        raise Mistake("plain-network")
    built = twins.Block(1, shortcut=True).layers
    gone = [
        (block, place)
        for block in blocks
        for place in (1, -1)
        if len(block.layers) != len(built) or not isinstance(block.layers[place], nn.BatchNorm2d)
    ]
    if all(len(block.layers) == len(built) - 2 for block in blocks):
        raise Mistake("no-batch-norm")
    if gone:
        block, place = gone[0]
        seen = describe(block.layers[place]) if len(block.layers) else "nothing"
        count = len({id(block) for block, _ in gone})
        raise Mistake("other-layers", count=count, blocks=len(blocks), seen=seen)
    if len(blocks) != (DEPTH - 4) // 2:
        raise Mistake("other-depth", blocks=len(blocks), layers=4 + 2 * len(blocks))


def _last_norms_at_zero(blocks: list[twins.Block]) -> None:
    """Raise unless in each block the weight of the last batch norm, and of no other, is zero."""
    first = [b for b in blocks if not _parameter(b, 1).any()]
    last = [b for b in blocks if not _parameter(b, -1).any()]
    if first:
        raise Mistake("first-norm", count=len(first))
    if len(last) == len(blocks):
        if any(_parameter(b, -1, "bias").any() for b in blocks):
            raise Mistake("bias-left")
        return
    if last:
        raise Mistake("some-blocks", count=len(last), blocks=len(blocks))
    if not any(_parameter(b, 3).any() for b in blocks):
        raise Mistake("convolution-zeroed")
    if all(_parameter(b, -1).abs().max() <= 0.01 for b in blocks):
        raise Mistake("only-small")
    raise Mistake("not-zeroed", weight=_parameter(blocks[0], -1)[0].item())


def _parameter(block: twins.Block, place: int, name: str = "weight") -> Tensor:
    """Return a parameter of a block's layer: 1 is its first norm, 3 its last convolution."""
    return block.layers[place].get_parameter(name)


def _others(net: nn.Module) -> int:
    """Return how many convolutions lie outside the blocks."""
    inside = {id(m) for b in net.modules() if isinstance(b, twins.Block) for m in b.modules()}
    return sum(isinstance(m, nn.Conv2d) and id(m) not in inside for m in net.modules())


@torch.no_grad()
def _change_in_the_usual_twin(net: nn.Module, x: Tensor) -> float:
    """Return the last change in the same network with the last norms' weights back at one."""
    usual = copy_of(net)
    for block in usual.modules():
        if isinstance(block, twins.Block):
            nn.init.ones_(_parameter(block, -1))
    return float(twins.nudge(usual, x)[-1]["change"])
