"""Exercises of lesson 04, freezing."""

from __future__ import annotations

import math
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.networks.batch_norm import batch_norms
from course_utils.training.freezing import count_trainable

import torch
from torch import nn
from torchvision.models import mobilenet_v2

EPOCHS = 5
CLASSES = (2, 5, 10, 20, 100)  # of a head in exercise 4.3, from the fewest to the most
TEN = list(range(10))


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
    mistakes={
        "other-network": "This {kind} has no model.features with 19 blocks: MobileNetV2 has.",
        "all-frozen": "Every parameter is frozen, the head too: nothing could learn. Only blocks 0 "
        "to 9 are to be frozen.",
        "partly-frozen": "Frozen in part only: {blocks}. Every parameter of a block belongs to it, "
        "batch norm's weight and bias too; {name} still learns.",
        "nothing-frozen": "All {count} blocks can still learn. Switch off requires_grad for the "
        "parameters of blocks 0 to 9.",
        "only-eval": "All {count} blocks can still learn. In eval mode: {resting}; that stops only "
        "batch norm. Switch off requires_grad for the parameters of blocks 0 to 9.",
        "from-the-end": "The last ten blocks are frozen. Block 0 is the one that sees the image: "
        "the first ten are blocks 0 to 9.",
        "wrong-count": "Frozen are {blocks}: {count} of them, not ten. features[:10] is right.",
        "other-blocks": "Frozen are {blocks}; wanted are blocks 0 to 9.",
        "batch-norm-awake": "The parameters of blocks 0 to 9 are frozen, but batch norm is in "
        "train mode in {blocks}: its running statistics would move with every batch. Call eval() "
        "on these blocks, after any train().",
    },
)
def first_ten(network: Any) -> str:
    """Blocks 0 to 9 frozen, parameters and batch norm; the others learn."""
    model = recognise.network(network, example="my_network")
    blocks = getattr(model, "features", None)
    if not isinstance(blocks, nn.Sequential) or len(blocks) < 19:
        raise Mistake("other-network", kind=type(model).__name__)
    if recognise.frozen_blocks(blocks) != TEN:
        _other_blocks(model, blocks)
    if awake := recognise.awake_blocks(list(blocks)[:10]):
        raise Mistake("batch-norm-awake", blocks=recognise.listed(awake))
    return (
        f"Blocks 0 to 9 rest, parameters and statistics; {count_trainable(model):,} parameters "
        "still learn. Remember that a later model.train() wakes batch norm again."
    )


def _other_blocks(model: nn.Module, blocks: nn.Sequential) -> None:
    """Raise with what is known about blocks that are frozen in the place of the first ten."""
    recognise.switched_by_parameters(model)
    still, count = recognise.frozen_blocks(blocks), len(blocks)
    if count_trainable(model) == 0:
        raise Mistake("all-frozen")
    partly = {
        i: [name for name, p in block.named_parameters() if p.requires_grad]
        for i, block in enumerate(blocks)
        if i not in still and not all(p.requires_grad for p in block.parameters())
    }
    if partly:
        first, names = next(iter(partly.items()))
        raise Mistake(
            "partly-frozen", blocks=recognise.listed(partly), name=f"features.{first}.{names[0]}"
        )
    if not still:
        resting = [i for i in TEN if not blocks[i].training]
        code = "only-eval" if resting else "nothing-frozen"
        raise Mistake(code, count=count, resting=recognise.listed(resting))
    if still == list(range(count - 10, count)):
        raise Mistake("from-the-end")
    code = "wrong-count" if still == list(range(len(still))) else "other-blocks"
    raise Mistake(code, blocks=recognise.listed(still), count=len(still))


@exercise(
    "4.2",
    wanted="the loop as a function of a model and of train_one_epoch",
    hints=(
        "Which line is the last to decide the backbone's mode before an epoch is trained?",
        "model.train() puts every layer into train mode, the frozen ones too.",
        "Move model.features.eval() into the loop, behind model.train().",
    ),
    mistakes={
        "no-epoch": "train_one_epoch was never called: nothing would be trained.",
        "not-the-model": "train_one_epoch was given {seen}. It trains what it is given, and that "
        "must be the model as a whole: train_one_epoch(model).",
        "no-grad": "train_one_epoch was called under torch.no_grad() or inference_mode: then the "
        "head has no gradients either.",
        "train-undoes-eval": "In all {epochs} epochs batch norm of the backbone was in train mode: "
        "a train() undid the eval() before it.",
        "eval-too-late": "In all {epochs} epochs batch norm of the backbone was in train mode: "
        "eval() comes only after train_one_epoch.",
        "no-eval": "In all {epochs} epochs batch norm of the backbone was in train mode: nothing "
        "put it into eval mode.",
        "norms-not-found": "In all {epochs} epochs batch norm of the backbone was in train mode. "
        "You look for BatchNorm2d: the items of model.features are blocks, and batch norm lies "
        "inside them. model.features.modules() finds it; model.features.eval() needs no search.",
        "only-at-first": "In {awake} of {epochs} epochs batch norm of the backbone was in train "
        "mode, in the others it rested. The mode must be set before each epoch.",
        "still-learns": "Batch norm rests, but the backbone's parameters have requires_grad = "
        "True: it is not frozen.",
        "head-frozen": "The head is frozen too, so nothing can learn.",
        "head-in-eval": "The head is in eval mode while it is trained: its dropout does nothing. "
        "Call model.train() first, then model.features.eval().",
        "epochs": "train_one_epoch was called {count} times; wanted: {epochs}.",
    },
)
def mended_loop(loop: Any) -> str:
    """The colleague's loop, so that the frozen part stays in eval mode in every epoch."""
    function = recognise.function(loop, "my_loop")
    model = mobilenet_v2(num_classes=10)
    norms = batch_norms(model.features.train())
    switch, undone, seen = model.features.train, False, []

    def watched_switch(mode: bool = True) -> nn.Module:
        nonlocal undone
        undone = undone or (mode and not any(norm.training for norm in norms))
        return switch(mode)

    def train_one_epoch(*given: Any, **named: Any) -> None:
        values = [*given, *named.values()]
        if not any(isinstance(v, nn.Module) and recognise.unwrapped(v) is model for v in values):
            what = describe(values[0]) if values else "nothing"
            raise Mistake("not-the-model", seen=what)
        if not torch.is_grad_enabled():
            raise Mistake("no-grad")
        awake = any(norm.training for norm in norms)
        learns = not recognise.is_frozen(model.features)
        head = not recognise.is_frozen(model.classifier)
        seen.append((awake, learns, head, model.classifier.training))

    model.features.train = watched_switch
    function(model, train_one_epoch)
    if not seen:
        raise Mistake("no-epoch")
    awake, learns, head, head_mode = (sum(column) for column in zip(*seen, strict=True))
    count = len(seen)
    if awake == count:
        late = not any(norm.training for norm in norms)
        searched = "BatchNorm2d" in getattr(getattr(function, "__code__", None), "co_names", ())
        never = "norms-not-found" if searched else "no-eval"
        code = "eval-too-late" if late else "train-undoes-eval" if undone else never
        raise Mistake(code, epochs=count)
    if awake:
        raise Mistake("only-at-first", awake=awake, epochs=count)
    if learns:
        recognise.switched_by_parameters(model.features)
        raise Mistake("still-learns")
    if not head:
        raise Mistake("head-frozen")
    if not head_mode:
        raise Mistake("head-in-eval")
    if count != EPOCHS:
        raise Mistake("epochs", count=count, epochs=EPOCHS)
    return "In every epoch the head trains and the backbone rests: train() first, eval() after it."


