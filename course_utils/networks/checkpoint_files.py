"""Read a file of weights safely: nothing that may hide in it is run."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why, and what would be right."""


# how torch names a function or class that a pickle asks for and that weights do not need
_CODE_IN_PICKLE = re.compile(r"(?:GLOBAL|Unsupported class|unrecognized function) (\S+)")


def read_checkpoint(path: Path | str) -> dict[str, Tensor]:
    """Read a file of weights without running anything that may hide in it.

    `.safetensors` files hold nothing but tensors.  Others are read by `torch.load` with
    `weights_only=True`, which refuses a pickle that would call code of its own.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    dict of str to Tensor
        By name, on the CPU, with the dtypes that the file has.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, contains more than tensors, or is no checkpoint at all.
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
