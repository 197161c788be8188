"""Answers to the exercises of lesson 03."""

import math
from collections.abc import Callable
from typing import Any

from tests.exercises.harness import Cases
from tests.lesson04.cases import numbers

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2, resnet18

FLOOR = -math.log(math.e / (math.e + 9))


def resnet(change: Callable[[Any], Any], shape: Any = (2, 5)) -> Callable[[], tuple[Any, ...]]:
    def make() -> tuple[Any, ...]:
        model = resnet18()
        change(model)
        return model, shape

    return make


def head(layer: Callable[[], nn.Module]) -> Callable[[Any], None]:
    return lambda model: setattr(model, "fc", layer())


def five(model: Any) -> None:
    model.fc = nn.Linear(model.fc.in_features, 5)


def loss(function: Callable[[nn.Module, Tensor, Tensor], Any]) -> Callable[[], tuple[Any, ...]]:
    return lambda: (FLOOR, function)


def right_loss(head: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(head(x), y)


def by_hand(head: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return -head(x).log_softmax(1)[torch.arange(len(y)), y].mean()


def gradient_lost(head: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(head(x), y)


CASES = {
    "head_size": Cases(
        right=(
            numbers(47397, 47397),
            numbers(1281 * 37, 47397.0),
            numbers(47397, torch.tensor(47397)),
        ),
        wrong={
            "no-bias": numbers(47360, 47397),
            "bias-of-inputs": numbers(48640, 47397),
            "old-head": numbers(47397, 1_281_000),
            "whole-network": numbers(47397, 2_271_269),
            "another-number": numbers(47397, 47398),
            "unfinished": numbers(47397, ...),
        },
    ),
    "resnet_head": Cases(
        right=(
            resnet(five),
            resnet(head(lambda: nn.Sequential(nn.Dropout(0.2), nn.Linear(512, 5))), [2, 5]),
            resnet(five, torch.Size([2, 5])),
            lambda: (nn.DataParallel(resnet18(num_classes=5)), (2, 5)),
            lambda: (torch.compile(resnet18(num_classes=5), backend="eager"), torch.tensor([2, 5])),
        ),
        wrong={
            "not-replaced": resnet(lambda m: None),
            "other-name": resnet(lambda m: m.add_module("classifier", nn.Linear(512, 5))),
            "only-the-number": resnet(lambda m: setattr(m.fc, "out_features", 5)),
            "wrong-inputs": resnet(head(lambda: nn.Linear(1280, 5))),
            "wrong-width": resnet(head(lambda: nn.Linear(512, 10))),
            "softmax-in-head": resnet(
                head(lambda: nn.Sequential(nn.Linear(512, 5), nn.Softmax(1)))
            ),
            "log-softmax-in-head": resnet(
                head(lambda: nn.Sequential(nn.Linear(512, 5), nn.LogSoftmax(1)))
            ),
            "scores": resnet(five, torch.zeros(2, 5)),
            "other-network": lambda: (mobilenet_v2(num_classes=5), (2, 5)),
            "one-image": resnet(five, (1, 5)),
            "old-scores": resnet(five, (2, 1000)),
            "wrong-shape": resnet(five, (5, 2)),
            "a-state-dict": lambda: (resnet18().state_dict(), (2, 5)),
        },
    ),
    "seven_by_seven": Cases(
        right=(
            numbers(224),
            numbers(200),
            numbers([193, 224]),
            numbers(range(193, 225)),
            numbers(np.arange(193, 225)),
            numbers(torch.tensor([200, 224])),
            numbers(torch.tensor(224)),
            numbers(pd.Series([193, 224])),
        ),
        wrong={
            "the-map-itself": numbers(7),
            "halvings": numbers(112),
            "too-small": numbers(160),
            "too-large": numbers(256),
            "no-size": numbers(0.5),
        },
    ),
    "softmax_twice": Cases(
        right=(
            loss(right_loss),
            loss(by_hand),
            lambda: (1.4612, lambda h, x, y: nn.CrossEntropyLoss()(h(x), y)),
            loss(lambda h, x, y: F.nll_loss(h(x).log_softmax(1), y)),
        ),
        wrong={
            "zero": lambda: (0, right_loss),
            "guessing": lambda: (math.log(10), right_loss),
            "a-probability": lambda: (0.232, right_loss),
            "sign": lambda: (-FLOOR, right_loss),
            "another-number": lambda: (0.7, right_loss),
            "no-loss": loss(lambda h, x, y: "2.3"),
            "plain-number": loss(lambda h, x, y: F.cross_entropy(h(x), y).item()),
            "three-softmaxes": loss(lambda h, x, y: F.cross_entropy(h(x).softmax(1).softmax(1), y)),
            "sigmoid": loss(lambda h, x, y: F.cross_entropy(h(x).sigmoid(), y)),
            "label-smoothing": loss(lambda h, x, y: F.cross_entropy(h(x), y, label_smoothing=0.1)),
            "still-softmax": loss(lambda h, x, y: F.cross_entropy(h(x).softmax(1), y)),
            "nll-of-probabilities": loss(lambda h, x, y: F.nll_loss(h(x).softmax(1), y)),
            "summed": loss(lambda h, x, y: F.cross_entropy(h(x), y, reduction="sum")),
            "another-loss": loss(lambda h, x, y: 2.5 * F.cross_entropy(h(x), y)),
            "no-gradient": loss(gradient_lost),
        },
    ),
}
