"""The built-in image world: repeatable, balanced, visible, and honest geometry."""

import hashlib
import math
import subprocess
import sys
import time
from collections import Counter

from course_utils.images import shapes
from course_utils.images.shapes import geometry, painting

import pytest
import torch
from torch import Tensor


def digest(images: Tensor) -> str:
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()


# ---- images


@pytest.mark.parametrize("task", shapes.TASKS)
def test_same_seed_same_images_other_seed_others(task):
    first, labels, names = shapes.make(task, 60, 3)
    again, labels_again, _ = shapes.make(task, 60, 3)
    assert torch.equal(first, again)
    assert torch.equal(labels, labels_again)
    assert not torch.equal(first, shapes.make(task, 60, 4)[0])
    assert first.shape == (60, 3, 32, 32)
    assert first.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert names == shapes.class_names(task)


def test_a_fresh_process_draws_the_same_images(root):
    code = (
        "import course_utils, hashlib\n"
        "from course_utils.images import shapes\n"
        "for task in shapes.TASKS:\n"
        "    images, _, _ = shapes.make(task, 40, 11)\n"
        "    print(hashlib.sha256(images.numpy().tobytes()).hexdigest())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=root,
    )
    assert run.stdout.split() == [digest(shapes.make(task, 40, 11)[0]) for task in shapes.TASKS]


def test_no_other_random_number_decides_what_is_drawn():
    torch.manual_seed(1)
    first = shapes.make("target", 20, 0)[0]
    torch.manual_seed(2)
    torch.rand(100)
    assert torch.equal(first, shapes.make("target", 20, 0)[0])


def test_drawing_leaves_the_readers_own_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    shapes.make("fabric", 20, 0)
    assert torch.equal(torch.rand(3), expected)


def test_tasks_share_no_image_under_one_seed():
    drawn = [shapes.make(task, 50, 0)[0] for task in shapes.TASKS]
    prints = {digest(image) for images in drawn for image in images}
    assert len(prints) == 50 * len(shapes.TASKS)
    # not even the scene behind the shape: the corners of an image show it
    corners = [images[:, :, :3, :3].flatten(1) for images in drawn[:2]]
    assert not (corners[0][:, None] == corners[1][None]).all(2).any()


@pytest.mark.parametrize(("task", "n"), [("source", 95), ("target", 7), ("orientation", 123)])
def test_classes_come_equally_often_in_random_order(task, n):
    _, labels, names = shapes.make(task, n, 0)
    counts = torch.bincount(labels, minlength=len(names))
    assert counts.sum() == n
    assert counts.max() - counts.min() <= 1
    assert labels.tolist() != sorted(labels.tolist())


def test_a_choice_of_classes_keeps_its_order():
    images, labels, names = shapes.make("target", 40, 0, classes=("star", "heart"))
    assert names == ("star", "heart")
    assert Counter(labels.tolist()) == {0: 20, 1: 20}
    # label 0 is what is called first: the stars of another order are the same shapes
    swapped, swapped_labels, _ = shapes.make("target", 40, 0, classes=("heart", "star"))
    assert torch.equal(labels, swapped_labels)
    assert not torch.equal(images[labels == 0], swapped[swapped_labels == 0])


def test_size_and_look():
    assert shapes.make("source", 3, 0, size=48)[0].shape == (3, 3, 48, 48)
    day = shapes.make("target", 200, 0)[0].float()
    night = shapes.make("target", 200, 0, night=True)[0].float()
    assert night.mean() < 0.4 * day.mean()
    assert night.std(dim=(1, 2, 3)).mean() < 0.4 * day.std(dim=(1, 2, 3)).mean()
    assert not torch.equal(
        shapes.make("target", 9, 0, turn=0)[0], shapes.make("target", 9, 0, turn=90)[0]
    )
    plain = shapes.make("target", 200, 0, clutter=0)[0].float()

    def roughness(images: Tensor) -> float:
        return float((images[..., 1:] - images[..., :-1]).abs().mean())

    assert roughness(plain) < 0.6 * roughness(day)


