"""Exercises of lesson 00, start here."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
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
)
def head_share(share: Any, model: nn.Module) -> str:
    """Share of the network's parameters that sits in the new head."""
    value = recognise.number(share, "The share")
    head = find_head(model)[1]
    inside = sum(p.numel() for p in head.parameters())
    everything = sum(p.numel() for p in model.parameters())

    def near(wanted: float) -> bool:
        return abs(value - wanted) <= 0.003 * wanted

    if near(inside / everything) or near(head.weight.numel() / everything):
        return (
            f"{value:.2%} of all numbers: that is all that was trained here. Everything else came "
            "from the pretraining."
        )
    if near(100 * inside / everything):
        raise wrong("percent", f"{value:g} is in percent. As a share it is {value / 100:.4f}.")
    if near(1 - inside / everything):
        raise wrong("the-backbone", f"{value:.4f} is the share of everything but the head.")
    if near(inside / (everything - inside)):
        raise wrong(
            "of-the-backbone",
            "You divided by the backbone's parameters; the whole network has the head's as well.",
        )
    if near(everything / inside):
        raise wrong("upside-down", f"{value:g} is the whole divided by the part: turn it over.")
    if near(inside):
        raise wrong(
            "a-count", f"{value:,.0f} is a count. Divide it by the count of all parameters."
        )
    tensors = len(list(head.parameters())) / len(list(model.parameters()))
    if near(tensors):
        raise wrong(
            "tensors",
            f"{value:.4f} is the share of the tensors. They differ much in size: count their "
            "numbers, with numel().",
        )
    raise wrong("another-share", f"{value:g} is not it. Which parameters did you count?")


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
)
def sure_and_wrong(place: Any, scores: Tensor, labels: Tensor) -> str:
    """Place of the test image that the network gets wrong with the greatest certainty."""
    value = recognise.number(place, "The place")
    sure, answer = scores.detach().softmax(1).max(1)
    bad = answer != labels.to(answer.device)
    if not bool(bad.any()):
        raise wrong("no-mistake", "The network is right on all test images: there is none to find.")
    if value != int(value) or not -len(labels) <= value < len(labels):
        if 0 < value < 1:
            raise wrong(
                "a-share", f"{value:g} is how sure it is. Wanted is which image: argmax, not max."
            )
        raise wrong("out-of-range", f"There is no image {value:g}; there are {len(labels)}.")
    here = int(value) % len(labels)
    _right_place(here, sure, bad)
    return f"{sure[here]:.0%} sure and wrong. Look at it, and decide whether you would have known."


def _right_place(here: int, sure: Tensor, bad: Tensor) -> None:
    """Raise unless this is the image that is wrong with the greatest certainty."""
    wanted = int(sure.masked_fill(~bad, 0).argmax())
    if here == wanted or (bool(bad[here]) and torch.isclose(sure[here], sure[wanted])):
        return
    if here == int(sure.argmax()):
        raise wrong(
            "sure-and-right",
            f"Image {here} is the one it is most sure of, {sure[here]:.0%}, and it is right. "
            "Look among the mistakes only.",
        )
    among = int(sure[bad].argmax())
    if here == among:
        raise wrong(
            "place-among-mistakes",
            f"{here} is the place among the {int(bad.sum())} mistakes. Wanted is the place among "
            "all test images: bad.nonzero() leads back.",
        )
    if not bool(bad[here]):
        raise wrong("not-a-mistake", f"Image {here} is answered rightly, {sure[here]:.0%} sure.")
    if here == int(sure.masked_fill(~bad, 2).argmin()):
        raise wrong("least-sure", f"Image {here} is the mistake that it is least sure of.")
    raise wrong(
        "less-sure",
        f"Image {here} is a mistake, {sure[here]:.0%} sure; there is one with {sure[wanted]:.0%}.",
    )
