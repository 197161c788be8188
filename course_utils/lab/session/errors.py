"""What can go wrong in the lab, in words."""

from __future__ import annotations

import traceback

from course_utils.training.micro_batches import is_out_of_memory

import torch


class LabError(ValueError):
    """The lab cannot do what was asked; the message says why, and what is possible."""


def free_memory(error: BaseException) -> None:
    """Let go of the tensors that the frames of an error still hold."""
    traceback.clear_frames(error.__traceback__)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def explain(error: Exception) -> str:
    """What stopped a run, for a reader who sees no traceback."""
    if is_out_of_memory(error):
        return (
            "memory ran out, and smaller batches cannot help any more; reset with fewer images, "
            "or freeze more blocks first"
        )
    if isinstance(error, RuntimeError | ValueError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"
