"""MobileNetV2 with the weights of a checkpoint: the network of most lessons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint

from torch import Tensor, nn


def load_mobilenet_v2(checkpoint: Path | str) -> nn.Module:
    """torchvision's MobileNetV2 with the weights of a checkpoint, its old head included.

    The head gets as many outputs as the checkpoint's has: 1000 for ImageNet, 30 for Shapes.

    "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Mark Sandler, Andrew Howard,
    Menglong Zhu, Andrey Zhmoginov and Liang-Chieh Chen, 2018.

    Raises
    ------
    CheckpointError
        If the file cannot be read (see `read_checkpoint`) or belongs to another architecture.
    """
    from torchvision.models import mobilenet_v2 as build

    state = read_checkpoint(checkpoint)
    name = Path(checkpoint).name
    if "classifier.1.bias" not in state:
        raise CheckpointError(_other_architecture(name, "MobileNetV2", state))
    model = build(num_classes=len(state["classifier.1.bias"]))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(_other_architecture(name, "MobileNetV2", state)) from error
    return model


def _other_architecture(name: str, wanted: str, state: Mapping[str, Tensor]) -> str:
    some = ", ".join(list(state)[:3])
    return (
        f"{name} does not hold the weights of a {wanted}: its {len(state)} tensors are called "
        f"{some}, ... ; build the architecture that they were trained with, or pick another file"
    )
