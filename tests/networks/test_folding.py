"""Folded networks compute what they computed before, with fewer layers."""

import copy

from course_utils import training
from course_utils.images.preprocessing import Prepare
from course_utils.networks.blocks import split_into_blocks
from course_utils.networks.folding import folded
from course_utils.networks.heads import replace_head
from course_utils.training import fast_features as extracting
from course_utils.training import freezing
from tests.tiny import data, network, prepare, same, state

import pytest
import torch
from torch import nn
from torchvision.models import efficientnet_b0, mobilenet_v2, resnet18, vgg11_bn


def lived_in(model: nn.Module) -> nn.Module:
    """Norms that have seen something: statistics and weights other than a new network's."""
    generator = torch.Generator().manual_seed(1)
    for norm in freezing.batch_norms(model):
        norm.running_mean.copy_(torch.randn(norm.num_features, generator=generator) * 0.1)
        norm.running_var.copy_(torch.rand(norm.num_features, generator=generator) + 0.5)
        with torch.no_grad():
            norm.weight.copy_(torch.rand(norm.num_features, generator=generator) + 0.5)
            norm.bias.copy_(torch.randn(norm.num_features, generator=generator) * 0.1)
    return model


BUILDS = {
    "MobileNetV2": (mobilenet_v2, 0),
    "ResNet-18": (resnet18, 0),
    "EfficientNet": (efficientnet_b0, 0),
    "VGG": (vgg11_bn, 8),  # its norms are blocks of their own, or share one with a ReLU
    "tiny": (network, 0),
}


@pytest.mark.parametrize("build", BUILDS)
def test_a_folded_network_computes_the_same(build):
    make, left = BUILDS[build]
    torch.manual_seed(0)
    model = lived_in(make()).eval()
    before = state(model)
    twin = folded(model)
    assert same(state(model), before)
    assert len(freezing.batch_norms(twin)) == left
    assert [s.name for s in split_into_blocks(twin)] == [s.name for s in split_into_blocks(model)]
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        wanted, found = model(x), twin(x)
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    if build != "VGG":
        assert not torch.equal(found, wanted), "nothing was folded"


def test_a_norm_in_train_mode_is_folded_as_in_eval_mode_and_left_in_train_mode():
    model = lived_in(network()).train()
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        found = folded(model)(x)
        assert all(m.training for m in model.modules())
        assert torch.allclose(found, model.eval()(x), atol=1e-5)


def test_a_tail_is_refused():
    model, plan = network(), freezing.freeze(network(), "stem")
    freezing.apply(model, plan)
    tail, _ = training.cache_features(model, plan, data(8), prepare)
    with pytest.raises(TypeError, match="whole network"):
        folded(tail)


# ---- features


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("batch", [None, 5])
def test_features_are_those_of_the_plain_cache(blocks, batch):
    model, images = lived_in(network()), data(24)
    plan = freezing.freeze_first(model, blocks)
    freezing.apply(model, plan)
    plain_tail, plain = training.cache_features(model, plan, images, prepare)
    tail, fast = extracting.cache(model, plan, images, prepare, batch_size=batch)
    assert fast.train_images.shape == plain.train_images.shape
    assert torch.allclose(fast.train_images, plain.train_images, atol=1e-5)
    assert torch.allclose(fast.test_images, plain.test_images, atol=1e-5)
    assert torch.equal(fast.train_labels, plain.train_labels)
    own = {id(p) for p in model.parameters()}
    assert {id(p) for p in tail.parameters()} <= own, "the tail must train the model itself"
    assert len(list(tail.parameters())) == len(list(plain_tail.parameters()))


def test_mirrored_features_are_features_of_mirrored_images():
    model, images = lived_in(network()), data(10)
    plan = freezing.freeze_first(model, 2)
    freezing.apply(model, plan)
    _, features = extracting.cache(model, plan, images, prepare, mirrored=True)
    other = copy.copy(images).with_images(lambda x: x.flip(-1))
    _, turned = extracting.cache(model, plan, other, prepare)
    assert len(features.train_images) == len(features.train_labels) == 20
    assert torch.allclose(features.train_images[10:], turned.train_images, atol=1e-5)
    assert torch.equal(features.train_labels[:10], features.train_labels[10:])
    assert len(features.test_images) == len(images.test_images)


def test_what_cannot_be_cached_is_refused_as_ever():
    model, images = network(), data(10)
    for plan in (freezing.freeze_nothing(), freezing.freeze_first(model, 2, batch_norm="train")):
        freezing.apply(model, plan)
        with pytest.raises(ValueError, match=r"nothing to cache|train mode"):
            extracting.cache(model, plan, images, prepare)
    plan = freezing.freeze_first(model, 2)
    freezing.apply(model, plan)
    with pytest.raises(MemoryError, match="over the limit"):
        extracting.cache(model, plan, images, prepare, limit=10)


def test_the_real_network_s_features():
    model = lived_in(mobilenet_v2())
    replace_head(model, 4)
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    at_64 = Prepare(64, (0.5,) * 3, (0.25,) * 3)
    _, plain = training.cache_features(model, plan, data(6), at_64)
    _, fast = extracting.cache(model, plan, data(6), at_64)
    assert torch.allclose(fast.train_images, plain.train_images, rtol=1e-3, atol=1e-4)
