"""Tasks near to the pretraining and far from it, and smaller ones cut out of them."""

from __future__ import annotations

from dataclasses import replace

from course_utils.images.datasets import ImageData, load_shapes
from course_utils.world import Course

import torch

DRAWN = ("fabric", "orientation")


def load_task(course: Course, task: str, train: int, test: int, seed: int) -> ImageData:
    """Images of a near or a far task, in whichever world the course runs.

    Parameters
    ----------
    course : Course
        What `course_utils.begin` gives.
    task : {"near", "fabric", "orientation"}
        The classes of this world, or drawn textures without any object, which are the same in
        every world.
    train, test : int
        How many images: for training drawn by `seed`, as level over the classes as can be; for
        testing the same for every seed.
    seed : int
        Of the draw.

    Returns
    -------
    ImageData
        The task.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task in DRAWN:
        return load_shapes(task, train, test, seed=seed + 1)
    if task != "near":
        raise ValueError(f"there is no task {task!r}; there are: near, {', '.join(DRAWN)}")
    if course.world == "shapes":
        return load_shapes("target", train, test, seed=seed + 1)
    drawn = course.draw(seed)
    return drawn.subset(
        min(train, len(drawn.train_images)), min(test, len(drawn.test_images)), seed=seed
    )


def few_classes(data: ImageData, classes: int, per_class: int, seed: int) -> ImageData:
    """Cut out a smaller task: some classes, drawn by `seed`, and so many training images of each.

    Returns
    -------
    ImageData
        Its test images are all those of the chosen classes; labels are counted anew from 0.

    Raises
    ------
    ValueError
        If there are not so many classes, or not so many images of one of them.
    """
    names = data.class_names
    if not 2 <= classes <= len(names):
        raise ValueError(f"{data.name} has {len(names)} classes; {classes} were asked for")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    chosen = sorted(order[:classes].tolist())
    rows = [(data.train_labels == label).nonzero().flatten()[:per_class] for label in chosen]
    for label, mine in zip(chosen, rows, strict=True):
        if len(mine) < per_class:
            raise ValueError(
                f"{data.name} has {len(mine)} training images of {names[label]}; "
                f"{per_class} were asked for"
            )
    train = torch.cat(rows)
    test = torch.isin(data.test_labels, torch.tensor(chosen))
    number = torch.full((len(names),), -1)
    number[chosen] = torch.arange(classes)
    return replace(
        data,
        train_images=data.train_images[train],
        train_labels=number[data.train_labels[train]],
        test_images=data.test_images[test],
        test_labels=number[data.test_labels[test]],
        class_names=tuple(names[label] for label in chosen),
    )
