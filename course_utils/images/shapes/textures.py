"""Far-away tasks: images without any shape, for asking how far features travel.

`orientation` asks for the direction of a grain, `fabric` for the kind of a weave.  Neither has an
object, an outline or a place: knowing hearts from stars does not help, knowing edges might.
"""

import math
from collections.abc import Callable

from course_utils.images.shapes.painting import Dice, pixel_grid, rotate

import torch
from torch import Tensor

ORIENTATIONS = tuple(f"{18 * i} degrees" for i in range(10))


def _grain(dice: Dice, labels: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Waves of many widths that all run along about one of ten directions."""
    angle = (labels.view(-1, 1, 1) + dice.between(-0.3, 0.3)) * math.pi / len(ORIENTATIONS)
    field = torch.zeros_like(x)
    for _ in range(5):
        u, _v = rotate(x, y, angle + dice.between(-0.12, 0.12))
        wave = torch.sin(dice.between(9, 24) * u + dice.between(0, 2 * math.pi))
        field = field + dice.between(0.5, 1) * wave
    return field / 2.5 + 0.35 * dice.normal(*x.shape[1:])


def _bricks(u: Tensor, v: Tensor) -> Tensor:
    course = torch.floor(v / math.pi)  # every second row is shifted by half a brick
    joint = torch.minimum(v.sin().abs(), (u / 2 + (course % 2) * math.pi / 2).sin().abs())
    return (joint - 0.3) * 4


def _tiles(u: Tensor, v: Tensor) -> Tensor:
    return (torch.maximum(u.sin().abs(), v.sin().abs()) - 0.9) * 9


_WEAVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "stripes": lambda u, v: 1.5 * u.sin(),
    "checks": lambda u, v: 3 * u.sin() * v.sin(),
    "dots": lambda u, v: 2.5 * (u.sin() + v.sin() - 0.9),
    "plaid": lambda u, v: 1.2 * (u.sin() + (2 * v).sin()),
    "waves": lambda u, v: 1.5 * (u + 1.8 * (v / 2).sin()).sin(),
    "zigzag": lambda u, v: 1.5 * (u + 1.2 * torch.asin((v * 0.7).sin())).sin(),
    "bricks": _bricks,
    "tiles": _tiles,
    "rings": lambda u, v: 1.5 * (1.3 * torch.hypot(u, v)).sin(),
    "rays": lambda u, v: 1.5 * (9 * torch.atan2(v, u)).sin(),
}


def _weave(dice: Dice, labels: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """One of ten regular patterns, at any angle, pitch and place."""
    u, v = rotate(x, y, dice.between(0, math.pi))
    pitch = dice.between(9, 15)
    u = (u + dice.between(-0.5, 0.5)) * pitch
    v = (v + dice.between(-0.5, 0.5)) * pitch
    every = torch.stack([weave(u, v) for weave in _WEAVES.values()], dim=1)
    field = every[torch.arange(len(labels)), labels]
    return field * dice.between(0.5, 1) + 0.3 * dice.normal(*x.shape[1:])


TEXTURES = {"orientation": (ORIENTATIONS, _grain), "fabric": (tuple(_WEAVES), _weave)}


def paint_texture(task: str, labels: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """Draw one image of a far-away task for each label: uint8 `(n, 3, size, size)`."""
    _names, field = TEXTURES[task]
    images = []
    for group in labels.split(500):
        dice = Dice(len(group), generator)
        x, y = pixel_grid(len(group), size)
        mix = torch.sigmoid(2.5 * field(dice, group, x, y))[:, None]
        dark = dice.colour((0.2, 0.9), (0.1, 0.45))
        light = dice.colour((0.2, 0.9), (0.6, 1))
        image = dark + mix * (light - dark) + 0.15 * (dice.smooth(4, size)[:, None] - 0.5)
        image = image + 0.03 * dice.normal(3, size, size)
        images.append((image.clamp(0, 1) * 255).round().to(torch.uint8))
    return torch.cat(images)
