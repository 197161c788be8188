"""The changed networks of `partial_loading`, and the ways to load old weights into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_utils.lesson06 import surgery

import torch
from torch import nn
from torchvision.models import MobileNetV2

State = dict[str, torch.Tensor]
PLACE = 5  # where a block is inserted, and the shallow one of the two that are widened
DEEP = 14
WIDER = 1.25


@dataclass(frozen=True)
class Case:
    """A changed network, and a way to load the old weights into it.

    Parameters
    ----------
    change, load : str
        What to call them in the record.
    operate : callable, optional
        Changes the network in place.
    refit : callable, optional
        Makes the checkpoint fit; without it, it is taken as it is.
    silence : bool, optional
        After loading, start the inserted block as the identity: the scale of its last batch norm
        becomes 0, as in "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", Priya Goyal
        and others, 2017.
    width, channels, grey : optional
        Factor on all widths, input channels, and whether images are made grey.
    tune : bool, optional
        Fine-tune it, too, which takes most of the time.
    """

    change: str
    load: str
    operate: Callable[[MobileNetV2], object] = lambda model: None
    refit: Callable[[MobileNetV2, State], State] = lambda model, state: state
    silence: bool = False
    width: float = 1.0
    channels: int = 3
    grey: bool = False
    tune: bool = True


def two_layer_head(model: MobileNetV2) -> None:
    """A hidden layer between the features and the scores."""
    old = model.classifier[1]
    assert isinstance(old, nn.Linear)
    model.classifier = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(old.in_features, 256), nn.ReLU(),
        nn.Linear(256, old.out_features),
    )  # fmt: skip


def widen(place: int) -> Callable[[MobileNetV2], object]:
    return lambda model: surgery.widen_block(model, place, 2.0)


def insert(model: MobileNetV2) -> None:
    surgery.insert_block(model, PLACE)


def double_channels(place: int) -> Callable[[MobileNetV2, State], State]:
    """Channels copied so that the block computes what it did."""

    def refit(model: MobileNetV2, state: State) -> State:
        hidden = 2 * state[f"features.{place}.conv.2.weight"].shape[1]
        return surgery.widen_weights(state, place, hidden, noise=0.05)

    return refit


def overlap(model: MobileNetV2, state: State) -> State:
    return surgery.copy_overlap(model, state)[0]


def shift(model: MobileNetV2, state: State) -> State:
    return surgery.shift_blocks(state, PLACE)


def inputs(channels: int) -> Callable[[MobileNetV2], object]:
    """Another number of input channels, with torchvision's own first weights."""

    def operate(model: MobileNetV2) -> None:
        outputs = len(model.features.get_parameter("0.0.weight"))
        new = nn.Conv2d(channels, outputs, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(new.weight, mode="fan_out")
        model.features.set_submodule("0.0", new)

    return operate


def refit_inputs(
    how: Callable[[torch.Tensor], torch.Tensor],
) -> Callable[[MobileNetV2, State], State]:
    """The kernels of the first convolution made to fit."""
    name = "features.0.0.weight"
    return lambda model, state: {**state, name: how(state[name])}


def summed(kernels: torch.Tensor) -> torch.Tensor:
    """For one channel: a grey image gives what it gave as three equal channels."""
    return kernels.sum(1, keepdim=True)


def zero_added(kernels: torch.Tensor) -> torch.Tensor:
    """For four channels: whatever the fourth carries, the output is the old one."""
    return torch.cat([kernels, torch.zeros_like(kernels[:, :1])], 1)


def repeated(kernels: torch.Tensor) -> torch.Tensor:
    """For four channels: the first kernel once more, scaled so that the sum stays."""
    return kernels[:, [0, 1, 2, 0]] * (3 / 4)


@dataclass(frozen=True)
class InputChannels:
    """Prepares images for 1 channel, the mean of three; for 3; or for 4, the mean behind them."""

    prepare: Callable[[torch.Tensor], torch.Tensor]
    channels: int

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 `(n, 3, h, w)` to float32 `(n, channels, size, size)`, channels_last."""
        x = self.prepare(images)
        if self.channels == 3:
            return x
        mean = x.mean(1, keepdim=True)
        x = mean if self.channels == 1 else torch.cat([x, mean], 1)
        return x.contiguous(memory_format=torch.channels_last)


def to_grey(images: torch.Tensor) -> torch.Tensor:
    """The brightness of uint8 `(n, 3, h, w)` as in ITU-R BT.601, rounded, three times over."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    grey = (images.float() * weights).sum(1, keepdim=True).round().to(torch.uint8)
    return grey.expand_as(images).contiguous()


def silu(model: MobileNetV2) -> None:
    surgery.replace_activations(model, nn.ReLU6, nn.SiLU)


SHALLOW = f"block {PLACE} twice as wide"
DEEPER = f"block {DEEP} twice as wide"
INSERTED = f"a block inserted at {PLACE}"
ALL_WIDER = "all blocks wider by a quarter"
CASES = (
    Case("untouched", "as it is"),
    Case("keys renamed", "as it is", refit=lambda model, state: {}),
    Case("two-layer head", "as it is", two_layer_head, tune=False),
    Case(INSERTED, "as it is", insert),
    Case(INSERTED, "keys shifted", insert, shift),
    Case(INSERTED, "keys shifted, last norm zero", insert, shift, silence=True),
    Case(SHALLOW, "as it is", widen(PLACE)),
    Case(SHALLOW, "overlap copied", widen(PLACE), overlap, tune=False),
    Case(SHALLOW, "channels copied", widen(PLACE), double_channels(PLACE), tune=False),
    Case(DEEPER, "as it is", widen(DEEP)),
    Case(DEEPER, "channels copied", widen(DEEP), double_channels(DEEP)),
    Case(ALL_WIDER, "as it is", width=WIDER),
    Case(ALL_WIDER, "overlap copied", refit=overlap, width=WIDER),
    Case("SiLU for ReLU6", "as it is", silu),
    Case("grey through 3 channels", "as it is", grey=True, tune=False),
    Case("1 input channel", "as it is", inputs(1), channels=1, grey=True),
    Case("1 input channel", "summed", inputs(1), refit_inputs(summed), channels=1, grey=True),
    Case("4 input channels", "as it is", inputs(4), channels=4, tune=False),
    Case(
        "4 input channels",
        "new one zero",
        inputs(4),
        refit_inputs(zero_added),
        channels=4,
        tune=False,
    ),
    Case("4 input channels", "repeated", inputs(4), refit_inputs(repeated), channels=4, tune=False),
)
