"""Which world a lesson runs in: the built-in Shapes, CIFAR-10, or a reader's own images.

`COURSE_DATA` decides (auto, shapes, cifar10 or a folder), and `begin` says aloud what it came to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from course_utils import environment
from course_utils.downloads import cifar10, network, torchvision_weights
from course_utils.downloads.disk import DownloadError
from course_utils.images import shapes
from course_utils.images.datasets import ImageData, load_cifar10, load_shapes
from course_utils.images.folders import count_images, load_folder
from course_utils.images.preprocessing import Prepare
from course_utils.networks.mobilenet import load_mobilenet_v2

import torch
from torch import nn

SHAPES_WEIGHTS = environment.PROJECT / "data" / "mobilenet_v2-shapes.safetensors"
SHAPES_MEAN, SHAPES_STD = (0.40, 0.40, 0.40), (0.23, 0.23, 0.23)  # as pretrain_shapes.py's
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as torchvision's


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights, and how images must look for them.

    Parameters
    ----------
    title : str
        What they honestly are.
    path : Path
        The file, readable by `read_checkpoint`.
    mean, std : tuple of float
        The normalisation they were trained with, on the scale of 0 to 1.
    size : int
        Side in pixels of the images they were trained on.
    class_names : tuple of str
        What the outputs of the old head stand for.
    """

    title: str
    path: Path
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    class_names: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Course:
    """Everything a lesson needs to know about where it runs.

    Parameters
    ----------
    lesson : int
        Its number.
    world : str
        "shapes", "cifar10" or "folder".
    why : str
        How that was decided, in a sentence.
    weights : Weights
        What the network starts from.
    size : int
        Side of the network's input in pixels.
    train, test : int or None
        How many images; None for all there are.
    load : callable
        Takes numbers of training and test images (None for all there are) and gives so many from
        this world.
    device : torch.device, optional
        Where the lesson computes; by default the fastest at hand.
    """

    lesson: int
    world: str
    why: str
    weights: Weights
    size: int
    train: int | None
    test: int | None
    load: Callable[[int | None, int | None], ImageData] = field(repr=False)
    device: torch.device = field(default_factory=lambda: environment.pick_device())

    @cached_property
    def data(self) -> ImageData:
        """The images of this world, as many as the banner says; loaded when first used."""
        return self.load(self.train, self.test)

    def draw(self, seed: int) -> ImageData:
        """Training images for one repetition, drawn by `seed`; the test images stay the same.

        As many as the banner says.  Where it says all, every repetition has them all.
        """
        if self.train is None:
            return self.data
        return self._pool.subset(train=min(self.train, len(self._pool.train_images)), seed=seed)

    @cached_property
    def _pool(self) -> ImageData:
        return self.load(None if self.train is None else 4 * self.train, self.test)

    @property
    def prepare(self) -> Prepare:
        """From stored images to this network's input: `size`, and the weights' normalisation."""
        return Prepare(self.size, self.weights.mean, self.weights.std, self.device)

    def pretrained(self) -> nn.Module:
        """A fresh MobileNetV2 with this world's weights and its old head, on the device."""
        model = load_mobilenet_v2(self.weights.path)
        return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def banner(self) -> str:
        """What the reader should know before the first number, as a few lines of text."""
        titles = {
            "shapes": "the built-in Shapes world (drawn images, not CIFAR-10)",
            "cifar10": "CIFAR-10 (real photographs)",
            "folder": "your own images",
        }
        counts = [
            f"{'all' if n is None else n} {what}"
            for n, what in ((self.train, "to train on"), (self.test, "to test on"))
        ]
        lines = [
            f"Lesson {self.lesson:02d} runs in {titles[self.world]}.",
            f"  why      {self.why}",
            f"  images   {', '.join(counts)}; network input {self.size} x {self.size} pixels",
            f"  weights  {self.weights.title}",
            f"  device   {environment.describe_device(self.device)}",
            "  change   set COURSE_DATA to shapes, cifar10 or a folder of class folders,",
            "           then restart the kernel",
        ]
        return "\n".join(lines)


def begin(lesson: int, *, train: int = 1000, test: int = 1000, seed: int = 0) -> Course:
    """Settle where a lesson runs, seed everything, and print the banner.

    Parameters
    ----------
    lesson : int
        Its number, for the banner.
    train, test : int, optional
        How many images to use on a CPU.  A GPU takes CIFAR-10 and your own images whole and at 224
        pixels, unless COURSE_SUBSET=1 is set.
    seed : int, optional
        Seeds Python, NumPy and torch.

    Raises
    ------
    ValueError
        When COURSE_DATA is none of the known words and no folder.
    ImageFolderError, DownloadError
        When the folder cannot be used, or what was asked for cannot be downloaded.
    """
    environment.seed_everything(seed)
    course = choose(lesson, os.environ.get("COURSE_DATA", "auto"), train, test)
    print(course.banner())
    if warning := environment.memory_warning():
        print(warning)
    return course


