"""What four well-known tools do when they "freeze", each written as a few lines of PyTorch.

A `Convention` sets `requires_grad`, builds the tool's optimizer, and puts the network into the
tool's mode for training.  `table` takes one training step with each and looks what moved, so that
the comparison is measured and not believed.

The settings are the tools' documented defaults: PyTorch's "Transfer Learning for Computer Vision
Tutorial" (Sasank Chilamkurthy); Keras' guide "Transfer learning & fine-tuning" (François Chollet,
2020); "fastai: A Layered API for Deep Learning" (Jeremy Howard and Sylvain Gugger, 2020), method
`fine_tune`; YOLOv5 (Glenn Jocher, 2020), option `--freeze`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from course_utils.networks.stages import stages

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, Adam, AdamW, Optimizer

KINDS = ("backbone weights", "backbone norms", "running statistics", "head")


@dataclass(frozen=True)
class Convention:
    """How one tool trains in one phase.

    start : sets requires_grad on all parameters, and returns the tool's optimizer
    mode : called before every step: what is in train mode, what in eval mode
    schedule : what becomes of the rates in time, in words
    """

    tool: str
    phase: str
    start: Callable[[nn.Module], Optimizer]
    mode: Callable[[nn.Module], None]
    schedule: str


def parts(model: nn.Module) -> dict[str, list[Tensor]]:
    """A network's tensors by kind (see `KINDS`): the head is its last stage, the rest backbone.

    Norms are batch norms and layer norms; `running statistics` are batch norm's means and
    variances.  Batch norm's counter of batches is left out.
    """
    *backbone, head = stages(model)
    norms = [
        m
        for stage in backbone
        for module in stage.modules
        for m in module.modules()
        if isinstance(m, _BatchNorm | nn.LayerNorm)
    ]
    of_norms = [p for norm in norms for p in norm.parameters()]
    known = {id(p) for p in of_norms}
    found: tuple[list[Tensor], ...] = (
        [p for stage in backbone for p in stage.parameters() if id(p) not in known],
        [*of_norms],
        [b for norm in norms for b in norm.buffers() if b.is_floating_point()],
        [*head.parameters()],
    )
    return dict(zip(KINDS, found, strict=True))


def _learn(model: nn.Module, *kinds: str) -> list[list[Tensor]]:
    """Let just these kinds of parameters learn, and return them."""
    model.requires_grad_(False)
    chosen = [parts(model)[kind] for kind in kinds]
    for parameter in (p for group in chosen for p in group):
        parameter.requires_grad_(True)
    return chosen


def _all_train(model: nn.Module) -> None:
    model.train()


def _backbone_eval(model: nn.Module) -> None:
    """Keras' `training=False` for the backbone: norms use what they have stored, and keep it."""
    model.train()
    for stage in stages(model)[:-1]:
        for module in stage.modules:
            module.eval()


def _tutorial_frozen(model: nn.Module) -> Optimizer:
    (head,) = _learn(model, "head")
    return SGD(head, lr=1e-3, momentum=0.9)


def _tutorial_all(model: nn.Module) -> Optimizer:
    model.requires_grad_(True)
    return SGD(model.parameters(), lr=1e-3, momentum=0.9)


def _keras_frozen(model: nn.Module) -> Optimizer:
    (head,) = _learn(model, "head")
    return Adam(head, lr=1e-3, eps=1e-7)


def _keras_all(model: nn.Module) -> Optimizer:
    model.requires_grad_(True)
    return Adam(model.parameters(), lr=1e-5, eps=1e-7)


