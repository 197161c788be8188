"""What `--freeze` means in YOLOv5: modules are named, not counted by depth.

YOLOv5's network keeps all its modules in one list called `model`, so that the weights of the second
one are called `model.1.conv.weight` and so on.  Freezing goes by these names ("Transfer learning
with frozen layers", Glenn Jocher, in YOLOv5's documentation).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def frozen_marks(layers: Sequence[int], ending: str = ".") -> list[str]:
    """The pieces of a name by which a parameter is known as frozen.

    Parameters
    ----------
    layers : what stands behind `--freeze`.  One number N means the first N modules; several numbers
        mean just the modules of these numbers
    ending : what closes each piece; YOLOv5 uses a dot

    Raises
    ------
    ValueError
        If no number is given, or one is negative.

    >>> frozen_marks([3]), frozen_marks([0, 2])
    (['model.0.', 'model.1.', 'model.2.'], ['model.0.', 'model.2.'])
    """
    if not layers or min(layers) < 0:
        raise ValueError(
            f"--freeze takes one number (the first so many modules) or several (just these), none "
            f"of them negative; given was {list(layers)!r}"
        )
    numbers = list(layers) if len(layers) > 1 else range(layers[0])
    return [f"model.{number}{ending}" for number in numbers]


def freeze_by_name(model: nn.Module, marks: Sequence[str]) -> list[str]:
    """Freeze each parameter whose name contains one of the marks, and thaw **all** others.

    The marks may stand anywhere in the name, as in YOLOv5, not only at its start.  Whatever was
    frozen before is forgotten.  Batch norm's mode and statistics are not touched.

    Returns
    -------
    the names of the frozen parameters, in the model's order
    """
    frozen = []
    for name, parameter in model.named_parameters():
        found = any(mark in name for mark in marks)
        parameter.requires_grad_(not found)
        if found:
            frozen.append(name)
    return frozen


def freeze(model: nn.Module, layers: Sequence[int]) -> list[str]:
    """Do to a model with a list of modules called `model` what YOLOv5's `--freeze` does.

    Parameters
    ----------
    model : with parameters called `model.0.…`, `model.1.…`
    layers : as for `frozen_marks`

    Returns
    -------
    the names of the frozen parameters

    Raises
    ------
    ValueError
        If no parameter of the model is named that way at all, or as `frozen_marks` does.
    """
    marks = frozen_marks(layers)
    names = [name for name, _ in model.named_parameters()]
    if not any(name.startswith("model.") for name in names):
        raise ValueError(
            f"{type(model).__name__} has no parameter called 'model.0.…': its names begin with "
            f"{names[0] if names else 'nothing'!r}, so --freeze would freeze nothing; "
            f"wrap it in a module that calls it `model`, or freeze by blocks"
        )
    return freeze_by_name(model, marks)