def choose(lesson: int, wish: str, train: int, test: int) -> Course:
    """Turn a value of COURSE_DATA into a `Course`; `begin` does, and prints the banner as well.

    Parameters
    ----------
    lesson : int
        Its number.
    wish : str
        "auto", "shapes", "cifar10" or a folder.
    train, test : int
        How many images to use on a CPU.

    Raises
    ------
    ValueError, ImageFolderError, DownloadError
        As `begin` does.
    """
    wish = wish.strip() or "auto"
    if wish == "auto":
        return _auto(lesson, train, test)
    if wish == "shapes":
        return _shapes(lesson, train, test, "COURSE_DATA=shapes")
    if wish == "cifar10":
        return _cifar10(lesson, train, test, "COURSE_DATA=cifar10", cifar10.on_disk())
    if Path(wish).expanduser().is_dir():
        return _folder(lesson, train, test, Path(wish).expanduser())
    raise ValueError(
        f"COURSE_DATA={wish!r} is neither one of auto, shapes, cifar10 nor a folder that exists; "
        f"set it to one of these, or unset it, and restart the kernel"
    )


def imagenet_weights(*, download: bool) -> Weights | None:
    """torchvision's ImageNet weights: from disk, else downloaded if allowed, else None."""
    from torchvision.models import MobileNet_V2_Weights

    choice = MobileNet_V2_Weights.IMAGENET1K_V1
    path = torchvision_weights.on_disk(choice)
    if path is None and download:
        path = torchvision_weights.fetch(choice)
    if path is None:
        return None
    title = f"MobileNetV2 pretrained on ImageNet, 1000 classes ({path.name})"
    return Weights(title, path, IMAGENET_MEAN, IMAGENET_STD, 224, tuple(choice.meta["categories"]))


def shapes_weights() -> Weights:
    """The course's own weights, which come with it."""
    title = f"MobileNetV2 pretrained by this course on 30 other shapes ({SHAPES_WEIGHTS.name})"
    names = shapes.class_names("source")
    return Weights(title, SHAPES_WEIGHTS, SHAPES_MEAN, SHAPES_STD, 64, names)


def _auto(lesson: int, train: int, test: int) -> Course:
    root = cifar10.on_disk()
    found = {"CIFAR-10": root, "ImageNet weights": imagenet_weights(download=False)}
    absent = " and ".join(name for name, here in found.items() if here is None)
    if not absent:
        why = "CIFAR-10 and ImageNet weights are on this disk"
        return _cifar10(lesson, train, test, why, root)
    if not cifar10.online(timeout=3.0):
        return _shapes(lesson, train, test, f"{_no_network()}, and this disk lacks {absent}")
    try:
        why = f"what this disk lacked ({absent}) was downloaded"
        return _cifar10(lesson, train, test, why, root)
    except DownloadError as error:
        print(f"{absent} could not be downloaded: {error}")
        return _shapes(lesson, train, test, f"the download of {absent} failed, as said above")


def _no_network() -> str:
    return "COURSE_OFFLINE=1 is set" if network.offline() else "the network does not answer"


def _shapes(lesson: int, train: int, test: int, why: str) -> Course:
    def load(n: int | None, m: int | None) -> ImageData:
        # endless: what "all" means is a choice of ours
        return load_shapes("target", 5000 if n is None else n, 2000 if m is None else m)

    return Course(lesson, "shapes", why, shapes_weights(), 64, train, test, load)


def _photo_scale(train: int, test: int) -> tuple[int, int | None, int | None]:
    """Input size and numbers of photographs: all at 224 px on a GPU, a few at 96 on a CPU."""
    gpu = environment.pick_device().type == "cuda"
    if gpu and os.environ.get("COURSE_SUBSET") != "1":
        return 224, None, None
    return (224 if gpu else 96), train, test


def _cifar10(lesson: int, train: int, test: int, why: str, root: Path | None) -> Course:
    """The world of CIFAR-10, read from `root`, or fetched when that is None."""
    root = root or cifar10.fetch()
    weights = imagenet_weights(download=True)
    assert weights is not None, "fetch returns a path or raises"
    size, n, m = _photo_scale(train, test)
    whole: list[ImageData] = []  # read once, however often a subset is taken

    def load(n: int | None, m: int | None) -> ImageData:
        if not whole:
            whole.append(load_cifar10(root))
        whole_train, whole_test = len(whole[0].train_images), len(whole[0].test_images)
        return whole[0].subset(n and min(n, whole_train), m and min(m, whole_test))

    return Course(lesson, "cifar10", why, weights, size, n, m, load)


def _folder(lesson: int, train: int, test: int, folder: Path) -> Course:
    there, there_to_test = count_images(folder)  # first: tells of an unusable folder
    weights, reason = imagenet_weights(download=False), ""
    if weights is None and not cifar10.online(timeout=3.0):
        reason = f"{_no_network()}, and this disk lacks ImageNet weights"
    elif weights is None:
        try:
            weights = imagenet_weights(download=True)
        except DownloadError as error:
            print(f"ImageNet weights could not be downloaded: {error}")
            reason = "the download of ImageNet weights failed, as said above"
    size, n, m = _photo_scale(train, test)
    n, m = (None if n is None else min(n, there)), (None if m is None else min(m, there_to_test))
    why = f"COURSE_DATA={folder}"
    if weights is None:
        weights, size = shapes_weights(), 64
        why += f"; {reason}: the course's own weights stand in"

    def load(n: int | None, m: int | None) -> ImageData:
        return load_folder(folder, n, m, side=max(size, 64))

    load(8, 8)  # a few images at once: a folder that cannot be used is told of here, not later
    return Course(lesson, "folder", why, weights, size, n, m, load)
