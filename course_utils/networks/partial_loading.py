"""Load what fits of a checkpoint, and say what became of every tensor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from course_utils.networks.blocks import split_into_blocks
from course_utils.networks.checkpoint_files import CheckpointError

import pandas as pd
from torch import Tensor, nn


@dataclass
class LoadReport:
    """What became of each tensor when a checkpoint met a network (see `load_matching`).

    Parameters
    ----------
    matched : list of str
        Loaded.
    reshaped : dict of str to tuple
        In both, but of different shape, so not loaded: the checkpoint's shape and the model's.
    missing : list of str
        The model wants it, the checkpoint has none; keeps its initial value.
    unexpected : list of str
        In the checkpoint only.
    """

    matched: list[str] = field(default_factory=list)
    reshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total = len(self.matched) + len(self.reshaped) + len(self.missing)
        return (
            f"transferred {len(self.matched)} of the model's {total} tensors; "
            f"{len(self.reshaped)} of another shape, {len(self.missing)} missing, "
            f"{len(self.unexpected)} unexpected in the checkpoint"
        )

    def table(self, model: nn.Module) -> pd.DataFrame:
        """What became of the tensors, block by block, from the input to the head.

        Columns: block; matched, reshaped, missing and unexpected (tensors); numbers (share of the
        block's single numbers that were loaded, 0 to 1).  Unexpected tensors whose name belongs to
        none of the model's blocks come last, by the first part of their name, without `numbers`.
        """
        blocks = [block.name for block in split_into_blocks(model)]
        kinds: dict[str, Collection[str]] = {
            "matched": set(self.matched),
            "reshaped": self.reshaped,
            "missing": set(self.missing),
            "unexpected": self.unexpected,
        }
        rows = {block: dict.fromkeys((*kinds, "numbers", "of"), 0) for block in blocks}
        sizes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
        for kind, names in kinds.items():
            for name in names:
                block = _block_of(name, blocks)
                row = rows.setdefault(block, dict.fromkeys((*kinds, "numbers", "of"), 0))
                row[kind] += 1
                row["numbers"] += sizes.get(name, 0) * (kind == "matched")
                row["of"] += sizes.get(name, 0)
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("block").reset_index()
        table["numbers"] = table["numbers"] / table.pop("of").where(lambda size: size > 0)
        return table


def _block_of(name: str, blocks: Sequence[str]) -> str:
    """The block that a tensor's name says it belongs to, or the first part of its name."""
    owners = [block for block in blocks if name.startswith(f"{block}.")]
    return max(owners, key=len, default=name.split(".")[0])


def compare_with_checkpoint(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """What `load_matching` would do with a checkpoint (names to tensors); nothing is loaded."""
    own, report = model.state_dict(), LoadReport()
    for name, mine in own.items():
        if name not in state:
            report.missing.append(name)
        elif state[name].shape != mine.shape:
            report.reshaped[name] = (tuple(state[name].shape), tuple(mine.shape))
        else:
            report.matched.append(name)
    report.unexpected = [name for name in state if name not in own]
    return report


def load_matching(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Load each tensor of a checkpoint that the model has by the same name and shape.

    Unlike `load_state_dict(strict=False)` it says what happened to every tensor, and it refuses
    to pass silently when nothing fitted at all.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    state : mapping of str to Tensor
        The checkpoint, as `read_checkpoint` returns it.

    Returns
    -------
    LoadReport
        What became of every tensor.

    Raises
    ------
    CheckpointError
        When not one tensor matched.
    """
    report = compare_with_checkpoint(model, state)
    if not report.matched:
        theirs, ours = next(iter(state), "nothing"), next(iter(model.state_dict()), "nothing")
        raise CheckpointError(
            f"not one of the checkpoint's {len(state)} tensors fits {type(model).__name__}: the "
            f"checkpoint's names begin with {theirs!r}, the model's with {ours!r}. "
            f"A prefix such as 'module.' is the usual cause: rename the keys first"
        )
    model.load_state_dict({name: state[name] for name in report.matched}, strict=False)
    return report
