"""Blocks for the open exercise of lesson 02: right ones, and those that students write."""

from collections.abc import Callable
from typing import Any

from tests.exercises.harness import Cases

import torch
from torch import Tensor, nn


def layers(inputs: int, outputs: int, stride: int, *, norm: bool = True) -> nn.Sequential:
    parts = [
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs) if norm else nn.Identity(),
    ]
    return nn.Sequential(*parts)


class Projected(nn.Module):
    """The reference: x itself where it fits, a convolution of size 1 elsewhere."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layers = layers(inputs, outputs, stride)
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Any:
        return torch.relu(self.layers(x) + self.shortcut(x))


class Inverted(nn.Module):
    """As in MobileNetV2: no ReLU behind the sum, and no shortcut where x does not fit."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(nn.Conv2d(inputs, 3 * inputs, 1, bias=False), nn.BatchNorm2d(3 * inputs)),
            nn.ReLU6(),
            nn.Conv2d(3 * inputs, 3 * inputs, 3, stride, 1, groups=3 * inputs, bias=False),
            *(nn.BatchNorm2d(3 * inputs), nn.ReLU6()),
            *(nn.Conv2d(3 * inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)),
        )
        self.fits = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.fits else y


class Quiet(Projected):
    """Starts as the identity; its projection is a mean, followed by zeros for new channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        norm = self.layers[-1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)
        self.shortcut = nn.Identity()
        self.more, self.stride = outputs - inputs, stride

    def forward(self, x: Tensor) -> Tensor:
        short = nn.functional.avg_pool2d(x, self.stride) if self.stride > 1 else x
        short = nn.functional.pad(short, (0, 0, 0, 0, 0, self.more))
        return torch.relu(self.layers(x) + short)


def block(
    forward: Callable[[Any, Tensor], Any], make: Callable[..., nn.Module] = layers
) -> Callable[[], tuple[Any, ...]]:
    """A class like the reference with another forward pass, or other layers."""

    class MyBlock(Projected):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__(inputs, outputs, stride)
            self.layers = make(inputs, outputs, stride)  # type: ignore[assignment]

        def forward(self, x: Tensor) -> Any:
            return forward(self, x)

    return lambda: (MyBlock,)


def residual(self: Any, x: Tensor) -> Tensor:
    return torch.relu(self.layers(x) + self.shortcut(x))


class NoSuper(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        self.layers = layers(inputs, outputs, stride)


class OnlyChannels(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()


class InAList(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.parts = [nn.Conv2d(inputs, outputs, 3, stride, 1)]
        self.shortcut = [nn.Conv2d(inputs, outputs, 1, stride)]

    def forward(self, x: Tensor) -> Tensor:
        y = x if x.shape == self.parts[0](x).shape else self.shortcut[0](x)
        return torch.relu(self.parts[0](x) + y)


class Nothing(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = outputs - inputs, stride

    def forward(self, x: Tensor) -> Tensor:
        short = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(short, (0, 0, 0, 0, 0, self.more))


class Everywhere(Projected):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, stride)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)


def huge(inputs: int, outputs: int, stride: int) -> nn.Module:
    parts = layers(inputs, outputs, stride, norm=False)
    for part in parts:
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, a=0, mode="fan_out")
            part.weight.data *= 2
    return parts


def unpadded(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs))


def strided_twice(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.Conv2d(outputs, outputs, 3, stride, 1)
    )


def in_place(self: Any, x: Tensor) -> Tensor:
    y = self.layers(x)
    if y.shape == x.shape:
        x += y
        return torch.relu(x)
    return torch.relu(y + self.shortcut(x))


def concatenated(self: Any, x: Tensor) -> Tensor:
    y: Tensor = self.layers(x)
    return torch.cat([y, x], 1) if y.shape == x.shape else y


def without_gradient(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return residual(self, x)


def layers_without_gradient(self: Any, x: Tensor) -> Tensor:
    return torch.relu(self.layers(x).detach() + self.shortcut(x))


def off_by_one(self: Any, x: Tensor) -> Tensor:
    return torch.relu(self.layers(x) + self.shortcut(x) + 1)


BLOCKS = Cases(
    right=(lambda: (Projected,), lambda: (Inverted,), lambda: (Quiet,)),
    wrong={
        "an-object": lambda: (Projected(16, 16, 1),),
        "no-class": lambda: ("MyBlock",),
        "other-arguments": lambda: (OnlyChannels,),
        "no-super": lambda: (NoSuper,),
        "no-module": lambda: (lambda inputs, outputs, stride: 3,),
        "forward-fails": block(lambda self, x: self.layer(x)),
        "returned-nothing": block(lambda self, x: None),
        "no-tensor": block(lambda self, x: (self.layers(x), x)),
        "changes-its-input": block(in_place),
        "concatenated": block(concatenated),
        "wrong-shape": block(lambda self, x: torch.relu(self.layers(x)), unpadded),
        "does-not-fit": block(lambda self, x: torch.relu(self.layers(x) + x)),
        "channels-ignored": block(
            lambda self, x: torch.relu(self.layers(x)),
            lambda inputs, outputs, stride: layers(inputs, inputs, stride),
        ),
        "stride-ignored": block(
            lambda self, x: (
                torch.relu(self.layers(x) + nn.functional.interpolate(x, x.shape[2:]))
                if x.shape[1] == self.layers[0].out_channels
                else torch.relu(self.layers(x))
            ),
            lambda inputs, outputs, stride: layers(inputs, outputs, 1),
        ),
        "wrong-shape-with-stride": block(lambda self, x: torch.relu(self.layers(x)), strided_twice),
        "nothing-to-learn": lambda: (Nothing,),
        "not-registered": lambda: (InAList,),
        "projection-everywhere": lambda: (Everywhere,),
        "no-way-around": block(lambda self, x: torch.relu(self.layers(x))),
        "scaled": block(lambda self, x: torch.relu(self.layers(x) + 0.5 * self.shortcut(x))),
        "not-x-itself": block(off_by_one),
        "only-adds": block(lambda self, x: self.layers(x).relu() + self.shortcut(x)),
        "no-gradient": block(without_gradient),
        "idle-parameters": block(layers_without_gradient),
        "gradient-cut": block(
            lambda self, x: torch.relu(self.layers(x) + self.shortcut(x).detach())
        ),
        "gradient-out-of-hand": block(residual, huge),
    },
)
