"""The open exercise of lesson 02: a residual block of the reader's own, measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_utils.exercises.exercise import exercise
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson02 import block_stacks

import torch
from torch import Tensor, nn

IN, OUT = block_stacks.WIDTH, 2 * block_stacks.WIDTH
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
    mistakes={
        "an-object": "This is one block, already made. Hand over the class itself, MyBlock without "
        "brackets: the check makes many of them.",
        "no-class": "Wanted is a class of blocks; this is {seen}.",
        "other-arguments": "{call} raised: {error}. Blocks are made with inputs, outputs and "
        "stride.",
        "no-super": "__init__ sets a layer before nn.Module is ready. Its first line must be "
        "super().__init__().",
        "no-module": "{call} gave {seen}; a block is an nn.Module.",
        "forward-fails": "The block is made, but its forward stops with {kind}: {error}.",
        "returned-nothing": "forward returned None: is there a return in it?",
        "no-tensor": "forward gave {seen}; wanted is a tensor.",
        "changes-its-input": "After forward(x) the caller's x has other numbers. Something worked "
        "in place: x += ..., or a ReLU(inplace=True) as the first layer. Then what is added is not "
        "x, and autograd may stop with an error.",
        "concatenated": "From 16 channels came 32: x was put beside F(x). A shortcut adds.",
        "wrong-shape": "MyBlock(16, 16, 1) made {after} out of {before}. A 3 x 3 convolution needs "
        "padding=1 to keep the size.",
        "does-not-fit": "MyBlock(16, 32, 2) is made, but cannot run: {error}. F(x) and x have "
        "different shapes there: x needs a 1 x 1 convolution with the same stride, or the block "
        "has no shortcut.",
        "channels-ignored": "MyBlock(16, 32, 2) gave {channels} channels; wanted are 32, its "
        "outputs.",
        "stride-ignored": "With stride 2 the map is still 8 x 8: nobody uses stride.",
        "wrong-shape-with-stride": "MyBlock(16, 32, 2) made {after}; wanted is {wanted}. Only one "
        "convolution on each way has the stride, and a 3 x 3 convolution needs padding=1.",
        "nothing-to-learn": "The block gives x back and has no parameter: no F(x).",
        "not-registered": "The block computes something, but block.parameters() is empty: layers "
        "in a plain Python list, or made within forward, are invisible to the optimizer. Use "
        "nn.Sequential or nn.ModuleList in __init__.",
        "projection-everywhere": "With 16 channels and stride 1 x goes through layers on both ways "
        "({layers}), and with all weights at zero nothing comes out. Where the shapes are equal "
        "the shortcut must be x itself: it costs nothing and cannot lose anything.",
        "no-way-around": "With all weights at zero the block gives 0, so nothing of x gets around "
        "the layers. A residual block would give x: it is F(x) + x, and F(x) is 0.",
        "scaled": "With all weights at zero the block gives {share:.2g} times x. After 12 such "
        "blocks that is {twelve:.2g} times, and the gradient goes the same way.",
        "not-x-itself": "With all weights at zero a residual block gives x. Yours differs by up to "
        "{most:.2g}: something changes x on its way around.",
        "only-adds": "On {count:,} numbers F(x) was never below zero: it ends in a ReLU. So the "
        "block can raise x and never lower it, and the sums grow from block to block. Let F end in "
        "a batch norm, and put the ReLU behind the sum.",
        "no-gradient": "No gradient comes out of the block: no_grad() or detach().",
        "idle-parameters": "{count} tensors get no gradient, such as {name}: forward never uses "
        "them, or they are cut off by detach() or no_grad(). They count, and learn nothing.",
        "gradient-cut": "x is added, but its gradient does not come back around the layers: "
        "d(F(x) + x)/dx is {passed:.2g} there instead of 1. Was x detached?",
        "gradient-out-of-hand": "In 13 of your blocks the gradient behind the first is {own:.3g} "
        "times as long as behind the last; in plain blocks it is {plain:.0f} times as long. The "
        "shortcut is there, but F(x) is so large that x hardly counts. Batch norm, or smaller "
        "first weights, would keep it in bounds.",
    },
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
    own, plain = block_stacks.gradient_growth(make), block_stacks.plain()
    if not 1 / plain.growth < own < plain.growth:
        raise Mistake("gradient-out-of-hand", own=own, plain=plain.growth)
    whole, without = block_stacks.accuracy_without_one(make)
    behind = "In that time it learned less than the plain ones: can you mend that? "
    return (
        f"Measured: behind the first of 13 blocks the gradient is {own:.2g} times as long as "
        f"behind the last (plain blocks: {plain.growth:.2g}). After a short training a stack of 5 "
        f"has {whole:.0%} of test images right, and {without:.0%} with one block taken out "
        f"(plain: {plain.whole:.0%} and {plain.without:.0%}). Parameters: {_size(equal):,} where "
        f"x fits (plain: {_size(block_stacks.plain_block(IN, IN, 1)):,}), {_size(halving):,} with "
        f"stride 2 (plain: {_size(block_stacks.plain_block(IN, OUT, 2)):,}). "
        f"{behind if whole < plain.whole else ''}One seed: other blocks must differ by more than a "
        "few points before you call one better."
    )


def _size(block: nn.Module) -> int:
    return sum(p.numel() for p in block.parameters())


def _maker(block: Any) -> block_stacks.MakeBlock:
    """Return the reader's class as a function that gives a module, or explains why it does not."""
    if isinstance(block, nn.Module):
        raise Mistake("an-object")
    if not callable(block):
        raise Mistake("no-class", seen=describe(block))
    call: Callable[..., Any] = block

    def make(inputs: int, outputs: int, stride: int) -> nn.Module:
        said = f"MyBlock({inputs}, {outputs}, {stride})"
        try:
            made = call(inputs, outputs, stride)
        except TypeError as error:
            raise Mistake("other-arguments", call=said, error=error) from error
        except AttributeError as error:
            if "before Module.__init__" not in str(error):
                raise
            raise Mistake("no-super") from error
        if not isinstance(made, nn.Module):
            raise Mistake("no-module", call=said, seen=describe(made))
        return made

    return make


