"""Near and far tasks, and small ones cut out of them."""

from course_utils import world
from course_utils.lesson07 import tasks
from tests.tiny import data

import pytest
import torch


@pytest.fixture(scope="module")
def course():
    return world.choose(7, "shapes", 40, 20)


def test_near_is_the_world_s_own_task_and_the_far_ones_share_no_class(course):
    near, far = (tasks.load_task(course, task, 20, 10, 0) for task in ("near", "orientation"))
    assert near.class_names == course.data.class_names
    assert not set(near.class_names) & set(far.class_names)
    assert [len(d.train_images) for d in (near, far)] == [20, 20]


@pytest.mark.parametrize("task", ["near", "fabric"])
def test_seeds_draw_other_training_images_and_the_same_test_images(course, task):
    first, second = (tasks.load_task(course, task, 20, 10, seed) for seed in (0, 1))
    assert not torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_images, second.test_images)


def test_a_world_of_other_images_gives_its_own_and_the_same_textures(course, monkeypatch):
    pretended = world.Course(
        7, "folder", "", course.weights, 64, 8, 12, lambda n, m: data(n, m), course.device
    )
    near = tasks.load_task(pretended, "near", 8, 12, 3)
    assert near.name == "tiny"
    assert near.train_labels.bincount().tolist() == [2, 2, 2, 2]
    ours, theirs = (tasks.load_task(c, "fabric", 10, 5, 1) for c in (course, pretended))
    assert torch.equal(ours.train_images, theirs.train_images)


def test_an_unknown_task_is_refused_with_those_there_are(course):
    with pytest.raises(ValueError, match="no task 'moon'; there are: near, fabric, orientation"):
        tasks.load_task(course, "moon", 10, 10, 0)


def test_few_classes_keep_their_images_and_are_counted_anew():
    whole = data(40, 20)
    small = tasks.few_classes(whole, 3, 5, seed=1)
    assert small.train_labels.bincount().tolist() == [5, 5, 5]
    assert small.test_labels.bincount().tolist() == [5, 5, 5]
    for label, name in enumerate(small.class_names):
        old = whole.train_images[whole.train_labels == whole.class_names.index(name)]
        mine = small.train_images[small.train_labels == label]
        assert torch.equal(mine, old[:5])


def test_seeds_choose_different_classes():
    whole = data(40, 20)
    assert len({tasks.few_classes(whole, 2, 5, seed=s).class_names for s in range(8)}) > 1


@pytest.mark.parametrize(("classes", "each", "message"), [
    (5, 2, "has 4 classes; 5 were asked for"),
    (1, 2, "has 4 classes; 1 were asked for"),
    (3, 99, "99 were asked for"),
])  # fmt: skip
def test_more_than_there_is_cannot_be_had(classes, each, message):
    with pytest.raises(ValueError, match=message):
        tasks.few_classes(data(), classes, each, seed=0)
