"""What a network answers on a set of images."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.images.preprocessing import PrepareFunction

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A network's answers on a set of images: mean loss, accuracy (0 to 1), predicted labels."""

    loss: float
    accuracy: float
    predictions: Tensor


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    prepare: PrepareFunction,
    batch_size: int = 128,
) -> Evaluation:
    """Loss and accuracy over all images, each counted once whatever the batch size.

    The network runs in eval mode; every module's mode is put back as it was found.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        parts = [model(prepare(part)).float() for part in images.split(batch_size)]
        scores = torch.cat(parts).cpu()
    finally:
        for module, mode in modes.items():
            module.training = mode
    target = labels.cpu()
    loss = F.cross_entropy(scores, target).item()
    predictions = scores.argmax(1)
    return Evaluation(loss, (predictions == target).float().mean().item(), predictions)
