"""Exercises of lesson 04, freezing."""

from __future__ import annotations

from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.networks.batch_norm import batch_norms
from course_utils.training.freezing import count_trainable

import torch
from torch import nn
from torchvision.models import mobilenet_v2

EPOCHS = 5
ACTIVE = 3  # blocks that may learn in exercise 4.3, the head included


@exercise(
    "4.1",
    wanted="a MobileNetV2 whose blocks 0 to 9 are frozen",
    hints=(
        "A block is frozen when two things are true: no parameter learns, and batch norm rests.",
        "Loop over model.features[:10]. For each block there is one line for the parameters and "
        "one for the mode.",
        "block.requires_grad_(False) with the underscore, then block.eval(); and no model.train() "
        "behind that.",
    ),
)
def first_ten(network: Any) -> str:
    """Blocks 0 to 9 frozen, parameters and batch norm; the others learn."""
    model = recognise.network(network, example="my_network")
    blocks = getattr(model, "features", None)
    if not isinstance(blocks, nn.Sequential) or len(blocks) < 19:
        raise wrong(
            "other-network",
            f"This {type(model).__name__} has no model.features with 19 blocks: MobileNetV2 has.",
        )
    still = [i for i, block in enumerate(blocks) if recognise.is_frozen(block)]
    _right_blocks(model, blocks, still)
    awake = [i for i in range(10) if any(norm.training for norm in batch_norms(blocks[i]))]
    if awake:
        raise wrong(
            "batch-norm-awake",
            f"The parameters of blocks 0 to 9 are frozen, but batch norm is in train mode in "
            f"{recognise.listed(awake)}: its running statistics would move with every batch. "
            "Call eval() on these blocks, after any train().",
        )
    return (
        f"Blocks 0 to 9 rest, parameters and statistics; {count_trainable(model):,} parameters "
        "still learn. Remember that a later model.train() wakes batch norm again."
    )


def _right_blocks(model: nn.Module, blocks: nn.Sequential, still: list[int]) -> None:
    """Raise unless exactly blocks 0 to 9 have no parameter that learns."""
    marked = [i for i, block in enumerate(blocks) if "requires_grad" in vars(block)]
    if "requires_grad" in vars(model) or "requires_grad" in vars(blocks) or marked:
        raise wrong(
            "set-on-module",
            "requires_grad was set on a module: Python made a new attribute that nobody reads. It "
            "belongs to the parameters; requires_grad_(False), with the underscore, reaches them.",
        )
    if count_trainable(model) == 0:
        raise wrong(
            "all-frozen",
            "Every parameter is frozen, the head too: nothing could learn. Only blocks 0 to 9 are "
            "to be frozen.",
        )
    if not still:
        resting = [i for i in range(10) if not blocks[i].training]
        extra = (
            f" (Blocks {recognise.listed(resting)} are in eval mode: that stops only batch norm.)"
        )
        raise wrong(
            "nothing-frozen",
            f"All {len(blocks)} blocks can still learn.{extra if resting else ''} Switch off "
            "requires_grad for the parameters of blocks 0 to 9.",
        )
    if still == list(range(10)):
        return
    if still == list(range(len(blocks) - 10, len(blocks))):
        raise wrong(
            "from-the-end",
            "The last ten blocks are frozen. Block 0 is the one that sees the image: the first ten "
            "are blocks 0 to 9.",
        )
    if still == list(range(len(still))):
        raise wrong(
            "wrong-count",
            f"The first {len(still)} blocks are frozen, not ten. features[:10] is right.",
        )
    raise wrong("other-blocks", f"Frozen are {recognise.listed(still)}; wanted are blocks 0 to 9.")


@exercise(
    "4.2",
    wanted="the loop as a function of a model and of train_one_epoch",
    hints=(
        "Which line is the last to decide the backbone's mode before an epoch is trained?",
        "model.train() puts every layer into train mode, the frozen ones too.",
        "Move model.features.eval() into the loop, behind model.train().",
    ),
)
def mended_loop(loop: Any) -> str:
    """The colleague's loop, so that the frozen part stays in eval mode in every epoch."""
    function = recognise.function(loop, "mended_loop")
    model = mobilenet_v2(num_classes=10)
    model.features.train()
    seen: list[tuple[bool, bool, bool, bool]] = []

    def train_one_epoch(*given: Any, **named: Any) -> None:
        backbone = [norm.training for norm in batch_norms(model.features)]
        grads = any(p.requires_grad for p in model.features.parameters())
        head = any(p.requires_grad for p in model.classifier.parameters())
        seen.append((any(backbone), grads, model.classifier.training, head))

    function(model, train_one_epoch)
    if not seen:
        raise wrong("no-epoch", "train_one_epoch was never called: nothing would be trained.")
    awake, grads, head_mode, head_learns = (sum(s[i] for s in seen) for i in range(4))
    _backbone_rests(len(seen), awake, grads)
    if not head_learns:
        raise wrong("head-frozen", "The head is frozen too, so nothing can learn.")
    if not head_mode:
        raise wrong(
            "head-in-eval",
            "The head is in eval mode while it is trained: its dropout does nothing. Call "
            "model.train() first, then model.features.eval().",
        )
    if len(seen) != EPOCHS:
        raise wrong("epochs", f"train_one_epoch was called {len(seen)} times; wanted: {EPOCHS}.")
    return "In every epoch the head trains and the backbone rests: train() first, eval() after it."


