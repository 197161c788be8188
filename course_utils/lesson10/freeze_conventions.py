"""What four well-known tools do when they "freeze", each written as a few lines of PyTorch.

A `Convention` says what learns, with which optimizer, and whether the backbone's norms are in train
mode. `table` takes one training step with each and looks what moved, so that the comparison is
measured and not believed.

The settings are the tools' documented defaults: PyTorch's "Transfer Learning for Computer Vision
Tutorial" (Sasank Chilamkurthy); Keras' guide "Transfer learning & fine-tuning" (François Chollet,
2020); "fastai: A Layered API for Deep Learning" (Jeremy Howard and Sylvain Gugger, 2020), method
`fine_tune`; YOLOv5 (Glenn Jocher, 2020), option `--freeze`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course_utils.networks.blocks import split_into_blocks

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, Adam, AdamW, Optimizer

KINDS = ("backbone weights", "backbone norms", "running statistics", "head")


def tensors_by_kind(model: nn.Module) -> dict[str, list[Tensor]]:
    """List a network's tensors by kind (see `KINDS`): the head is its last block.

    Norms are batch norms and layer norms; `running statistics` are batch norm's means and
    variances. Batch norm's counter of batches is left out.
    """
    *backbone, head = split_into_blocks(model)
    inside = [m for block in backbone for module in block.modules for m in module.modules()]
    norms = [m for m in inside if isinstance(m, _BatchNorm | nn.LayerNorm)]
    of_norms = [p for norm in norms for p in norm.parameters()]
    known = {id(p) for p in of_norms}
    found: tuple[list[Tensor], ...] = (
        [p for block in backbone for p in block.parameters() if id(p) not in known],
        [*of_norms],
        [b for norm in norms for b in norm.buffers() if b.is_floating_point()],
        [*head.parameters()],
    )
    return dict(zip(KINDS, found, strict=True))


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _fastai(model: nn.Module, backbone_rate: float, head_rate: float) -> Optimizer:
    """fastai's Adam: decoupled weight decay, none of it for norms and biases; a rate a group."""
    *backbone, head = split_into_blocks(model)
    groups: list[dict[str, object]] = []
    for rate, members in ((backbone_rate, backbone), (head_rate, [head])):
        parameters = [p for block in members for p in block.parameters()]
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups.append({"params": matrices, "lr": rate, "weight_decay": 0.01})
        groups.append({"params": vectors, "lr": rate, "weight_decay": 0.0})
    return AdamW(groups, betas=(0.9, 0.99), eps=1e-5)


def _yolov5(model: nn.Module) -> Optimizer:
    """The optimizer holds what is frozen all the same."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": vectors, "weight_decay": 0.0},
        {"params": matrices, "weight_decay": 5e-4},
    ]
    return SGD(groups, lr=0.01, momentum=0.937, nesterov=True)


def _tutorial(model: nn.Module) -> Optimizer:
    return SGD(_learning(model), lr=1e-3, momentum=0.9)


@dataclass(frozen=True)
class Convention:
    """How one tool trains in one phase.

    Parameters
    ----------
    tool, phase : str
        Whose convention, and whether the backbone is "frozen" or "all" learns.
    optimizer : callable
        Makes the tool's optimizer for a network whose `requires_grad` is set.
    schedule : str
        What becomes of the rates in time, in words.
    learns : tuple of str
        Which of `KINDS` learn.
    norms_in_eval : bool
        Whether the backbone is in eval mode while it trains: Keras' `training=False`.
    """

    tool: str
    phase: str
    optimizer: Callable[[nn.Module], Optimizer]
    schedule: str
    learns: tuple[str, ...] = KINDS
    norms_in_eval: bool = False

    def step(self, model: nn.Module, x: Tensor, y: Tensor) -> Optimizer:
        """Take one training step as the tool would; the optimizer is returned to be looked at."""
        for kind, tensors in tensors_by_kind(model).items():
            for tensor in tensors:
                if isinstance(tensor, nn.Parameter):
                    tensor.requires_grad_(kind in self.learns)
        optimizer = self.optimizer(model)
        model.train()
        if self.norms_in_eval:
            for block in split_into_blocks(model)[:-1]:
                for module in block.modules:
                    module.eval()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        return optimizer


HEAD, NORMS_TOO = ("head",), ("backbone norms", "head")
CONVENTIONS = (
    Convention("PyTorch tutorial", "frozen", _tutorial, "a tenth every 7 epochs", HEAD),
    Convention("PyTorch tutorial", "all", _tutorial, "a tenth every 7 epochs"),
    Convention(
        "Keras guide", "frozen", lambda m: Adam(_learning(m), lr=1e-3, eps=1e-7), "constant",
        HEAD, norms_in_eval=True,
    ),
    Convention(
        "Keras guide", "all", lambda m: Adam(_learning(m), lr=1e-5, eps=1e-7), "constant",
        norms_in_eval=True,
    ),
    Convention(  # train_bn=True: norms learn although frozen
        "fastai fine_tune", "frozen", lambda m: _fastai(m, 2e-4, 2e-3), "rises for one epoch",
        NORMS_TOO,
    ),
    Convention(
        "fastai fine_tune", "all", lambda m: _fastai(m, 1e-5, 1e-3), "one cycle: up, then to zero"
    ),
    Convention("YOLOv5 --freeze", "frozen", _yolov5, "warm-up, then a line to 1 %", HEAD),
)  # fmt: skip


def moved(before: dict[str, list[Tensor]], after: dict[str, list[Tensor]]) -> dict[str, str]:
    """Say for each kind how many tensors changed, as "3 of 20", or "none there"."""
    result = {}
    for kind, old in before.items():
        changed = sum(not torch.equal(a, b) for a, b in zip(old, after[kind], strict=True))
        result[kind] = f"{changed} of {len(old)}" if old else "none there"
    return result


def rates(model: nn.Module, optimizer: Optimizer) -> dict[str, str]:
    """Read each kind's learning rate off the optimizer; "-" for none."""
    held = {id(p): float(g["lr"]) for g in optimizer.param_groups for p in g["params"]}
    found = {}
    for kind, tensors in tensors_by_kind(model).items():
        values = {held[id(p)] for p in tensors if p.requires_grad and id(p) in held}
        found[kind] = ", ".join(f"{value:g}" for value in sorted(values)) or "-"
    return found


