"""Labelled images in memory: subsets, held-out images, batches, CIFAR-10's files."""

import hashlib
import pickle
from collections import Counter

from course_utils.images.datasets import (
    ImageData,
    balanced_choice,
    batches,
    load_cifar10,
    load_shapes,
)
from tests.tiny import CLASSES, data

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision import datasets as torchvision_datasets


def numbered(n: int, test: int = 8) -> ImageData:
    """Make images that carry their own number, so that each can be told from the others."""

    def images(count: int, start: int) -> torch.Tensor:
        return (torch.arange(count) + start).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).to(torch.uint8)

    labels = torch.arange(n) % 4
    return ImageData("n", images(n, 0), labels, images(test, 200), torch.arange(test) % 4, CLASSES)


def numbers(images: torch.Tensor) -> list[int]:
    return [int(v) for v in images[:, 0, 0, 0]]


# ---- ImageData


def test_images_and_labels_must_be_equally_many_and_some():
    one, label = torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.zeros(1, dtype=torch.long)
    with pytest.raises(ValueError, match="pets: 1 train images and 2 labels"):
        ImageData("pets", one, torch.zeros(2, dtype=torch.long), one, label, CLASSES)
    with pytest.raises(ValueError, match="pets: 0 test images and 0 labels"):
        ImageData("pets", one, label, one[:0], label[:0], CLASSES)


def test_it_says_how_much_there_is():
    text = str(data(20, 8))
    assert text == "tiny: 20 training and 8 test images of 4 classes"


def test_subset_is_balanced_repeatable_and_takes_images_with_their_labels():
    whole = numbered(100)
    part = whole.subset(30, 5, seed=1)
    assert len(part.train_images) == 30
    assert len(part.test_images) == 5
    counts = Counter(part.train_labels.tolist())
    assert max(counts.values()) - min(counts.values()) <= 1
    taken = numbers(part.train_images)
    assert len(set(taken)) == 30
    assert [n % 4 for n in taken] == part.train_labels.tolist()
    assert taken == numbers(whole.subset(30, 5, seed=1).train_images)
    assert taken != numbers(whole.subset(30, 5, seed=2).train_images)
    assert taken != sorted(taken)
    assert part.class_names == whole.class_names


def test_subset_without_numbers_is_everything_in_its_order():
    whole = numbered(20)
    assert numbers(whole.subset().train_images) == list(range(20))
    assert numbers(whole.subset(test=3).train_images) == list(range(20))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (21, None, "n has 20 training images; 21 were asked for"),
        (0, None, "20 training images; 0 were"),
        (None, 9, "n has 8 test images; 9 were asked for"),
        (-1, None, "-1 were asked for"),
    ],
)
def test_subset_of_more_than_there_is(train, test, message):
    with pytest.raises(ValueError, match=message):
        numbered(20).subset(train, test)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.data(), st.integers(0, 5))
def test_a_choice_is_as_level_as_the_labels_allow(labels, choice, seed):
    n = choice.draw(st.integers(1, len(labels)))
    chosen = balanced_choice(torch.tensor(labels), n, seed).tolist()
    assert len(set(chosen)) == n
    taken, there = Counter(labels[i] for i in chosen), Counter(labels)
    most = max(taken.values())
    for label in there:  # a class with fewer than the others has given all that it had
        assert taken[label] >= min(there[label], most - 1)


def test_held_out_images_are_not_trained_on_and_the_test_set_is_left_alone():
    whole = numbered(40)
    split = whole.hold_out(12, seed=3)
    first, second = numbers(split.train_images), numbers(split.test_images)
    assert sorted(first + second) == list(range(40))
    assert len(second) == 12
    assert [n % 4 for n in second] == split.test_labels.tolist()
    assert [n % 4 for n in first] == split.train_labels.tolist()
    assert Counter(split.test_labels.tolist()) == dict.fromkeys(range(4), 3)
    assert not set(numbers(whole.test_images)) & set(second)
    assert "12 training images held out" in split.name
    assert second != numbers(whole.hold_out(12, seed=4).test_images)
    for impossible in (0, 40, 41):
        with pytest.raises(ValueError, match=f"cannot hold out {impossible} of 40"):
            whole.hold_out(impossible)


# ---- Shapes


def test_shapes_seed_leaves_the_test_images_alone():
    one, two = load_shapes("target", 40, 30, seed=0), load_shapes("target", 40, 30, seed=1)
    assert not torch.equal(one.train_images, two.train_images)
    assert torch.equal(one.test_images, two.test_images)
    assert one.name == "Shapes (target)"
    train = {image.numpy().tobytes() for image in one.train_images}
    assert not train & {image.numpy().tobytes() for image in one.test_images}


