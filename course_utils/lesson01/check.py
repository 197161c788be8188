"""Exercises of lesson 01, pretrained weights; 1.2 and 1.4 are in state_dicts.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake
from course_utils.lesson01.state_dicts import best_epoch, what_differs

from torch import Tensor

__all__ = ["best_epoch", "eight_bits", "resnet_field", "what_differs"]

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
FIELD = 27  # pixels that a position behind ResNet-18's first residual block sees
SIZES = [32.0, 48, 64, 96, 128, 160, 192, 224, 256]  # of whole images, as one would choose them


@exercise(
    "1.1",
    wanted="the number of bytes, a whole number",
    hints=(
        "There are two types of tensors in the file: floats and whole numbers.",
        "tensor.numel() says how many numbers a tensor has, tensor.is_floating_point() of which "
        "type they are.",
        "sum(t.numel() * (1 if t.is_floating_point() else 8) for t in state.values())",
    ),
    mistakes={
        "as-stored": "{value:,.0f} bytes are what the numbers take now. element_size() tells the "
        "width that they have; wanted is one byte a float.",
        "counters-left-out": "{value:,.0f} are the floats alone. The file also holds {counters} "
        "counters of eight bytes.",
        "counters-shrunk": "{value:,.0f} gives the {counters} counters one byte each, as it were "
        "for 0 to 255 batches. They stay int64: eight bytes.",
        "in-bits": "{value:,.0f} counts bits: eight of these are one byte.",
        "wider-floats": "{value:,.0f} counts {width} bytes a float, as float{bits} takes. Eight "
        "bits are one byte.",
        "statistics-forgotten": "{value:,.0f} leaves out running_mean and running_var, "
        "{statistics:,} floats. They are in the file too, and the network is lost without them.",
        "tensors-counted": "{value:.0f} is the number of tensors, not of bytes.",
        "another-unit": "{value:g} is in kilobytes or megabytes; wanted are bytes.",
        "another-count": "{value:,.0f} is not it. Go through state.values(): a byte for each "
        "number of a float tensor, eight for each number of the others.",
    },
    given=("state",),
)
def eight_bits(bytes_needed: Any, state: Mapping[str, Tensor]) -> str:
    """Bytes of the checkpoint with one byte a float, and eight bytes a counter."""
    value = recognise.number(bytes_needed, "The size")
    floats = sum(t.numel() for t in state.values() if t.is_floating_point())
    counters = sum(t.numel() for t in state.values() if not t.is_floating_point())
    trained = sum(t.numel() for n, t in state.items() if n.rpartition(".")[2] not in BUFFERS)
    right = floats + 8 * counters
    if any(recognise.fits(value, right / unit, 0.01) for unit in (1e3, 1024, 1e6, 2**20)):
        raise Mistake("another-unit", value=value)
    wide = {w: [w * floats + extra * counters for extra in (0, w, 8)] for w in (2, 4)}
    width = next((w for w, sizes in wide.items() if value in sizes), 0)
    recognise.number(
        value,
        "The size",
        right=right,
        tolerance=0,
        near={
            "as-stored": sum(t.numel() * t.element_size() for t in state.values()),
            "counters-left-out": floats,
            "counters-shrunk": floats + counters,
            "in-bits": [8 * floats, 8 * (floats + counters), 8 * right],
            "wider-floats": wide[2] + wide[4],
            "statistics-forgotten": [trained + extra * counters for extra in (0, 1, 8)],
            "tensors-counted": len(state),
        },
        otherwise="another-count",
        counters=counters,
        statistics=floats - trained,
        width=width,
        bits=8 * width,
    )
    return (
        f"{right:,} bytes, about a quarter of float32; the {counters} counters take {8 * counters} "
        "of them. What eight bits cost in accuracy is another question."
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
    mistakes={
        "whole-image": "{value:.0f} is the whole image. In train mode batch norm takes its mean "
        "over all positions, so each of them depends on every pixel: call eval(). Or was more than "
        "one position of the map summed?",
        "fence-posts": "Last pixel minus first is {value:.0f}; both ends count: + 1.",
        "area": "{value:.0f} are all pixels of the square; wanted is its side.",
        "too-early": "{value:.0f} is too early: behind the first convolution 7 pixels are seen, "
        "behind the pooling 11; layer1[0] comes after both.",
        "one-convolution": "19 is one 3 x 3 convolution of the block; it has two.",
        "whole-layer": "43 is the whole of layer1, two blocks; wanted is layer1[0].",
        "no-pooling": "15 comes out without the max pooling, which widens and halves too.",
        "no-steps": "13 is 7 + 2 + 2 + 2: each layer adds two positions of the map that it "
        "reads, and these are 2 or 4 pixels apart.",
        "steps-too-early": "37 comes out if a layer's own stride counts for itself already, or if "
        "a 3 x 3 layer adds three steps and not two.",
        "another-side": "{value:g} is not it. Measure as in 1.5: the pixels at which the "
        "gradient of one position is not zero.",
    },
)
def resnet_field(guess: Any, side: Any) -> str:
    """Side of the receptive field behind ResNet-18's first residual block."""
    guessed = recognise.number(guess, "Your guess")
    recognise.number(
        side,
        "The side",
        right=FIELD,
        tolerance=0,
        near={
            "whole-image": SIZES,
            "fence-posts": FIELD - 1,
            "area": FIELD**2,
            "too-early": [7, 11],
            "one-convolution": 19,
            "whole-layer": 43,
            "no-pooling": 15,
            "no-steps": 13,
            "steps-too-early": 37,
        },
        otherwise="another-side",
    )
    near = "right" if guessed == FIELD else f"{abs(guessed - FIELD):g} pixels off"
    return (
        f"{FIELD} pixels, 1 + 6 + 2 * 2 + 2 * 4 + 2 * 4: the stride of the early layers makes all "
        f"later ones count more. Your guess was {near}."
    )
