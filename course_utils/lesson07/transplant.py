"""Transfer the first blocks of a network, and leave the others as fresh as they were made.

After "How transferable are features in deep neural networks?", Jason Yosinski, Jeff Clune, Yoshua
Bengio and Hod Lipson, 2014.
"""

from __future__ import annotations

from course_utils.networks.blocks import split_into_blocks

import torch
from torch import nn


def first_blocks(source: nn.Module, fresh: nn.Module, k: int) -> nn.Module:
    """Copy parameters and buffers of the first `k` blocks from one network into another.

    Parameters
    ----------
    source, fresh : of the same build below the head, whose classes may differ
    k : how many blocks, from the input; the head is never copied

    Returns
    -------
    `fresh`, changed in place

    Raises ValueError unless `k` lies between 0 and the number of blocks below the head, or if a
    block does not fit.
    """
    there, here = split_into_blocks(source)[:-1], split_into_blocks(fresh)[:-1]
    if not 0 <= k <= len(there):
        raise ValueError(
            f"cannot transfer {k} blocks: the network has {len(there)} below its head; "
            f"choose a number from 0 to {len(there)}"
        )
    for old, new in zip(there[:k], here[:k], strict=True):
        for before, after in zip(old.modules, new.modules, strict=True):
            try:
                after.load_state_dict(before.state_dict())
            except RuntimeError as error:
                raise ValueError(f"{new.name} cannot take the weights of {old.name}") from error
    return fresh


def rates_by_block(
    model: nn.Module, k: int, *, transferred: float, fresh: float, weight_decay: float = 0.05
) -> list[dict[str, object]]:
    """Optimizer groups: one rate for the first `k` blocks, another for all that is fresh.

    Norms and biases are spared weight decay, as in `training.parameter_groups`.
    """
    blocks = split_into_blocks(model)
    groups: list[dict[str, object]] = []
    for part, rate in ((blocks[:k], transferred), (blocks[k:], fresh)):
        parameters: list[torch.nn.Parameter] = [p for block in part for p in block.parameters()]
        for chosen, decay in (
            ([p for p in parameters if p.ndim > 1], weight_decay),
            ([p for p in parameters if p.ndim <= 1], 0.0),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups
