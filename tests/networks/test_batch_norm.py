"""Folded networks compute what they computed before, with fewer layers."""

from course_utils import training
from course_utils.networks.batch_norm import batch_norms, fold_batch_norm
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing
from tests.tiny import data, lived_in, mobilenet, network, prepare, same, state

import pytest
import torch
from torch import nn
from torchvision.models import efficientnet_b0, mobilenet_v2, resnet18, vgg11_bn

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
    twin = fold_batch_norm(model)
    assert same(state(model), before)
    assert len(batch_norms(twin)) == left
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
        found = fold_batch_norm(model)(x)
        assert all(m.training for m in model.modules())
        assert torch.allclose(found, model.eval()(x), atol=1e-5)


def test_a_tail_is_refused():
    model, plan = network(), freezing.freeze(network(), "stem")
    freezing.apply(model, plan)
    tail, _ = training.cache_features(model, plan, data(8), prepare)
    with pytest.raises(TypeError, match="whole network"):
        fold_batch_norm(tail)


def test_batch_norms_are_found_deep_inside_and_at_the_top():
    assert len(batch_norms(mobilenet())) == 52
    norm = nn.BatchNorm1d(3)
    assert batch_norms(norm) == [norm]
    assert batch_norms(nn.GroupNorm(1, 2)) == []
