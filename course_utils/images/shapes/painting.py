"""Paint: colours, textures, clutter, light and noise around one shape per image."""

import math
from collections.abc import Sequence

from course_utils.images.shapes.geometry import Shape, box

import torch
from torch import Tensor
from torch.nn import functional as F

# Images are painted in groups of this many: small enough to stay in the processor's cache.  It is
# part of the recipe: random numbers are drawn group by group, so another value, other images.
_GROUP = 500
# A shape's mean colour differs from its surroundings by at least this much, as a distance in
# RGB where black to white is 1.73.  Below about 0.3 a person starts to miss shapes at 32 px.
_MIN_CONTRAST = 0.5


class Dice:
    """Random numbers for `n` images at once, from one generator, in a fixed order."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n = n
        self.generator = generator

    def between(self, low: float, high: float) -> Tensor:
        """One uniform number an image, float32 `(n, 1, 1)`: ready to meet a field of pixels."""
        return low + (high - low) * torch.rand(self.n, 1, 1, generator=self.generator)

    def chance(self, probability: float) -> Tensor:
        """One yes or no an image, bool `(n, 1, 1)`."""
        return self.between(0, 1) < probability

    def colour(self, saturation: tuple[float, float], value: tuple[float, float]) -> Tensor:
        """One colour an image of any hue, float32 `(n, 3, 1, 1)` in [0, 1]."""
        return hsv(self.between(0, 1), self.between(*saturation), self.between(*value))

    def smooth(self, cells: int, size: int) -> Tensor:
        """A smooth random field in about [0, 1], float32 `(n, size, size)`."""
        coarse = torch.rand(self.n, 1, cells, cells, generator=self.generator)
        fine = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
        return fine[:, 0]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float32 `(n, *shape)`."""
        return torch.randn(self.n, *shape, generator=self.generator)


def hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Hue, saturation and value, each `(n, 1, 1)` in [0, 1], to RGB `(n, 3, 1, 1)`."""
    offsets = torch.tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1)
    k = (offsets + hue[:, None] * 6) % 6
    dip = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * dip)


def pixel_grid(n: int, size: int) -> tuple[Tensor, Tensor]:
    """Coordinates of the pixel centres, x to the right and y up, each `(n, size, size)`."""
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    shape = (n, size, size)
    return line.view(1, 1, size).expand(shape), -line.view(1, size, 1).expand(shape)


def rotate(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates seen from a frame turned by `angle` (radians, counter-clockwise)."""
    c, s = angle.cos(), angle.sin()
    return x * c + y * s, y * c - x * s


def texture(dice: Dice, x: Tensor, y: Tensor) -> Tensor:
    """A random pattern in [0, 1] an image: plain, ramp, stripes, checks or dots."""
    u, v = rotate(x, y, dice.between(0, math.pi))
    pitch = 2 * math.pi * 16 / dice.between(4, 12)
    a = torch.sin(pitch * u + dice.between(0, 2 * math.pi))
    b = torch.sin(pitch * v + dice.between(0, 2 * math.pi))
    kind = dice.between(0, 1)
    wave = torch.where(kind < 0.75, 5 * a * b, 4 * (a + b - 0.8))  # checks, dots
    wave = torch.where(kind < 0.45, 4 * a, wave)  # stripes
    wave = torch.where(kind < 0.15, 3 * u, wave)  # ramp
    return torch.sigmoid(wave * dice.between(0.5, 1.5)) * (kind < 0.88)  # the rest: plain


def paint_over(image: Tensor, distance: Tensor, colour: Tensor, opacity: Tensor | float) -> Tensor:
    """Lay `colour` over `image` where `distance < 0`, with an edge one pixel soft.

    Shapes: image `(n, 3, h, w)`, distance `(n, h, w)`, colour broadcastable to the image.
    """
    pixel = 2 / image.shape[-1]
    cover = (0.5 - distance / pixel).clamp(0, 1) * opacity
    return image + cover[:, None] * (colour - image)


def _bar(
    dice: Dice,
    image: Tensor,
    x: Tensor,
    y: Tensor,
    half_sides: tuple[tuple[float, float], tuple[float, float]],
    opacity: Tensor,
) -> Tensor:
    """Lay a rounded bar of any colour anywhere: clutter behind a shape, or something before it."""
    u, v = rotate(x - dice.between(-1, 1), y - dice.between(-1, 1), dice.between(0, math.pi))
    width, height = dice.between(*half_sides[0]), dice.between(*half_sides[1])
    # box() wants numbers; dividing the frame lets each image have a bar of its own size
    distance = box(u / width, v / height, 0, 0, 1, 1) * torch.minimum(width, height)
    return paint_over(
        image, distance - dice.between(0, 0.12), dice.colour((0.3, 1), (0.2, 1)), opacity
    )


def _background(dice: Dice, x: Tensor, y: Tensor, clutter: float) -> Tensor:
    hue = dice.between(0, 1)
    value = dice.between(0.15, 1)
    one = hsv(hue, dice.between(0.15, 0.9), value)
    two = hsv(
        (hue + dice.between(-0.12, 0.12)) % 1,
        dice.between(0.15, 0.9),
        (value * dice.between(0.6, 1.25)).clamp(0, 1),
    )
    mix = 0.5 * texture(dice, x, y) * clutter + 0.5 * dice.smooth(5, x.shape[-1])
    image = one + mix[:, None] * (two - one)
    for _ in range(2):
        opacity = 0.8 * clutter * dice.chance(0.65)
        image = _bar(dice, image, x, y, ((0.05, 0.3), (0.05, 0.3)), opacity)
    return image


