"""Shapes: an endless world of small labelled images, drawn by the course itself.

>>> from course_utils.images import shapes
>>> images, labels, names = shapes.make("target", n=100, seed=0)
>>> images.shape, images.dtype, len(names)
(torch.Size([100, 3, 32, 32]), torch.uint8, 10)

Why a world of our own?  It needs no network and no download, the same seed gives the same images,
and the two things that decide how well weights transfer, how much data there is and how similar
the tasks are, become knobs that a reader can turn.
"""

from collections.abc import Sequence

from course_utils.images.shapes.classes import SOURCE, TARGET
from course_utils.images.shapes.painting import paint
from course_utils.images.shapes.textures import TEXTURES, paint_texture

import torch
from torch import Tensor

__all__ = ["SOURCE", "TARGET", "TASKS", "class_names", "make"]

TASKS = ("source", "target", *TEXTURES)
_DRAWN = {"source": SOURCE, "target": TARGET}


def class_names(task: str) -> tuple[str, ...]:
    """Names of a task's classes, in the order of their labels.

    Raises
    ------
    ValueError
        When there is no such task; the message lists those there are.
    """
    if task in _DRAWN:
        return tuple(_DRAWN[task])
    if task in TEXTURES:
        return TEXTURES[task][0]
    raise ValueError(
        f"there is no task {task!r} in the Shapes world; there are: {', '.join(TASKS)}"
    )


def make(
    task: str,
    n: int,
    seed: int,
    *,
    classes: Sequence[str] | None = None,
    size: int = 32,
    clutter: float = 1.0,
    turn: float = 30.0,
    night: bool = False,
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Draw `n` labelled images of a task.

    Parameters
    ----------
    task : str
        One of `TASKS`: "source" (30 classes, for pretraining), "target" (10 other shapes),
        "orientation" or "fabric" (10 classes each, without any shape).
    n : int
        How many images; the classes come equally often (to within one) in random order.
    seed : int
        The same arguments give the same images; training and test sets use different seeds.
    classes : sequence of str, optional
        Only these, in this order; by default all of the task's.
    size : int, optional
        Side in pixels.
    clutter : float, optional
        0 (plain scenes) to 1 (textures, clutter, occlusion, noise). Like `turn` and `night` it
        concerns only the tasks with shapes.
    turn : float, optional
        Shapes are rotated by up to this many degrees either way.
    night : bool, optional
        Dark images of low contrast.

    Returns
    -------
    images : Tensor
        uint8 `(n, 3, size, size)`.
    labels : Tensor
        int64 `(n,)`, indices into the names.
    names : tuple of str
        The class names.

    Raises
    ------
    ValueError
        When the task or a class is unknown or given twice, or a number is out of range.
    """
    every = class_names(task)
    names = every if classes is None else tuple(classes)
    if unknown := [name for name in names if name not in every]:
        raise ValueError(f"{task!r} has no class {unknown[0]!r}; it has: {', '.join(every)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classes= must name at least one class, and none twice, not {names}")
    if n < 1 or size < 8 or not 0 <= clutter <= 1:
        raise ValueError(
            f"n must be at least 1, size at least 8 and clutter in [0, 1]; "
            f"got n={n}, size={size}, clutter={clutter}"
        )
    if task in TEXTURES and classes is not None:
        raise ValueError(f"{task!r} always has all its classes; leave out classes=")
    # Tasks with the same seed must not share their backgrounds, so the task goes into the seed.
    generator = torch.Generator().manual_seed(seed * len(TASKS) + TASKS.index(task))
    labels = torch.arange(n)[torch.randperm(n, generator=generator)] % len(names)
    if task in TEXTURES:
        return paint_texture(task, labels, generator, size), labels, names
    shapes = [_DRAWN[task][name] for name in names]
    images = paint(labels, shapes, generator, size=size, clutter=clutter, turn=turn, night=night)
    return images, labels, names
