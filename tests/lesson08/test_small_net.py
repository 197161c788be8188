"""The small network: its shape, its blocks, and that the course's tools take it apart rightly."""

from course_utils import training
from course_utils.images.datasets import ImageData, load_shapes
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.small_net import SIZE, small_net, statistics
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing

import pytest
import torch


@pytest.fixture
def network():
    torch.manual_seed(0)
    return small_net(7, width=4)


def test_it_gives_one_score_for_each_class(network):
    assert network(torch.rand(3, 3, SIZE, SIZE)).shape == (3, 7)


def test_its_blocks_one_after_the_other_compute_what_it_computes(network):
    network.eval()
    x = torch.rand(2, 3, SIZE, SIZE)
    y = x
    for block in split_into_blocks(network):
        y = block.forward(y)
    assert torch.equal(y, network(x))
    assert freezing.block_names(network) == [
        "stem", "block1", "block2", "block3", "block4", "head"
    ]  # fmt: skip


def test_a_frozen_backbone_is_cached_as_one_number_a_channel(network):
    data = load_shapes("target", 20, 10)
    plan = freezing.freeze_backbone(network)
    freezing.apply(network, plan)
    prepare = Prepare(SIZE, *statistics(data.train_images))
    tail, features = training.cache_features(network, plan, data, prepare)
    assert features.train_images.shape == (20, 32)
    network.eval()
    whole = network(prepare(data.train_images))
    assert torch.allclose(tail(features.train_images), whole, atol=1e-5)


def test_statistics_make_the_images_centred_and_of_unit_spread():
    images = load_shapes("target", 40, 10).train_images
    ready = Prepare(SIZE, *statistics(images))(images)
    assert ready.mean((0, 2, 3)).abs().max() < 1e-4
    assert (ready.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_a_colour_that_never_changes_divides_nothing_by_zero():
    flat = torch.full((4, 3, SIZE, SIZE), 51, dtype=torch.uint8)
    data = ImageData("flat", flat, torch.zeros(4), flat, torch.zeros(4), ("a",))
    mean, std = statistics(data.train_images)
    assert mean == pytest.approx((0.2, 0.2, 0.2))
    assert std == (1.0, 1.0, 1.0)
