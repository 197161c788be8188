"""The open exercise of lesson 02: a residual block of the reader's own, measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import describe
from course_utils.lesson02 import check_stack as stack

import torch
from torch import Tensor, nn

IN, OUT = stack.WIDTH, 2 * stack.WIDTH
SIDE = 8
FAILURES = (RuntimeError, AttributeError, TypeError, NameError, ValueError, LookupError)


@exercise(
    "2.4",
    wanted="a class of blocks, made by MyBlock(inputs, outputs, stride)",
    hints=(
        "Begin with the Block of 2.1. Its first convolution needs the stride, and inputs and "
        "outputs can differ now.",
        "Where the shapes are equal the shortcut is x itself, nn.Identity(). Elsewhere F(x) + x "
        "does not work: a 1 x 1 convolution with the same stride brings x into shape.",
        "nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride != 1 or inputs != outputs "
        "else nn.Identity() is the shortcut; forward returns "
        "torch.relu(self.layers(x) + self.shortcut(x)).",
    ),
    seconds=240,
)
def measured_block(block: Any) -> str:
    """A residual block of one's own, by what deep stacks of it do."""
    make = _maker(block)
    equal, halving = make(IN, IN, 1), make(IN, OUT, 2)
    _keeps_the_shape(equal)
    _halves(halving)
    _can_learn(equal)
    _x_gets_around(equal)
    _pushes_both_ways(equal)
    _gradient_arrives(equal)
    own, plain = stack.gradient_growth(make), stack.plain()
    if not 1 / plain.growth < own < plain.growth:
        raise wrong(
            "gradient-out-of-hand",
            f"In 13 of your blocks the gradient behind the first is {own:.3g} times as long as "
            f"behind the last; in plain blocks it is {plain.growth:.0f} times as long. The "
            "shortcut is there, but F(x) is so large that x hardly counts. Batch norm, or smaller "
            "first weights, would keep it in bounds.",
        )
    whole, without = stack.accuracy_without_one(make)
    behind = "In that time it learned less than the plain ones: can you mend that? "
    return (
        f"Measured: behind the first of 13 blocks the gradient is {own:.2g} times as long as "
        f"behind the last (plain blocks: {plain.growth:.2g}). After a short training a stack of 5 "
        f"has {whole:.0%} of test images right, and {without:.0%} with one block taken out "
        f"(plain: {plain.whole:.0%} and {plain.without:.0%}). Parameters: {_size(equal):,} where "
        f"x fits (plain: {_size(stack.PlainBlock(IN, IN, 1)):,}), {_size(halving):,} with stride "
        f"2 (plain: {_size(stack.PlainBlock(IN, OUT, 2)):,}). "
        f"{behind if whole < plain.whole else ''}One seed: other blocks must differ by more than a "
        "few points before you call one better."
    )


def _maker(block: Any) -> stack.MakeBlock:
    """The reader's class as a function that gives a module, or explains why it does not."""
    if isinstance(block, nn.Module):
        raise wrong(
            "an-object",
            "This is one block, already made. Hand over the class itself, MyBlock without "
            "brackets: the check makes many of them.",
        )
    if not callable(block):
        raise wrong("no-class", f"Wanted is a class of blocks; this is {describe(block)}.")
    call: Callable[..., Any] = block

    def make(inputs: int, outputs: int, stride: int) -> nn.Module:
        said = f"MyBlock({inputs}, {outputs}, {stride})"
        try:
            made = call(inputs, outputs, stride)
        except TypeError as error:
            raise wrong(
                "other-arguments",
                f"{said} raised: {error}. Blocks are made with inputs, outputs and stride.",
            ) from error
        except AttributeError as error:
            if "before Module.__init__" not in str(error):
                raise
            raise wrong(
                "no-super",
                "__init__ sets a layer before nn.Module is ready. Its first line must be "
                "super().__init__().",
            ) from error
        if not isinstance(made, nn.Module):
            raise wrong("no-module", f"{said} gave {describe(made)}; a block is an nn.Module.")
        return made

    return make


def _input(inputs: int = IN) -> Tensor:
    """Positive numbers, as they come out of a ReLU: float `(4, inputs, 8, 8)`."""
    return torch.rand(4, inputs, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) + 0.1


def _ran(block: nn.Module, x: Tensor) -> Tensor:
    """The block's output; Raises Wrong if it is no tensor."""
    try:
        y = block(x)
    except FAILURES as error:
        raise wrong(
            "forward-fails",
            f"The block is made, but its forward stops with {type(error).__name__}: "
            f"{' '.join(str(error).split())[:150]}.",
        ) from error
    if y is None:
        raise wrong("returned-nothing", "forward returned None: is there a return in it?")
    if not isinstance(y, Tensor):
        raise wrong("no-tensor", f"forward gave {describe(y)}; wanted is a tensor.")
    return y


def _keeps_the_shape(block: nn.Module) -> None:
    """Raise unless a block with equal ends keeps the shape, and leaves its input alone."""
    x = _input() - 0.5  # of both signs: a ReLU in place must show
    given = x.clone()
    y = _ran(block, given)
    if not torch.equal(given, x):
        raise wrong(
            "changes-its-input",
            "After forward(x) the caller's x has other numbers. Something worked in place: x += "
            "..., or a ReLU(inplace=True) as the first layer. Then what is added is not x, and "
            "autograd may stop with an error.",
        )
    if y.shape == (4, 2 * IN, SIDE, SIDE):
        raise wrong(
            "concatenated",
            f"From {IN} channels came {2 * IN}: x was put beside F(x). A shortcut adds.",
        )
    if y.shape != x.shape:
        raise wrong(
            "wrong-shape",
            f"MyBlock({IN}, {IN}, 1) made {tuple(y.shape)} out of {tuple(x.shape)}. A 3 x 3 "
            "convolution needs padding=1 to keep the size.",
        )


