"""Stored images become what torchvision's own transforms would make of them."""

from course_utils.images.preprocessing import Prepare, as_they_are

import pytest
import torch
from torchvision.transforms import v2


@pytest.mark.parametrize(("size", "stored"), [(64, (32, 32)), (24, (32, 32)), (32, (20, 45))])
def test_prepare_is_torchvisions_resize_and_normalize(size, stored):
    images = torch.randint(0, 256, (4, 3, *stored), dtype=torch.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Resize((size, size), antialias=True),
            v2.Normalize(mean, std),
        ]
    )(images)
    prepared = Prepare(size, mean, std)(images)
    assert prepared.dtype == torch.float32
    assert prepared.shape == (4, 3, size, size)
    assert prepared.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(prepared, expected, atol=1e-5, rtol=1e-5)


def test_prepare_changes_neither_the_images_nor_a_right_size():
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    before = images.clone()
    prepared = Prepare(8, (0, 0, 0), (1, 1, 1))(images)
    assert torch.equal(images, before)
    torch.testing.assert_close(prepared, images.float() / 255)
    assert as_they_are(prepared) is prepared
