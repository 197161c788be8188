"""Two tasks without a common class, in every world."""

from pathlib import Path

from course_utils import world
from course_utils.images.datasets import load_shapes
from course_utils.lesson08.source_task import keep_classes, source_and_target

import pytest
import torch
from PIL import Image


@pytest.fixture
def data():
    return load_shapes("target", 50, 30)


def test_kept_classes_are_numbered_in_the_order_given(data):
    kept = keep_classes(data, ["moon", "heart"])
    assert kept.class_names == ("moon", "heart")
    moons = data.train_images[data.train_labels == data.class_names.index("moon")]
    assert torch.equal(kept.train_images[kept.train_labels == 0], moons)
    assert len(kept.train_labels) == 10
    assert set(kept.test_labels.tolist()) == {0, 1}


@pytest.mark.parametrize("names", [["heart"], ["heart", "heart"], ["heart", "goose"]])
def test_other_lists_of_classes_are_refused(data, names):
    with pytest.raises(ValueError, match="at least two different classes"):
        keep_classes(data, names)


def test_a_class_without_images_is_told_of(data):
    few = data.subset(train=5)
    absent = next(i for i in range(10) if not (few.train_labels == i).any())
    present = next(i for i in range(10) if (few.train_labels == i).any())
    names = [data.class_names[present], data.class_names[absent]]
    with pytest.raises(ValueError, match=f"no training image of the class '{names[1]}'"):
        keep_classes(few, names)


def test_shapes_pretrain_on_the_source_classes():
    course = world.choose(8, "shapes", 20, 20)
    source, target, why = source_and_target(course, 60, 40, 30)
    assert len(source.train_images) == 60
    assert len(target.train_images) == 40
    assert not set(source.class_names) & set(target.class_names)
    assert "30 source shapes" in why


def folder_with(tmp_path: Path, classes: int) -> Path:
    for split in ("train", "test"):
        for label in range(classes):
            place = tmp_path / split / f"class{label}"
            place.mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (32, 32), (40 * label, 60 * i, 90)).save(place / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize(("classes", "halves"), [(5, (2, 3)), (4, (2, 2)), (3, (30, 3))])
def test_a_folder_is_halved_or_helped_by_shapes(tmp_path, monkeypatch, classes, halves):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    course = world.choose(8, str(folder_with(tmp_path, classes)), 8, 8)
    source, target, why = source_and_target(course, 60, 40, 30)
    assert (len(source.class_names), len(target.class_names)) == halves
    assert not set(source.class_names) & set(target.class_names)
    assert ("drawn shapes" in why) == (classes < 4)
    assert len(target.train_images) == 4 * halves[1]