def table(build: Callable[[], nn.Module], x: Tensor, y: Tensor) -> pd.DataFrame:
    """Take one training step with each convention on a fresh network, and look what moved.

    Parameters
    ----------
    build : callable
        Makes the same network with a new head at each call.
    x, y : Tensor
        A prepared batch of images and its int64 labels, on the network's device.

    Returns
    -------
    pandas.DataFrame
        One row for each tool and phase. Columns: tool, phase; for each of `KINDS` how many tensors
        moved; optimizer, backbone rate, norm rate, head rate, read off the optimizer; schedule.
    """
    rows = []
    for convention in CONVENTIONS:
        model = build()
        tensors = tensors_by_kind(model)
        before = {kind: [t.detach().clone() for t in ts] for kind, ts in tensors.items()}
        optimizer = convention.step(model, x, y)
        rate = rates(model, optimizer)
        rows.append(
            {
                "tool": convention.tool,
                "phase": convention.phase,
                **moved(before, tensors_by_kind(model)),
                "optimizer": type(optimizer).__name__,
                "backbone rate": rate["backbone weights"],
                "norm rate": rate["backbone norms"],
                "head rate": rate["head"],
                "schedule": convention.schedule,
            }
        )
    return pd.DataFrame(rows)


def yolov5_freeze(model: nn.Module, numbers: Sequence[int]) -> None:
    """Freeze modules as YOLOv5's `--freeze` does: by name, and thaw **all** others.

    YOLOv5 keeps its modules in one list called `model`, so the second one's weights are called
    `model.1.conv.weight` and so on. Whatever was frozen before is forgotten; batch norm's mode and
    statistics are not touched. "Transfer learning with frozen layers", Glenn Jocher.

    Parameters
    ----------
    model : nn.Module
        With parameters called `model.0.…`, `model.1.…`.
    numbers : sequence of int
        What stands behind `--freeze`. One number N means the first N modules; several numbers mean
        just the modules of these numbers.

    Raises
    ------
    ValueError
        If no number is given, one is negative, or no parameter is named that way at all.
    """
    if not numbers or min(numbers) < 0:
        raise ValueError(
            f"--freeze takes one number (the first so many modules) or several (just these), none "
            f"of them negative; given was {list(numbers)!r}"
        )
    names = [name for name, _ in model.named_parameters()]
    if not any(name.startswith("model.") for name in names):
        raise ValueError(
            f"{type(model).__name__} has no parameter called 'model.0.…': its names begin with "
            f"{names[0] if names else 'nothing'!r}, so --freeze would freeze nothing; "
            f"wrap it in a module that calls it `model`, or freeze by blocks"
        )
    chosen = range(numbers[0]) if len(numbers) == 1 else numbers
    marks = [f"model.{number}." for number in chosen]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(mark in name for mark in marks))
