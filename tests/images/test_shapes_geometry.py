"""Signed-distance functions: right sign, right distance, and the algebra of sets."""

import math

from course_utils.images import shapes
from course_utils.images.shapes import geometry, painting

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from torch import Tensor

unit = st.floats(-2, 2, allow_nan=False, width=32)
points = st.lists(st.tuples(unit, unit), min_size=1, max_size=20)


def as_grid(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    x, y = torch.tensor(pairs, dtype=torch.float64).T
    return x, y


@st.composite
def outlines(draw) -> list[tuple[float, float]]:
    """Corners of a simple polygon: distances from the origin at increasing angles."""
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(0.2, 1.5), min_size=count, max_size=count))
    shift = draw(st.floats(0, 6.28))
    turns = [shift + 2 * math.pi * i / count for i in range(count)]
    corners = [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, turns, strict=True)]
    return corners if draw(st.booleans()) else corners[::-1]


def nearest_on_edges(px: float, py: float, corners: list[tuple[float, float]]) -> float:
    best = math.inf
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = math.hypot(bx - ax, by - ay)
        # along the edge and across it
        along = ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length
        across = abs((px - ax) * (by - ay) - (py - ay) * (bx - ax)) / length
        if 0 <= along <= length:
            best = min(best, across)
        best = min(best, math.hypot(px - ax, py - ay))
    return best


@settings(max_examples=60, deadline=None)
@given(outlines(), points)
def test_polygon_distance_against_brute_force(corners, pairs):
    distance = geometry.polygon(*as_grid(pairs), corners)
    inside = Outline(corners).contains_points(pairs)
    for (px, py), d, within in zip(pairs, distance.tolist(), inside, strict=True):
        assert abs(d) == pytest.approx(nearest_on_edges(px, py, corners), abs=1e-9)
        if abs(d) > 1e-6:
            assert (d < 0) == within


@settings(max_examples=40, deadline=None)
@given(points, st.floats(0.1, 1.5), st.floats(0.1, 1.5), unit, unit)
def test_box_is_a_polygon_with_four_corners(pairs, a, b, cx, cy):
    corners = [(cx - a, cy - b), (cx + a, cy - b), (cx + a, cy + b), (cx - a, cy + b)]
    x, y = as_grid(pairs)
    box = geometry.box(x, y, cx, cy, a, b)
    assert torch.allclose(box, geometry.polygon(x, y, corners), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(points, st.floats(0.2, 1.5))
def test_round_shapes(pairs, radius):
    x, y = as_grid(pairs)
    disc = geometry.disc(x, y, 0.3, -0.2, radius)
    assert torch.allclose(disc, ((x - 0.3) ** 2 + (y + 0.2) ** 2).sqrt() - radius)
    ring = geometry.ring(x, y, 0.3, -0.2, radius, 0.1)
    off_edge = ring.abs() > 1e-9
    assert torch.equal((ring < 0)[off_edge], (disc.abs() < 0.1)[off_edge])
    # equal half-axes: the ellipse's approximation is exact
    oval = geometry.oval(x, y, 0.3, -0.2, radius, radius)
    far = torch.hypot(x - 0.3, y + 0.2) > 0.01
    assert torch.allclose(oval[far], disc[far], atol=1e-9)


def test_oval_is_zero_on_its_edge_and_right_about_inside():
    turn = torch.linspace(0, 6.2, 50, dtype=torch.float64)
    a, b = 1.1, 0.4
    edge = geometry.oval(a * turn.cos(), b * turn.sin(), 0, 0, a, b)
    assert torch.allclose(edge, torch.zeros_like(edge), atol=1e-12)
    for grow in (0.9, 1.1):
        value = geometry.oval(grow * a * turn.cos(), grow * b * turn.sin(), 0, 0, a, b)
        assert ((value < 0) == (grow < 1)).all()


fields = st.lists(st.tuples(unit, unit, unit), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(fields)
def test_union_common_and_minus_are_set_algebra(values):
    a, b, c = torch.tensor(values, dtype=torch.float64).T
    in_a, in_b, in_c = a < 0, b < 0, c < 0
    assert torch.equal(geometry.union(a, b, c) < 0, in_a | in_b | in_c)
    assert torch.equal(geometry.common(a, b, c) < 0, in_a & in_b & in_c)
    # a point exactly on the other's edge is neither in it nor in its complement
    assert torch.equal(geometry.minus(a, b, c) < 0, in_a & (b > 0) & (c > 0))
    assert torch.equal(geometry.union(a, b), -geometry.common(-a, -b))
    assert torch.equal(geometry.minus(a, b), geometry.common(a, -b))
    assert torch.equal(geometry.union(a), a)


def test_rays_stand_at_equal_angles_with_one_point_up():
    star = geometry.rays(5, 1.0, 0.4)
    assert len(star) == 10
    assert star[0] == pytest.approx((0, 1))
    assert [math.hypot(*p) for p in star] == pytest.approx([1.0, 0.4] * 5)
    gaps = [
        (math.atan2(b[1], b[0]) - math.atan2(a[1], a[0])) % (2 * math.pi)
        for a, b in zip(star, [*star[1:], star[0]], strict=True)
    ]
    assert gaps == pytest.approx([math.pi / 5] * 10)


@pytest.mark.parametrize("name", [*shapes.SOURCE, *shapes.TARGET])
def test_every_class_lies_in_its_frame_and_grows_outwards(name):
    shape = {**shapes.SOURCE, **shapes.TARGET}[name]
    x, y = painting.pixel_grid(1, 64)
    distance = shape(1.5 * x[0], 1.5 * y[0])
    inside = distance < 0
    assert inside.any()
    assert not inside[torch.hypot(1.5 * x[0], 1.5 * y[0]) > 1.4].any()
    border = torch.cat([distance[0], distance[-1], distance[:, 0], distance[:, -1]])
    assert (border > 0.1).all()


def test_pixel_grid_has_y_up_and_x_to_the_right():
    x, y = painting.pixel_grid(2, 4)
    assert x[0, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert y[1, :, 0].tolist() == [0.75, 0.25, -0.25, -0.75]


def test_hsv_knows_the_colours():
    hue = torch.tensor([0.0, 1 / 3, 2 / 3, 0.5]).view(4, 1, 1)
    full = torch.ones_like(hue)
    rgb = painting.hsv(hue, full, full)[:, :, 0, 0]
    expected = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]])
    assert torch.allclose(rgb, expected, atol=1e-5)
    assert torch.allclose(painting.hsv(hue, 0 * hue, 0.3 * full), torch.tensor(0.3))
