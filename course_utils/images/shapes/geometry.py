"""Signed-distance functions: the geometry behind the built-in image world.

A signed-distance function takes the coordinates of many points and says how far each lies from
a shape's edge: negative inside, positive outside.  Two facts make them pleasant to draw with.
Union and intersection are `minimum` and `maximum`, and one pixel of the distance gives a smooth
edge at any resolution.

All functions work element by element on float tensors `x` (to the right) and `y` (up) of one
common shape and return a tensor of that shape.  A shape's own frame reaches from about -1 to 1.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Point = tuple[float, float]
Shape = Callable[[Tensor, Tensor], Tensor]


def disc(x: Tensor, y: Tensor, cx: float, cy: float, radius: float) -> Tensor:
    """Distance to a filled circle."""
    return torch.hypot(x - cx, y - cy) - radius


def ring(x: Tensor, y: Tensor, cx: float, cy: float, radius: float, width: float) -> Tensor:
    """Distance to a circle's outline drawn `2 * width` wide."""
    return disc(x, y, cx, cy, radius).abs() - width


def oval(x: Tensor, y: Tensor, cx: float, cy: float, a: float, b: float) -> Tensor:
    """Distance to an ellipse with half-axes `a` and `b`, to first order.

    The exact distance needs the root of a quartic.  Value divided by gradient length is exact on
    the edge, which is where a drawing looks.
    """
    u, v = (x - cx) / a, (y - cy) / b
    level = torch.hypot(u, v)
    slope = torch.hypot(u / a, v / b).clamp_min(1e-3)
    return level * (level - 1) / slope


def box(
    x: Tensor, y: Tensor, cx: float, cy: float, half_width: float, half_height: float
) -> Tensor:
    """Distance to a rectangle that stands upright in its frame."""
    dx, dy = (x - cx).abs() - half_width, (y - cy).abs() - half_height
    outside = torch.hypot(dx.clamp_min(0), dy.clamp_min(0))
    return outside + torch.maximum(dx, dy).clamp_max(0)


def polygon(x: Tensor, y: Tensor, corners: Sequence[Point]) -> Tensor:
    """Distance to a simple polygon given by its corners in order.

    The unsigned part is the distance to the nearest edge.  The sign follows the even-odd rule:
    a point is inside when a ray to the right crosses the outline an odd number of times.
    """
    nearest = torch.full_like(x, math.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        edge_x, edge_y = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = ((px * edge_x + py * edge_y) / (edge_x**2 + edge_y**2)).clamp(0, 1)
        nearest = torch.minimum(nearest, torch.hypot(px - along * edge_x, py - along * edge_y))
        if edge_y != 0:  # a level edge is never crossed by a level ray
            crosses = ((y < ay) != (y < by)) & (px < py * (edge_x / edge_y))
            inside = inside ^ crosses
    return torch.where(inside, -nearest, nearest)


def rays(count: int, outer: float, inner: float | None = None) -> list[Point]:
    """Corners of a regular polygon, or of a star when an `inner` radius is given; one points up."""
    radii = [outer] if inner is None else [outer, inner]
    corners = count * len(radii)
    turn = [math.pi / 2 + 2 * math.pi * i / corners for i in range(corners)]
    return [
        (radii[i % len(radii)] * math.cos(a), radii[i % len(radii)] * math.sin(a))
        for i, a in enumerate(turn)
    ]


def lobes(x: Tensor, y: Tensor, count: int, radius: float, depth: float) -> Tensor:
    """Distance, roughly, to a disc whose rim swings in and out `count` times."""
    wave = radius + depth * torch.cos(count * torch.atan2(y, x) - count * math.pi / 2)
    return 0.7 * (torch.hypot(x, y) - wave)


def union(first: Tensor, *others: Tensor) -> Tensor:
    """Points that lie in any of the shapes."""
    for other in others:
        first = torch.minimum(first, other)
    return first


def common(first: Tensor, *others: Tensor) -> Tensor:
    """Points that lie in all of the shapes."""
    for other in others:
        first = torch.maximum(first, other)
    return first


def minus(first: Tensor, *others: Tensor) -> Tensor:
    """Points of the first shape that lie in none of the others."""
    for other in others:
        first = torch.maximum(first, -other)
    return first
