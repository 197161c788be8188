"""Transferring the first blocks, and no more than these."""

from course_utils.lesson07 import transplant
from course_utils.networks.blocks import split_into_blocks
from tests.tiny import by_stage, equal, mobilenet, network

import pytest
import torch


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_just_the_first_blocks_are_copied_buffers_included(k):
    source, fresh = network(0), network(1)
    source.stem[1].running_mean.fill_(0.5)
    source.deep[1].running_var.fill_(2.0)
    before, wanted = by_stage(fresh), by_stage(source)
    transplant.first_blocks(source, fresh, k)
    now = by_stage(fresh)
    for place, block in enumerate(now):
        origin = wanted if place < k else before
        assert equal(now[block][0], origin[block][0])
        assert equal(now[block][1], origin[block][1])


def test_the_classes_may_differ_because_the_head_is_never_copied():
    source, fresh = mobilenet(0, classes=7), mobilenet(1, classes=4)
    head = fresh.classifier[1].weight.detach().clone()
    transplant.first_blocks(source, fresh, 19)
    assert torch.equal(fresh.classifier[1].weight, head)
    assert torch.equal(fresh.features[18][0].weight, source.features[18][0].weight)


@pytest.mark.parametrize("k", [-1, 4])
def test_impossible_numbers_of_blocks_are_refused(k):
    with pytest.raises(ValueError, match=f"cannot transfer {k} blocks: the network has 3"):
        transplant.first_blocks(network(), network(1), k)


def test_a_block_of_another_shape_is_named():
    other = network(1)
    other.middle[0] = torch.nn.Conv2d(6, 9, 3)
    with pytest.raises(ValueError, match="middle cannot take the weights of middle"):
        transplant.first_blocks(network(), other, 2)


@pytest.mark.parametrize("k", [0, 2, 4])
def test_each_parameter_is_in_one_group_at_the_rate_of_its_block(k):
    model = network()
    groups = transplant.rates_by_block(model, k, transferred=1e-3, fresh=3e-3)
    rates = {id(p): g["lr"] for g in groups for p in g["params"]}
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters())) == len(rates)
    for place, block in enumerate(split_into_blocks(model)):
        assert {rates[id(p)] for p in block.parameters()} == {1e-3 if place < k else 3e-3}
    assert all(g["weight_decay"] == 0 for g in groups if g["params"][0].ndim == 1)
