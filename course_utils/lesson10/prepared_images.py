"""Exercise 10.2: from stored images to what a network's weights expect, written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.world import IMAGENET_MEAN, IMAGENET_STD, Weights

import torch
from torch import Tensor

COLOURS = ((255, 255, 255), (0, 0, 0), (200, 90, 30), (10, 60, 150), (33, 77, 5))
STORED = 20  # pixels of the images that the check tries; whatever the weights were trained with
SEEN = " The colour {colour} became ({now}); with these weights it is ({wanted})."


@exercise(
    "10.2",
    wanted="a function of uint8 images (n, 3, h, w) that gives what the network wants",
    given=("own",),
    hints=(
        "Three steps, in this order: scale of 0 to 1, size of the weights, normalisation.",
        "own.mean is a triple, one number a channel. torch.tensor(own.mean).view(3, 1, 1) has a "
        "shape that fits images of shape (n, 3, h, w).",
        "x = F.interpolate(images.float() / 255, size=(own.size, own.size), mode='bilinear'), then "
        "subtract the mean and divide by own.std.",
    ),
    mistakes={
        "triple-in-a-row": "{error}. A triple of shape (3,) meets the last dimension, which is the "
        "width; the channels are the second. With view(3, 1, 1) it meets these.",
        "no-tensor": "The function gave {seen}; wanted is a tensor.",
        "whole-numbers": "The result has the type {dtype}: a convolution wants floats. Begin with "
        "images.float().",
        "channels-last": "Five images of {stored} px came out as {shape}: the colours stand last, "
        "PyTorch wants them second.",
        "not-resized": "Five images of {stored} px came out as {shape}: not resized. At {stored} "
        "px each thing is smaller than anything that these weights have seen; they were trained "
        "at {size} px.",
        "wrong-size": "Five images of {stored} px came out as {shape}; these weights were trained "
        "at {size} px.",
        "wrong-shape": "Five images of {stored} px came out as {shape}; wanted is "
        "(5, 3, {size}, {size}).",
        "no-normalisation": "The images are on the scale of 0 to 1, and that is all: mean and "
        "standard deviation were not used." + SEEN,
        "not-scaled": "The images were normalised on their stored scale of 0 to 255. Mean and "
        "deviation belong to the scale of 0 to 1: divide by 255 first." + SEEN,
        "still-bytes": "The values still go up to 255: neither scaled nor normalised." + SEEN,
        "imagenet": "This is ImageNet's mean and deviation, which most examples show. These "
        "weights have other ones." + SEEN,
        "half": "This is 0.5 and 0.5. It makes every channel go from -1 to 1, and asks nobody what "
        "the weights have seen." + SEEN,
        "only-shifted": "The mean is subtracted, but nothing is divided by the standard deviation."
        + SEEN,
        "only-divided": "It is divided by the standard deviation, but the mean is not subtracted."
        + SEEN,
        "multiplied": "It is multiplied by the standard deviation where it should be divided."
        + SEEN,
        "exchanged": "Mean and standard deviation have changed places." + SEEN,
        "mean-added": "The mean is added where it should be subtracted." + SEEN,
        "own-statistics": "Mean and deviation come from these very images. Then a dark batch and a "
        "bright one look alike, and an image changes with its neighbours." + SEEN,
        "channels-reversed": "Red and blue have changed places, as in images that OpenCV reads."
        + SEEN,
        "divided-by-256": "Divided by 256 and not by 255: white should become exactly 1." + SEEN,
        "other-numbers": "Other numbers than expected." + SEEN,
        "not-flat": "The images of this test have one colour each, and came out with other colours "
        "at some places: was something padded? Resize the image to the full size.",
    },
)
def by_hand(function: Any, own: Weights) -> str:
    """Resize, scale and normalise as these weights were trained."""
    prepare = recognise.function(function, "my_prepare")
    # five images of one colour each, so that no way of resizing matters
    colours = torch.tensor(COLOURS, dtype=torch.uint8)
    stored = colours.view(5, 3, 1, 1).repeat(1, 1, STORED, STORED)
    try:
        given = prepare(stored.clone())
    except RuntimeError as error:
        if "must match the size" not in str(error):
            raise
        raise Mistake("triple-in-a-row", error=str(error).splitlines()[0]) from error
    if not isinstance(given, Tensor):
        raise Mistake("no-tensor", seen=describe(given))
    if not given.is_floating_point():
        raise Mistake("whole-numbers", dtype=given.dtype)
    _right_shape(tuple(given.shape), own.size)
    given = given.detach().cpu().float()
    middle = own.size // 2
    _right_numbers(given[:, :, middle, middle], colours.float(), own)
    if (given.amax((2, 3)) - given.amin((2, 3))).max() > 1e-2:
        raise Mistake("not-flat")
    return (
        f"Scaled, {own.size} px, and each channel by the weights' own numbers. That is all that "
        "the course's Prepare does; torchvision's weights bring theirs along as "
        "weights.transforms()."
    )


def _right_shape(shape: tuple[int, ...], size: int) -> None:
    """Raise unless the images have the size of the weights, channels first."""
    if shape == (5, 3, size, size):
        return
    if shape == (5, size, size, 3):
        code = "channels-last"
    elif shape == (5, 3, STORED, STORED):
        code = "not-resized"
    else:
        code = "wrong-size" if len(shape) == 4 and shape[:2] == (5, 3) else "wrong-shape"
    raise Mistake(code, stored=STORED, shape=shape, size=size)


def _right_numbers(found: Tensor, stored: Tensor, own: Weights) -> None:
    """Raise unless each colour became what the weights expect.

    found, stored : (5, 3), one colour a row
    """
    mean, std = torch.tensor(own.mean), torch.tensor(own.std)
    right = (stored / 255 - mean) / std
    if torch.allclose(found, right, atol=2e-3):
        return
    known = _mistaken(stored, mean, std)
    code = next((c for c, x in known if torch.allclose(found, x, atol=2e-3)), "other-numbers")
    now, wanted = (", ".join(f"{x:.2f}" for x in row[2].tolist()) for row in (found, right))
    raise Mistake(code, colour=COLOURS[2], now=now, wanted=wanted)


def _mistaken(stored: Tensor, mean: Tensor, std: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What the known mistakes make of the same colours."""
    x = stored / 255
    imagenet = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    yield "no-normalisation", x
    yield "still-bytes", stored
    yield "not-scaled", (stored - mean) / std
    yield "imagenet", (x - imagenet[0]) / imagenet[1]
    yield "half", (x - 0.5) / 0.5
    yield "only-shifted", x - mean
    yield "only-divided", x / std
    yield "multiplied", (x - mean) * std
    yield "exchanged", (x - std) / mean
    yield "mean-added", (x + mean) / std
    for unbiased in (False, True):  # of each channel over the batch, and of each image alone
        yield "own-statistics", (x - x.mean(0)) / x.std(0, unbiased=unbiased)
    pixels = x.view(5, 3, 1, 1).expand(5, 3, 64, 64).transpose(0, 1).flatten(1)
    yield "own-statistics", (x - pixels.mean(1)) / pixels.std(1)
    yield "own-statistics", (x - x.mean()) / x.std()
    yield "channels-reversed", ((x - mean.flip(0)) / std.flip(0)).flip(1)
    yield "channels-reversed", (x.flip(1) - mean) / std
    yield "divided-by-256", (stored / 256 - mean) / std
