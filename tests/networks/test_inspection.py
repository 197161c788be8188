"""What a block costs, and how far it has moved."""

import math

from course_utils import training
from course_utils.images.datasets import batches
from course_utils.networks.inspection import cost_by_block, movement, state_snapshot
from course_utils.training import freezing
from tests.tiny import BLOCKS, data, mobilenet, network, prepare

import pytest
import torch
import torchvision.models as zoo
from torch import nn


def test_costs_of_layers_counted_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),  # 16 x 16 out
        nn.Conv2d(8, 8, 3, padding=1, groups=8),  # depthwise
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
    )
    table = cost_by_block(model, 32).set_index("block")
    assert table.macs.tolist() == [256 * 8 * 27, 256 * 8 * 9, 40]
    assert table.parameters.tolist() == [216, 80, 45]
    assert table.output.tolist() == ["8 x 16 x 16", "8 x 16 x 16", "5"]
    assert table.activations.tolist() == [2048, 2048, 5]


def test_costs_of_the_published_network():
    """torchvision states 3,504,872 parameters and 0.30 billion multiply-accumulates at 224 px."""
    with torch.device("meta"):
        model = zoo.mobilenet_v2()
    table = cost_by_block(model, 224)
    assert table.parameters.sum() == 3_504_872
    assert table.macs.sum() == pytest.approx(0.301e9, rel=0.01)


def test_costs_of_attention_are_counted_and_nothing_is_stored():
    """torchvision states 86,567,656 parameters and 17.56 billion multiply-accumulates."""
    with torch.device("meta"):
        model = zoo.vit_b_16()
    table = cost_by_block(model, 224)
    assert table.parameters.sum() == 86_567_656
    assert table.macs.sum() == pytest.approx(17.56e9, rel=0.001)
    assert all(p.is_meta for p in model.parameters())


def test_measuring_leaves_no_trace():
    model = mobilenet()
    model.features[3].eval()
    modes = [m.training for m in model.modules()]
    before = state_snapshot(model)
    cost_by_block(model, 32)
    assert [m.training for m in model.modules()] == modes
    assert (movement(model, before)[["weights", "statistics"]] == 0).all().all()
    assert not any(m._forward_hooks for m in model.modules())
    with pytest.raises(RuntimeError):
        cost_by_block(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(7, 7)), 32)


def test_movement_is_relative_and_exactly_zero_where_frozen():
    model, images = network(), data(16)
    plan = freezing.freeze(model, ["stem", "middle"])
    freezing.apply(model, plan)
    before = state_snapshot(model)
    passes = batches(images.train_images, images.train_labels, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    list(training.steps(model, optimizer, passes, prepare, plan=plan))
    moved = movement(model, before).set_index("block")
    assert list(moved.index) == list(BLOCKS)
    assert moved.loc[["stem", "middle"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert (moved.loc["deep"] > 0).all()
    assert moved.weights["head"] > 0
    assert moved.statistics["head"] == 0, "it has none"


def test_movement_of_a_known_change():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 0], [0, 4]]))
        before = state_snapshot(model)
        model[0].weight[0, 1] += 0.5
        model[1].running_mean += 1
        model[1].num_batches_tracked += 7
    moved = movement(model, before)
    assert moved.weights.tolist() == pytest.approx([0.1, 0])
    assert moved.statistics.tolist() == pytest.approx([0, 1])  # (1, 1) against variances of (1, 1)


def test_not_even_the_least_change_passes_for_none():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[1].weight.zero_()
        before = state_snapshot(model)
        assert movement(model, before).weights.tolist() == [0, 0]
        model[0].weight[0, 0] = model[0].weight[0, 0].nextafter(torch.tensor(9.0))
        model[1].weight[0, 0] = 1e-30  # its square is no float32
    moved = movement(model, before).weights
    assert 0 < moved[0] < 1e-5
    assert moved[1] == math.inf
