"""Freeze and thaw the blocks of a network.

Freezing has two halves, and courses that show only the first one mislead:

1. `requires_grad = False` stops gradients, so that the optimizer leaves the *parameters* alone.
2. Batch norm also keeps *buffers*, running means and variances, which are no parameters and change
   in every forward pass in train mode, whatever requires_grad says.  Only `eval()` stops them.

A `FreezePlan` is a value that says both; `apply` puts it on a model, and doing that twice is the
same as doing it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from course_utils.networks.batch_norm import batch_norms
from course_utils.networks.blocks import Block, Tail, split_into_blocks

import pandas as pd
from torch import nn

BatchNormMode = Literal["eval", "train"]


@dataclass(frozen=True)
class FreezePlan:
    """Which blocks are frozen, and what batch norm does inside them.

    Parameters
    ----------
    frozen : frozenset of str
        Block names, as `block_names` lists them.
    batch_norm : {"eval", "train"}
        "eval": running statistics are used and kept, which is truly frozen.  "train": they follow
        the batches although no parameter moves, which is what `model.train()` does to a network
        whose requires_grad was switched off.
    """

    frozen: frozenset[str] = frozenset()
    batch_norm: BatchNormMode = "eval"

    def __post_init__(self) -> None:
        if self.batch_norm not in ("eval", "train"):
            raise ValueError(f"batch_norm must be 'eval' or 'train', not {self.batch_norm!r}")


def block_names(model: nn.Module) -> list[str]:
    """Names of the blocks from the input to the head, which is the last one."""
    return [block.name for block in split_into_blocks(model)]


def freeze(
    model: nn.Module, names: Iterable[str], batch_norm: BatchNormMode = "eval"
) -> FreezePlan:
    """Plan to freeze just these blocks.

    Raises ValueError if a name is not a block of the model; the message lists the blocks.
    """
    wanted, known = frozenset([names] if isinstance(names, str) else names), block_names(model)
    if unknown := sorted(wanted - set(known)):
        raise ValueError(
            f"{type(model).__name__} has no block {unknown[0]!r}; "
            f"its blocks are: {', '.join(known)}"
        )
    return FreezePlan(wanted, batch_norm)


def freeze_nothing() -> FreezePlan:
    """Plan for full fine-tuning: every block learns."""
    return FreezePlan()


def freeze_backbone(model: nn.Module, batch_norm: BatchNormMode = "eval") -> FreezePlan:
    """Plan for feature extraction: all blocks are frozen but the head."""
    return FreezePlan(frozenset(block_names(model)[:-1]), batch_norm)


def freeze_first(model: nn.Module, k: int, batch_norm: BatchNormMode = "eval") -> FreezePlan:
    """Plan to freeze the first `k` blocks, counted from the input.

    Raises ValueError unless `k` lies between 0 and the number of blocks.
    """
    known = block_names(model)
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= len(known):
        raise ValueError(
            f"cannot freeze the first {k!r} blocks of {type(model).__name__}: it has {len(known)}, "
            f"from {known[0]!r} to {known[-1]!r}; choose an integer from 0 to {len(known)}"
        )
    return FreezePlan(frozenset(known[:k]), batch_norm)


def thaw_last(model: nn.Module, n: int, batch_norm: BatchNormMode = "eval") -> FreezePlan:
    """Plan to freeze everything but the last `n` blocks; the head counts as one of them.

    Raises ValueError unless `n` lies between 0 and the number of blocks.
    """
    known = block_names(model)
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= len(known):
        raise ValueError(
            f"cannot thaw the last {n!r} blocks of {type(model).__name__}: it has {len(known)}; "
            f"choose an integer from 0 to {len(known)}"
        )
    return freeze_first(model, len(known) - n, batch_norm)


def apply(model: nn.Module, plan: FreezePlan) -> None:
    """Make the model's parameters follow the plan, and put it into the mode for training.

    Frozen parameters lose `requires_grad` and their gradient: an optimizer skips a parameter
    without a gradient, so neither momentum nor weight decay can move it any more.  All others can
    learn.  Then `set_training_mode` is called.

    Raises ValueError if the plan names a block that the model does not have.
    """
    if not isinstance(model, Tail):  # a tail lacks blocks of the plan that stay frozen in front
        freeze(model, plan.frozen)  # raises for an unknown name, before anything is changed
    for block in split_into_blocks(model):
        learns = block.name not in plan.frozen
        for parameter in block.parameters():
            parameter.requires_grad_(learns)
            if not learns:
                parameter.grad = None
    set_training_mode(model, plan)


def check_plan(model: nn.Module, plan: FreezePlan) -> None:
    """Raise ValueError if a block that the plan freezes could still learn.

    That happens where `apply` was forgotten, or given another plan in the meantime: the
    block would then move although everything says that it is frozen.
    """
    for block in split_into_blocks(model):
        if block.name in plan.frozen and any(p.requires_grad for p in block.parameters()):
            raise ValueError(
                f"the plan freezes {block.name}, but its parameters can learn; call "
                f"freezing.apply(model, plan) first, and pass that same plan here"
            )


def set_training_mode(model: nn.Module, plan: FreezePlan) -> None:
    """`model.train()`, then `eval()` again for frozen blocks (unless the plan says otherwise).

    Call this instead of `model.train()`: that alone would set batch norm of frozen blocks moving.
    With `batch_norm="train"` only the batch norms of frozen blocks stay in train mode; dropout
    in frozen blocks is off either way.
    """
    model.train()
    for block in split_into_blocks(model):
        if block.name in plan.frozen:
            for module in block.modules:
                module.eval()
                for norm in batch_norms(module):
                    norm.train(plan.batch_norm == "train")


def count_trainable(model: nn.Module) -> int:
    """How many single numbers can learn now."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _batch_norm_mode(block: Block) -> str:
    modes = {norm.training for module in block.modules for norm in batch_norms(module)}
    if not modes:
        return "-"
    return "mixed" if len(modes) > 1 else ("train" if modes.pop() else "eval")


def block_table(model: nn.Module) -> pd.DataFrame:
    """The state of every block, read off the live model: one row a block, from input to head.

    Columns: block, kind, parameters, buffers (both in single numbers), state ("frozen", "learns",
    "mixed" or "-" for none to learn), batch_norm ("train", "eval", "mixed" or "-").
    """
    rows = []
    for block in split_into_blocks(model):
        flags = {p.requires_grad for p in block.parameters()}
        state = {(): "-", (True,): "learns", (False,): "frozen"}.get(tuple(flags), "mixed")
        rows.append(
            {
                "block": block.name,
                "kind": block.kind,
                "parameters": sum(p.numel() for p in block.parameters()),
                "buffers": sum(b.numel() for b in block.buffers()),
                "state": state,
                "batch_norm": _batch_norm_mode(block),
            }
        )
    return pd.DataFrame(rows)