def _backbone_rests(epochs: int, awake: int, grads: int) -> None:
    """Raise unless the backbone was frozen in each epoch."""
    if awake == epochs:
        raise wrong(
            "train-undoes-eval",
            f"In all {epochs} epochs batch norm of the backbone was in train mode: the train() in "
            "the loop undid the eval() before it.",
        )
    if awake:
        raise wrong(
            "only-at-first",
            f"The backbone rested at first, but in {awake} of {epochs} epochs its batch norm was "
            "in train mode. The mode must be set again in each epoch.",
        )
    if grads:
        raise wrong(
            "still-learns",
            "Batch norm rests, but the backbone's parameters have requires_grad = True: it is "
            "not frozen.",
        )


@exercise(
    "4.3",
    wanted="your guess and the computed share, two numbers between 0 and 1",
    guessed=True,
    hints=(
        "Most parameters of MobileNetV2 sit in its deep blocks.",
        "freezing.thaw_last(model, 3) makes the plan, freezing.apply(model, plan) applies it.",
        "freezing.count_trainable(model) / sum(p.numel() for p in model.parameters())",
    ),
)
def share_of_three(guess: Any, share: Any) -> str:
    """Share of the parameters that learn when the last three blocks, head included, are thawed."""
    recognise.number(guess, "Your guess")
    value = recognise.number(share, "The share")
    possible = {_share(classes, ACTIVE) for classes in range(2, 101)}
    low, high = min(possible), max(possible)
    if low - 5e-3 <= value <= high + 5e-3:
        off = abs(float(guess) - value)
        near = "close" if off < 0.1 else "far off"
        return f"{value:.0%}, in 3 of 20 blocks. Your guess was {near}."
    if low - 5e-3 <= value / 100 <= high + 5e-3:
        raise wrong("percent", f"{value:g} is in percent. As a share it is {value / 100:.3f}.")
    if low - 5e-3 <= 1 - value <= high + 5e-3:
        raise wrong("the-rest", f"{value:.3f} is the share that is frozen. Wanted is what learns.")
    if value > 1:
        raise wrong(
            "a-count",
            f"A share lies between 0 and 1; {value:g} does not. Divide by the number of all "
            "parameters.",
        )
    _other_shares(value)
    raise wrong(
        "another-share",
        f"{value:.3f} is not it. Count with freezing.count_trainable after freezing.apply, and "
        "divide by all parameters of the same network.",
    )


def _other_shares(value: float) -> None:
    """Raise if the value is the share for another number of blocks."""
    for blocks in (1, 2, 4, 5):
        near = [_share(c, blocks) for c in (5, 10, 20, 100)]
        if min(near) - 5e-3 <= value <= max(near) + 5e-3:
            raise wrong(
                "wrong-count-of-blocks",
                f"{value:.3f} is the share for the last {blocks} blocks. The head counts as one: "
                "wanted is the head and two more.",
            )


def _share(classes: int, blocks: int) -> float:
    """Share of the parameters in the last blocks of a MobileNetV2 with so many classes."""
    sizes = [*BLOCK_SIZES, 1280 * classes + classes]
    return sum(sizes[-blocks:]) / sum(sizes)


@exercise(
    "4.4",
    wanted="the size in megabytes, a number",
    hints=(
        "First the numbers in the maps of one image, then bytes, then all images.",
        "32 maps of 28 x 28 numbers; each takes four bytes; there are 50,000 images.",
        "A megabyte is a million bytes: 32 * 28 * 28 * 4 * 50_000 / 1e6.",
    ),
)
def cache_size(megabytes: Any) -> str:
    """Megabytes for the maps behind block 6 of 50,000 images at 224 pixels."""
    value = recognise.number(megabytes, "The size")
    one = 32 * 28 * 28 * 4 / 1e6

    def near(wanted: float) -> bool:
        return abs(value - wanted) <= 0.005 * wanted

    if near(one * 50_000) or near(one * 50_000 * 1e6 / 2**20):
        return (
            f"About {one * 50:.1f} gigabytes: more than many a laptop can spare, while the images "
            "themselves take 0.15. What is cached must be small: deep, or pooled."
        )
    if near(one):
        raise wrong("one-image", f"{value:g} MB is one image. There are 50,000 of them.")
    if near(one * 50_000 / 4):
        raise wrong("a-byte-each", f"{value:g} counts one byte a number; float32 takes four.")
    if near(one * 50):
        raise wrong("gigabytes", f"{value:g} is in gigabytes; the question asks for megabytes.")
    if near(one * 50_000 * 1e6):
        raise wrong("bytes", f"{value:g} is in bytes. A megabyte has a million of them.")
    if near(one * 50_000 * 8):
        raise wrong("bits", f"{value:g} counts bits: four bytes are 32 of these.")
    if near(28 * 28 * 4 * 50_000 / 1e6):
        raise wrong("one-map", f"{value:g} MB is one map an image; there are 32 maps.")
    raise wrong(
        "another-number",
        f"This is {describe(megabytes)}. The maps of one image take {one:.3f} MB: how many images?",
    )


# Parameters of MobileNetV2's blocks 0 to 18; the meta device counts without memory or dice.
with torch.device("meta"):
    BLOCK_SIZES = tuple(
        sum(p.numel() for p in block.parameters()) for block in mobilenet_v2(num_classes=2).features
    )
