"""Exercises of lesson 00, start here."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake
from course_utils.networks.heads import find_head

import torch
from torch import Tensor, nn


@exercise(
    "0.1",
    wanted="a share, a number between 0 and 1",
    given=("model",),
    hints=(
        "A parameter tells how many numbers it holds: p.numel().",
        "The new head is model.classifier[1]: count its parameters, and those of the whole model.",
        "sum(p.numel() for p in model.classifier[1].parameters()), divided by the same sum over "
        "model.parameters().",
    ),
    mistakes={
        "percent": "{value:g} is in percent. As a share it is {share:.4f}.",
        "the-backbone": "{value:.4f} is the share of everything but the head.",
        "of-the-backbone": "You divided by the backbone's parameters; the whole network has the "
        "head's as well.",
        "upside-down": "{value:g} is the whole divided by the part: turn it over.",
        "a-count": "{value:,.0f} is a count. Divide it by the count of all parameters.",
        "tensors": "{value:.4f} is the share of the tensors. They differ much in size: count their "
        "numbers, with numel().",
        "another-share": "{value:g} is not it. Which parameters did you count?",
    },
)
def head_share(share: Any, model: nn.Module) -> str:
    """Share of the network's parameters that sits in the new head."""
    head = find_head(model)[1]
    inside, everything = _size(head), _size(model)
    right = inside / everything
    value = recognise.number(
        share,
        "The share",
        right=[right, head.weight.numel() / everything],
        tolerance=0.003,
        near={
            "percent": 100 * right,
            "the-backbone": 1 - right,
            "of-the-backbone": inside / (everything - inside),
            "upside-down": 1 / right,
            "a-count": inside,
            "tensors": len(list(head.parameters())) / len(list(model.parameters())),
        },
        otherwise="another-share",
        share=right,
    )
    return (
        f"{value:.2%} of all numbers: that is all that was trained here. Everything else came from "
        "the pretraining."
    )


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@exercise(
    "0.2",
    wanted="the place of one test image, a whole number",
    given=("scores", "labels"),
    hints=(
        "Take the images where the answer is wrong, and of these the one with the highest share.",
        "Set the certainty of all right answers to zero; then take the largest that is left.",
        "sure, answer = model.classifier(test_x).softmax(1).max(1); "
        "int(sure.masked_fill(answer == test_y, 0).argmax())",
    ),
    mistakes={
        "no-mistake": "The network is right on all test images: there is none to find.",
        "a-share": "{value:g} is how sure it is. Wanted is which image: argmax, not max.",
        "out-of-range": "There is no image {value:g}; there are {count}, from 0 to {last}.",
        "sure-and-right": "Image {place} is the one it is most sure of, {sure:.0%}, and it is "
        "right. Look among the mistakes only.",
        "place-among-mistakes": "{place} is the place among the {bad} mistakes. Wanted is the "
        "place among all test images: bad.nonzero() leads back.",
        "not-a-mistake": "Image {place} is answered rightly, {sure:.0%} sure.",
        "least-sure": "Image {place} is the mistake that it is least sure of.",
        "less-sure": "Image {place} is a mistake, {sure:.0%} sure; there is one with {most:.0%}.",
    },
)
def sure_and_wrong(place: Any, scores: Tensor, labels: Tensor) -> str:
    """Place of the test image that the network gets wrong with the greatest certainty."""
    value = recognise.number(place, "The place")
    sure, answer = scores.detach().softmax(1).max(1)
    bad = answer != labels.to(answer.device)
    if not bool(bad.any()):
        raise Mistake("no-mistake")
    count = len(labels)
    if value != int(value) or not -count <= value < count:
        code = "a-share" if 0 < value < 1 else "out-of-range"
        raise Mistake(code, value=value, count=count, last=count - 1)
    here = int(value) % count
    wanted = int(sure.masked_fill(~bad, 0).argmax())
    if not bad[here] or not torch.isclose(sure[here], sure[wanted]):
        code = _other_place(here, sure, bad)
        most = sure[wanted].item()
        raise Mistake(code, place=here, sure=sure[here].item(), most=most, bad=int(bad.sum()))
    return f"{sure[here]:.0%} sure and wrong. Look at it, and decide whether you would have known."


def _other_place(here: int, sure: Tensor, bad: Tensor) -> str:
    """Return which image was taken instead of the surest mistake: the code of a mistake."""
    if here == int(sure.argmax()):
        return "sure-and-right"
    if here == int(sure[bad].argmax()):
        return "place-among-mistakes"
    if not bool(bad[here]):
        return "not-a-mistake"
    return "least-sure" if here == int(sure.masked_fill(~bad, 2).argmin()) else "less-sure"
