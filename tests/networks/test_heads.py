"""The last layer found and replaced, in several families of networks."""

from course_utils.networks.heads import find_head, replace_head
from tests.tiny import mobilenet, network, resnet, state

import pytest
import torch
import torchvision.models as zoo
from torch import nn


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (mobilenet, "classifier.1"),
        (resnet, "fc"),
        (network, "head.2"),
        (lambda: zoo.efficientnet_b0(num_classes=7), "classifier.1"),
        (lambda: zoo.mobilenet_v3_small(num_classes=7), "classifier.3"),
        (lambda: zoo.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=7), "heads.head"),
    ],
)
def test_a_new_head_on_several_families(build, name):
    model = build()
    old_name, old = find_head(model)
    assert old_name == name
    before = state(model)
    new = replace_head(model, 5)
    assert model.get_submodule(name) is new
    assert new.out_features == 5
    assert new.in_features == old.in_features
    model.eval()
    with torch.no_grad():
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    for key, tensor in state(model).items():
        if not key.startswith(name):
            assert torch.equal(tensor, before[key]), "only the head may change"
    assert find_head(model) == (name, new)


def test_the_head_of_a_vgg_is_the_last_of_three():
    with torch.device("meta"):
        model = zoo.vgg11()
    assert replace_head(model, 5).in_features == 4096
    assert model.classifier[6].out_features == 5
    assert model.classifier[6].weight.device.type == "meta", "the new head lies where the old did"
    assert model.classifier[3].out_features == 4096


def test_a_new_head_learns_and_has_the_old_ones_type_and_bias():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False)).double()
    for p in model.parameters():
        p.requires_grad = False
    new = replace_head(model, 2)
    assert new.weight.dtype == torch.float64
    assert new.bias is None
    assert new.weight.requires_grad


def test_a_seed_repeats_the_new_head():
    weights = []
    for _ in range(2):
        model = network()
        torch.manual_seed(3)
        weights.append(replace_head(model, 6).weight)
    assert torch.equal(*weights)


@pytest.mark.parametrize("classes", [1, 0, -2])
def test_too_few_classes(classes):
    with pytest.raises(ValueError, match=f"at least 2 classes, not {classes}"):
        replace_head(network(), classes)


def test_a_network_without_a_linear_layer():
    with pytest.raises(ValueError, match=r"SqueezeNet has no nn\.Linear"):
        find_head(zoo.squeezenet1_1())
