"""An optimizer's parameter groups, with discriminative learning rates; AdamW with one cycle."""

from __future__ import annotations

import math

from course_utils.networks.blocks import split_into_blocks

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


def parameter_groups(
    model: nn.Module, *, backbone_rate: float, head_rate: float, weight_decay: float = 0.0
) -> list[dict[str, object]]:
    """Optimizer groups with discriminative learning rates: a small one for the backbone, a larger
    one for the head.

    Frozen parameters are included: they lie still while frozen, and learn at their own rate once
    thawed.  Weight decay is spared for norms and biases (one-dimensional parameters), which it
    would only shrink towards a useless zero.

    "Universal Language Model Fine-tuning for Text Classification", Jeremy Howard and Sebastian
    Ruder, 2018, introduced discriminative rates under that name.

    Parameters
    ----------
    model : nn.Module
        One that `split_into_blocks` can take apart; its last block is the head.
    backbone_rate, head_rate : float
        Learning rates.
    weight_decay : float
        Of all parameters but norms and biases.

    Returns
    -------
    list of dict
        For `torch.optim`; each group has a `name` besides its settings.

    Raises
    ------
    ValueError
        If a rate is not positive and finite, or weight_decay is negative.
    """
    for name, value in (("backbone_rate", backbone_rate), ("head_rate", head_rate)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive number, not {value!r}")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise ValueError(f"weight_decay must be 0 or more, not {weight_decay!r}")
    *backbone, head = split_into_blocks(model)
    groups: list[dict[str, object]] = []
    parts = (
        ("backbone", [p for s in backbone for p in s.parameters()], backbone_rate),
        ("head", head.parameters(), head_rate),
    )
    for name, parameters, rate in parts:
        for suffix, chosen, decay in (
            ("", [p for p in parameters if p.ndim > 1], weight_decay),
            (", no decay", [p for p in parameters if p.ndim <= 1], 0.0),
        ):
            if chosen:
                groups.append(
                    {"params": chosen, "lr": rate, "weight_decay": decay, "name": name + suffix}
                )
    return groups


def one_cycle(
    model: nn.Module,
    steps: int,
    backbone_rate: float,
    head_rate: float,
    weight_decay: float = 0.01,
) -> tuple[torch.optim.Optimizer, OneCycleLR]:
    """AdamW with discriminative rates, and a schedule up over the first fifth and down to zero.

    The schedule is one cycle ("Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", Leslie N. Smith and Nicholay Topin, 2017), along a cosine, and is stepped after
    every batch, `steps` times.  Weight decay spares norms and biases.
    """
    groups = parameter_groups(
        model, backbone_rate=backbone_rate, head_rate=head_rate, weight_decay=weight_decay
    )
    optimizer = torch.optim.AdamW(groups, fused=can_fuse(model))
    schedule = OneCycleLR(
        optimizer,
        max_lr=[float(group["lr"]) for group in optimizer.param_groups],
        total_steps=steps,
        # torch divides by zero where the rise is over after exactly one step
        pct_start=0.3 if steps == 5 else 0.2,
        cycle_momentum=False,
    )
    return optimizer, schedule


def can_fuse(model: nn.Module) -> bool:
    """Whether AdamW can update all weights in one go on the device of a network."""
    return next(model.parameters()).device.type in ("cpu", "cuda")


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError unless the optimizer holds the model's trainable parameters.

    The classic mistake: the optimizer was built, then the head was replaced.  It then trains a
    layer that the network no longer has, and the new head never learns.
    """
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    own = {id(p): name for name, p in model.named_parameters()}
    if stale := held - own.keys():
        raise ValueError(
            f"the optimizer holds {len(stale)} parameters that the model does not have; "
            f"was the head replaced after the optimizer was built? Build it again"
        )
    learns = {id(p): n for n, p in model.named_parameters() if p.requires_grad}
    if not learns:
        raise ValueError("every parameter is frozen, the head too: nothing can learn")
    if missing := [name for key, name in learns.items() if key not in held]:
        raise ValueError(
            f"{len(missing)} trainable parameters are not in the optimizer, so they would never "
            f"move: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
        )
