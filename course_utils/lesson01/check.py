"""Exercises of lesson 01, pretrained weights; those about state dicts are in lesson01_states.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.lesson01.check_states import best_epoch, what_differs

from torch import Tensor

__all__ = ["best_epoch", "eight_bits", "resnet_field", "what_differs"]

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
FIELD = 27  # pixels that a position behind ResNet-18's first residual block sees
SIZES = {32, 48, 64, 96, 128, 160, 192, 224, 256}  # of whole images, as one would choose them


@exercise(
    "1.1",
    wanted="the number of bytes, a whole number",
    hints=(
        "There are two types of tensors in the file: floats and whole numbers.",
        "tensor.numel() says how many numbers a tensor has, tensor.is_floating_point() of which "
        "type they are.",
        "sum(t.numel() * (1 if t.is_floating_point() else 8) for t in state.values())",
    ),
    given=("state",),
)
def eight_bits(bytes_needed: Any, state: Mapping[str, Tensor]) -> str:
    """Bytes of the checkpoint with one byte a float, and eight bytes a counter."""
    value = recognise.number(bytes_needed, "The size")
    floats = sum(t.numel() for t in state.values() if t.is_floating_point())
    counters = sum(t.numel() for t in state.values() if not t.is_floating_point())
    right = floats + 8 * counters
    if value == right:
        return (
            f"{right:,} bytes, about a quarter of float32; the {counters} counters take "
            f"{8 * counters} of them. What eight bits cost in accuracy is another question."
        )
    if value == sum(t.numel() * t.element_size() for t in state.values()):
        raise wrong(
            "as-stored",
            f"{value:,.0f} bytes are what the numbers take now. element_size() tells the width "
            "that they have; wanted is one byte a float.",
        )
    _other_widths(value, floats, counters)
    trained = sum(t.numel() for n, t in state.items() if n.rpartition(".")[2] not in BUFFERS)
    if value in (trained, trained + counters, trained + 8 * counters):
        raise wrong(
            "statistics-forgotten",
            f"{value:,.0f} leaves out running_mean and running_var, {floats - trained:,} floats. "
            "They are in the file too, and the network is lost without them.",
        )
    if value == len(state):
        raise wrong("tensors-counted", f"{value:.0f} is the number of tensors, not of bytes.")
    if any(math.isclose(value, right / unit, rel_tol=0.01) for unit in (1e3, 1024, 1e6, 2**20)):
        raise wrong("another-unit", f"{value:g} is in kilobytes or megabytes; wanted are bytes.")
    raise wrong(
        "another-count",
        f"{value:,.0f} is not it. Go through state.values(): a byte for each number of a float "
        "tensor, eight for each number of the others.",
    )


def _other_widths(value: float, floats: int, counters: int) -> None:
    """Raise if the right numbers were counted, with another number of bytes for each."""
    if value == floats:
        raise wrong(
            "counters-left-out",
            f"{value:,.0f} are the floats alone. The file also holds {counters} counters of eight "
            "bytes.",
        )
    if value == floats + counters:
        raise wrong(
            "counters-shrunk",
            f"{value:,.0f} gives the {counters} counters one byte each, as it were for 0 to 255 "
            "batches. They stay int64: eight bytes.",
        )
    if value in (8 * floats, 8 * (floats + counters), 8 * (floats + 8 * counters)):
        raise wrong("in-bits", f"{value:,.0f} counts bits: eight of these are one byte.")
    for width in (2, 4):
        if value in [width * floats + extra * counters for extra in (0, width, 8)]:
            raise wrong(
                "wider-floats",
                f"{value:,.0f} counts {width} bytes a float, as float{8 * width} takes. Eight bits "
                "are one byte.",
            )


@exercise(
    "1.3",
    wanted="your guess and the measured side in pixels, two numbers",
    guessed=True,
    hints=(
        "The lesson's cell with autograd does it. What differs is how the response is computed.",
        "x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(noise)))), then "
        "resnet.layer1[0](x), with a network in eval mode.",
        "By hand: 1 and 6 from the 7 x 7 convolution; then 2 * 2 for the pooling, which works on a "
        "map in steps of 2; then 2 * 4 for each of the two convolutions, in steps of 4.",
    ),
)
def resnet_field(guess: Any, side: Any) -> str:
    """Side of the receptive field behind ResNet-18's first residual block."""
    guessed = recognise.number(guess, "Your guess")
    value = recognise.number(side, "The side")
    if value == FIELD:
        off = abs(guessed - FIELD)
        near = "right" if off == 0 else f"{off:g} pixels off"
        return (
            f"{FIELD} pixels, 1 + 6 + 2 * 2 + 2 * 4 + 2 * 4: the stride of the early layers makes "
            f"all later ones count more. Your guess was {near}."
        )
    if value in SIZES:
        raise wrong(
            "whole-image",
            f"{value:.0f} is the whole image. In train mode batch norm takes its mean over all "
            "positions, so each of them depends on every pixel: call eval(). Or was more than one "
            "position of the map summed?",
        )
    _other_fields(value)
    raise wrong(
        "another-side",
        f"{value:g} is not it. Measure as in 1.5: the pixels at which the gradient of one position "
        "is not zero.",
    )


def _other_fields(value: float) -> None:
    """Raise if a number of pixels belongs to other layers, or to a known slip."""
    if value == FIELD - 1:
        raise wrong("fence-posts", f"Last pixel minus first is {value:.0f}; both ends count: + 1.")
    if value == FIELD**2:
        raise wrong("area", f"{value:.0f} are all pixels of the square; wanted is its side.")
    if value in (7, 11):
        where = "the first convolution" if value == 7 else "the pooling"
        raise wrong("too-early", f"{value:.0f} pixels are seen behind {where}, before layer1[0].")
    if value == 19:
        raise wrong("one-convolution", "19 is one 3 x 3 convolution of the block; it has two.")
    if value == 43:
        raise wrong("whole-layer", "43 is the whole of layer1, two blocks; wanted is layer1[0].")
    if value == 15:
        raise wrong(
            "no-pooling", "15 comes out without the max pooling, which widens and halves too."
        )
    if value == 13:
        raise wrong(
            "no-steps",
            "13 is 7 + 2 + 2 + 2: each layer adds two positions of the map that it reads, and "
            "these are 2 or 4 pixels apart.",
        )
    if value == 37:
        raise wrong(
            "steps-too-early",
            "37 comes out if a layer's own stride counts for itself already, or if a 3 x 3 layer "
            "adds three steps and not two.",
        )
