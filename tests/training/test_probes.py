"""Linear probes: what they see of a network, and that they find what is there."""

from course_utils.training import probes
from tests.tiny import BLOCKS, data, mobilenet, network, prepare, same, state

import pytest
import torch


def two_clouds(n: int = 60, wide: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(n) % 2
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n, wide, generator=generator)
    features[:, 1] += 6.0 * labels
    return features, labels


def test_every_block_but_the_head_gives_one_number_a_channel():
    images = data(6).train_images
    found = probes.features_by_depth(network(), images, prepare, batch_size=4)
    assert list(found) == list(BLOCKS[:-1])
    assert [tuple(x.shape) for x in found.values()] == [(6, 6), (6, 8), (6, 8)]


def test_the_last_block_gives_what_the_head_sees():
    model = mobilenet().eval()
    images = data(6, size=32).train_images
    found = probes.features_by_depth(model, images, prepare)
    with torch.no_grad():
        scores = model.classifier(found["features.18"])
        assert torch.allclose(scores, model(prepare(images)), atol=1e-5)


def test_the_network_is_left_as_it_was_found():
    model = network()
    model.train()
    model.deep.eval()
    before, modes = state(model), [m.training for m in model.modules()]
    probes.features_by_depth(model, data(8).train_images, prepare)
    assert same(before, state(model))
    assert modes == [m.training for m in model.modules()]


def test_a_grid_is_as_fine_as_the_wanted_count_allows():
    images = data(2).train_images
    found = probes.features_by_depth(network(), images, prepare, numbers=60)
    # 6 channels of 8 x 8: 3 x 3 cells make 54; 8 of 4 x 4: 2 x 2 cells; 8 of 2 x 2: all there is
    assert [x.shape[1] for x in found.values()] == [54, 32, 32]
    few = probes.features_by_depth(network(), images, prepare, numbers=1)
    assert [x.shape[1] for x in few.values()] == [6, 8, 8]


def test_a_probe_finds_what_is_linear_and_does_not_depend_on_scale_or_seed():
    features, labels = two_clouds()
    torch.manual_seed(1)
    first = probes.fit(features, labels, 2)
    torch.manual_seed(2)
    second = probes.fit(features * 1000 + 7, labels, 2)
    assert first.accuracy(features, labels) > 0.95
    assert torch.allclose(first.layer.weight, second.layer.weight, atol=1e-2)


def test_a_probe_cannot_fold_space():
    square = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(5, 1)
    exclusive_or = (square[:, 0] != square[:, 1]).long()
    assert probes.fit(square, exclusive_or, 2).accuracy(square, exclusive_or) <= 0.75


def test_a_feature_that_never_changes_does_no_harm():
    features, labels = two_clouds()
    features[:, 0] = 3.0
    probe = probes.fit(features, labels, 2)
    assert torch.isfinite(probe.layer.weight).all()
    assert probe.accuracy(features, labels) > 0.95


def test_more_shrinking_makes_smaller_weights():
    features, labels = two_clouds()
    loose, tight = (
        probes.fit(features, labels, 2, shrink=s).layer.weight.norm() for s in (0.01, 1)
    )
    assert tight < loose


@pytest.mark.parametrize(("shrink", "labels"), [(0.0, 60), (-1.0, 60), (0.1, 59)])
def test_impossible_fits_are_refused(shrink, labels):
    features, true = two_clouds()
    with pytest.raises(ValueError, match=r"shrink must be positive|do not match"):
        probes.fit(features, true[:labels], 2, shrink=shrink)
