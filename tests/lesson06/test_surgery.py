"""Changed networks, refitted checkpoints, and what both together compute."""

from course_utils.lesson06 import surgery
from course_utils.networks.partial_loading import load_matching
from tests.tiny import mobilenet, state

import pytest
import torch
from torch import nn


@pytest.fixture
def images():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def donor():
    """Return a network whose batch norms have seen data, so that eval mode means something."""
    model = mobilenet(1).train()
    with torch.no_grad():
        for seed in range(3):
            model(torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(seed)))
    return model.eval()


@torch.no_grad()
def outputs(model, x):
    return model.eval()(x)


# ---- an inserted block


def test_an_inserted_block_with_shifted_keys_and_a_zero_norm_changes_nothing(donor, images):
    model = mobilenet(2)
    new = surgery.insert_block(model, 5)
    assert model.features[5] is new
    assert len(model.features) == len(donor.features) + 1
    report = load_matching(model, surgery.shift_blocks(donor.state_dict(), 5))
    assert len(report.matched) == len(donor.state_dict())
    assert {name.split(".conv")[0] for name in report.missing} == {"features.5"}
    assert (report.reshaped, report.unexpected) == ({}, [])
    assert not torch.equal(outputs(model, images), outputs(donor, images))
    nn.init.zeros_(new.conv[-1].weight)
    assert torch.equal(outputs(model, images), outputs(donor, images))


def test_the_zeroed_norm_still_gets_a_gradient(images):
    model = mobilenet()
    new = surgery.insert_block(model, 5)
    nn.init.zeros_(new.conv[-1].weight)
    model.train()(images).square().sum().backward()
    assert new.conv[-1].weight.grad.abs().sum() > 0
    assert new.conv[0][0].weight.grad.abs().sum() == 0, "nothing passes a scale of zero"


def test_keys_that_are_not_shifted_load_into_the_wrong_places(donor):
    model = mobilenet(2)
    surgery.insert_block(model, 5)
    report = load_matching(model, donor.state_dict())
    name = "features.10.conv.0.0.weight"
    assert name in report.matched
    assert torch.equal(model.state_dict()[name], donor.state_dict()[name])
    assert not torch.equal(
        model.state_dict()[name], surgery.shift_blocks(donor.state_dict(), 5)[name]
    )


@pytest.mark.parametrize("place", [0, 1, 19, -1])
def test_places_where_no_block_can_be_inserted(place):
    with pytest.raises(ValueError, match=f"places 2 to 18 of 19 features.*{place} was given"):
        surgery.insert_block(mobilenet(), place)


# ---- wider blocks


@pytest.mark.parametrize("place", [5, 14])
def test_a_block_with_copied_channels_computes_what_it_did(donor, images, place):
    model = mobilenet(2)
    block = surgery.widen_block(model, place, 1.5)
    hidden = block.conv[2].in_channels
    assert hidden == 1.5 * donor.features[place].conv[2].in_channels
    report = load_matching(model, surgery.widen_weights(donor.state_dict(), place, hidden))
    assert len(report.matched) == len(model.state_dict())
    assert torch.allclose(outputs(model, images), outputs(donor, images), atol=1e-5)


def test_noise_tells_the_copies_apart_and_leaves_the_old_channels_alone(donor):
    saved = donor.state_dict()
    hidden = 2 * saved["features.5.conv.2.weight"].shape[1]
    exact, noisy = (surgery.widen_weights(saved, 5, hidden, noise=n) for n in (0.0, 0.1))
    differs = {name for name in exact if not torch.equal(exact[name], noisy[name])}
    assert differs == {"features.5.conv.2.weight"}
    old = hidden // 2
    last = "features.5.conv.2.weight"
    assert torch.equal(exact[last][:, :old], noisy[last][:, :old])


def test_widening_refuses_what_it_cannot_do(donor):
    with pytest.raises(ValueError, match=r"features\[1\] is not an inverted residual.*expansion"):
        surgery.widen_block(mobilenet(), 1)
    with pytest.raises(ValueError, match="factor above 1, not 1"):
        surgery.widen_block(mobilenet(), 5, 1)
    with pytest.raises(ValueError, match="3 would be fewer"):
        surgery.widen_weights(donor.state_dict(), 5, 3)


def test_the_overlap_is_copied_and_the_rest_left(donor):
    model = mobilenet(2)
    surgery.widen_block(model, 5)
    before = state(model)
    fitted, partial = surgery.copy_overlap(model, donor.state_dict())
    assert "features.5.conv.2.weight" in partial
    assert all(name.startswith("features.5.conv.") for name in partial)
    report = load_matching(model, fitted)
    assert report.reshaped == {}
    old = donor.state_dict()["features.5.conv.2.weight"]
    new = model.state_dict()["features.5.conv.2.weight"]
    assert torch.equal(new[:, : old.shape[1]], old)
    random = before["features.5.conv.2.weight"][:, old.shape[1] :]
    assert torch.equal(new[:, old.shape[1] :], random)


# ---- names, activations


def test_names_without_a_number_cannot_be_shifted():
    with pytest.raises(ValueError, match=r"features\.NUMBER\..*fc\.bias"):
        surgery.shift_blocks({"fc.bias": torch.ones(1)}, 3)
    shifted = surgery.shift_blocks({"0.a": torch.ones(1), "2.a": torch.ones(1)}, 1, prefix="")
    assert list(shifted) == ["0.a", "3.a"]


def test_another_activation_leaves_the_report_perfect_and_the_outputs_different(donor, images):
    model = mobilenet(2)
    assert surgery.replace_activations(model, nn.ReLU6, nn.SiLU) == 35
    assert surgery.replace_activations(model, nn.ReLU6, nn.SiLU) == 0
    report = load_matching(model, donor.state_dict())
    assert len(report.matched) == len(donor.state_dict())
    assert not torch.allclose(outputs(model, images), outputs(donor, images), atol=1e-3)
