"""A reader's own folder as the world: weights found, downloaded, or honestly replaced."""

from course_utils import world
from course_utils.images.folders import ImageFolderError
from course_utils.world import choose
from tests.tiny import image_folder
from tests.world.banner import check_banner

import pytest


@pytest.fixture
def pets(tmp_path):
    image_folder(tmp_path / "pets" / "train", {"cat": 12, "dog": 14})
    image_folder(tmp_path / "pets" / "test", {"cat": 4, "dog": 5})
    return tmp_path / "pets"


def test_a_folder_with_weights_on_disk(machine, pets):
    machine.weights = True
    course = choose(5, str(pets), 1000, 1000)
    assert (course.world, course.size) == ("folder", 96)
    assert course.why == f"COURSE_DATA={pets}"
    assert machine.asked == [], "with weights on disk there is nothing to wait for"
    # as many as there are, not as many as were wished for
    check_banner(course, "your own images", "26 to train on, 9 to test on", "ImageNet")
    assert len(course.data.train_images) == 26
    assert len(course.data.test_images) == 9
    assert course.data.class_names == ("cat", "dog")


def test_a_folder_downloads_the_weights_it_lacks(machine, pets):
    machine.network = True
    course = choose(5, str(pets), 10, 10)
    assert machine.asked == ["online?", "weights"]
    assert course.weights.path.name == "weights.pth"
    assert course.size == 96


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("forbidden", "COURSE_OFFLINE=1 is set, and this disk lacks ImageNet weights"),
        ("unreachable", "the network does not answer, and this disk lacks ImageNet weights"),
        ("breaks", "the download of ImageNet weights failed, as said above"),
    ],
)
def test_a_folder_without_imagenet_weights_says_what_stands_in(
    machine, pets, monkeypatch, capsys, how, reason
):
    if how == "forbidden":
        monkeypatch.setenv("COURSE_OFFLINE", "1")
    machine.network, machine.broken = how == "breaks", "weights"
    course = choose(5, str(pets), 10, 10)
    assert course.weights == world.shapes_weights()
    assert course.size == 64
    check_banner(course, f"{reason}: the course's own weights stand in", "30 other shapes")
    assert ("broke off" in capsys.readouterr().out) == (how == "breaks")


def test_a_home_folder_may_be_written_short(machine, pets, monkeypatch):
    monkeypatch.setenv("HOME", str(pets.parent))
    monkeypatch.setenv("USERPROFILE", str(pets.parent))
    assert choose(0, "~/pets", 10, 10).world == "folder"


def test_a_folder_that_cannot_be_used_is_told_of_at_once(machine, tmp_path):
    machine.weights = True
    image_folder(tmp_path / "one", {"cat": 5})
    with pytest.raises(ImageFolderError, match="only one class folder"):
        choose(0, str(tmp_path / "one"), 10, 10)
    image_folder(tmp_path / "bad", {"cat": 2, "dog": 2})
    for file in (tmp_path / "bad").rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(ImageFolderError, match="cannot be read as an image"):
        choose(0, str(tmp_path / "bad"), 10, 10)