def _surroundings(image: Tensor, distance: Tensor) -> Tensor:
    """Mean colour of the belt just outside the shape's edge, `(n, 3, 1, 1)`."""
    belt = ((distance > 0) & (distance < 0.3)).float()[:, None]
    return (image * belt).sum((2, 3), keepdim=True) / belt.sum((2, 3), keepdim=True).clamp_min(1)


def _colour_that_shows(dice: Dice, around: Tensor) -> Tensor:
    """The first of a few random colours that stands out from `around`, else the best of them."""
    tries = torch.stack([dice.colour((0.2, 1), (0.1, 1)) for _ in range(6)])
    contrast = (tries - around).square().sum(2, keepdim=True).sqrt()
    enough = contrast > _MIN_CONTRAST
    # argmax finds the first True; among misses the largest contrast, scaled below 1, decides
    choice = (enough * (2.0 - torch.arange(6).view(6, 1, 1, 1, 1) / 6) + contrast / 10).argmax(0)
    return tries.gather(0, choice.expand(1, *tries.shape[1:]))[0]


def _place(dice: Dice, x: Tensor, y: Tensor, turn: float) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates in a shape's own frame (placed, turned, scaled, wobbly), and its scale."""
    scale = dice.between(0.52, 0.84)
    stretch = dice.between(0.87, 1.15)
    room = 0.95 - scale
    u, v = rotate(
        x - room * dice.between(-1, 1),
        y - room * dice.between(-1, 1),
        math.radians(turn) * dice.between(-1, 1),
    )
    u, v = u / (scale * stretch), v / (scale / stretch)
    u = u + 0.05 * torch.sin(4 * v + dice.between(0, 2 * math.pi))
    v = v + 0.05 * torch.sin(4 * u + dice.between(0, 2 * math.pi))
    return u, v, scale


def _light_and_noise(dice: Dice, image: Tensor, clutter: float, night: bool) -> Tensor:
    image = (image - 0.5) * dice.between(0.85, 1.1)[:, None] + 0.5
    image = image + dice.between(-0.05, 0.05)[:, None]
    if night:
        moonlight = torch.tensor([0.55, 0.7, 1.0]).view(1, 3, 1, 1)
        image = 0.03 + 0.2 * image.clamp(0, 1) * moonlight
    strength = dice.between(0.01, 0.015 + 0.045 * clutter)[:, None] * (0.4 if night else 1.0)
    return image + strength * dice.normal(*image.shape[1:])


def paint(
    labels: Tensor,
    shapes: Sequence[Shape],
    generator: torch.Generator,
    *,
    size: int,
    clutter: float,
    turn: float,
    night: bool,
) -> Tensor:
    """Draw one image for each label.

    Parameters
    ----------
    labels : Tensor
        int64 `(n,)`, indices into `shapes`.
    shapes : sequence of Shape
        Signed-distance functions, one a class.
    generator : torch.Generator
        Source of every random number; same state, same images.
    size : int
        Side of the images in pixels.
    clutter : float
        0 for plain scenes, 1 for textures, clutter, occlusion and noise.
    turn : float
        Shapes are rotated by up to this many degrees either way.
    night : bool
        Dark and of low contrast, for experiments on a shift in input statistics.

    Returns
    -------
    Tensor
        uint8 `(n, 3, size, size)`.
    """
    groups = [
        _paint_group(group, shapes, generator, size, clutter, turn, night)
        for group in labels.split(_GROUP)
    ]
    return torch.cat(groups)


def _paint_group(
    labels: Tensor,
    shapes: Sequence[Shape],
    generator: torch.Generator,
    size: int,
    clutter: float,
    turn: float,
    night: bool,
) -> Tensor:
    dice = Dice(len(labels), generator)
    x, y = pixel_grid(len(labels), size)
    image = _background(dice, x, y, clutter)

    u, v, scale = _place(dice, x, y, turn)
    distance = torch.empty_like(u)
    for label in labels.unique().tolist():
        mine = labels == label
        distance[mine] = shapes[label](u[mine], v[mine])
    distance = distance * scale  # from the shape's frame back to the image's

    shadow = 0.4 * dice.between(0, 1) * torch.exp(-distance.clamp_min(0) / 0.12)
    image = image * (1 - shadow)[:, None]
    colour = _colour_that_shows(dice, _surroundings(image, distance))
    second = (colour + 0.35 * (dice.colour((0, 1), (0, 1)) - 0.5)).clamp(0, 1)
    body = colour + 0.8 * clutter * texture(dice, x, y)[:, None] * (second - colour)
    rim = dice.chance(0.3) & (distance > -0.08)  # an outline drawn darker, on some
    image = paint_over(image, distance, torch.where(rim[:, None], 0.5 * body, body), 1.0)
    opacity = clutter * dice.chance(0.35)
    image = _bar(dice, image, x, y, ((0.03, 0.07), (0.2, 0.6)), opacity)

    image = _light_and_noise(dice, image, clutter, night)
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)
