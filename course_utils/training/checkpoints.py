"""Save a training run after an epoch, and go on later as if it had never stopped.

    for epoch in training.epochs(model, optimizer, data, prepare, plan=plan, count=20):
        checkpoints.save("run.pt", model=model, optimizer=optimizer, plan=plan, epoch=epoch.number)

and after an interruption, with model and optimizer built in the same way as before:

    done, plan = checkpoints.resume("run.pt", model=model, optimizer=optimizer)
    for epoch in training.epochs(..., plan=plan, start=done, count=20 - done): ...

Weights alone are not enough for that.  The optimizer keeps moments, the schedule its position,
batch norm its buffers, and dropout draws from the random generator: all of them are in the file.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

from course_utils.networks.checkpoint_files import CheckpointError
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan
from course_utils.training.optimizers import check_optimizer

import torch
from torch import nn

FORMAT = 2


def save(
    path: Path | str,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: FreezePlan,
    epoch: int,
    scheduler: Any = None,
) -> Path:
    """Write all that `resume` needs; the file appears whole, or the earlier one stays.

    Parameters
    ----------
    path : Path or str
        Its folder must exist.  `read_checkpoint` reads the file's weights as well.
    model : nn.Module
        The whole network, also when only its tail is trained behind a cached prefix.
    optimizer : torch.optim.Optimizer
        Holds the model's trainable parameters.
    plan : FreezePlan
        Which blocks are frozen.
    epoch : int
        Number of the last epoch that is finished; 0 before the first.
    scheduler : optional
        Any of torch's learning-rate schedules.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the optimizer does not belong to the model.
    CheckpointError
        If the file cannot be written, or could not be read back safely (an optimizer or a schedule
        that keeps objects of its own class).
    """
    path = Path(path)
    check_optimizer(model, optimizer)
    content = {
        "format": FORMAT,
        "built": _description(model, optimizer, scheduler),
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "plan": (sorted(plan.frozen), plan.batch_norm),
        "epoch": epoch,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    packed = io.BytesIO()  # packed in memory first: torch reports a full disk in riddles
    torch.save(content, packed)
    try:
        packed.seek(0)
        torch.load(packed, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} was not written, because it could not be read back safely: the optimizer "
            f"or the scheduler keeps more than numbers and tensors; use torch's own ones"
        ) from error
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        draft.write_bytes(packed.getbuffer())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path} could not be written ({error.strerror or error}); an earlier file of that "
            f"name is still whole. Free {packed.tell() / 1e6:.0f} MB, or choose a folder that "
            f"exists and that you may write to"
        ) from error
    return path


def resume(
    path: Path | str, *, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any = None
) -> tuple[int, FreezePlan]:
    """Put model, optimizer, scheduler and torch's random generators back as they were saved.

    Everything is checked first: after an error nothing has been changed.

    Parameters
    ----------
    path : Path or str
        A file that `save` wrote.
    model, optimizer, scheduler
        Built in the same way as those that were saved.

    Returns
    -------
    tuple of (int, FreezePlan)
        The number of the last finished epoch (for `start=` of `training.epochs`), and the plan,
        which has been applied to the model.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind, or belongs to another architecture,
        another optimizer or another schedule.
    """
    path = Path(path)
    content = _read(path)
    for part, now in _description(model, optimizer, scheduler).items():
        was = content["built"][part]
        if odd := [name for name in {**was, **now} if was.get(name) != now.get(name)]:
            raise CheckpointError(
                f"{path.name} was saved with another {part}: {odd[0]} is "
                f"{was.get(odd[0], 'absent')} in the file and {now.get(odd[0], 'absent')} here. "
                f"Build everything as it was, the head included, then resume"
            )
    model.load_state_dict(content["state_dict"])
    optimizer.load_state_dict(content["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(content["scheduler"])
    frozen, batch_norm = content["plan"]
    plan = FreezePlan(frozenset(frozen), batch_norm)
    freezing.apply(model, plan)
    torch.set_rng_state(content["random"])
    if torch.cuda.is_available() and len(content["random_cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(content["random_cuda"])
    return int(content["epoch"]), plan


def _description(
    model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any
) -> dict[str, dict[str, Any]]:
    """What must be the same when a run is resumed: plain values that can be compared."""
    names = {id(p): name for name, p in model.named_parameters()}
    groups = [[names.get(id(p), "?") for p in group["params"]] for group in optimizer.param_groups]
    return {
        "network": {name: list(value.shape) for name, value in model.state_dict().items()},
        "optimizer": {"its class": type(optimizer).__name__, "its parameters": groups},
        "schedule": {"its class": None if scheduler is None else type(scheduler).__name__},
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; start the training from its start")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError) as e:
        raise CheckpointError(
            f"{path.name} was not loaded ({type(e).__name__}): it was cut off, or holds more than "
            f"numbers and tensors and might run code. Use a file that checkpoints.save wrote"
        ) from e
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is no training run that this version of the course saved; "
            f"for weights alone use read_checkpoint"
        )
    return content
