"""Real images and real weights, unpacked once into a temporary folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import course_utils  # noqa: F401  before torch does anything
from course_utils import training, world
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import as_they_are
from course_utils.networks.blocks import Tail
from course_utils.networks.heads import replace_head
from course_utils.training import freezing
from course_utils.world import Course

import pytest
import torch
from torch import Tensor, nn

PER_CLASS = 200  # of each split: 2,000 images to train on, and as many to test on
TRAIN, TEST = 2000, 1000
FEW = 40  # of each class: a lesson on real images need not reach an accuracy
SIZE = 96
# torchvision's name for its ImageNet weights: a file of that name counts as downloaded
WEIGHTS = "mobilenet_v2-b0353104.pth"


def unpack(shared: Path, folder: Path, per_class: int) -> Path:
    """An image folder of real CIFAR-10 images."""
    command = [sys.executable, str(shared / "cifar10" / "unpack.py"), str(folder)]
    subprocess.run([*command, "--per-class", str(per_class)], check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def images(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough images for accuracies that mean something."""
    return unpack(shared, tmp_path_factory.mktemp("real") / "cifar10", PER_CLASS)


@pytest.fixture(scope="session")
def few_images(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As few images as a reader may have: what a lesson needs to run from top to bottom."""
    return unpack(shared, tmp_path_factory.mktemp("few") / "cifar10", FEW)


@pytest.fixture(scope="session")
def torch_home(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TORCH_HOME that holds real ImageNet weights, as if they had been downloaded."""
    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    given = next((shared / "weights").glob("mobilenet_v2-imagenet*.pth"))
    shutil.copyfile(given, home / "hub" / "checkpoints" / WEIGHTS)
    return home


@pytest.fixture(scope="session")
def real_world(images: Path, torch_home: Path) -> dict[str, str]:
    """The environment variables of a reader with images of their own and no network."""
    return {"COURSE_DATA": str(images), "COURSE_OFFLINE": "1", "TORCH_HOME": str(torch_home)}


@pytest.fixture(scope="session")
def course(real_world: dict[str, str]) -> Iterator[Course]:
    """The course as it settles in that environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in real_world.items():
            patch.setenv(name, value)
        yield world.choose(0, os.environ["COURSE_DATA"], TRAIN, TEST)


@pytest.fixture(scope="session")
def data(course: Course) -> ImageData:
    """2,000 real images to train on, 1,000 to test on."""
    return course.load(TRAIN, TEST)


def train(
    tail: Tail, plan: freezing.FreezePlan, data: ImageData, *, rate: float, count: int, decay: float
) -> float:
    """Test accuracy after `count` epochs of AdamW, the rate rising and falling once."""
    groups = training.parameter_groups(tail, backbone_rate=rate, head_rate=rate, weight_decay=decay)
    optimizer = torch.optim.AdamW(groups)
    steps = -(-len(data.train_labels) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [rate] * len(groups), total_steps=count * steps
    )
    events = training.epochs(
        tail,
        optimizer,
        data,
        as_they_are,
        plan=plan,
        count=count,
        scheduler=schedule,
        step_schedule=True,
    )
    *_, last = events
    return last.test_accuracy


@torch.no_grad()
def forget(model: nn.Module, x: Tensor) -> None:
    """Replace all that was learnt by random weights, in fairness with fitting batch statistics.

    With the statistics of a new network (mean 0, variance 1) every signal would die out on its way
    through 50 layers, and a probe would find nothing, however good random features may be.
    """
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for norm in freezing.batch_norms(model):
        norm.momentum = None  # the plain average over all batches
    model.train()
    for batch in x.split(64):
        model(batch)
    model.eval()


@pytest.fixture(scope="session")
def probe(course: Course, data: ImageData) -> Callable[..., float]:
    """Measure a linear probe: all blocks frozen, a new head trained on their outputs."""

    def measure(size: int, pretrained: bool = True) -> float:
        torch.manual_seed(0)
        model = course.pretrained()
        look = replace(course.prepare, size=size)
        if not pretrained:
            forget(model, look(data.train_images[:640]))
        replace_head(model, len(data.class_names))
        plan = freezing.freeze_backbone(model)
        freezing.apply(model, plan)
        tail, features = training.cache_features(model, plan, data, look)
        return train(tail, plan, features, rate=1e-3, count=20, decay=0.1)

    return measure
