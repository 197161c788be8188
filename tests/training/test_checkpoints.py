"""Interrupted and resumed training is the same training; and nothing is lost on the way."""

import errno
import os
import pickle
from pathlib import Path
from typing import Any

from course_utils import training
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData
from course_utils.networks.checkpoint_files import read_checkpoint
from course_utils.networks.heads import replace_head
from course_utils.training import checkpoints, freezing

import pytest
import torch
from torch import Tensor, nn


def network(width: int = 8, classes: int = 3) -> nn.Sequential:
    """Small, but with all that makes resuming hard: batch norm, dropout, a frozen block."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(width * 36, classes),
    )


@pytest.fixture(scope="module")
def data() -> ImageData:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (20, 3, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.randint(3, (20,), generator=generator)
    return ImageData("noise", images, labels, images[:6], labels[:6], ("a", "b", "c"))


def to_floats(images: Tensor) -> Tensor:
    return images.float() / 128 - 1


class Run:
    """One training run, always built in the same way."""

    def __init__(self, seed: int = 0, classes: int = 3) -> None:
        torch.manual_seed(seed)
        self.model = network(classes=classes)
        self.plan = freezing.freeze(self.model, ["0"])
        freezing.apply(self.model, self.plan)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-2)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 2, 0.5)

    def parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def train(self, data: ImageData, count: int, start: int = 0) -> list[training.Epoch]:
        return list(
            training.epochs(
                self.model,
                self.optimizer,
                data,
                to_floats,
                plan=self.plan,
                count=count,
                batch_size=6,
                seed=3,
                augment=Augment(),
                scheduler=self.scheduler,
                start=start,
            )
        )

    def save(self, path: Path, epoch: int) -> None:
        checkpoints.save(path, plan=self.plan, epoch=epoch, **self.parts())

    def state(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.model.state_dict().items()}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def test_resumed_training_equals_uninterrupted_training_to_the_bit(
    tmp_path: Path, data: ImageData
) -> None:
    whole = Run()
    expected = whole.train(data, 5)

    broken = Run()
    broken.train(data, 2)
    broken.save(tmp_path / "run.pt", epoch=2)

    resumed = Run(seed=99)  # other weights, other random numbers: all must come from the file
    torch.rand(7)
    done, plan = checkpoints.resume(tmp_path / "run.pt", **resumed.parts())
    assert done == 2
    assert plan == whole.plan
    rest = resumed.train(data, 3, start=done)

    assert_same(whole.state(), resumed.state())
    for before, after in zip(expected[2:], rest, strict=True):
        assert (before.number, before.loss, before.test_loss, before.rates) == (
            after.number,
            after.loss,
            after.test_loss,
            after.rates,
        )


def test_resume_applies_the_plan_that_was_saved(tmp_path: Path, data: ImageData) -> None:
    broken = Run()
    broken.save(tmp_path / "run.pt", epoch=0)
    other = Run()
    freezing.apply(other.model, freezing.freeze_nothing())
    checkpoints.resume(tmp_path / "run.pt", **other.parts())
    table = freezing.block_table(other.model).set_index("block")["state"]
    assert table["0"] == "frozen"
    assert table["5"] == "learns"


def test_the_file_also_serves_as_plain_weights(tmp_path: Path) -> None:
    run = Run()
    run.save(tmp_path / "run.pt", epoch=1)
    assert_same(read_checkpoint(tmp_path / "run.pt"), run.state())


@pytest.mark.parametrize(
    "schedule",
    [
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=10),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    ],
)
def test_common_schedules_are_saved_and_resumed(tmp_path: Path, schedule: Any) -> None:
    run = Run()
    run.scheduler = schedule(run.optimizer)
    run.optimizer.step()
    run.scheduler.step()
    run.save(tmp_path / "run.pt", epoch=1)
    other = Run()
    other.scheduler = schedule(other.optimizer)
    checkpoints.resume(tmp_path / "run.pt", **other.parts())
    assert other.scheduler.last_epoch == 1
    assert other.optimizer.param_groups[0]["lr"] == run.optimizer.param_groups[0]["lr"]


def refused(path: Path, run: Run, **changed: Any) -> str:
    """Resume, expect an error, and make sure that it changed nothing at all."""
    before, groups = run.state(), run.optimizer.state_dict()
    random, flags = torch.get_rng_state(), [p.requires_grad for p in run.model.parameters()]
    with pytest.raises(checkpoints.CheckpointError) as caught:
        checkpoints.resume(path, **{**run.parts(), **changed})
    assert_same(before, run.state())
    assert run.optimizer.state_dict() == groups
    assert torch.equal(random, torch.get_rng_state())
    assert flags == [p.requires_grad for p in run.model.parameters()]
    return str(caught.value)


def test_another_build_is_refused_by_the_first_thing_that_differs(tmp_path: Path) -> None:
    Run(classes=5).save(tmp_path / "run.pt", epoch=1)
    message = refused(tmp_path / "run.pt", Run(classes=3))
    assert "another network: 5.weight is [5, 288] in the file and [3, 288] here" in message

    run = Run()
    run.save(tmp_path / "run.pt", epoch=1)
    parameters = list(run.model.parameters())
    for optimizer in (torch.optim.SGD(parameters, lr=0.1), torch.optim.AdamW(parameters[::-1])):
        assert "another optimizer" in refused(tmp_path / "run.pt", run, optimizer=optimizer)
    other = torch.optim.lr_scheduler.CosineAnnealingLR(run.optimizer, 3)
    for scheduler in (None, other):
        assert "another schedule" in refused(tmp_path / "run.pt", Run(), scheduler=scheduler)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "run.pt"
    Run().save(path, epoch=1)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "cut off" in refused(path, Run())


class Code:
    """What an attacker would put into a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("escaped",)


def test_code_in_a_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.pt").write_bytes(pickle.dumps({"format": 1, "x": Code()}, protocol=2))
    refused(tmp_path / "run.pt", Run())
    torch.save({"format": 1, "x": Code()}, tmp_path / "run.pt")
    refused(tmp_path / "run.pt", Run())
    assert not (tmp_path / "escaped").exists()


def test_a_missing_file_and_plain_weights_are_no_training_run(tmp_path: Path) -> None:
    assert "there is no checkpoint" in refused(tmp_path / "run.pt", Run())
    torch.save(network().state_dict(), tmp_path / "run.pt")
    assert "read_checkpoint" in refused(tmp_path / "run.pt", Run())


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"
    Run().save(path, epoch=1)
    before = path.read_bytes()

    def full(*_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(checkpoints.CheckpointError, match=r"No space.*still whole"):
        Run(seed=1).save(path, epoch=2)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(checkpoints.CheckpointError, match="nowhere"):
        Run().save(tmp_path / "nowhere" / "run.pt", epoch=1)


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    run = Run()
    run.save(tmp_path / "run.pt", epoch=1)
    before = (tmp_path / "run.pt").read_bytes()
    run.optimizer.param_groups[0]["note"] = Code
    with pytest.raises(checkpoints.CheckpointError, match="read back"):
        run.save(tmp_path / "run.pt", epoch=2)
    assert (tmp_path / "run.pt").read_bytes() == before


def test_an_optimizer_of_another_model_is_not_saved(tmp_path: Path) -> None:
    run = Run()
    replace_head(run.model, 4)
    with pytest.raises(ValueError, match="Build it again"):
        run.save(tmp_path / "run.pt", epoch=1)
