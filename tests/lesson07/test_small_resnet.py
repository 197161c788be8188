"""The small network that learns from nothing."""

from course_utils.lesson07.small_resnet import small_resnet
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


def test_it_can_be_frozen_block_by_block_like_any_other():
    assert freezing.block_names(small_resnet(5)) == ["stem", "block1", "block2", "block3", "head"]


@pytest.mark.parametrize(("classes", "width"), [(0, 16), (5, 0)])
def test_impossible_sizes_are_refused(classes, width):
    with pytest.raises(ValueError, match=f"not {classes} and {width}"):
        small_resnet(classes, width)
