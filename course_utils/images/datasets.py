"""Labelled images in memory, wherever they come from.

Every lesson runs on an `ImageData` and does not care whether its images were drawn by the course,
are CIFAR-10's photographs, or lie in a reader's own folder (see `folders`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course_utils.images import shapes

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageData:
    """Images to train on and images to test on, all in memory.

    Parameters
    ----------
    name : str
        What these images honestly are, for banners, figures and records.
    train_images, test_images : Tensor
        uint8 `(n, 3, h, w)`; or floats, when a cached frozen prefix has turned images into
        features.
    train_labels, test_labels : Tensor
        int64 `(n,)`, indices into `class_names`.
    class_names : tuple of str
        What the labels mean.

    Raises
    ------
    ValueError
        When images and labels are not equally many, or there are none.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            if len(images) != len(labels) or len(images) == 0:
                raise ValueError(
                    f"{self.name}: {len(images)} {split} images and {len(labels)} labels; "
                    f"both must be equally many, and at least one"
                )

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.train_images)} training and {len(self.test_images)} test "
            f"images of {len(self.class_names)} classes"
        )

    def subset(self, train: int | None = None, test: int | None = None, seed: int = 0) -> ImageData:
        """Fewer images, as equally many of each class as there are, chosen by `seed`.

        Parameters
        ----------
        train, test : int or None, optional
            How many; None leaves them as they are.
        seed : int, optional
            Another seed chooses others.

        Raises
        ------
        ValueError
            When more are asked for than there are, or fewer than one.
        """
        first = self._pick(self.train_labels, train, seed, "training")
        second = self._pick(self.test_labels, test, seed, "test")
        return replace(
            self,
            train_images=self.train_images[first],
            train_labels=self.train_labels[first],
            test_images=self.test_images[second],
            test_labels=self.test_labels[second],
        )

    def _pick(self, labels: Tensor, n: int | None, seed: int, what: str) -> Tensor:
        if n is None:
            return torch.arange(len(labels))
        if not 1 <= n <= len(labels):
            raise ValueError(f"{self.name} has {len(labels)} {what} images; {n} were asked for")
        return balanced_choice(labels, n, seed)

    def with_images(self, change: Callable[[Tensor], Tensor]) -> ImageData:
        """The same data with every image passed through `change`, training and test alike."""
        return replace(
            self,
            train_images=change(self.train_images),
            test_images=change(self.test_images),
        )

    def to(self, device: torch.device) -> ImageData:
        """The same data on a device: copied there once, not batch by batch."""
        parts = ("train_images", "train_labels", "test_images", "test_labels")
        return replace(self, **{part: getattr(self, part).to(device) for part in parts})

    def hold_out(self, n: int, seed: int = 0) -> ImageData:
        """Set `n` training images aside as validation images, and leave the test set alone.

        The returned data's `test_images` are the held-out ones: everything that is chosen or
        tuned looks at those, and the real test set is used once, at the end.

        Raises
        ------
        ValueError
            When none are to be held out, or all.
        """
        if not 1 <= n < len(self.train_labels):
            raise ValueError(
                f"cannot hold out {n} of {len(self.train_labels)} training images of {self.name}"
            )
        held = balanced_choice(self.train_labels, n, seed)
        keep = torch.ones(len(self.train_labels), dtype=torch.bool)
        keep[held] = False
        return replace(
            self,
            name=f"{self.name}, {n} training images held out",
            train_images=self.train_images[keep],
            train_labels=self.train_labels[keep],
            test_images=self.train_images[held],
            test_labels=self.train_labels[held],
        )


def balanced_choice(labels: Tensor, n: int, seed: int) -> Tensor:
    """Indices of `n` labels, the classes as equally frequent as they can be, in random order."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    shuffled = labels[order]
    # an image's rank within its class: taking the lowest ranks first keeps the classes level
    rank = torch.empty_like(shuffled)
    for label in shuffled.unique():
        mine = shuffled == label
        rank[mine] = torch.arange(int(mine.sum()))
    chosen = order[torch.argsort(rank, stable=True)[:n]]
    return chosen[torch.randperm(n, generator=generator)]


def load_shapes(
    task: str = "target",
    train: int = 1000,
    test: int = 1000,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    **look: float | bool,
) -> ImageData:
    """Images of the built-in world.

    Parameters
    ----------
    task : str, optional
        As for `shapes.make`, like `classes` and what follows.
    train, test : int, optional
        How many images.
    seed : int, optional
        Chooses the training images; the test images are always the same.
    classes : sequence of str, optional
        Only these.
    **look : float or bool
        `size`, `clutter`, `turn` or `night`.
    """
    images, labels, names = shapes.make(task, train, seed, classes=classes, **look)  # type: ignore[arg-type]
    test_images, test_labels, _ = shapes.make(task, test, 900_001, classes=classes, **look)  # type: ignore[arg-type]
    return ImageData(f"Shapes ({task})", images, labels, test_images, test_labels, names)


def load_cifar10(root: Path) -> ImageData:
    """The whole of CIFAR-10 as torchvision reads it from `root` (it must lie there already).

    "Learning Multiple Layers of Features from Tiny Images", Alex Krizhevsky, 2009.
    """
    from torchvision.datasets import CIFAR10

    parts = [CIFAR10(str(root), train=split, download=False) for split in (True, False)]
    (x, y), (test_x, test_y) = (
        (torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets))
        for part in parts
    )
    return ImageData("CIFAR-10", x, y, test_x, test_y, tuple(parts[0].classes))


def batches(
    images: Tensor, labels: Tensor, batch_size: int, *, seed: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the data: shuffled by `seed`, or in order when it is None.

    The last batch may be smaller; a lone last image is left out of a shuffled pass, because batch
    norm cannot take statistics of one.

    Parameters
    ----------
    images, labels : Tensor
        Equally many.
    batch_size : int
        Images at a time.
    seed : int or None, optional
        Decides the order.

    Yields
    ------
    tuple of Tensor
        Images and labels of one batch, on their devices.

    Raises
    ------
    ValueError
        When `batch_size` is below 1 or larger than the number of images.
    """
    if not 1 <= batch_size <= len(images):
        raise ValueError(
            f"a batch of {batch_size} images cannot be taken from {len(images)}; "
            f"choose a batch_size from 1 to {len(images)}"
        )
    if seed is None:
        order = torch.arange(len(images))
    else:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    for chosen in order.split(batch_size):
        if seed is not None and len(chosen) == 1 and batch_size > 1:
            return
        chosen = chosen.to(images.device)
        yield images[chosen], labels[chosen.to(labels.device)]
