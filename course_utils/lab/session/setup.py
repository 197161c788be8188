"""From settings to a network and images: what the lab trains unless told otherwise."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from course_utils import world
from course_utils.downloads import torchvision_weights
from course_utils.downloads.disk import DownloadError
from course_utils.environment import describe_device
from course_utils.images.datasets import ImageData
from course_utils.images.folders import ImageFolderError
from course_utils.images.preprocessing import Prepare
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.settings import NETWORKS, Settings, check_choice
from course_utils.networks.blocks import split_into_blocks
from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.networks.heads import replace_head

import torch
from torch import Tensor, nn

Normalisation = tuple[float, float, float]


@dataclass(frozen=True)
class Setup:
    """What a run trains: made by the lab's `build` from `Settings`, a new one for every run.

    Parameters
    ----------
    model : nn.Module
        With its new head in place, on its device.
    data : ImageData
        Its `test_images` are those evaluated meanwhile, so hold them out of the training images.
    prepare : callable
        From stored images to the model's input.
    world, weights, device : str, optional
        In words, for the panel.
    code : str, optional
        Python lines that define `model`, `data` and `prepare` just as they are here, for the code
        that the lab shows; "" when there are none.
    """

    model: nn.Module
    data: ImageData
    prepare: Callable[[Tensor], Tensor]
    world: str = "images"
    weights: str = "weights"
    device: str = "CPU"
    code: str = ""

    def block_names(self) -> list[str]:
        """Names of the blocks, from the input to the head.

        Raises
        ------
        LabError
            If this cannot be trained block by block: no named blocks, no parameters, no two images.
        """
        try:
            names = [block.name for block in split_into_blocks(self.model)]
        except (TypeError, AttributeError, AssertionError) as error:
            raise LabError(f"the lab needs a network of named blocks: {error}") from error
        if not any(p.numel() for p in self.model.parameters()):
            kind = type(self.model).__name__
            raise LabError(f"{kind} has no parameters: there is nothing to train")
        if not isinstance(self.data, ImageData):
            raise LabError(f"the lab trains on an ImageData, not on {type(self.data).__name__}")
        if len(self.data.train_images) < 2:
            name = self.data.name
            raise LabError(f"{name} has only one training image; the lab needs two at least")
        return names


@dataclass(frozen=True)
class WorldImages:
    """The images of a world, and the course that they belong to."""

    course: world.Course
    data: ImageData


class WorldSetup:
    """Set up runs in the course's worlds; the images of the last one are kept for the next run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[str, int, int], WorldImages] | None = None

    def __call__(self, settings: Settings) -> Setup:
        """Load images and network.

        Parameters
        ----------
        settings : Settings

        Returns
        -------
        Setup

        Raises
        ------
        LabError
            If the world, the network or its weights are not to be had.
        """
        check_choice("network", settings.network, NETWORKS)
        images = self._images(settings)
        course, data = images.course, images.data
        model, weights, mean, std = _network(settings, course)
        replace_head(model, len(data.class_names))
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Setup(
            model=model.to(course.device),
            data=data,
            prepare=Prepare(course.size, mean, std, course.device),
            world=f"{data.name}, {len(data.train_images)} images, {course.size} px",
            weights=weights,
            device=describe_device(course.device),
            code=_code(settings),
        )

    def _images(self, settings: Settings) -> WorldImages:
        key = (_wish(settings), settings.train, settings.test)
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = (key, load_and_hold_out(*key))
            return self._kept[1]


def load_and_hold_out(wish: str, train: int, test: int) -> WorldImages:
    """`train` images of a world, and `test` others to evaluate on meanwhile.

    The others come from the training images too: whoever watches a number and acts on it has used
    those images to choose by, and the real test images are not for that.  Where the world has fewer
    images, a third of them is held out at most.

    Parameters
    ----------
    wish : str
        As in `COURSE_DATA`.
    train, test : int
        Numbers of images.

    Returns
    -------
    WorldImages

    Raises
    ------
    LabError
        If there is no such world, or it cannot be loaded.
    """
    try:
        course = world.choose(9, wish, train + test, 8)
        pool = course.load(train + test, 8)
        most = test if course.world == "shapes" else len(pool.train_images) // 3
        return WorldImages(course, pool.hold_out(max(1, min(test, most))))
    except (ImageFolderError, DownloadError, CheckpointError) as error:
        raise LabError(f"this world cannot be used: {error}") from error
    except ValueError as error:
        text = str(error).replace("COURSE_DATA=", "world=").replace(", and restart the kernel", "")
        raise LabError(text) from error


def _wish(settings: Settings) -> str:
    """The value of COURSE_DATA that the settings stand for."""
    if settings.world != "auto":
        return settings.world
    return os.environ.get("COURSE_DATA", "").strip() or "auto"


def _network(
    settings: Settings, course: world.Course
) -> tuple[nn.Module, str, Normalisation, Normalisation]:
    """The network, its weights in words, and the normalisation that they want."""
    from torchvision import models

    mean, std = course.weights.mean, course.weights.std
    if settings.start == "random":
        build = models.mobilenet_v2 if settings.network == "mobilenet_v2" else models.resnet18
        return build(), "random weights", mean, std
    if settings.network == "mobilenet_v2":
        return course.pretrained(), course.weights.title, mean, std
    choice = models.ResNet18_Weights.IMAGENET1K_V1
    path = torchvision_weights.on_disk(choice)
    try:
        path = path or torchvision_weights.fetch(choice)
    except DownloadError as error:
        raise LabError(
            f"there are no pretrained weights for resnet18 on this disk, and they cannot be "
            f"downloaded now ({error.cause}); choose network='mobilenet_v2', or start='random'"
        ) from error
    model = models.resnet18()
    try:
        model.load_state_dict(read_checkpoint(path))
    except (RuntimeError, CheckpointError) as error:
        raise LabError(f"{path.name} does not hold the weights of a ResNet-18") from error
    title = f"ResNet-18 pretrained on ImageNet, 1000 classes ({path.name})"
    return model, title, world.IMAGENET_MEAN, world.IMAGENET_STD


def _code(settings: Settings) -> str:
    """Lines that build the same network and images again."""
    if settings.network == "mobilenet_v2" and settings.start == "pretrained":
        return (
            "from course_utils.lab.session.setup import load_and_hold_out\n"
            "from course_utils.networks.heads import replace_head\n\n"
            f"images = load_and_hold_out({_wish(settings)!r}, "
            f"train={settings.train}, test={settings.test})\n"
            "course, data, prepare = images.course, images.data, images.course.prepare\n"
            "model = course.pretrained()\n"
            "replace_head(model, len(data.class_names))"
        )
    return (
        "from course_utils.lab.session.settings import Settings\n"
        "from course_utils.lab.session.setup import WorldSetup\n\n"
        f"settings = Settings(world={_wish(settings)!r}, network={settings.network!r},\n"
        f"    start={settings.start!r}, train={settings.train}, test={settings.test})\n"
        "setup = WorldSetup()(settings)\n"
        "model, data, prepare = setup.model, setup.data, setup.prepare"
    )