def _input() -> Tensor:
    """Return positive numbers, as they come out of a ReLU: float `(4, 16, 8, 8)`."""
    return torch.rand(4, IN, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) + 0.1


def _ran(block: nn.Module, x: Tensor) -> Tensor:
    """Return the block's output, which must be a tensor."""
    try:
        y = block(x)
    except FAILURES as error:
        text = " ".join(str(error).split())[:150]
        raise Mistake("forward-fails", kind=type(error).__name__, error=text) from error
    if y is None:
        raise Mistake("returned-nothing")
    if not isinstance(y, Tensor):
        raise Mistake("no-tensor", seen=describe(y))
    return y


def _keeps_the_shape(block: nn.Module) -> None:
    """Raise unless a block with equal ends keeps the shape, and leaves its input alone."""
    x = _input() - 0.5  # of both signs: a ReLU in place must show
    given = x.clone()
    y = _ran(block, given)
    if not torch.equal(given, x):
        raise Mistake("changes-its-input")
    if y.shape == (4, 2 * IN, SIDE, SIDE):
        raise Mistake("concatenated")
    if y.shape != x.shape:
        raise Mistake("wrong-shape", after=tuple(y.shape), before=tuple(x.shape))


def _halves(block: nn.Module) -> None:
    """Raise unless a block with stride 2 halves the map and doubles the channels."""
    x = _input()
    try:
        block(x)
    except RuntimeError as error:
        raise Mistake("does-not-fit", error=str(error).splitlines()[0]) from error
    y = _ran(block, x)
    wanted = (4, OUT, SIDE // 2, SIDE // 2)
    if y.ndim == 4 and y.shape[1] != OUT:
        raise Mistake("channels-ignored", channels=y.shape[1])
    if y.shape == (4, OUT, SIDE, SIDE):
        raise Mistake("stride-ignored")
    if y.shape != wanted:
        raise Mistake("wrong-shape-with-stride", after=tuple(y.shape), wanted=wanted)


def _can_learn(block: nn.Module) -> None:
    """Raise unless the block has parameters that PyTorch knows of."""
    if not _size(block):
        x = _input()
        idle = torch.allclose(_ran(block, x), x)
        raise Mistake("nothing-to-learn" if idle else "not-registered")


def _at_zero(block: nn.Module) -> nn.Module:
    """Return a copy whose every parameter is zero, so that F(x) is."""
    empty = copy_of(block)
    with torch.no_grad():
        for parameter in empty.parameters():
            parameter.zero_()
    return empty


@torch.no_grad()
def _x_gets_around(block: nn.Module) -> None:
    """Raise unless x itself comes out when F(x) is zero, because every weight is."""
    empty, x = _at_zero(block), _input()
    fed: list[str] = []
    for name, module in empty.named_modules():
        if name and list(module.parameters(recurse=False)):
            module.register_forward_pre_hook(
                lambda _, given, name=name: fed.append(name) if any(g is x for g in given) else None
            )
    y = _ran(empty, x)
    if torch.allclose(y, x, atol=1e-5):
        return
    if not y.any():
        code = "projection-everywhere" if len(fed) > 1 else "no-way-around"
        raise Mistake(code, layers=", ".join(fed))
    share = (y / x).mean().item()
    if torch.allclose(y, share * x, atol=1e-4):
        raise Mistake("scaled", share=share, twelve=share**12)
    raise Mistake("not-x-itself", most=(y - x).abs().max().item())


@torch.no_grad()
def _pushes_both_ways(block: nn.Module) -> None:
    """Raise if F(x) is never negative, which a ReLU at its end makes sure of."""
    x = _input()
    difference = _ran(copy_of(block), x) - x
    if difference.max() > 1e-6 and difference.min() > -1e-6:
        raise Mistake("only-adds", count=difference.numel())


def _gradient_arrives(block: nn.Module) -> None:
    """Raise unless the loss reaches each parameter and, around the layers, the input."""
    trial = copy_of(block)
    y = _ran(trial, _input().requires_grad_())
    if not y.requires_grad:
        raise Mistake("no-gradient")
    y.square().sum().backward()
    idle = [n for n, p in trial.named_parameters() if p.requires_grad and p.grad is None]
    if idle:
        raise Mistake("idle-parameters", count=len(idle), name=idle[0])
    x = _input().requires_grad_()
    _ran(_at_zero(block), x).sum().backward()
    passed = 0.0 if x.grad is None else x.grad.mean().item()
    if abs(passed - 1) > 1e-3:
        raise Mistake("gradient-cut", passed=passed)
