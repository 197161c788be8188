"""Six strategies: what each may move, and that their numbers are what they say."""

from types import SimpleNamespace

from course_utils import training
from course_utils.lesson07 import strategies
from tests import tiny

import pytest
import torch

DATA = tiny.data(32, 24)


@pytest.fixture
def course():
    return SimpleNamespace(
        pretrained=lambda: tiny.mobilenet(3, classes=7),
        prepare=tiny.prepare,
        device=torch.device("cpu"),
    )


@pytest.fixture
def trained(monkeypatch):
    """The networks that were trained, in order: (as it was at the start, as it is now)."""
    seen = []
    real = training.epochs

    def epochs(model, optimizer, data, prepare, *, plan, **rest):
        seen.append((model, tiny.state(model), plan))
        yield from real(model, optimizer, data, prepare, plan=plan, **rest)

    for module in (training, training.loop):  # the recipes take it from where it is defined
        monkeypatch.setattr(module, "epochs", epochs)
    monkeypatch.setattr(strategies, "tune_epochs", lambda images, base=3: 1 if base == 3 else 2)
    return seen


@pytest.mark.parametrize("name", strategies.STRATEGIES)
def test_each_strategy_reports_what_it_reached_and_repeats_itself(course, trained, name):
    first, second = (strategies.STRATEGIES[name](course, DATA, seed=1) for _ in range(2))
    assert 0 <= first.accuracy <= 1
    assert 0 <= first.train_accuracy <= 1
    assert first.images_seen == first.epochs * 32
    assert first.seconds > 0
    assert (first.accuracy, first.train_accuracy) == (second.accuracy, second.train_accuracy)
    assert "curve" not in first.row()
    assert bool(first.block) == (name == "earlier block")


def moved(model, before):
    now = tiny.state(model)
    return {name for name in now if not torch.equal(now[name], before[name])}


def test_scratch_starts_elsewhere_and_everything_starts_from_the_pretrained(course, trained):
    strategies.scratch(course, DATA, seed=0)
    strategies.everything(course, DATA, seed=0)
    scratch, _head_alone, everything = trained
    assert scratch[1]["features.0.0.weight"].shape[0] == 32  # full width: torchvision's own
    pretrained = course.pretrained().state_dict()
    assert torch.equal(everything[1]["features.0.0.weight"], pretrained["features.0.0.weight"])
    assert any(name.startswith("features.0.") for name in moved(*everything[:2]))


def test_part_frozen_trains_only_what_lies_behind_the_frozen_blocks(course, trained):
    strategies.part_frozen(course, DATA, seed=0)
    model, before, plan = trained[-1]
    blocks = [block.name for block in model.blocks]
    assert blocks[0] == f"features.{strategies.FROZEN_BLOCKS}"
    assert plan.frozen.isdisjoint(blocks)
    assert moved(model, before)


def test_head_only_moves_nothing_but_the_head(course, trained):
    strategies.head_only(course, DATA, seed=0)
    model, _before, _plan = trained[-1]
    assert [block.name for block in model.blocks] == ["classifier"]


def test_a_watched_run_has_its_epochs(course, trained):
    result = strategies.part_frozen(course, DATA, seed=0, watch=True)
    assert [epoch.number for epoch in result.curve] == [1]
    assert result.curve[-1].test_accuracy == pytest.approx(result.accuracy)


def test_the_earlier_block_is_chosen_without_the_test_images(course):
    result = strategies.earlier_block(course, DATA, seed=0)
    shuffled = tiny.data(32, 24, seed=0)
    wrong = strategies.earlier_block(
        course,
        type(DATA)("wrong", shuffled.train_images, shuffled.train_labels,
                   shuffled.test_images, (shuffled.test_labels + 1) % 4, shuffled.class_names),
        seed=0,
    )  # fmt: skip
    assert result.block == wrong.block
    assert wrong.accuracy != result.accuracy


def test_scratch_gets_more_epochs_than_fine_tuning_at_every_size():
    for images in (30, 100, 200, 1000):
        assert strategies.scratch_epochs(images) >= 1.4 * strategies.tune_epochs(images)
    assert strategies.tune_epochs(1000) == 3
    assert strategies.tune_epochs(30) > strategies.tune_epochs(200) > 3


def test_a_batch_is_never_larger_than_the_data():
    assert [strategies.batch_size(n) for n in (6, 30, 99, 100)] == [6, 16, 16, 32]
