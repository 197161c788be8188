"""Changed networks, refitted checkpoints, and what both together compute."""

from course_utils.lesson06 import refit, surgery
from course_utils.networks.partial_loading import load_matching
from tests.tiny import mobilenet, prepare, state

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2


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
    report = load_matching(model, refit.shift_blocks(donor.state_dict(), 5))
    assert len(report.matched) == len(donor.state_dict())
    assert {name.split(".conv")[0] for name in report.missing} == {"features.5"}
    assert (report.reshaped, report.unexpected) == ({}, [])
    assert not torch.equal(outputs(model, images), outputs(donor, images))
    surgery.zero_last_norm(new)
    assert torch.equal(outputs(model, images), outputs(donor, images))


def test_the_zeroed_norm_still_gets_a_gradient(images):
    model = mobilenet()
    new = surgery.insert_block(model, 5)
    surgery.zero_last_norm(new)
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
        model.state_dict()[name], refit.shift_blocks(donor.state_dict(), 5)[name]
    )


@pytest.mark.parametrize("place", [0, 1, 19, -1])
def test_places_where_no_block_can_be_inserted(place):
    with pytest.raises(ValueError, match=f"places 2 to 18 of 19 features.*{place} was given"):
        surgery.insert_block(mobilenet(), place)


def test_a_block_without_a_shortcut_cannot_start_as_the_identity():
    with pytest.raises(ValueError, match="no shortcut"):
        surgery.zero_last_norm(mobilenet().features[2])


# ---- wider blocks


@pytest.mark.parametrize("place", [5, 14])
def test_a_block_with_copied_channels_computes_what_it_did(donor, images, place):
    model = mobilenet(2)
    block = surgery.widen_block(model, place, 1.5)
    hidden = block.conv[2].in_channels
    assert hidden == 1.5 * donor.features[place].conv[2].in_channels
    report = load_matching(model, refit.widen_weights(donor.state_dict(), place, hidden))
    assert len(report.matched) == len(model.state_dict())
    assert torch.allclose(outputs(model, images), outputs(donor, images), atol=1e-5)


def test_noise_tells_the_copies_apart_and_leaves_the_old_channels_alone(donor):
    saved = donor.state_dict()
    hidden = 2 * saved["features.5.conv.2.weight"].shape[1]
    exact, noisy = (refit.widen_weights(saved, 5, hidden, noise=n) for n in (0.0, 0.1))
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
        refit.widen_weights(donor.state_dict(), 5, 3)


def test_the_overlap_is_copied_and_the_rest_left(donor):
    model = mobilenet(2)
    surgery.widen_block(model, 5)
    before = state(model)
    fitted, partial = refit.copy_overlap(model, donor.state_dict())
    assert "features.5.conv.2.weight" in partial
    assert all(name.startswith("features.5.conv.") for name in partial)
    report = load_matching(model, fitted)
    assert report.reshaped == {}
    old = donor.state_dict()["features.5.conv.2.weight"]
    new = model.state_dict()["features.5.conv.2.weight"]
    assert torch.equal(new[:, : old.shape[1]], old)
    random = before["features.5.conv.2.weight"][:, old.shape[1] :]
    assert torch.equal(new[:, old.shape[1] :], random)


# ---- input channels


def test_one_channel_with_summed_kernels_sees_what_three_equal_ones_saw(donor, images):
    model = mobilenet(2)
    surgery.change_input_channels(model, 1)
    load_matching(model, refit.change_input_weights(donor.state_dict(), 1, "sum"))
    grey = images[:, :1]
    expected = outputs(donor, grey.expand(-1, 3, -1, -1))
    assert torch.allclose(outputs(model, grey), expected, atol=1e-5)


