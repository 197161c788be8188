"""Look inside a network: the size and cost of every block."""

import math

from course_utils.networks.blocks import split_into_blocks

import pandas as pd
import torch
from torch import Tensor, nn


@torch.no_grad()
def cost_by_block(model: nn.Module, size: int) -> pd.DataFrame:
    """What each block costs for one image of `size` x `size` pixels.

    Columns: block, parameters (single numbers), macs (multiply-accumulate operations of its
    convolutions, linear layers and attention), output (its output's shape without the batch, as
    text), activations (single numbers in that output).

    The model's mode is put back as it was found.  A model on the meta device is counted without a
    single number being stored.
    """
    training = {m: m.training for m in model.modules()}
    model.eval()
    device = next(model.parameters()).device
    x = torch.zeros(1, 3, size, size, device=device)
    rows = []
    try:
        for block in split_into_blocks(model):
            counted: list[int] = []
            hooks = [
                m.register_forward_hook(
                    lambda mod, args, out, counted=counted: counted.append(_macs(mod, out))
                )
                for module in block.modules
                for m in module.modules()
                if isinstance(m, nn.Conv2d | nn.Linear | nn.MultiheadAttention)
            ]
            x = block.forward(x)
            for hook in hooks:
                hook.remove()
            rows.append(
                {
                    "block": block.name,
                    "parameters": sum(p.numel() for p in block.parameters()),
                    "macs": sum(counted),
                    "output": " x ".join(str(n) for n in x.shape[1:]),
                    "activations": x[0].numel(),
                }
            )
    finally:
        for module, mode in training.items():
            module.training = mode
    return pd.DataFrame(rows)


def _macs(module: nn.Module, output: Tensor | tuple[Tensor, ...]) -> int:
    """Multiply-accumulates of one layer: weights used for each number of its output."""
    if isinstance(module, nn.MultiheadAttention):
        tokens, width = output[0].shape[-2:]
        # four square matrices for each token; then each token with each: scores, weighted sum
        return tokens * 4 * width**2 + 2 * tokens**2 * width
    assert isinstance(output, Tensor)
    if isinstance(module, nn.Conv2d):
        return output[0].numel() * module.weight[0].numel()
    assert isinstance(module, nn.Linear)
    return output[0].numel() * module.in_features


def state_snapshot(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """A copy of every block's parameters and buffers: block -> name -> tensor."""
    return {
        block.name: {
            f"{i}.{name}": tensor.detach().clone()
            for i, module in enumerate(block.modules)
            for name, tensor in module.state_dict().items()
        }
        for block in split_into_blocks(model)
    }


def movement(model: nn.Module, before: dict[str, dict[str, Tensor]]) -> pd.DataFrame:
    """How far each block has moved since a snapshot, relative to its size then.

    Columns: block, weights (length of the change of all parameters over their length before) and
    statistics (the same for batch norm's running means and variances).  Exactly 0 means that not
    one number has changed; infinity that all were zero before.
    """
    rows = []
    for block, now in state_snapshot(model).items():
        row: dict[str, object] = {"block": block}
        for column, wanted in (("weights", False), ("statistics", True)):
            names = [
                n for n in now if ("running_" in n) == wanted and "num_batches_tracked" not in n
            ]
            # in double precision: the square of a tiny change must not vanish
            old = {n: before[block][n].double() for n in names}
            change = sum(float((now[n].double() - old[n]).square().sum()) for n in names)
            length = sum(float(old[n].square().sum()) for n in names)
            still = math.inf if change else 0.0
            row[column] = (change / length) ** 0.5 if length else still
        rows.append(row)
    return pd.DataFrame(rows)
