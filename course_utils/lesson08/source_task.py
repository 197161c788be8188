"""Two tasks that share no class: one to pretrain on, and one to transfer to."""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.images.datasets import ImageData, load_shapes
from course_utils.world import Course

import torch


def keep_classes(data: ImageData, names: Sequence[str]) -> ImageData:
    """Keep only the images of these classes, which are numbered anew in the order given.

    Raises
    ------
    ValueError
        If a name is unknown or given twice, if fewer than two are given, or if a class has no
        image on one side.
    """
    unknown = [name for name in names if name not in data.class_names]
    if unknown or len(set(names)) < len(names) or len(names) < 2:
        raise ValueError(
            f"names= must hold at least two different classes of {data.name}, not {tuple(names)}; "
            f"there are: {', '.join(data.class_names)}"
        )
    new = torch.full((len(data.class_names),), -1)
    new[[data.class_names.index(name) for name in names]] = torch.arange(len(names))
    train, test = new[data.train_labels], new[data.test_labels]
    for label, name in enumerate(names):
        for side, labels in (("training", train), ("test", test)):
            if not bool((labels == label).any()):
                raise ValueError(f"{data.name} has no {side} image of the class {name!r}")
    return ImageData(
        data.name,
        data.train_images[train >= 0],
        train[train >= 0],
        data.test_images[test >= 0],
        test[test >= 0],
        tuple(names),
    )


def source_and_target(
    course: Course, images: int = 5120, target_images: int = 1280, tests: int = 500
) -> tuple[ImageData, ImageData, str]:
    """Choose a source task to pretrain on and a target task without a class in common.

    In the Shapes world they are the 30 source shapes and the 10 target shapes. Elsewhere the first
    half of the classes is the source and the second half the target; where there are fewer than
    four classes, too few to be halved, the drawn shapes are the source.

    Parameters
    ----------
    course : Course
        With its world and images.
    images : int, optional
        At most this many images to pretrain on.
    target_images : int, optional
        At most this many of the target, to draw training images from.
    tests : int, optional
        Test images of each task, at most.

    Returns
    -------
    tuple of (ImageData, ImageData, str)
        The source, the target, and a sentence that says what they are.
    """
    names = course.load(8, 8).class_names
    half = len(names) // 2
    if course.world == "shapes" or half < 2:
        why = f"With {len(names)} classes there is nothing to halve: the source is drawn shapes."
        if course.world == "shapes":
            why = "The source is the built-in world's 30 source shapes; the target is 10 others."
        return load_shapes("source", images, tests), course.load(target_images, tests), why
    # as many of every class as the larger of the two wishes needs
    share = max(images / half, target_images / half)
    everything = course.load(round(share * len(names)), 2 * tests)
    first, second = keep_classes(everything, names[:half]), keep_classes(everything, names[half:])
    first = first.subset(train=min(images, len(first.train_images)))
    second = second.subset(train=min(target_images, len(second.train_images)))
    why = f"The source is the first {half} classes; the target is the other {len(names) - half}."
    return first, second, why