def test_a_fourth_channel_of_zeros_changes_nothing(donor, images):
    model = mobilenet(2)
    surgery.change_input_channels(model, 4)
    load_matching(model, refit.change_input_weights(donor.state_dict(), 4, "zero"))
    four = torch.cat([images, torch.randn(4, 1, 32, 32)], 1)
    assert torch.allclose(outputs(model, four), outputs(donor, images), atol=1e-5)


def test_repeated_kernels_keep_their_sum(donor):
    name = "features.0.0.weight"
    old = donor.state_dict()[name]
    new = refit.change_input_weights(donor.state_dict(), 6, "repeat")[name]
    assert new.shape[1] == 6
    assert torch.allclose(new.sum(1), old.sum(1), atol=1e-6)
    assert torch.equal(new[:, :3], new[:, 3:])


@pytest.mark.parametrize(
    ("channels", "how", "message"),
    [(2, "sum", "'sum' makes one"), (2, "zero", "'zero' adds"), (4, "mean", "not 'mean'")],
)
def test_kernels_refuse_what_does_not_fit(donor, channels, how, message):
    with pytest.raises(ValueError, match=message):
        refit.change_input_weights(donor.state_dict(), channels, how)


def test_images_get_the_wanted_channels():
    images = torch.randint(0, 255, (2, 3, 20, 20)).to(torch.uint8)
    three = prepare(images)
    assert torch.equal(surgery.InputChannels(prepare, 3)(images), three)
    one, four = (surgery.InputChannels(prepare, n)(images) for n in (1, 4))
    assert torch.allclose(one, three.mean(1, keepdim=True))
    assert torch.equal(four[:, :3], three)
    assert torch.allclose(four[:, 3:], one)
    with pytest.raises(ValueError, match="1, 3 or 4 channels here, not 2"):
        surgery.InputChannels(prepare, 2)(images)
    with pytest.raises(ValueError, match="at least 1 channel, not 0"):
        surgery.change_input_channels(mobilenet(), 0)


def test_grey_images_have_three_equal_channels_and_keep_grey():
    images = torch.randint(0, 255, (2, 3, 8, 8)).to(torch.uint8)
    grey = surgery.to_grey(images)
    assert grey.dtype == torch.uint8
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(surgery.to_grey(grey), grey)


# ---- names, activations, counts


def test_a_prefix_is_cut_off_or_its_absence_told(donor):
    saved = donor.state_dict()
    wrapped = {f"module.{name}": tensor for name, tensor in saved.items()}
    assert list(refit.strip_prefix(wrapped, "module.")) == list(saved)
    with pytest.raises(ValueError, match=r"no name begins with 'module\.'.*features\.0"):
        refit.strip_prefix(saved, "module.")


def test_names_without_a_number_cannot_be_shifted():
    with pytest.raises(ValueError, match=r"features\.NUMBER\..*fc\.bias"):
        refit.shift_blocks({"fc.bias": torch.ones(1)}, 3)
    shifted = refit.shift_blocks({"0.a": torch.ones(1), "2.a": torch.ones(1)}, 1, prefix="")
    assert list(shifted) == ["0.a", "3.a"]


def test_another_activation_leaves_the_report_perfect_and_the_outputs_different(donor, images):
    model = mobilenet(2)
    assert surgery.replace_activations(model, nn.ReLU6, nn.SiLU) == 35
    assert surgery.replace_activations(model, nn.ReLU6, nn.SiLU) == 0
    report = load_matching(model, donor.state_dict())
    assert len(report.matched) == len(donor.state_dict())
    assert not torch.allclose(outputs(model, images), outputs(donor, images), atol=1e-3)


def test_numbers_say_more_than_tensors(donor):
    model = mobilenet_v2(width_mult=0.5, num_classes=4)
    report = load_matching(model, donor.state_dict())
    loaded, numbers = refit.numbers_loaded(model, report)
    assert loaded / numbers < 0.05 < 0.15 < len(report.matched) / len(model.state_dict())
    assert numbers == sum(t.numel() for t in model.state_dict().values())
