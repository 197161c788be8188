"""The gradients of a batch, computed in pieces where memory is short.

The loss of a batch is the mean over its images, so the gradients of its pieces, weighted by their
sizes, add up to those of the whole.  A step in pieces is the same step, a little slower; only batch
norm in train mode sees smaller batches, and the notice says so.

Two things make the pieces smaller.  Before a run, what a step needs is counted and compared with
the memory that is left: a container such as Binder's does not raise an error but ends the kernel.
And if memory runs out all the same, as it does on a GPU, the step is taken again in halves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from course_utils import environment
from course_utils.environment import MEGABYTE

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PrepareFunction = Callable[[Tensor], Tensor]
PLENTY = 6000 * MEGABYTE  # with so much left nothing is counted beforehand
KEEP_FREE = 0.2  # of what is left: the notebook, its figures and the page need memory too
FORWARD = 2.7  # copies of the largest map that are alive at once (measured: 1.9 to 2.4)


class NonFiniteLoss(ArithmeticError):
    """The loss of a batch is infinite or not a number; `value` holds it."""

    def __init__(self, value: float) -> None:
        super().__init__(f"the loss is {value}")
        self.value = value


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in said for word in words)


@dataclass
class MicroBatches:
    """How a batch goes through the network: at most `most` images at a time; None: all at once.

    halve : make the pieces smaller when memory runs out; else that error is the caller's
    tell : called with a sentence each time that the pieces become smaller
    """

    most: int | None = None
    halve: bool = True
    tell: Callable[[str], None] = print

    def backward(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        prepare: PrepareFunction,
        label_smoothing: float = 0.0,
    ) -> tuple[float, int]:
        """Leave the gradients of a batch's mean cross-entropy in `.grad`; old ones are forgotten.

        Parameters
        ----------
        images, labels : `(n, ...)` and int64 `(n,)`
        prepare : turns images into the network's input, on its device

        Returns
        -------
        mean loss, and how many images were classified correctly

        Raises
        ------
        NonFiniteLoss
            If a loss is infinite or not a number; then no parameter has a gradient.
        MemoryError
            If not even a single image fits.
        """
        while True:
            size = min(self.most or len(labels), len(labels))
            try:
                return self._in_pieces(model, images, labels, prepare, label_smoothing, size)
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
            self.most = size // 2
            self.tell(self.notice(size))

    def notice(self, wished: int) -> str:
        """What the reader is told when `wished` images at a time are too many."""
        return (
            f"Memory is short for {wished} images at a time: each step now computes its gradients "
            f"in pieces of {self.most}. The steps stay the same, a little slower; batch norm in "
            f"train mode sees pieces instead of batches."
        )

    def _in_pieces(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        prepare: PrepareFunction,
        label_smoothing: float,
        size: int,
    ) -> tuple[float, int]:
        total, hits = 0.0, 0
        model.zero_grad(set_to_none=True)
        for part, target in zip(images.split(size), labels.split(size), strict=True):
            x = prepare(part)
            y = target.to(x.device)
            scores = model(x)
            loss = F.cross_entropy(scores, y, label_smoothing=label_smoothing)
            value = loss.item()
            if not math.isfinite(value):
                model.zero_grad(set_to_none=True)
                raise NonFiniteLoss(value)
            share = len(y) / len(labels)
            (loss if share == 1 else loss * share).backward()
            total += value * share
            hits += int((scores.detach().argmax(1) == y).sum())
        return total, hits


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
    pieces = MicroBatches(tell=tell)
    room = environment.memory_free()
    if room > PLENTY or next(model.parameters()).device.type != "cpu":
        return pieces
    each = bytes_per_image(model, prepare(images[:1]))
    fit = int((1 - KEEP_FREE) * room / max(each, 1))
    if fit >= batch_size:
        return pieces
    size = batch_size
    while size > max(fit, 1):
        size = math.ceil(size / 2)
    pieces.most = size
    tell(pieces.notice(batch_size))
    return pieces


def bytes_per_image(model: nn.Module, x: Tensor) -> int:
    """Bytes that one image needs in a training step, besides weights and gradients.

    What autograd keeps for the way back is counted as it is put aside, each piece of memory once;
    to this comes what is alive for a moment on the way forward: `FORWARD` times the largest map.

    Parameters
    ----------
    x : one prepared image, `(1, ...)`; two of it are run in eval mode, which draws no random
        numbers and moves no statistics
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