def _halves(block: nn.Module) -> None:
    """Raise unless a block with stride 2 halves the map and doubles the channels."""
    x = _input()
    try:
        block(x)
    except RuntimeError as error:
        raise wrong(
            "does-not-fit",
            f"MyBlock({IN}, {OUT}, 2) is made, but cannot run: {str(error).splitlines()[0]}. "
            "F(x) and x have different shapes there: x needs a 1 x 1 convolution with the same "
            "stride, or the block has no shortcut.",
        ) from error
    y = _ran(block, x)
    if y.ndim == 4 and y.shape[1] != OUT:
        raise wrong(
            "channels-ignored",
            f"MyBlock({IN}, {OUT}, 2) gave {y.shape[1]} channels; wanted are {OUT}, its outputs.",
        )
    if y.shape == (4, OUT, SIDE, SIDE):
        raise wrong(
            "stride-ignored", f"With stride 2 the map is still {SIDE} x {SIDE}: nobody uses stride."
        )
    if y.shape != (4, OUT, SIDE // 2, SIDE // 2):
        raise wrong(
            "wrong-shape-with-stride",
            f"MyBlock({IN}, {OUT}, 2) made {tuple(y.shape)}; wanted is "
            f"{(4, OUT, SIDE // 2, SIDE // 2)}. Only one convolution on each way has the "
            "stride, and a 3 x 3 convolution needs padding=1.",
        )


def _can_learn(block: nn.Module) -> None:
    """Raise unless the block has parameters that PyTorch knows of."""
    if _size(block):
        return
    x = _input()
    y = _ran(block, x)
    if torch.allclose(y, x):
        raise wrong("nothing-to-learn", "The block gives x back and has no parameter: no F(x).")
    raise wrong(
        "not-registered",
        "The block computes something, but block.parameters() is empty: layers in a plain Python "
        "list, or made within forward, are invisible to the optimizer. Use nn.Sequential or "
        "nn.ModuleList in __init__.",
    )


@torch.no_grad()
def _x_gets_around(block: nn.Module) -> None:
    """Raise unless x itself comes out when F(x) is zero, because every weight is."""
    empty, x = copy_of(block), _input()
    for parameter in empty.parameters():
        parameter.zero_()
    fed: list[str] = []
    for name, module in empty.named_modules():
        if name and list(module.parameters(recurse=False)):
            module.register_forward_pre_hook(
                lambda _, given, name=name: fed.append(name) if any(g is x for g in given) else None
            )
    y = _ran(empty, x)
    if torch.allclose(y, x, atol=1e-5):
        return
    if not y.any() and len(fed) > 1:
        raise wrong(
            "projection-everywhere",
            f"With {IN} channels and stride 1 x goes through layers on both ways "
            f"({', '.join(fed)}), and with all weights at zero nothing comes out. Where the shapes "
            "are equal the shortcut must be x itself: it costs nothing and cannot lose anything.",
        )
    if not y.any():
        raise wrong(
            "no-way-around",
            "With all weights at zero the block gives 0, so nothing of x gets around the layers. "
            "A residual block would give x: it is F(x) + x, and F(x) is 0.",
        )
    share = (y / x).mean().item()
    if torch.allclose(y, share * x, atol=1e-4):
        raise wrong(
            "scaled",
            f"With all weights at zero the block gives {share:.2g} times x. After 12 such blocks "
            f"that is {share**12:.2g} times, and the gradient goes the same way.",
        )
    raise wrong(
        "not-x-itself",
        f"With all weights at zero a residual block gives x. Yours differs by up to "
        f"{(y - x).abs().max():.2g}: something changes x on its way around.",
    )


@torch.no_grad()
def _pushes_both_ways(block: nn.Module) -> None:
    """Raise if F(x) is never negative, which a ReLU at its end makes sure of."""
    x = _input()
    difference = _ran(copy_of(block), x) - x
    if difference.max() > 1e-6 and difference.min() > -1e-6:
        raise wrong(
            "only-adds",
            f"On {difference.numel():,} numbers F(x) was never below zero: it ends in a ReLU. So "
            "the block can raise x and never lower it, and the sums grow from block to block. Let "
            "F end in a batch norm, and put the ReLU behind the sum.",
        )


def _gradient_arrives(block: nn.Module) -> None:
    """Raise unless the loss reaches each parameter and, around the layers, the input."""
    trial, x = copy_of(block), _input().requires_grad_()
    y = _ran(trial, x)
    if not y.requires_grad:
        raise wrong("no-gradient", "No gradient comes out of the block: no_grad() or detach().")
    y.square().sum().backward()
    without = [n for n, p in trial.named_parameters() if p.requires_grad and p.grad is None]
    if without:
        raise wrong(
            "idle-parameters",
            f"{len(without)} tensors get no gradient, such as {without[0]}: forward never uses "
            "them, or they are cut off by detach() or no_grad(). They count, and learn nothing.",
        )
    empty, x = copy_of(block), _input().requires_grad_()
    with torch.no_grad():
        for parameter in empty.parameters():
            parameter.zero_()
    _ran(empty, x).sum().backward()
    passed = math.nan if x.grad is None else x.grad.mean().item()
    if not math.isclose(passed, 1.0, rel_tol=1e-3):
        raise wrong(
            "gradient-cut",
            "x is added, but its gradient does not come back around the layers: "
            f"d(F(x) + x)/dx is {0.0 if math.isnan(passed) else passed:.2g} there instead of 1. "
            "Was x detached?",
        )


def _size(block: nn.Module) -> int:
    return sum(p.numel() for p in block.parameters())
