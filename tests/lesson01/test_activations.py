"""What blocks answer: strongest places, receptive fields, purity, separation."""

from course_utils.images.preprocessing import Prepare, as_they_are
from course_utils.lesson01 import activations

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18


def small() -> nn.Sequential:
    """A 3 x 3 convolution that copies the red channel, a norm, and a head."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.Conv2d(1, 2, 1)
    )
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[0, 0, 1, 1] = 1
    return net.eval()


def test_summarise_finds_the_strongest_place_and_leaves_the_modes_alone() -> None:
    images = torch.zeros(3, 3, 5, 7)
    for i, (row, column) in enumerate([(0, 0), (4, 6), (2, 3)]):
        images[i, 0, row, column] = 7
    net = small().train()
    answers = activations.summarise(net, images, as_they_are, batch_size=2)["0"]
    assert answers.place[:, 0].tolist() == [[0, 0], [4, 6], [2, 3]]
    assert torch.allclose(answers.peak, torch.full((3, 1), 7.0))
    assert torch.allclose(answers.mean, torch.full((3, 1), 7 / 35))
    assert net[1].training
    assert torch.equal(net[1].running_mean, torch.zeros(1))  # it ran in eval mode
    assert answers.select(torch.tensor([2])).place.tolist() == [[[2, 3]]]


def test_summarise_covers_the_backbone_and_refuses_nothing() -> None:
    model = mobilenet_v2(num_classes=2)
    answers = activations.summarise(model, torch.rand(2, 3, 32, 32), as_they_are)
    assert list(answers) == [f"features.{i}" for i in range(19)]
    assert answers["features.18"].mean.shape == (2, 1280)
    with pytest.raises(ValueError, match="no images"):
        activations.summarise(model, torch.rand(0, 3, 32, 32), as_they_are)


@pytest.mark.parametrize("block", [0, 1, 2, 3, 4])
def test_receptive_fields_are_what_gradients_reach(block: int) -> None:
    torch.manual_seed(0)
    model = mobilenet_v2()
    field = activations.receptive_fields(model)[f"features.{block}"]
    x = torch.randn(16, 3, 96, 96, requires_grad=True)
    maps = model.features[: block + 1].train()(x)
    row, column = maps.shape[2] // 2, maps.shape[3] // 2 - 1
    model.eval()
    maps = model.features[: block + 1](x)
    scale = maps.detach().abs().mean()  # a random network's values are tiny
    (maps[:, :, row, column] / scale).square().sum().backward()
    assert x.grad is not None
    reached = x.grad.abs().sum((0, 1)).nonzero()
    top, left = field.edges(row, column)
    assert reached.min(0).values.tolist() == [top, left]
    assert reached.max(0).values.tolist() == [top + field.side - 1, left + field.side - 1]


def test_receptive_fields_need_a_chain() -> None:
    with pytest.raises(TypeError, match="ResNet"):
        activations.receptive_fields(resnet18())


def test_crops_are_the_square_around_the_place_and_grey_outside() -> None:
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.uint8).reshape(2, 3, 8, 8)
    field = activations.ReceptiveField(side=3, step=2, first=-1.0)
    corner, inside = activations.crops(images, torch.tensor([[0, 0], [2, 1]]), field)
    assert torch.equal(inside, images[1, :, 3:6, 1:4])
    assert torch.equal(corner[:, 1:, 1:], images[0, :, :2, :2])
    assert corner[:, 0].unique().tolist() == [128]


def test_images_as_seen_are_resized_and_in_their_own_colours() -> None:
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    same = Prepare(8, (0.4, 0.5, 0.6), (0.2, 0.3, 0.1))
    assert torch.equal(activations.as_seen(images, same), images)
    assert activations.as_seen(images, Prepare(16, same.mean, same.std)).shape == (2, 3, 16, 16)


def test_purity_is_the_share_of_the_main_class_among_the_strongest() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    first = torch.tensor([9.0, 8, 7, 1, 2, 3])  # its three strongest are of class 0
    mixed = torch.tensor([9.0, 0, 0, 8, 7, 0])  # two of class 1, one of class 0
    values = activations.purity(torch.stack([first, mixed], 1), labels, top=3)
    assert torch.allclose(values, torch.tensor([1, 2 / 3]))
    with pytest.raises(ValueError, match="9 strongest of 6 images"):
        activations.purity(torch.stack([first, mixed], 1), labels)


def test_the_nearest_mean_does_not_depend_on_scale_and_guesses_where_there_is_nothing() -> None:
    torch.manual_seed(0)
    labels = torch.arange(2).repeat(100)
    apart = torch.randn(200, 5) + 4 * labels[:, None]
    for scale in (1.0, 1e-9):
        features = apart * scale
        score = activations.nearest_mean_accuracy(
            features[:100], labels[:100], features[100:], labels[100:]
        )
        assert score > 0.97
    noise = torch.randn(200, 5)
    score = activations.nearest_mean_accuracy(noise[:100], labels[:100], noise[100:], labels[100:])
    assert 0.3 < score < 0.7


def test_the_principal_plane_shows_the_directions_that_columns_share() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(80)
    features = hidden[:, None] * torch.tensor([1.0, -2.0, 3.0, 0.5]) + 0.01 * torch.randn(80, 4)
    plane = activations.principal_plane(features)
    assert plane.shape == (80, 2)
    assert torch.corrcoef(torch.stack([plane[:, 0], hidden]))[0, 1].abs() > 0.99
    assert plane[:, 0].std() > 10 * plane[:, 1].std()
