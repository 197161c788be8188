"""Which world a lesson runs in: every wish, with and without disk and network, said truly."""

import dataclasses
import math
import random
import re
from pathlib import Path

from course_utils import begin, environment, world
from course_utils.downloads.disk import DownloadError
from course_utils.images.datasets import load_shapes
from course_utils.networks.heads import find_head
from course_utils.world import choose
from tests.tiny import data
from tests.world.banner import check_banner

import numpy as np
import pytest
import torch

# ---- auto


def test_auto_takes_cifar10_when_all_of_it_is_on_disk(machine):
    machine.cifar10 = machine.weights = True
    course = choose(3, "auto", 500, 200)
    assert (course.world, course.size) == ("cifar10", 96)
    assert course.weights.path == machine.folder / "weights.pth"
    assert course.weights.mean == world.IMAGENET_MEAN
    assert machine.asked == [], "nothing to ask the network"
    check_banner(course, "CIFAR-10 (real photographs)", "on this disk", "ImageNet, 1000 classes")
    check_banner(course, "500 to train on, 200 to test on")


@pytest.mark.parametrize(
    ("cifar10", "weights", "absent"),
    [
        (False, False, "CIFAR-10 and ImageNet weights"),
        (True, False, "ImageNet weights"),
        (False, True, "CIFAR-10"),
    ],
)
@pytest.mark.parametrize("how", ["forbidden", "unreachable", "answers", "breaks"])
def test_auto_downloads_what_is_absent_or_says_why_not(
    machine, monkeypatch, capsys, cifar10, weights, absent, how
):
    machine.cifar10, machine.weights = cifar10, weights
    machine.network = how in {"answers", "breaks"}
    machine.broken = "" if how != "breaks" else "cifar10" if not cifar10 else "weights"
    if how == "forbidden":
        monkeypatch.setenv("COURSE_OFFLINE", "1")
    course = choose(0, "auto", 100, 50)
    printed = capsys.readouterr().out
    if how == "answers":
        assert course.world == "cifar10"
        assert course.why == f"what this disk lacked ({absent}) was downloaded"
        assert machine.asked == [
            "online?", *([] if cifar10 else ["cifar10"]), *([] if weights else ["weights"]),
        ]  # fmt: skip
    else:
        assert course.world == "shapes"
        assert course.weights == world.shapes_weights()
        reasons = {
            "forbidden": f"COURSE_OFFLINE=1 is set, and this disk lacks {absent}",
            "unreachable": f"the network does not answer, and this disk lacks {absent}",
            "breaks": f"the download of {absent} failed, as said above",
        }
        assert course.why == reasons[how]
        assert ("broke off" in printed) == (how == "breaks")
        check_banner(course, "30 other shapes")
    check_banner(course)


@pytest.mark.parametrize("wish", ["", "  ", " auto "])
def test_an_unset_wish_is_auto(machine, wish):
    assert choose(0, wish, 10, 10).world == "shapes"


# ---- a wish by name


def test_shapes_ask_neither_disk_nor_network(machine):
    machine.cifar10 = machine.weights = machine.network = True
    course = choose(4, "shapes", 60, 40)
    assert course.world == "shapes"
    assert course.why == "COURSE_DATA=shapes"
    assert machine.asked == []
    assert course.size == 64
    check_banner(course, "Lesson 04", "60 to train on, 40 to test on", "COURSE_DATA=shapes")


def test_cifar10_on_disk(machine):
    machine.cifar10 = machine.weights = True
    course = choose(4, "cifar10", 60, 40)
    assert (course.world, course.why) == ("cifar10", "COURSE_DATA=cifar10")
    assert machine.asked == []


def test_cifar10_is_downloaded_when_it_is_wished_for(machine):
    machine.network = True
    assert choose(4, "cifar10", 60, 40).world == "cifar10"
    assert machine.asked == ["cifar10", "weights"]


@pytest.mark.parametrize("broken", ["cifar10", "weights"])
def test_a_wish_for_cifar10_never_becomes_something_else(machine, broken):
    machine.network, machine.broken = True, broken
    with pytest.raises(DownloadError, match=f"{broken} broke off"):
        choose(4, "cifar10", 60, 40)


@pytest.mark.parametrize("wish", ["cifar", "SHAPES", "/no/such/folder", "cifar100"])
def test_an_impossible_wish_names_the_possible_ones(machine, wish):
    message = rf"COURSE_DATA='{re.escape(wish)}'.*auto, shapes, cifar10 nor a folder.*restart"
    with pytest.raises(ValueError, match=message):
        choose(0, wish, 10, 10)


# ---- size by device


PICK_DEVICE = environment.pick_device


def give_gpu(monkeypatch, name):
    """Let torch say that there is a GPU; nothing may be computed on it."""
    monkeypatch.setattr(environment, "pick_device", PICK_DEVICE)  # the `machine` has only a CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)


def test_colab_without_a_word_takes_photographs_as_large_as_its_machine_allows(
    machine, monkeypatch
):
    machine.network = True  # and nothing on the disk, as on every new machine there
    small = choose(4, "auto", 300, 500)
    assert (small.world, small.size, small.train, small.test) == ("cifar10", 96, 300, 500)
    check_banner(small, "300 to train on, 500 to test on", "CPU, ")
    give_gpu(monkeypatch, "Tesla T4")
    large = choose(4, "auto", 300, 500)
    assert (large.world, large.size, large.train, large.test) == ("cifar10", 224, None, None)
    assert large.device.type == "cuda"
    check_banner(large, "all to train on, all to test on", "GPU, Tesla T4")


@pytest.mark.parametrize(
    ("subset", "expected"),
    [(None, (224, None, None)), ("1", (224, 100, 50)), ("0", (224, None, None))],
)
def test_a_gpu_takes_photographs_whole_unless_told_otherwise(
    machine, monkeypatch, subset, expected
):
    machine.cifar10 = machine.weights = True
    give_gpu(monkeypatch, "H100")
    if subset is not None:
        monkeypatch.setenv("COURSE_SUBSET", subset)
    course = choose(0, "cifar10", 100, 50)
    assert (course.size, course.train, course.test) == expected
    counts = "all to train on, all to test on" if subset != "1" else "100 to train on"
    check_banner(course, counts, "GPU, H100")
    # the built-in images are drawn at 32 pixels, and gain nothing from a GPU's 224
    assert choose(0, "shapes", 100, 50).size == 64


# ---- what a course gives


def test_shapes_data_weights_and_preparation_belong_together(machine):
    course = choose(0, "shapes", 60, 40)
    expected = load_shapes("target", 60, 40)
    assert torch.equal(course.data.train_images, expected.train_images)
    assert torch.equal(course.data.test_images, expected.test_images)
    assert course.data is course.data, "loaded once"
    assert len(course.load(7, 3).train_images) == 7
    assert len(course.load(7, 3).test_images) == 3
    # the statistics are those of the images that the weights saw
    source = load_shapes("source", 600, 1).train_images
    prepared = course.prepare(source)
    assert prepared.shape == (600, 3, 64, 64)
    assert abs(float(prepared.mean())) < 0.1
    assert 0.8 < float(prepared.std()) < 1.2
    model = course.pretrained()
    assert find_head(model)[1].out_features == 30 == len(course.weights.class_names)
    assert model.features[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    twin = course.pretrained()
    assert twin is not model
    assert torch.equal(twin.features[1].conv[0][0].weight, model.features[1].conv[0][0].weight)


def test_no_wish_for_nothing_becomes_a_wish_for_much(machine):
    with pytest.raises(ValueError, match="n must be at least 1"):
        _ = choose(0, "shapes", 0, 10).data


def test_the_own_weights_know_their_own_images(machine):
    """Far from guessing (3%) on the classes they were trained on, at the size they were."""
    course = choose(0, "shapes", 10, 10)
    source = load_shapes("source", 1, 150)
    model = course.pretrained().eval()

    def accuracy(prepare) -> float:
        with torch.no_grad():
            scores = model(prepare(source.test_images))
        return (scores.argmax(1) == source.test_labels).float().mean().item()

    right = accuracy(course.prepare)
    assert right > 0.5
    assert accuracy(dataclasses.replace(course.prepare, size=32)) < right - 0.1


def test_cifar10_is_read_from_where_it_lies_once(machine, monkeypatch):
    machine.cifar10 = machine.weights = True
    roots: list[Path] = []

    def load(root: Path):
        roots.append(root)
        return data(100, 40)

    monkeypatch.setattr(world, "load_cifar10", load)
    course = choose(0, "cifar10", 20, 12)
    assert roots == [], "nothing is read before it is needed"
    assert len(course.data.train_images) == 20
    assert len(course.data.test_images) == 12
    assert len(course.load(None, None).train_images) == 100
    assert roots == [machine.folder]
    assert course.prepare(course.data.train_images).shape == (20, 3, 96, 96)


# ---- begin


def test_begin_prints_the_banner_and_seeds(machine, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "shapes")
    monkeypatch.setattr(environment, "memory_warning", lambda: "")

    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    course = begin(lesson=7, train=30, test=20, seed=5)
    first = draw()
    assert capsys.readouterr().out == course.banner() + "\n"
    assert (course.lesson, course.train, course.test) == (7, 30, 20)
    begin(lesson=7, seed=5)
    assert draw() == first
    begin(lesson=7, seed=6)
    assert all(not math.isclose(a, b) for a, b in zip(draw(), first, strict=True))


def test_begin_warns_of_little_memory(machine, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "shapes")
    monkeypatch.setattr(environment, "memory_free", lambda: 10_000_000)
    monkeypatch.setattr(environment, "memory_used", lambda: 400_000_000)
    course = begin(lesson=7, train=30, test=20)
    said = capsys.readouterr().out
    assert said.startswith(course.banner() + "\n")
    warning = said.removeprefix(course.banner() + "\n")
    assert warning.startswith("  memory   0.0 GB are free")


def test_begin_without_a_wish_is_auto(machine, capsys):
    assert begin(lesson=0).why.startswith("the network does not answer")
    assert machine.asked == ["online?"]


def test_begin_with_a_wrong_wish_prints_no_banner(machine, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "cifr10")
    with pytest.raises(ValueError, match="'cifr10'"):
        begin(lesson=0)
    assert capsys.readouterr().out == ""
