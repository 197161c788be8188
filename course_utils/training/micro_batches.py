"""The gradients of a batch, accumulated over micro-batches where memory is short.

The loss of a batch is the mean over its images, so the gradients of its micro-batches, weighted by
their sizes, add up to those of the whole.  The step is the same, a little slower; only batch norm
in train mode sees smaller batches, and the notice says so.

Two things make micro-batches smaller.  Before a run, what a step needs is counted and compared with
the memory that is left: a container such as Binder's does not raise an error but ends the kernel.
And if memory runs out all the same, as it does on a GPU, the step is taken again in halves.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from course_utils import environment
from course_utils.environment import MEGABYTE
from course_utils.images.preprocessing import PrepareFunction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PLENTY = 6000 * MEGABYTE  # with so much left nothing is counted beforehand
KEEP_FREE = 0.2  # of what is left: the notebook, its figures and the page need memory too
FORWARD = 2.7  # copies of the largest map that are alive at once (measured: 1.9 to 2.4)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in said for word in words)


def autocast(
    device: torch.device, precision: torch.dtype | None
) -> contextlib.AbstractContextManager[object]:
    """Compute in another precision where one is given; else leave things as they are."""
    if precision is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, precision)


@dataclass
class MicroBatches:
    """How a batch goes through the network: at most `size` images at a time.

    Attributes
    ----------
    size : int, optional
        Images at a time; None: the whole batch.
    halve : bool
        Halve the size when memory runs out; else that error is the caller's.
    tell : callable
        Called with a sentence each time that the size is halved.
    precision : torch.dtype, optional
        Of autocast; None computes in the network's own.
    """

    size: int | None = None
    halve: bool = True
    tell: Callable[[str], None] = print
    precision: torch.dtype | None = None

    def backward(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        prepare: PrepareFunction,
        label_smoothing: float = 0.0,
        forward: nn.Module | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Leave the gradients of a batch's mean cross-entropy in `.grad`; old ones are forgotten.

        Nothing here waits for the device.

        Parameters
        ----------
        model : nn.Module
            Is in the mode for training already.
        images, labels : Tensor
            `(n, ...)`, and int64 `(n,)`.
        prepare : callable
            Turns images into the network's input, on its device.
        label_smoothing : float
            As in `torch.nn.functional.cross_entropy`.
        forward : nn.Module, optional
            Runs in place of the model, and shares its parameters.

        Returns
        -------
        tuple of (Tensor, Tensor)
            Mean loss, and how many images were classified correctly: scalars on the device.

        Raises
        ------
        MemoryError
            If not even a single image fits.
        """
        while True:
            size = min(self.size or len(labels), len(labels))
            try:
                return self._in_parts(
                    model, images, labels, prepare, label_smoothing, forward or model, size
                )
            except (RuntimeError, MemoryError) as error:
                if not (self.halve and is_out_of_memory(error)):
                    raise
                reason = str(error).splitlines()[0] if str(error) else "no memory left"
            # Outside of `except`: the error held on to everything that the failed attempt made.
            model.zero_grad(set_to_none=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if size == 1:
                raise MemoryError(
                    f"not even a single image fits into memory ({reason}); use smaller images, "
                    f"freeze more blocks, or close other notebooks"
                )
            self.size = size // 2
            self.tell(self.notice(size))

    def notice(self, wished: int) -> str:
        """What the reader is told when `wished` images at a time are too many."""
        return (
            f"Memory is short for {wished} images at a time: each step now computes its gradients "
            f"in micro-batches of {self.size}. The steps stay the same, a little slower; batch "
            f"norm in train mode sees micro-batches instead of batches."
        )

    def _in_parts(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        prepare: PrepareFunction,
        label_smoothing: float,
        forward: nn.Module,
        size: int,
    ) -> tuple[Tensor, Tensor]:
        losses, hits = [], []
        model.zero_grad(set_to_none=True)
        for part, target in zip(images.split(size), labels.split(size), strict=True):
            x = prepare(part)
            y = target.to(x.device, non_blocking=True)
            with autocast(x.device, self.precision):
                scores = forward(x)
                loss = F.cross_entropy(scores, y, label_smoothing=label_smoothing)
            if size < len(labels):
                loss = loss * (len(y) / len(labels))
            loss.backward()
            losses.append(loss.detach())
            hits.append((scores.detach().argmax(1) == y).sum())
        return sum(losses[1:], losses[0]), sum(hits[1:], hits[0])


def that_fit(
    model: nn.Module,
    images: Tensor,
    prepare: PrepareFunction,
    batch_size: int,
    tell: Callable[[str], None] = print,
) -> MicroBatches:
    """Small enough for the memory that is left on this computer; on a GPU the whole batch.

    Nothing is counted where there is plenty.  The model is left as it was found.
    """
    parts = MicroBatches(tell=tell)
    room = environment.memory_free()
    if room > PLENTY or next(model.parameters()).device.type != "cpu":
        return parts
    each = bytes_per_image(model, prepare(images[:1]))
    fit = int((1 - KEEP_FREE) * room / max(each, 1))
    if fit >= batch_size:
        return parts
    size = batch_size
    while size > max(fit, 1):
        size = math.ceil(size / 2)
    parts.size = size
    tell(parts.notice(batch_size))
    return parts


def bytes_per_image(model: nn.Module, x: Tensor) -> int:
    """Bytes that one image needs in a training step, besides weights and gradients.

    What autograd keeps for the way back is counted as it is put aside, each piece of memory once;
    to this comes what is alive for a moment on the way forward: `FORWARD` times the largest map.

    Parameters
    ----------
    model : nn.Module
        Left as it was found.
    x : Tensor
        One prepared image, `(1, ...)`; two of it are run in eval mode, which draws no random
        numbers and moves no statistics.
    """
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}
    largest = 0

    def put_aside(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def look(module: nn.Module, given: object, output: object) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, output.numel() * output.element_size())

    two = x.detach().expand(2, *x.shape[1:]).contiguous()
    modes = {module: module.training for module in model.modules()}
    hooks = [module.register_forward_hook(look) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(put_aside, lambda t: t):
            scores = model(two)  # a name: what was put aside must not be freed and counted twice
    finally:
        for module, mode in modes.items():
            module.training = mode
        for hook in hooks:
            hook.remove()
    del scores
    return (sum(kept.values()) + int(FORWARD * largest)) // 2
