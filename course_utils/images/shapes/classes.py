"""The classes of the built-in world: 30 to pretrain on, 10 others to transfer to.

Each class is a few lines of geometry (see `geometry`).  Everything else in an image is drawn at
random, so the outline is all that a network can use.  The two lists share no class, but they
share their vocabulary: corners, arcs, holes, bars.  That is what makes transfer possible, and
what makes it interesting.
"""

from course_utils.images.shapes.geometry import (
    Point,
    Shape,
    box,
    common,
    disc,
    lobes,
    minus,
    oval,
    polygon,
    rays,
    ring,
    union,
)

from torch import Tensor


def _outline(*corners: Point) -> Shape:
    """A class that is one polygon."""
    return lambda x, y: polygon(x, y, corners)


def _drop(x: Tensor, y: Tensor) -> Tensor:
    return union(disc(x, y, 0, -0.32, 0.6), polygon(x, y, [(-0.56, -0.1), (0, 1), (0.56, -0.1)]))


def _dome(x: Tensor, y: Tensor) -> Tensor:
    return common(disc(x, y, 0, -0.45, 1.0), -0.45 - y)


def _pie(x: Tensor, y: Tensor) -> Tensor:
    mouth = polygon(x, y, [(-0.05, 0), (1.4, 0.95), (1.4, -0.95)])
    return minus(disc(x, y, 0, 0, 0.9), mouth)


def _lens(x: Tensor, y: Tensor) -> Tensor:
    return common(disc(x, y, 0, 0.62, 1.15), disc(x, y, 0, -0.62, 1.15))


def _plus(x: Tensor, y: Tensor) -> Tensor:
    return union(box(x, y, 0, 0, 0.92, 0.28), box(x, y, 0, 0, 0.28, 0.92))


def _frame(x: Tensor, y: Tensor) -> Tensor:
    return minus(box(x, y, 0, 0, 0.82, 0.82), box(x, y, 0, 0, 0.46, 0.46))


def _corner(x: Tensor, y: Tensor) -> Tensor:
    return union(box(x, y, -0.45, 0, 0.24, 0.9), box(x, y, 0.05, -0.66, 0.74, 0.24))


def _tee(x: Tensor, y: Tensor) -> Tensor:
    return union(box(x, y, 0, 0.62, 0.88, 0.25), box(x, y, 0, -0.15, 0.24, 0.8))


def _cove(x: Tensor, y: Tensor) -> Tensor:
    return minus(box(x, y, 0, 0, 0.76, 0.86), box(x, y, 0, 0.5, 0.34, 0.9))


def _ladder(x: Tensor, y: Tensor) -> Tensor:
    return union(
        box(x, y, -0.58, 0, 0.22, 0.92), box(x, y, 0.58, 0, 0.22, 0.92), box(x, y, 0, 0, 0.6, 0.2)
    )


def _comb(x: Tensor, y: Tensor) -> Tensor:
    teeth = [box(x, y, 0.15, level, 0.66, 0.16) for level in (-0.7, 0.0, 0.7)]
    return union(box(x, y, -0.58, 0, 0.2, 0.86), *teeth)


def _gear(x: Tensor, y: Tensor) -> Tensor:
    return minus(lobes(x, y, 8, 0.78, 0.17), disc(x, y, 0, 0, 0.28))


def _dumbbell(x: Tensor, y: Tensor) -> Tensor:
    return union(disc(x, y, -0.62, 0, 0.38), disc(x, y, 0.62, 0, 0.38), box(x, y, 0, 0, 0.6, 0.13))


def _cup(x: Tensor, y: Tensor) -> Tensor:
    return union(box(x, y, -0.22, -0.05, 0.5, 0.72), ring(x, y, 0.38, 0, 0.4, 0.12))


def _eight(x: Tensor, y: Tensor) -> Tensor:
    return union(ring(x, y, 0, 0.46, 0.35, 0.16), ring(x, y, 0, -0.46, 0.35, 0.16))


