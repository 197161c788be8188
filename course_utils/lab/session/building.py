"""From settings to a network and images: what the lab trains unless told otherwise."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from course_utils import world
from course_utils.downloads import torchvision_weights
from course_utils.downloads.disk import DownloadError
from course_utils.environment import describe_device
from course_utils.images.datasets import ImageData
from course_utils.images.folders import ImageFolderError
from course_utils.images.preprocessing import Prepare
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.settings import NETWORKS, Settings, Setup, check_choice
from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.networks.heads import replace_head

import torch
from torch import nn


@dataclass(frozen=True)
class Images:
    """The images of a world, and the course that they belong to."""

    course: world.Course
    data: ImageData


class CourseBuilder:
    """Build runs from the course's worlds; the images of the last world are kept for the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[str, int, int], Images] | None = None

    def __call__(self, settings: Settings) -> Setup:
        """Load images and network.

        Raises LabError if the world, the network or its weights are not to be had.
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

    def _images(self, settings: Settings) -> Images:
        wish = world_wish(settings)
        key = (wish, settings.train, settings.test)
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = (key, held_out(wish, settings.train, settings.test))
            return self._kept[1]


def world_wish(settings: Settings) -> str:
    """The value of COURSE_DATA that the settings stand for."""
    if settings.world != "auto":
        return settings.world
    return os.environ.get("COURSE_DATA", "").strip() or "auto"


def held_out(wish: str, train: int, test: int) -> Images:
    """`train` images of a world, and `test` others to look at meanwhile.

    The others come from the training images too: whoever watches a number and acts on it has used
    those images to choose by, and the real test images are not for that.  Where the world has fewer
    images, a third of them is held out at most.

    Raises LabError if there is no such world, or it cannot be loaded.
    """
    try:
        course = world.choose(9, wish, train + test, 8)
        pool = course.load(train + test, 8)
        held = max(1, min(test, len(pool.train_images) // 3 if course.world != "shapes" else test))
        return Images(course, pool.hold_out(held))
    except (ImageFolderError, DownloadError, CheckpointError) as error:
        raise LabError(f"this world cannot be used: {error}") from error
    except ValueError as error:
        text = str(error).replace("COURSE_DATA=", "world=").replace(", and restart the kernel", "")
        raise LabError(text) from error


Numbers = tuple[float, float, float]


def _network(settings: Settings, course: world.Course) -> tuple[nn.Module, str, Numbers, Numbers]:
    """The network, its weights in words, and the normalisation that they want."""
    from torchvision import models

    mean, std = course.weights.mean, course.weights.std
    random = "random weights"
    if settings.network == "mobilenet_v2":
        if settings.start == "random":
            return models.mobilenet_v2(), random, mean, std
        return course.pretrained(), course.weights.title, mean, std
    if settings.start == "random":
        return models.resnet18(), random, mean, std
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
    wish = world_wish(settings)
    if settings.network == "mobilenet_v2" and settings.start == "pretrained":
        return (
            "from course_utils.lab.session.building import held_out\n"
            "from course_utils.networks.heads import replace_head\n\n"
            f"images = held_out({wish!r}, train={settings.train}, test={settings.test})\n"
            "course, data, prepare = images.course, images.data, images.course.prepare\n"
            "model = course.pretrained()\n"
            "replace_head(model, len(data.class_names))"
        )
    return (
        "from course_utils.lab.session.building import CourseBuilder\n"
        "from course_utils.lab.session.settings import Settings\n\n"
        f"settings = Settings(world={wish!r}, network={settings.network!r},\n"
        f"    start={settings.start!r}, train={settings.train}, test={settings.test})\n"
        "setup = CourseBuilder()(settings)\n"
        "model, data, prepare = setup.model, setup.data, setup.prepare"
    )
