"""Transfer learning on real photographs with real weights: figures that only learning reaches."""

from collections.abc import Callable
from pathlib import Path

from course_utils import training, world
from course_utils.images.datasets import ImageData
from course_utils.networks.heads import find_head, replace_head
from course_utils.training import freezing
from course_utils.world import Course
from tests.real.conftest import SIZE, TEST, TRAIN, WEIGHTS, train

import pytest
import torch

CHANCE = 0.1
FROZEN, EPOCHS, RATE = 14, 4, 1e-3  # of 20 blocks; chosen to fit into half a minute on one core


def test_a_folder_brings_real_weights_and_says_so(
    real_world: dict[str, str],
    torch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**real_world, "COURSE_SUBSET": "1"}.items():
        monkeypatch.setenv(name, value)
    course = world.begin(lesson=3, train=200, test=100)
    assert course.world == "folder"
    assert course.weights.path == torch_home / "hub" / "checkpoints" / WEIGHTS
    banner = capsys.readouterr().out
    for words in ("your own images", real_world["COURSE_DATA"], "1000 classes", WEIGHTS, "200 to"):
        assert words in banner
    if course.device.type == "cpu":
        assert course.size == SIZE
        assert "96 x 96" in banner
    assert find_head(course.pretrained())[1].out_features == 1000


def test_the_images_are_the_real_ones(data: ImageData) -> None:
    assert data.train_images.shape == (TRAIN, 3, 32, 32)
    assert data.test_images.shape == (TEST, 3, 32, 32)
    assert data.class_names[0] == "airplane"
    assert data.class_names[-1] == "truck"
    assert torch.bincount(data.train_labels).tolist() == [TRAIN // 10] * 10
    assert torch.bincount(data.test_labels).tolist() == [TEST // 10] * 10


@pytest.fixture(scope="module")
def probe_96(probe: Callable[..., float]) -> float:
    accuracy = probe(SIZE)
    print(f"\nlinear probe, {TRAIN}/{TEST} images at {SIZE} px: {accuracy:.1%}")
    return accuracy


def test_a_linear_probe_at_96_px(probe_96: float) -> None:
    assert probe_96 >= 0.59


def test_thawing_beats_the_probe(course: Course, data: ImageData, probe_96: float) -> None:
    """The first blocks stay frozen and are run once; the others learn from what they gave."""
    torch.manual_seed(0)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    plan = freezing.freeze_first(model, FROZEN)
    freezing.apply(model, plan)
    tail, features = training.cache_features(model, plan, data, course.prepare)
    accuracy = train(tail, plan, features, rate=RATE, count=EPOCHS, decay=0.01)
    print(f"\nall but {FROZEN} blocks thawed, {EPOCHS} epochs: {accuracy:.1%}")
    assert accuracy >= probe_96 + 0.05


def test_at_32_px_the_features_are_worth_next_to_nothing(
    probe: Callable[..., float], probe_96: float
) -> None:
    """The network halves its input five times: of 32 pixels it leaves a single one."""
    accuracy = probe(32)
    print(f"\nlinear probe at 32 px: {accuracy:.1%}")
    assert accuracy < 2 * CHANCE
    assert accuracy < probe_96 - 0.4


def test_random_features_are_far_worse_than_pretrained_ones(
    probe: Callable[..., float], probe_96: float
) -> None:
    accuracy = probe(SIZE, pretrained=False)
    print(f"\nlinear probe on random blocks at {SIZE} px: {accuracy:.1%}")
    assert accuracy < probe_96 - 0.3