SOURCE: dict[str, Shape] = {
    "disc": lambda x, y: disc(x, y, 0, 0, 0.86),
    "ring": lambda x, y: ring(x, y, 0, 0, 0.7, 0.19),
    "oval": lambda x, y: oval(x, y, 0, 0, 1.0, 0.5),
    "dome": _dome,
    "pie": _pie,
    "lens": _lens,
    "drop": _drop,
    "triangle": _outline(*rays(3, 1.0)),
    "square": lambda x, y: box(x, y, 0, 0, 0.76, 0.76),
    "rhombus": _outline((-0.58, 0), (0, 1), (0.58, 0), (0, -1)),
    "trapezoid": _outline((-1, -0.58), (1, -0.58), (0.42, 0.58), (-0.42, 0.58)),
    "slant": _outline((-1, -0.48), (0.4, -0.48), (1, 0.48), (-0.4, 0.48)),
    "plus": _plus,
    "frame": _frame,
    "corner": _corner,
    "tee": _tee,
    "cove": _cove,
    "ladder": _ladder,
    "comb": _comb,
    "zed": _outline(
        (-0.78, 0.9), (0.8, 0.9), (0.8, 0.56), (-0.18, -0.54), (0.8, -0.54),
        (0.8, -0.9), (-0.8, -0.9), (-0.8, -0.56), (0.18, 0.54), (-0.78, 0.54),
    ),
    "chevron": _outline(
        (-0.9, -0.72), (0, 0.05), (0.9, -0.72), (0.9, -0.05), (0, 0.78), (-0.9, -0.05)
    ),
    "bolt": _outline(
        (0.25, 1), (-0.6, -0.12), (-0.05, -0.12), (-0.3, -1), (0.6, 0.22), (0.05, 0.22)
    ),
    "hourglass": _outline(
        (-0.72, -0.9), (0.72, -0.9), (0.12, 0), (0.72, 0.9), (-0.72, 0.9), (-0.12, 0)
    ),
    "sparkle": _outline(*rays(4, 1.05, 0.36)),
    "gear": _gear,
    "flower": lambda x, y: lobes(x, y, 5, 0.62, 0.32),
    "dumbbell": _dumbbell,
    "crown": _outline(
        (-0.82, -0.65), (0.82, -0.65), (0.95, 0.62), (0.44, 0), (0, 0.8), (-0.44, 0), (-0.95, 0.62)
    ),
    "cup": _cup,
    "eight": _eight,
}  # fmt: skip


def _heart(x: Tensor, y: Tensor) -> Tensor:
    point = polygon(x, y, [(-0.83, 0.1), (0, -0.95), (0.83, 0.1), (0, 0.55)])
    return union(disc(x, y, -0.42, 0.33, 0.47), disc(x, y, 0.42, 0.33, 0.47), point)


def _moon(x: Tensor, y: Tensor) -> Tensor:
    return minus(disc(x, y, 0, 0, 0.95), disc(x, y, 0.46, 0.15, 0.76))


def _house(x: Tensor, y: Tensor) -> Tensor:
    roof = polygon(x, y, [(-0.96, 0.05), (0, 0.95), (0.96, 0.05)])
    return minus(union(box(x, y, 0, -0.4, 0.66, 0.5), roof), box(x, y, 0, -0.62, 0.18, 0.34))


def _tree(x: Tensor, y: Tensor) -> Tensor:
    low = polygon(x, y, [(-0.78, -0.45), (0, 0.42), (0.78, -0.45)])
    high = polygon(x, y, [(-0.56, 0.1), (0, 1), (0.56, 0.1)])
    return union(low, high, box(x, y, 0, -0.7, 0.17, 0.3))


def _fish(x: Tensor, y: Tensor) -> Tensor:
    tail = polygon(x, y, [(0.3, 0), (1, 0.54), (0.82, 0), (1, -0.54)])
    return union(oval(x, y, -0.2, 0, 0.76, 0.48), tail)


def _cloud(x: Tensor, y: Tensor) -> Tensor:
    puffs = union(
        disc(x, y, -0.55, -0.1, 0.4), disc(x, y, 0.05, 0.2, 0.52), disc(x, y, 0.6, -0.08, 0.38),
        box(x, y, 0, -0.35, 0.75, 0.16),
    )  # fmt: skip
    return common(puffs, -0.5 - y)


def _key(x: Tensor, y: Tensor) -> Tensor:
    teeth = union(box(x, y, 0.52, -0.22, 0.11, 0.24), box(x, y, 0.88, -0.22, 0.11, 0.24))
    return union(ring(x, y, -0.55, 0, 0.31, 0.13), box(x, y, 0.38, 0, 0.62, 0.14), teeth)


def _mushroom(x: Tensor, y: Tensor) -> Tensor:
    cap = common(oval(x, y, 0, -0.08, 0.95, 0.88), -0.08 - y)
    return union(cap, box(x, y, 0, -0.46, 0.27, 0.46))


TARGET: dict[str, Shape] = {
    "heart": _heart,
    "star": _outline(*rays(5, 1.05, 0.45)),
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "fish": _fish,
    "arrow": _outline(
        (-0.95, -0.23), (0.1, -0.23), (0.1, -0.72), (1, 0), (0.1, 0.72), (0.1, 0.23), (-0.95, 0.23)
    ),
    "cloud": _cloud,
    "key": _key,
    "mushroom": _mushroom,
}  # fmt: skip
