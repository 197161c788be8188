"""A reader's own images: both layouts, odd sizes, and every way in which a folder can be wrong."""

from collections import Counter

from course_utils.images.folders import ImageFolderError, count_images, load_folder
from tests.tiny import image_folder, write_image

import pytest
import torch
from PIL import Image


def grey(images: torch.Tensor) -> list[int]:
    """Values that `write_image` painted, to the noise of ten grey levels."""
    return [int(v) // 10 * 10 for v in images.float().amin((1, 2, 3))]


def test_train_and_test_folders(tmp_path):
    image_folder(tmp_path / "pets" / "train", {"cat": 3, "dog": 4})
    image_folder(tmp_path / "pets" / "test", {"cat": 2, "dog": 1})
    found = load_folder(tmp_path / "pets")
    assert found.name == "your images (pets)"
    assert found.class_names == ("cat", "dog")
    assert sorted(found.train_labels.tolist()) == [0, 0, 0, 1, 1, 1, 1]
    assert sorted(found.test_labels.tolist()) == [0, 0, 1]
    assert found.train_images.dtype == torch.uint8
    assert found.train_images.shape == (7, 3, 20, 20), "small equal images stay as they are"
    assert grey(found.train_images) == [50 * y for y in found.train_labels.tolist()]
    assert grey(found.test_images) == [50 * y for y in found.test_labels.tolist()]
    assert count_images(tmp_path / "pets") == (7, 3)


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_names_of_the_test_folder(tmp_path, name):
    image_folder(tmp_path / "train", {"a": 2, "b": 2})
    image_folder(tmp_path / name, {"a": 1, "b": 1})
    assert len(load_folder(tmp_path).test_images) == 2


def test_without_a_test_folder_a_fifth_of_each_class_is_set_aside(tmp_path):
    image_folder(tmp_path, {"many": 40, "few": 5, "two": 2})
    found = load_folder(tmp_path)
    names = found.class_names
    assert names == ("few", "many", "two")
    train = {names[k]: v for k, v in Counter(found.train_labels.tolist()).items()}
    test = {names[k]: v for k, v in Counter(found.test_labels.tolist()).items()}
    assert train == {"many": 32, "few": 4, "two": 1}
    assert test == {"many": 8, "few": 1, "two": 1}
    assert count_images(tmp_path) == (37, 10)
    train_set = {image.numpy().tobytes() for image in found.train_images}
    assert not train_set & {image.numpy().tobytes() for image in found.test_images}
    again, other = load_folder(tmp_path), load_folder(tmp_path, seed=1)
    assert torch.equal(found.test_images, again.test_images)
    assert not torch.equal(found.test_images, other.test_images)


def test_limits_keep_the_classes_level(tmp_path):
    image_folder(tmp_path / "train", {"a": 20, "b": 5})
    image_folder(tmp_path / "test", {"a": 6, "b": 6})
    found = load_folder(tmp_path, train=8, test=4)
    assert Counter(found.train_labels.tolist()) == {0: 4, 1: 4}
    assert Counter(found.test_labels.tolist()) == {0: 2, 1: 2}
    # an image still has its own label
    assert grey(found.train_images) == [50 * y if y else g for y, g in zip(
        found.train_labels.tolist(), grey(found.train_images), strict=True
    )]  # fmt: skip
    assert len(load_folder(tmp_path, train=1000).train_images) == 25, "at most as many as there are"


def test_mixed_sizes_become_squares(tmp_path):
    for split in ("train", "test"):
        write_image(tmp_path / split / "a" / "wide.png", (90, 30))
        write_image(tmp_path / split / "a" / "tall.jpg", (16, 64), value=9)
        write_image(tmp_path / split / "b" / "small.png", (10, 10), value=100)
    found = load_folder(tmp_path, side=24)
    assert found.train_images.shape == (3, 3, 24, 24)
    assert found.test_images.shape == (3, 3, 24, 24)


def test_large_images_are_cropped_in_the_middle_and_keep_their_colours(tmp_path):
    image = Image.new("RGB", (60, 20), "black")
    image.paste((250, 120, 30), (20, 0, 40, 20))  # the middle third
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            image.save(tmp_path / split / name / "1.png")
    found = load_folder(tmp_path, side=10)
    assert found.train_images.shape == (2, 3, 10, 10)
    assert found.train_images.float().mean((0, 2, 3)).tolist() == pytest.approx(
        [250, 120, 30], abs=9
    )


def test_any_kind_of_picture_becomes_rgb(tmp_path):
    image_folder(tmp_path / "b", {"": 3}, kind="bmp")
    (tmp_path / "a").mkdir()
    Image.new("L", (20, 20), 7).save(tmp_path / "a" / "grey.PNG")
    Image.new("RGBA", (20, 20), (1, 2, 3, 0)).save(tmp_path / "a" / "clear.webp", lossless=True)
    Image.new("P", (20, 20)).save(tmp_path / "a" / "palette.gif")
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    assert count_images(tmp_path) == (4, 2)
    assert load_folder(tmp_path).train_images.shape == (4, 3, 20, 20)


def test_hidden_files_and_folders_are_none_of_the_readers(tmp_path):
    image_folder(tmp_path, {"a": 4, "b": 4})
    for hidden in (".git", ".ipynb_checkpoints", "a/.ipynb_checkpoints"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "x.png").write_bytes(b"no image")
    (tmp_path / "b" / "._001.png").write_bytes(b"a Mac's shadow of 001.png")
    (tmp_path / "b" / "folder.png").mkdir()
    assert load_folder(tmp_path).class_names == ("a", "b")
    assert count_images(tmp_path) == (6, 2)


def test_nested_folders_belong_to_their_class(tmp_path):
    image_folder(tmp_path / "a", {"left": 2, "right": 2})
    image_folder(tmp_path, {"b": 4})
    assert load_folder(tmp_path).class_names == ("a", "b")
    assert count_images(tmp_path) == (6, 2)


# ---- what can be wrong


def fails(folder, *words: str, **options) -> None:
    with pytest.raises(ImageFolderError) as caught:
        load_folder(folder, **options)
    for word in words:
        assert word in str(caught.value)


def test_no_such_folder(tmp_path):
    fails(tmp_path / "nowhere", str(tmp_path / "nowhere"), "COURSE_DATA")
    (tmp_path / "file").write_text("")
    fails(tmp_path / "file", "no folder")
    with pytest.raises(ImageFolderError, match="no folder"):
        count_images(tmp_path / "nowhere")


def test_an_empty_folder_is_shown_the_layout(tmp_path):
    fails(tmp_path, "no class folder", "train/CLASS/image.jpg")


def test_one_class_is_none(tmp_path):
    image_folder(tmp_path, {"cat": 5})
    fails(tmp_path, "only one class folder (cat)", "at least two")


def test_loose_images_without_class_folders(tmp_path):
    image_folder(tmp_path, {"": 3})
    fails(tmp_path, "no class folder")


def test_a_class_that_the_test_folder_lacks(tmp_path):
    image_folder(tmp_path / "train", {"cat": 2, "dog": 2, "owl": 2})
    image_folder(tmp_path / "test", {"cat": 1, "dog": 1})
    fails(tmp_path, "differ", "owl")


def test_an_empty_class_folder_is_named(tmp_path):
    image_folder(tmp_path, {"cat": 3})
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "readme.txt").write_text("")
    fails(tmp_path, str(tmp_path / "dog"), ".jpg")


