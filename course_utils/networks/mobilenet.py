"""MobileNetV2 with the weights of a checkpoint: the network of most lessons."""

from __future__ import annotations

from pathlib import Path

from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint

from torch import nn


def load_mobilenet_v2(checkpoint: Path | str) -> nn.Module:
    """torchvision's MobileNetV2 with the weights of a checkpoint, its old head included.

    The head gets as many outputs as the checkpoint's has: 1000 for ImageNet, 30 for Shapes.

    "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Mark Sandler, Andrew Howard,
    Menglong Zhu, Andrey Zhmoginov and Liang-Chieh Chen, 2018.

    Parameters
    ----------
    checkpoint : Path or str
        A file that `read_checkpoint` can read.

    Raises
    ------
    CheckpointError
        When the file cannot be read (see `read_checkpoint`) or belongs to another architecture.
    """
    from torchvision.models import mobilenet_v2

    state = read_checkpoint(checkpoint)
    try:
        model = mobilenet_v2(num_classes=len(state["classifier.1.bias"]))
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        some = ", ".join(list(state)[:3])
        raise CheckpointError(
            f"{Path(checkpoint).name} does not hold the weights of a MobileNetV2: its "
            f"{len(state)} tensors are called {some}, ... ; build the architecture that they were "
            f"trained with, or pick another file"
        ) from error
    return model