def test_a_thousand_images_take_a_second_or_two():
    begun = time.perf_counter()
    images, _, _ = shapes.make("target", 1000, 1)
    assert time.perf_counter() - begun < 4
    assert len(images) == 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sources", 10, 0), "no task 'sources'.*source, target, orientation, fabric"),
        (("target", 0, 0), "n must be at least 1.*got n=0"),
        (("target", -5, 0), "got n=-5"),
    ],
)
def test_impossible_wishes_name_what_is_possible(arguments, message):
    with pytest.raises(ValueError, match=message):
        shapes.make(*arguments)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("target", {"classes": ("heart", "disc")}, "'target' has no class 'disc'.*heart.*mushroom"),
        ("target", {"classes": ()}, "at least one class"),
        ("target", {"classes": ("heart", "heart")}, "none twice"),
        ("fabric", {"classes": ("dots",)}, "always has all its classes"),
        ("fabric", {"classes": ("heart",)}, "'fabric' has no class 'heart'.*stripes"),
        ("target", {"size": 4}, "size at least 8"),
        ("target", {"clutter": 1.5}, "clutter in"),
        ("target", {"clutter": math.nan}, "clutter in"),
    ],
)
def test_impossible_options_name_what_is_possible(task, options, message):
    with pytest.raises(ValueError, match=message):
        shapes.make(task, 10, 0, **options)


# ---- what can be seen


def test_source_and_target_share_no_class():
    assert len(shapes.SOURCE) == 30
    assert len(shapes.TARGET) == 10
    assert not set(shapes.SOURCE) & set(shapes.TARGET)


def silhouette(shape: geometry.Shape, degrees: float = 0.0) -> Tensor:
    """Cells of a fine grid that lie inside a shape, `(64 * 64,)`."""
    x, y = painting.pixel_grid(1, 64)
    u, v = painting.rotate(1.2 * x, 1.2 * y, torch.tensor(math.radians(degrees)))
    return (shape(u[0], v[0]) < 0).flatten()


def test_no_two_classes_look_alike():
    every = {**shapes.SOURCE, **shapes.TARGET}
    upright = torch.stack([silhouette(shape) for shape in every.values()]).double()
    area = upright.sum(1)
    assert (area > 0.08 * upright.shape[1]).all(), "a class is too thin to be seen"
    for degrees in (-30, -15, 0, 15, 30):  # images turn their shapes by up to 30 degrees
        turned = torch.stack([silhouette(s, degrees) for s in every.values()]).double()
        both = upright @ turned.T
        alike = both / (area[:, None] + turned.sum(1)[None] - both)
        alike.fill_diagonal_(0)
        worst = divmod(int(alike.argmax()), len(every))
        names = [list(every)[i] for i in worst]
        assert alike.max() < 0.9, f"{names} overlap by {alike.max():.2f} at {degrees} degrees"


def contrasts(monkeypatch, task: str, n: int, **look) -> tuple[Tensor, Tensor]:
    """Distance in RGB between shape and surroundings for each image, and the share it covers."""
    placed = []
    original = painting._place

    def place(*arguments):
        placed.append(original(*arguments))
        return placed[-1]

    monkeypatch.setattr(painting, "_place", place)
    images, labels, names = shapes.make(task, n, 5, **look)
    outlines = [{**shapes.SOURCE, **shapes.TARGET}[name] for name in names]
    found, areas = [], []
    start = 0
    for u, v, scale in placed:
        for i in range(len(u)):
            distance = outlines[labels[start + i]](u[i], v[i]) * scale[i]
            inside, belt = distance < 0, (distance > 0) & (distance < 0.3)
            pixels = images[start + i].float() / 255
            found.append((pixels[:, inside].mean(1) - pixels[:, belt].mean(1)).norm())
            areas.append(inside.float().mean())
        start += len(u)
    assert start == n
    return torch.stack(found), torch.stack(areas)


@pytest.mark.parametrize("task", ["source", "target"])
@pytest.mark.parametrize(
    ("look", "least"), [({}, 0.15), ({"clutter": 0.0}, 0.15), ({"night": True}, 0.015)]
)
def test_shapes_stand_out_from_what_is_around_them(monkeypatch, task, look, least):
    contrast, area = contrasts(monkeypatch, task, 2000, **look)
    seen = (contrast > least).float().mean()
    assert seen >= 0.995, f"{1 - seen:.2%} of the images are nearly invisible"
    assert (area > 0.03).all()
    assert (area < 0.6).all()


def test_orientations_are_where_their_names_say():
    """The grain of class i runs at 18 i degrees: the spectrum has its peak across it."""
    images, labels, names = shapes.make("orientation", 300, 0)
    grey = images.float().mean(1)
    power = torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs().square()
    rate = torch.fft.fftfreq(32)
    fx, fy = rate[None, :].expand(32, 32), -rate[:, None].expand(32, 32)  # y points up
    # twice the angle, so that opposite frequencies agree
    double = 2 * torch.atan2(fy, fx)
    seen = torch.atan2((power * double.sin()).sum((1, 2)), (power * double.cos()).sum((1, 2))) / 2
    wanted = torch.tensor([float(name.split()[0]) for name in names])[labels]
    off = (torch.rad2deg(seen) - wanted + 90) % 180 - 90
    assert (off.abs() < 18).float().mean() > 0.85