def test_a_class_with_a_single_image_cannot_be_split(tmp_path):
    image_folder(tmp_path, {"cat": 30, "dog": 1})
    fails(tmp_path, str(tmp_path / "dog"), "single image", "at least two")


def test_train_without_test(tmp_path):
    image_folder(tmp_path / "train", {"cat": 2, "dog": 2})
    fails(tmp_path, "has a train folder", "test or val")


def test_test_without_train_does_not_pass_for_a_class(tmp_path):
    image_folder(tmp_path / "test", {"cat": 2, "dog": 2})
    image_folder(tmp_path / "training", {"cat": 2, "dog": 2})
    fails(tmp_path, "has a test folder but none named train")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", None])
def test_an_unreadable_image_is_named(tmp_path, content):
    image_folder(tmp_path / "train", {"cat": 2, "dog": 2})
    image_folder(tmp_path / "test", {"cat": 1, "dog": 1})
    bad = tmp_path / "train" / "dog" / "001.png"
    bad.write_bytes(bad.read_bytes()[:300] if content is None else content)
    fails(tmp_path, str(bad), "cannot be read as an image", "replace it")


def test_fewer_than_one_image_is_no_wish(tmp_path):
    image_folder(tmp_path, {"cat": 4, "dog": 4})
    with pytest.raises(ValueError, match="at least 1 or None, not 0 and 5"):
        load_folder(tmp_path, train=0, test=5)


@pytest.mark.parametrize("layout", ["", "train"])
def test_images_come_in_random_order_and_not_in_a_cameras(tmp_path, layout):
    image_folder(tmp_path / layout, {"a": 10, "b": 10})
    if layout:
        image_folder(tmp_path / "test", {"a": 5, "b": 5})
    found, again = load_folder(tmp_path), load_folder(tmp_path)
    assert found.train_labels.tolist() != sorted(found.train_labels.tolist())
    assert torch.equal(found.train_images, again.train_images)
    assert not torch.equal(found.train_images, load_folder(tmp_path, seed=1).train_images)
