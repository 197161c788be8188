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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_utils.networks.checkpoint_files import CheckpointError
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan

import torch
from torch import Tensor, nn

FORMAT = 1
_KEYS = {"format", "network", "state_dict", "optimizer", "parameters", "scheduler", "plan", "epoch"}


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
    path : the file; its folder must exist.  `read_checkpoint` reads its weights as well
    model : the whole network, also when only its tail is trained behind a cached prefix
    optimizer : holds parameters of `model`
    plan : which blocks are frozen
    epoch : number of the last epoch that is finished; 0 before the first
    scheduler : any of torch's, or None

    Raises
    ------
    ValueError
        If `epoch` is no count, or the optimizer holds parameters that the model does not have.
    CheckpointError
        If the file cannot be written, or could not be read back safely (an optimizer or a schedule
        that keeps objects of its own class).  An earlier file of that name is left as it was.
    """
    path = Path(path)
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise ValueError(f"epoch must be a whole number from 0, not {epoch!r}")
    content = {
        "format": FORMAT,
        "network": type(model).__name__,
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "parameters": _parameter_names(model, optimizer),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "plan": {"frozen": sorted(plan.frozen), "batch_norm": plan.batch_norm},
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
    _write_whole(path, packed.getbuffer())
    return path


def resume(
    path: Path | str,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: Any = None,
) -> tuple[int, FreezePlan]:
    """Put model, optimizer, scheduler and torch's random generator back as they were saved.

    Everything is checked first: after an error nothing has been changed.

    Parameters
    ----------
    path : a file that `save` wrote
    model, optimizer, scheduler : built in the same way as those that were saved

    Returns
    -------
    the number of the last finished epoch (for `start=` of `training.epochs`), and the plan, which
    has been applied to the model

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind, or belongs to another architecture,
        another optimizer or another schedule.
    """
    path = Path(path)
    content = _read(path)
    _check_model(path, content, model)
    _check_optimizer(path, content, model, optimizer)
    if (content["scheduler"] is None) != (scheduler is None):
        was, now = ("without", "with") if scheduler is not None else ("with", "without")
        raise CheckpointError(
            f"{path.name} was saved {was} a scheduler and is resumed {now} one; "
            f"build the run as it was, then resume it"
        )
    if scheduler is not None and content["scheduler"].keys() != scheduler.state_dict().keys():
        raise CheckpointError(
            f"{path.name} holds another kind of schedule than {type(scheduler).__name__}; "
            f"build the run as it was, then resume it"
        )
    plan = FreezePlan(frozenset(content["plan"]["frozen"]), content["plan"]["batch_norm"])
    freezing.freeze(model, plan.frozen)  # raises for an unknown block, and changes nothing

    model.load_state_dict(content["state_dict"])
    optimizer.load_state_dict(content["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(content["scheduler"])
    freezing.apply(model, plan)
    torch.set_rng_state(content["random"])
    if torch.cuda.is_available() and len(content["random_cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(content["random_cuda"])
    return int(content["epoch"]), plan


def _parameter_names(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    """Names of the parameters in each of the optimizer's groups."""
    names = {id(p): name for name, p in model.named_parameters()}
    held = [[id(p) for p in group["params"]] for group in optimizer.param_groups]
    if stale := sum(key not in names for group in held for key in group):
        raise ValueError(
            f"the optimizer holds {stale} parameters that the model does not have; "
            f"was the head replaced after the optimizer was built? Build it again"
        )
    return [[names[key] for key in group] for group in held]


def _write_whole(path: Path, content: memoryview) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before the old file goes
        draft.replace(path)
    except OSError as error:
        raise CheckpointError(
            f"{path} could not be written ({error.strerror or error}); an earlier file of that "
            f"name is still whole. Free {len(content) / 1e6:.0f} MB, or choose a folder that "
            f"exists and that you may write to"
        ) from error
    finally:
        if draft.parent.is_dir():
            draft.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; start the training from its start")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} was not loaded: it holds more than numbers and tensors and might run "
            f"code, or it is no checkpoint at all; use one that checkpoints.save wrote"
        ) from error
    except (RuntimeError, EOFError, OSError, LookupError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} is not whole ({type(error).__name__}); it was cut off or damaged. "
            f"Use an earlier checkpoint, or start the training from its start"
        ) from error
    if not isinstance(content, Mapping) or not content.keys() >= _KEYS:
        raise CheckpointError(
            f"{path.name} holds weights or something else, not a training run saved by "
            f"checkpoints.save; for weights alone use read_checkpoint"
        )
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path.name} has format {content['format']}, and this version of the course reads "
            f"format {FORMAT}"
        )
    return dict(content)


def _check_model(path: Path, content: Mapping[str, Any], model: nn.Module) -> None:
    saved: Mapping[str, Tensor] = content["state_dict"]
    own = model.state_dict()
    odd = [name for name in (*saved, *own) if (name in saved) != (name in own)]
    odd += [name for name in own if name in saved and saved[name].shape != own[name].shape]
    if odd:
        first = odd[0]
        raise CheckpointError(
            f"{path.name} belongs to another network: it was saved from a {content['network']} "
            f"with {len(saved)} tensors, this {type(model).__name__} has {len(own)}, and "
            f"{len(odd)} do not agree, first {first!r} ({_shape(saved, first)} in the file, "
            f"{_shape(own, first)} here). Build the network as it was, its head included"
        )


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return "x".join(map(str, state[name].shape)) or "a number" if name in state else "absent"


def _check_optimizer(
    path: Path, content: Mapping[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    if content["parameters"] != _parameter_names(model, optimizer):
        saved, own = content["parameters"], optimizer.param_groups
        raise CheckpointError(
            f"{path.name} was saved with another optimizer: {len(saved)} groups of "
            f"{', '.join(str(len(names)) for names in saved)} parameters, this one has "
            f"{len(own)} of {', '.join(str(len(group['params'])) for group in own)}, or in another "
            f"order. Build it as it was, then resume"
        )
    keys = [set(group) for group in content["optimizer"]["param_groups"]]
    if keys != [set(group) for group in optimizer.state_dict()["param_groups"]]:
        raise CheckpointError(
            f"{path.name} was saved with another kind of optimizer than "
            f"{type(optimizer).__name__}: their settings differ. Build it as it was, then resume"
        )
