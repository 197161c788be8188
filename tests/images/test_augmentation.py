"""What is done to a batch at once is what torchvision does to one image after the other."""

from course_utils.images.augmentation import Augment, flip_some, shifted

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2


def images(n: int = 6, side: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)


@settings(max_examples=25, deadline=None)
@given(down=st.integers(-4, 4), right=st.integers(-4, 4))
def test_a_shift_is_torchvisions_padding_and_crop(down, right):
    x = images(2)
    offsets = torch.tensor([[down, right], [0, 0]])
    found = shifted(x, offsets)
    padded = v2.functional.pad(x[0], [4] * 4, padding_mode="reflect")
    wanted = v2.functional.crop(padded, 4 - down, 4 - right, 12, 12)
    assert torch.equal(found[0], wanted)
    assert torch.equal(found[1], x[1])
    assert found.dtype == x.dtype


def test_every_image_moves_by_itself_and_a_seed_repeats_it():
    x = images(40)
    change = Augment(flip=False, shift=3)
    one, same, other = (change(x, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    moves = change.offsets(400, torch.Generator().manual_seed(0))
    assert {tuple(m) for m in moves.tolist()} == {
        (a, b) for a in range(-3, 4) for b in range(-3, 4)
    }


def test_without_a_shift_it_is_the_lessons_own_mirroring():
    x = images(40)
    found = Augment()(x, torch.Generator().manual_seed(5))
    assert torch.equal(found, flip_some(x, torch.Generator().manual_seed(5)))
    assert torch.equal(Augment(flip=False)(x, torch.Generator()), x)


def test_a_shift_as_large_as_the_image_is_refused():
    with pytest.raises(ValueError, match="cannot be shifted by 12"):
        shifted(images(), torch.full((6, 2), 12))


def test_about_half_of_the_images_are_mirrored_and_the_others_untouched():
    images = torch.arange(400 * 3 * 2 * 4).view(400, 3, 2, 4) % 251
    out = flip_some(images.to(torch.uint8), torch.Generator().manual_seed(0))
    source = images.to(torch.uint8)
    mirrored = (out == source.flip(-1)).flatten(1).all(1)
    kept = (out == source).flatten(1).all(1)
    assert torch.equal(mirrored, ~kept)
    assert 150 < int(mirrored.sum()) < 250
    again = flip_some(source, torch.Generator().manual_seed(0))
    assert torch.equal(out, again)
    assert not torch.equal(out, flip_some(source, torch.Generator().manual_seed(1)))
    floats = flip_some(source.float(), torch.Generator().manual_seed(0))
    assert torch.equal(floats, out.float())