def _fastai_optimizer(model: nn.Module, rates: Sequence[float]) -> Optimizer:
    """fastai's Adam: decoupled weight decay, none of it for norms and biases; a rate a group."""
    *backbone, head = stages(model)
    groups: list[dict[str, object]] = []
    for rate, members in zip(rates, (backbone, [head]), strict=True):
        parameters = [p for stage in members for p in stage.parameters()]
        for decay, chosen in (
            (0.01, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return AdamW(groups, betas=(0.9, 0.99), eps=1e-5)


def _fastai_frozen(model: nn.Module) -> Optimizer:
    _learn(model, "backbone norms", "head")  # train_bn=True: norms learn although frozen
    return _fastai_optimizer(model, (2e-3 / 10, 2e-3))


def _fastai_all(model: nn.Module) -> Optimizer:
    model.requires_grad_(True)
    base = 2e-3 / 2
    return _fastai_optimizer(model, (base / 100, base))


def _yolov5(model: nn.Module) -> Optimizer:
    """`--freeze N` with N the number of backbone blocks; the optimizer holds them all the same."""
    model.requires_grad_(True)
    for stage in stages(model)[:-1]:
        for parameter in stage.parameters():
            parameter.requires_grad_(False)
    decay = [p for p in model.parameters() if p.ndim > 1]
    spare = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": spare, "weight_decay": 0.0},
        {"params": decay, "weight_decay": 5e-4},
    ]
    return SGD(groups, lr=0.01, momentum=0.937, nesterov=True)


CONVENTIONS = (
    Convention(
        "PyTorch tutorial", "frozen", _tutorial_frozen, _all_train, "a tenth every 7 epochs"
    ),
    Convention("PyTorch tutorial", "all", _tutorial_all, _all_train, "a tenth every 7 epochs"),
    Convention("Keras guide", "frozen", _keras_frozen, _backbone_eval, "constant"),
    Convention("Keras guide", "all", _keras_all, _backbone_eval, "constant"),
    Convention("fastai fine_tune", "frozen", _fastai_frozen, _all_train, "rises for one epoch"),
    Convention("fastai fine_tune", "all", _fastai_all, _all_train, "one cycle: up, then to zero"),
    Convention("YOLOv5 --freeze", "frozen", _yolov5, _all_train, "warm-up, then a line to 1 %"),
)


def step(convention: Convention, model: nn.Module, x: Tensor, y: Tensor) -> Optimizer:
    """Take one training step as the tool would; the optimizer is returned to be looked at."""
    optimizer = convention.start(model)
    convention.mode(model)
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return optimizer


def moved(before: dict[str, list[Tensor]], after: dict[str, list[Tensor]]) -> dict[str, str]:
    """For each kind how many tensors changed, as "3 of 20", or "none there"."""
    result = {}
    for kind, old in before.items():
        changed = sum(not torch.equal(a, b) for a, b in zip(old, after[kind], strict=True))
        result[kind] = f"{changed} of {len(old)}" if old else "none there"
    return result


def rates(model: nn.Module, optimizer: Optimizer) -> dict[str, str]:
    """Learning rate of backbone weights, norms and head as the optimizer has it; "-" for none."""
    found: dict[str, str] = {}
    held = {id(p): float(g["lr"]) for g in optimizer.param_groups for p in g["params"]}
    for kind, tensors in parts(model).items():
        values = {held[id(p)] for p in tensors if p.requires_grad and id(p) in held}
        found[kind] = ", ".join(f"{value:g}" for value in sorted(values)) or "-"
    return found


def _rows(build: Callable[[], nn.Module], x: Tensor, y: Tensor) -> Iterator[dict[str, str]]:
    for convention in CONVENTIONS:
        model = build()
        before = {kind: [t.detach().clone() for t in ts] for kind, ts in parts(model).items()}
        optimizer = step(convention, model, x, y)
        rate = rates(model, optimizer)
        yield {
            "tool": convention.tool,
            "phase": convention.phase,
            **moved(before, parts(model)),
            "optimizer": type(optimizer).__name__,
            "backbone rate": rate["backbone weights"],
            "norm rate": rate["backbone norms"],
            "head rate": rate["head"],
            "schedule": convention.schedule,
        }


def table(build: Callable[[], nn.Module], x: Tensor, y: Tensor) -> pd.DataFrame:
    """One training step with each convention on a fresh network, and what moved.

    Parameters
    ----------
    build : makes the same network with a new head at each call
    x, y : a prepared batch of images and its int64 labels, on the network's device

    Returns
    -------
    One row for each tool and phase.  Columns: tool, phase; for each of `KINDS` how many tensors
    moved; optimizer, backbone rate, norm rate, head rate, read off the optimizer; schedule.
    """
    return pd.DataFrame(_rows(build, x, y))