def _shares(blocks: int) -> list[tuple[float, float]]:
    """The share of the last blocks of a MobileNetV2, as a range for each size of its head."""
    found = []
    for classes in CLASSES:
        sizes = [*BLOCK_SIZES, 1280 * classes + classes]
        found.append(sum(sizes[-blocks:]) / sum(sizes))
    return [(min(found) - 5e-3, max(found) + 5e-3)]


# Parameters of MobileNetV2's blocks 0 to 18; the meta device counts without memory or dice.
with torch.device("meta"):
    BLOCK_SIZES = tuple(
        sum(p.numel() for p in block.parameters()) for block in mobilenet_v2(num_classes=2).features
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
    mistakes={
        "percent": "{value:g} is in percent. As a share it is that divided by 100.",
        "the-rest": "{value:.3f} is the share that is frozen. Wanted is what learns.",
        "a-count": "A share lies between 0 and 1; {value:g} does not. Divide by the number of all "
        "parameters.",
        "wrong-count-of-blocks": "{value:.3f} is the share for fewer blocks, or for more. The head "
        "counts as one: wanted is the head and two more.",
        "another-share": "{value:.3f} is not it. Count with freezing.count_trainable after "
        "freezing.apply, and divide by all parameters of the same network.",
    },
)
def share_of_three(guess: Any, share: Any) -> str:
    """Share of the parameters that learn when the last three blocks, head included, are thawed."""
    guessed = recognise.number(guess, "Your guess")
    ((low, high),) = _shares(3)
    value = recognise.number(
        share,
        "The share",
        right=(low, high),
        near={
            "percent": (100 * low, 100 * high),
            "the-rest": (1 - high, 1 - low),
            "a-count": (1.0, math.inf),
            "wrong-count-of-blocks": [r for blocks in (1, 2, 4, 5) for r in _shares(blocks)],
        },
        otherwise="another-share",
    )
    near = "close" if abs(guessed - value) < 0.1 else "far off"
    return f"{value:.0%}, in 3 of 20 blocks. Your guess was {near}."


ONE = 32 * 28 * 28 * 4 / 1e6  # megabytes for the maps of one image


@exercise(
    "4.4",
    wanted="the size in megabytes, a number",
    hints=(
        "First the numbers in the maps of one image, then bytes, then all images.",
        "32 maps of 28 x 28 numbers; each takes four bytes; there are 50,000 images.",
        "A megabyte is a million bytes: 32 * 28 * 28 * 4 * 50_000 / 1e6.",
    ),
    mistakes={
        "one-image": "{value:g} MB is one image. There are 50,000 of them.",
        "a-byte-each": "{value:g} counts one byte a number; float32 takes four.",
        "gigabytes": "{value:g} is in gigabytes; the question asks for megabytes.",
        "bytes": "{value:g} is in bytes. A megabyte has a million of them.",
        "bits": "{value:g} counts bits: four bytes are 32 of these.",
        "one-map": "{value:g} MB is one map an image; there are 32 maps.",
        "another-number": "This is {value:g}. The maps of one image take {one:.3f} MB: how many "
        "images?",
    },
)
def cache_size(megabytes: Any) -> str:
    """Megabytes for the maps behind block 6 of 50,000 images at 224 pixels."""
    right = ONE * 50_000
    recognise.number(
        megabytes,
        "The size",
        right=[right, right * 1e6 / 2**20],
        near={
            "one-image": ONE,
            "a-byte-each": right / 4,
            "gigabytes": right / 1000,
            "bytes": right * 1e6,
            "bits": right * 8,
            "one-map": right / 32,
        },
        one=ONE,
    )
    return (
        f"About {right / 1000:.1f} gigabytes: more than many a laptop can spare, while the images "
        "themselves take 0.15. What is cached must be small: deep, or pooled."
    )
