"""The last layer of a network, which turns features into class scores: find it, replace it."""

from __future__ import annotations

from torch import nn


def find_head(model: nn.Module) -> tuple[str, nn.Linear]:
    """The dotted name of the last linear layer, and the layer itself.

    Raises
    ------
    ValueError
        When the network has no linear layer.
    """
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(model).__name__} has no nn.Linear, so no head to replace was found"
        )
    return linear[-1]


def replace_head(model: nn.Module, num_classes: int) -> nn.Linear:
    """Put a new, randomly initialised last layer in place of the old.

    Build the optimizer after this: one built before holds the old layer.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    num_classes : int
        Outputs of the new layer.

    Returns
    -------
    nn.Linear
        The new layer, on the device and of the dtype of the old.

    Raises
    ------
    ValueError
        When `num_classes` is below 2 or the network has no linear layer.
    """
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    name, old = find_head(model)
    parent_name, _, child = name.rpartition(".")
    new = nn.Linear(old.in_features, num_classes, bias=old.bias is not None)
    setattr(model.get_submodule(parent_name), child, new.to(old.weight))  # its device and type
    return new
