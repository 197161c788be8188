"""Networks with pretrained weights: build, load safely, give a new head."""

from __future__ import annotations

import pickle
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.networks.stages import stages

import pandas as pd
import torch
from torch import Tensor, nn


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why, and what would be right."""


# how torch names a function or class that a pickle asks for and that weights do not need
_CODE_IN_PICKLE = re.compile(r"(?:GLOBAL|Unsupported class|unrecognized function) (\S+)")


def read_checkpoint(path: Path | str) -> dict[str, Tensor]:
    """Read a file of weights without running anything that may hide in it.

    `.safetensors` files hold nothing but tensors.  Others are read by `torch.load` with
    `weights_only=True`, which refuses a pickle that would call code of its own.

    Returns
    -------
    dict from names to tensors, on the CPU, with the types that the file has

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, contains more than tensors, or is no checkpoint at all.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise CheckpointError(
                f"{path.name} is no whole safetensors file ({error}); download or copy it again"
            ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own text is not passed on: it advises weights_only=False, the very thing to avoid
        code = _CODE_IN_PICKLE.search(str(error))
        if code is None:
            raise CheckpointError(
                f"{path.name} is no checkpoint that can be read safely (a web page saved under "
                f"that name, perhaps); download or copy it again"
            ) from error
        raise CheckpointError(
            f"{path.name} holds more than weights: loading it would run code chosen by whoever "
            f"wrote the file (it asks for {code.group(1)}), so it was not loaded; "
            f"ask for a plain state_dict or a .safetensors file"
        ) from error
    except PermissionError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged bytes make the reader stumble in any way there is
        raise CheckpointError(
            f"{path.name} is no whole checkpoint ({type(error).__name__}); download or copy it "
            f"again"
        ) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(
            f"{path.name} holds a {type(state).__name__}, not a state_dict (names and tensors)"
        )
    return dict(state)


def mobilenet_v2(checkpoint: Path | str) -> nn.Module:
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


def find_head(model: nn.Module) -> tuple[str, nn.Linear]:
    """The last linear layer, which turns features into class scores, and its dotted name.

    Raises ValueError if the network has no linear layer.
    """
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(model).__name__} has no nn.Linear, so no head to replace was found"
        )
    return linear[-1]


def replace_head(model: nn.Module, num_classes: int) -> nn.Linear:
    """Put a new, randomly initialised last layer with `num_classes` outputs in place of the old.

    The model is changed in place, and the new layer returned.  Build the optimizer after this:
    one built before holds the old layer.

    Raises ValueError if `num_classes` is below 2 or the network has no linear layer.
    """
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    name, old = find_head(model)
    parent_name, _, child = name.rpartition(".")
    new = nn.Linear(old.in_features, num_classes, bias=old.bias is not None)
    setattr(model.get_submodule(parent_name), child, new.to(old.weight))  # its device and type
    return new


@dataclass
class LoadReport:
    """What became of each tensor when a checkpoint met a network (see `load_matching`).

    matched : loaded
    reshaped : in both, but of different shape, so not loaded: name -> (checkpoint's, model's)
    missing : the model wants it, the checkpoint has none; keeps its initial value
    unexpected : in the checkpoint only
    """

    matched: list[str] = field(default_factory=list)
    reshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        total = len(self.matched) + len(self.reshaped) + len(self.missing)
        return (
            f"transferred {len(self.matched)} of the model's {total} tensors; "
            f"{len(self.reshaped)} of another shape, {len(self.missing)} missing, "
            f"{len(self.unexpected)} unexpected in the checkpoint"
        )

    def by_block(self, model: nn.Module) -> dict[str, tuple[int, int]]:
        """For each block of the model: tensors transferred, tensors wanted."""
        owner = {
            id(tensor): stage.name
            for stage in stages(model)
            for tensor in [*stage.parameters(), *stage.buffers()]
        }
        loaded, counts = set(self.matched), {stage.name: [0, 0] for stage in stages(model)}
        for name, tensor in model.state_dict(keep_vars=True).items():
            if block := owner.get(id(tensor)):
                counts[block][0] += name in loaded
                counts[block][1] += 1
        return {block: (got, wanted) for block, (got, wanted) in counts.items()}

    def table(self, model: nn.Module) -> pd.DataFrame:
        """What became of the tensors, block by block, from the input to the head.

        Columns: block; matched, reshaped, missing and unexpected (tensors); numbers (share of the
        block's single numbers that were loaded, 0 to 1).  Unexpected tensors whose name belongs to
        none of the model's blocks come last, by the first part of their name, without `numbers`.
        """
        blocks = [stage.name for stage in stages(model)]
        kinds: dict[str, Collection[str]] = {
            "matched": set(self.matched),
            "reshaped": self.reshaped,
            "missing": set(self.missing),
            "unexpected": self.unexpected,
        }
        rows = {block: dict.fromkeys((*kinds, "numbers", "of"), 0) for block in blocks}
        sizes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
        for kind, names in kinds.items():
            for name in names:
                block = _block_of(name, blocks)
                row = rows.setdefault(block, dict.fromkeys((*kinds, "numbers", "of"), 0))
                row[kind] += 1
                row["numbers"] += sizes.get(name, 0) * (kind == "matched")
                row["of"] += sizes.get(name, 0)
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("block").reset_index()
        table["numbers"] = table["numbers"] / table.pop("of").where(lambda size: size > 0)
        return table


def _block_of(name: str, blocks: Sequence[str]) -> str:
    """The block that a tensor's name says it belongs to, or the first part of its name."""
    owners = [block for block in blocks if name.startswith(f"{block}.")]
    return max(owners, key=len, default=name.split(".")[0])


def compare(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """What `load_matching` would do with a checkpoint; nothing is loaded."""
    own, report = model.state_dict(), LoadReport()
    for name, mine in own.items():
        if name not in state:
            report.missing.append(name)
        elif state[name].shape != mine.shape:
            report.reshaped[name] = (tuple(state[name].shape), tuple(mine.shape))
        else:
            report.matched.append(name)
    report.unexpected = [name for name in state if name not in own]
    return report


def load_matching(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Load each tensor of a checkpoint that the model has by the same name and shape.

    Unlike `load_state_dict(strict=False)` it says what happened to every tensor, and it refuses
    to pass silently when nothing fitted at all.

    Raises CheckpointError if not one tensor matched.
    """
    report = compare(model, state)
    if not report.matched:
        theirs, ours = next(iter(state), "nothing"), next(iter(model.state_dict()), "nothing")
        raise CheckpointError(
            f"not one of the checkpoint's {len(state)} tensors fits {type(model).__name__}: the "
            f"checkpoint's names begin with {theirs!r}, the model's with {ours!r}. "
            f"A prefix such as 'module.' is the usual cause: rename the keys first"
        )
    model.load_state_dict({name: state[name] for name in report.matched}, strict=False)
    return report
