"""The drawings of lesson 01."""

from course_utils.lesson01 import figures as figures_01

import pytest
import torch


def test_a_filter_is_grey_at_zero_and_scaled_by_its_own_largest_weight() -> None:
    weights = torch.zeros(3, 3, 3)
    weights[0, 0, 0], weights[1, 2, 1] = -0.2, 0.1
    picture = figures_01.as_picture(weights)
    assert picture.shape == (3, 3, 3)
    assert picture[0, 0, 0] == 0
    assert picture[2, 1, 1] == pytest.approx(0.75)
    assert picture[1, 1].tolist() == [0.5, 0.5, 0.5]
    assert figures_01.as_picture(torch.zeros(3, 3, 3)).unique().tolist() == [0.5]


def test_filters_have_a_panel_a_network_and_their_length_beneath() -> None:
    some = torch.zeros(4, 3, 3, 3)
    some[0, 0, 0, 0] = 2.5
    figure = figures_01.filters({"one": some, "two": torch.randn(4, 3, 3, 3)}, columns=2)
    assert len(figure.subfigs) == 2
    texts = [ax.get_title() for ax in figure.subfigs[0].axes]
    assert texts == ["2.50", "0.00", "0.00", "0.00"]


def test_a_filter_as_good_as_zero_is_not_alive_and_not_counted() -> None:
    weights = torch.ones(3, 3, 3, 3)
    weights[1] = 1e-9
    assert figures_01.alive(weights).tolist() == [True, False, True]
    assert len(figures_01.neighbour_similarity(weights)) == 2


def test_neighbours_are_alike_in_a_smooth_filter_and_opposite_in_a_chessboard() -> None:
    board = 1.0 - 2.0 * (torch.arange(3)[:, None] + torch.arange(3)).remainder(2)
    weights = torch.stack([torch.ones(3, 3, 3), board.expand(3, 3, 3)])
    assert figures_01.neighbour_similarity(weights).tolist() == pytest.approx([1, -1])
    torch.manual_seed(0)
    assert abs(figures_01.neighbour_similarity(torch.randn(500, 3, 3, 3)).mean()) < 0.05


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_the_liveliest_maps_come_first_however_small_all_are(scale: float) -> None:
    maps = scale * torch.stack([torch.zeros(4, 4), 3 * torch.eye(4), torch.eye(4)])
    assert torch.equal(figures_01.liveliest(maps, 2), maps[[1, 2]])
    assert len(figures_01.liveliest(maps, 9)) == 3


def test_feature_maps_name_the_blocks_and_their_size_once() -> None:
    maps = {"features.0": torch.rand(8, 6, 6), "features.9": torch.rand(2, 3, 3)}
    figure = figures_01.feature_maps({"random": maps, "pretrained": maps}, count=4)
    labels = [ax.get_ylabel() for panel in figure.subfigs for ax in panel.axes if ax.get_ylabel()]
    assert labels == ["features.0\n6 x 6", "features.9\n3 x 3"]


def test_patches_are_drawn_row_by_row_behind_their_text() -> None:
    rows = {"a": torch.zeros(3, 3, 4, 4, dtype=torch.uint8),
            "b": torch.full((2, 3, 9, 9), 255, dtype=torch.uint8)}  # fmt: skip
    figure = figures_01.patches(rows)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["a", "b"]
    assert [len(ax.images) for ax in figure.axes] == [1, 1, 1, 1, 1, 0]


def test_points_are_drawn_as_the_number_of_their_class() -> None:
    labels = torch.tensor([0, 1, 1])
    figure = figures_01.planes(
        {"x": torch.rand(3, 2), "y": torch.rand(3, 2)}, labels, ["no", "yes"]
    )
    assert [len(ax.collections) for ax in figure.axes] == [2, 2]
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 3
    assert figure.axes[1].texts[0].get_text() == "0  no\n1  yes"
