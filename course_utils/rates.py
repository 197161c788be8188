"""Discriminative learning rates: the optimizer's groups for backbone and head."""

from __future__ import annotations

import math

from torch import nn

from .stages import stages


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
    *backbone, head = stages(model)
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
