"""Discriminative learning rates for backbone and head: the optimizer's groups, and a schedule."""

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

    Raises ValueError if a rate is not positive and finite, or weight_decay is negative.
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
    *,
    fused: bool | None = None,
) -> tuple[torch.optim.Optimizer, OneCycleLR]:
    """AdamW with discriminative rates, and a schedule up over the first fifth and down to zero.

    The schedule is one cycle ("Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", Leslie N. Smith and Nicholay Topin, 2017), along a cosine, and is stepped after
    every batch, `steps` times.  Weight decay spares norms and biases.

    fused : update all weights in one go, with other roundings; None does so on a GPU alone
    """
    groups = parameter_groups(
        model, backbone_rate=backbone_rate, head_rate=head_rate, weight_decay=weight_decay
    )
    device = next(model.parameters()).device
    if fused is None:
        fused = device.type == "cuda"
    optimizer = torch.optim.AdamW(groups, fused=fused)
    schedule = OneCycleLR(
        optimizer,
        max_lr=[float(group["lr"]) for group in optimizer.param_groups],
        total_steps=steps,
        # torch divides by zero where the rise is over after exactly one step
        pct_start=0.3 if steps == 5 else 0.2,
        cycle_momentum=False,
    )
    return optimizer, schedule
