"""What the challenges train on: tasks of the Shapes world, with a network that may be damaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from course_utils import world
from course_utils.environment import describe_device
from course_utils.images.datasets import ImageData, load_shapes
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.settings import Settings
from course_utils.lab.session.setup import Setup
from course_utils.networks.blocks import split_into_blocks
from course_utils.networks.heads import replace_head

import torch
from torch import nn


@torch.no_grad()
def scramble(model: nn.Module, names: Iterable[str], seed: int = 0) -> None:
    """Ruin some blocks: the weights of their convolutions stay the same numbers in other places.

    Raises
    ------
    LabError
        For a block that the model does not have.
    """
    by_name = {block.name: block for block in split_into_blocks(model)}
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        if name not in by_name:
            raise LabError(f"there is no block {name!r}; the blocks are: {', '.join(by_name)}")
        for parameter in by_name[name].parameters():
            if parameter.ndim == 4:
                order = torch.randperm(parameter.numel(), generator=generator)
                flat = parameter.detach().flatten()[order.to(parameter.device)]
                parameter.copy_(flat.view(parameter.shape))


# Whoever wants to find out alone does not read on here.
_DAMAGE: dict[int | None, tuple[str, ...]] = {None: (), 1: ("features.4",)}


@dataclass(frozen=True)
class ShapesSetup:
    """Set up runs on a task of the Shapes world, whatever world the lessons run in.

    Parameters
    ----------
    task : str, optional
        One that `shapes.make` knows.
    damage : int, optional
        Number of a damaged backbone; by default it is whole.  It is a number so that neither a
        printed setup nor the lab's code gives away where the damage is.
    """

    task: str = "target"
    damage: int | None = None

    def __post_init__(self) -> None:
        if self.damage not in _DAMAGE:
            known = ", ".join(map(repr, _DAMAGE))
            raise LabError(f"there is no damage {self.damage!r}; there are: {known}")

    def damages(self, blocks: Iterable[str]) -> bool:
        """Whether one of these blocks is damaged."""
        return not set(_DAMAGE[self.damage]).isdisjoint(blocks)

    def __call__(self, settings: Settings) -> Setup:
        """Make network and images; LabError for another world or network than the challenge's."""
        wanted = ("shapes", "mobilenet_v2", "pretrained")
        if (settings.world, settings.network, settings.start) != wanted:
            raise LabError(
                "a challenge keeps to the Shapes world and its pretrained mobilenet_v2; "
                "choose others in a lab of your own"
            )
        course = world.choose(9, "shapes", settings.train + settings.test, 8)
        data = _images(self.task, settings.train, settings.test)
        model = course.pretrained()
        scramble(model, _DAMAGE[self.damage])
        replace_head(model, len(data.class_names))
        code = (
            "from course_utils.lab.session.settings import Settings\n"
            "from course_utils.lesson09.shapes_setup import ShapesSetup\n\n"
            f"build = ShapesSetup({self.task!r}, damage={self.damage!r})\n"
            f'settings = Settings(world="shapes", train={settings.train}, test={settings.test})\n'
            "setup = build(settings)\n"
            "model, data, prepare = setup.model, setup.data, setup.prepare"
        )
        return Setup(
            model=model,
            data=data,
            prepare=course.prepare,
            world=f"{data.name}, {len(data.train_images)} images, {course.size} px",
            weights=course.weights.title + (", damaged" if self.damage else ""),
            device=describe_device(course.device),
            code=code,
        )


@lru_cache(maxsize=4)
def _images(task: str, train: int, test: int) -> ImageData:
    return load_shapes(task, train + test, 8).hold_out(test)
