"""The small residual network: its layers, its blocks, and its shortcuts."""

from course_utils.networks.small_resnet import small_resnet
from course_utils.training import freezing

import pytest
import torch
from torch import nn


def test_eight_layers_from_images_to_scores():
    model = small_resnet(5)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    main = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(main) + 1 == 8  # and the linear layer
    assert sum(p.numel() for p in model.parameters()) < 100_000


@pytest.mark.parametrize(
    ("widths", "stride", "sides"),
    [((4, 8, 16), 1, [32, 32, 16, 8]), ((4, 4, 8), 2, [16, 16, 16, 8])],
)
def test_a_block_with_other_channels_halves_the_map(widths, stride, sides):
    model, x, seen = small_resnet(5, widths, stem_stride=stride), torch.zeros(1, 3, 32, 32), []
    for part in model[:-2]:
        x = part(x)
        seen.append(x.shape[-1])
    assert seen == sides
    assert x.shape[1] == widths[-1]


def test_it_can_be_frozen_block_by_block_like_any_other():
    assert freezing.block_names(small_resnet(5)) == ["stem", "block1", "block2", "block3", "head"]


def test_a_shortcut_is_the_input_itself_where_the_shape_stays():
    model = small_resnet(5, (4, 8)).eval()
    assert model.block1.downsample is None
    assert isinstance(model.block2.downsample, nn.Sequential)
    for layer in (model.block1.conv1, model.block1.conv2):
        nn.init.zeros_(layer.weight)
    x = torch.rand(1, 4, 8, 8)  # not negative, so the last ReLU lets it pass
    assert torch.equal(model.block1(x), x)


@pytest.mark.parametrize(("classes", "widths"), [(1, (16,)), (5, (4, 0)), (5, ())])
def test_impossible_sizes_are_refused(classes, widths):
    with pytest.raises(ValueError, match=f"classes={classes}, widths="):
        small_resnet(classes, widths)