def test_shapes_pass_their_look_on():
    dark = load_shapes("target", 20, 10, classes=("key", "moon"), night=True)
    assert dark.class_names == ("key", "moon")
    assert dark.train_images.float().mean() < 60
    assert dark.test_images.float().mean() < 60


# ---- batches


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([None, 0, 5]))
def test_batches_cover_everything_once(n, size, seed):
    whole = numbered(n)
    if size > n:
        with pytest.raises(ValueError, match=f"a batch of {size} images.*from {n}.*1 to {n}"):
            next(batches(whole.train_images, whole.train_labels, size, seed=seed))
        return
    taken = list(batches(whole.train_images, whole.train_labels, size, seed=seed))
    seen = [i for images, _ in taken for i in numbers(images)]
    assert [i % 4 for i in seen] == [int(y) for _, labels in taken for y in labels]
    assert all(len(images) == size for images, _ in taken[:-1])
    lone = seed is not None and size > 1 and n % size == 1
    assert len(seen) == len(set(seen)) == n - lone
    if seed is None:
        assert seen == list(range(n))


def test_a_shuffled_order_depends_on_the_seed_alone():
    whole = numbered(50)

    def order(seed: int) -> list[int]:
        taken = batches(whole.train_images, whole.train_labels, 8, seed=seed)
        return [i for images, _ in taken for i in numbers(images)]

    torch.manual_seed(0)
    first = order(1)
    torch.manual_seed(99)
    assert order(1) == first
    assert order(2) != first
    assert first != sorted(first)


def test_a_lone_last_image_would_stop_batch_norm_and_is_left_out():
    whole = numbered(9)
    norm = nn.BatchNorm1d(3)
    sizes = []
    for images, _ in batches(whole.train_images, whole.train_labels, 4, seed=0):
        norm(images.float().mean((2, 3)))  # would raise for a single image
        sizes.append(len(images))
    assert sizes == [4, 4]
    in_order = batches(whole.train_images, whole.train_labels, 4)
    assert [len(x) for x, _ in in_order] == [4, 4, 1], "evaluation must see every image"


@pytest.mark.parametrize("size", [0, -3])
def test_impossible_batch_sizes(size):
    whole = numbered(9)
    with pytest.raises(ValueError, match=f"a batch of {size} images.*1 to 9"):
        list(batches(whole.train_images, whole.train_labels, size))


# ---- CIFAR-10 in its official layout, small


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch):
    """Write five tiny batches, a test batch and the names; torchvision expects their checksums."""
    official = torchvision_datasets.CIFAR10
    folder = tmp_path / official.base_folder
    folder.mkdir()
    words = ["airplane", "automobile", "bird", "cat", "deer"]
    words += ["dog", "frog", "horse", "ship", "truck"]
    dice = np.random.default_rng(0)

    def write(name: str, content: dict) -> list[str]:
        packed = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(packed)
        return [name, hashlib.md5(packed).hexdigest()]

    def batch(name: str, count: int) -> list[str]:
        pixels = dice.integers(0, 256, (count, 3072)).astype(np.uint8)
        # each image's label stands in its first red, green and blue value too
        labels = [int(v) for v in dice.integers(0, 10, count)]
        for i, label in enumerate(labels):
            pixels[i, [0, 1024, 2048]] = label, label + 100, label + 200
        return write(name, {"data": pixels, "labels": labels})

    train = [batch(f"data_batch_{i}", 4) for i in range(1, 6)]
    test = [batch("test_batch", 6)]
    meta = write("batches.meta", {"label_names": words})
    monkeypatch.setattr(official, "train_list", train)
    monkeypatch.setattr(official, "test_list", test)
    monkeypatch.setattr(
        official, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]}
    )
    return tmp_path


def test_cifar10_is_read_whole_with_channels_first(cifar_folder):
    found = load_cifar10(cifar_folder)
    assert found.name == "CIFAR-10"
    assert found.class_names[3] == "cat"
    assert found.train_images.shape == (20, 3, 32, 32)
    assert found.test_images.shape == (6, 3, 32, 32)
    assert found.train_images.dtype == torch.uint8
    assert found.train_labels.dtype == torch.int64
    first_pixels = found.train_images[:, :, 0, 0].long()
    expected = found.train_labels[:, None] + torch.tensor([0, 100, 200])
    assert torch.equal(first_pixels, expected)
    assert torch.equal(found.test_images[:, 0, 0, 0].long(), found.test_labels)


def test_a_damaged_cifar10_is_not_read(cifar_folder):
    (cifar_folder / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"short")
    with pytest.raises(RuntimeError, match=r"not found or corrupted"):
        load_cifar10(cifar_folder)
