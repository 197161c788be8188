"""Answers to the exercises of lesson 02."""

from collections.abc import Callable
from functools import cache
from typing import Any

from course_utils.lesson02 import twins
from tests.exercises.harness import Cases
from tests.lesson02.cases_block import BLOCKS
from tests.lesson04.cases import numbers

import torch
from torch import Tensor, nn

Layers = Callable[[Tensor], Tensor]


def forward(function: Callable[[Layers, Tensor], Any]) -> Callable[[], tuple[Any, ...]]:
    return lambda: (function,)


def with_names(layers: Layers, x: Tensor) -> Tensor:
    shortcut = x
    x = layers(x)
    return (x + shortcut).relu()


def in_place(layers: Layers, x: Tensor) -> Tensor:
    x += layers(x)
    return torch.relu(x)


def into_the_output(layers: Layers, x: Tensor) -> Tensor:
    y = layers(x)
    y += x
    return torch.relu(y)


def forgotten(layers: Layers, x: Tensor) -> None:
    torch.relu(layers(x) + x)


def called_twice(layers: Layers, x: Tensor) -> Tensor:
    layers(x)
    return torch.relu(layers(x) + x)


@cache
def images() -> Tensor:
    return torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(11))


def quiet(
    change: Callable[[twins.Block], Any] = lambda block: nn.init.zeros_(norm(block).weight),
    *,
    kind: twins.Kind = "residual",
    depth: int = 28,
    measured: Any = None,
    **named: Any,
) -> Callable[[], tuple[Any, ...]]:
    """A twin whose blocks were changed, and what a nudge becomes in it."""

    def make() -> tuple[Any, ...]:
        net = twins.twin(kind, depth, 10, **named)
        for module in net:
            if isinstance(module, twins.Block):
                change(module)
        value = twins.nudge(net, images())[-1]["change"] if measured is None else measured
        return 0.1, net, value, images()

    return make


def norm(block: twins.Block, place: int = -1) -> Any:
    return block.layers[place]


def some(block: twins.Block) -> None:
    if block.layers[0].in_channels == 16:
        nn.init.zeros_(norm(block).weight)


def also_bias(block: twins.Block) -> None:
    nn.init.zeros_(norm(block).weight)
    nn.init.ones_(norm(block).bias)


def by_hand() -> tuple[Any, ...]:
    """Through the state dict, with another noise, and a tensor for an answer."""
    net = twins.twin("residual", 28, 10, seed=3)
    for name, tensor in net.state_dict().items():
        if name.startswith("block") and name.endswith("layers.4.weight"):
            tensor.zero_()
    return torch.tensor(0.5), net, torch.tensor(twins.nudge(net, images(), seed=5)[-1]["change"])


def rows() -> tuple[Any, ...]:
    guess, net, _, x = quiet()()
    return guess, net, twins.nudge(net, x), x


def wide() -> tuple[Any, ...]:
    return quiet(width=8)()


HELP = ["equal steps", "shortcuts", "10 layers"]

CASES = {
    "mended_forward": Cases(
        right=(
            forward(lambda layers, x: torch.relu(layers(x) + x)),
            forward(with_names),
            forward(lambda layers, x: torch.clamp(x + layers(x), min=0)),
        ),
        wrong={
            "with-self": forward(lambda self, x: torch.relu(self.layers(x) + x)),  # type: ignore[attr-defined]
            "returned-nothing": forward(forgotten),
            "no-tensor": forward(lambda layers, x: (layers(x), x)),
            "changed-its-input": forward(in_place),
            "layers-twice": forward(called_twice),
            "concatenated": forward(lambda layers, x: torch.cat([layers(x), x], 1)),
            "still-doubled": forward(lambda layers, x: torch.relu(2 * layers(x))),
            "plain": forward(lambda layers, x: torch.relu(layers(x))),
            "no-layers": forward(lambda layers, x: torch.relu(x)),
            "no-relu": forward(lambda layers, x: layers(x) + x),
            "relu-too-early": forward(lambda layers, x: torch.relu(layers(x)) + x),
            "multiplied": forward(lambda layers, x: torch.relu(layers(x) * x)),
            "layers-of-layers": forward(lambda layers, x: torch.relu(layers(layers(x)) + x)),
            "sum-in-place": forward(into_the_output),
            "no-gradient": forward(torch.no_grad()(lambda layers, x: torch.relu(layers(x) + x))),
            "gradient-cut": forward(lambda layers, x: torch.relu(layers(x) + x.detach())),
            "another-function": forward(lambda layers, x: torch.sigmoid(layers(x) + x)),
        },
    ),
    "quiet_start": Cases(
        right=(quiet(), wide, lambda: (*by_hand(), images()), quiet(seed=7)),
        wrong={
            "other-network": lambda: (0.1, nn.Linear(3, 2), 0.02, images()),
            "plain-network": quiet(kind="plain", measured=0.02),
            "no-batch-norm": quiet(lambda block: None, batch_norm=False),
            "other-layers": quiet(lambda block: block.layers.__setitem__(4, nn.Identity())),
            "other-depth": quiet(depth=10),
            "first-norm": quiet(lambda block: nn.init.zeros_(norm(block, 1).weight)),
            "bias-left": quiet(also_bias),
            "convolution-zeroed": quiet(lambda block: nn.init.zeros_(norm(block, 3).weight)),
            "only-small": quiet(lambda block: nn.init.constant_(norm(block).weight, 0.001)),
            "not-zeroed": quiet(lambda block: None),
            "some-blocks": quiet(some),
            "all-rows": rows,
            "measured-before": lambda: (*quiet()()[:2], quiet(lambda block: None)()[2], images()),
            "first-block": lambda: (*quiet()()[:2], rows()[2][0]["change"], images()),
            "percent": lambda: (*quiet()()[:2], 100 * quiet()()[2], images()),
            "another-change": quiet(measured=0.5),
            "not-a-number": lambda: ("small", *quiet()()[1:]),
        },
    ),
    "which_remedy": Cases(
        right=(
            numbers("10 layers", HELP),
            numbers("10 Layers ", tuple(reversed(HELP))),
            numbers("10 layers", set(HELP)),
        ),
        wrong={
            "slower-is-no-cure": numbers("10 layers", [*HELP, "rate 0.005"]),
            "faster-is-no-cure": numbers("10 layers", [*HELP, "rate 0.05"]),
            "left-out": numbers("10 layers", HELP[1:]),
            "shortcuts-first": numbers("shortcuts", HELP),
            "equal-steps-first": numbers("equal steps", HELP),
            "a-rate-first": numbers("rate 0.05", HELP),
            "not-a-choice": numbers("batch norm", HELP),
            "not-a-list": numbers("10 layers", "shortcuts"),
        },
    ),
    "measured_block": BLOCKS,
}
