"""The command line around one experiment: what it runs, says, keeps and refuses."""

import argparse
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_utils import experiments, training, world
from course_utils.commands import run, run_experiment
from course_utils.commands.run_experiment import Experiment, Setup
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing

import pytest
import torch
from PIL import Image
from torch import nn

SMALL = "--world shapes --train 24 --test 12 --size 32 --epochs 2 --batch 8"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setattr(experiments, "RECORDS", tmp_path / "records")


def parse(words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run")
    run.configure(parser)
    return parser.parse_args(shlex.split(words))


def call(words: str) -> int:
    """The exit status, also where the arguments cannot even be read."""
    try:
        return run.main(parse(words))
    except SystemExit as stop:
        return int(stop.code or 0)


def experiment(**settings: Any) -> Experiment:
    course = world.choose(0, "shapes", 24, 12)
    setup = Setup(**{"epochs": 2, "batch": 8, **settings})
    return Experiment(
        setup, course.data, replace(course.prepare, size=32), course.weights, course.device
    )


def test_a_run_says_what_it_does_and_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(f"{SMALL} --seeds 0 1 2") == 0
    out = capsys.readouterr().out
    assert "24 training and 12 test images" in out
    assert "32 x 32" in out
    assert "19 of 20 blocks" in out
    assert "12,810 of" in out
    assert "run once" in out
    assert out.count("1/2") == out.count("2/2") == 3
    assert out.splitlines()[-1].startswith("test accuracy ")
    assert "±" in out
    assert "(3 runs)" in out


def test_the_record_holds_every_epoch_and_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = f"{SMALL} --seeds 3 4 --freeze first:18 --head-rate 0.01 --record mine"
    assert call(words) == 0
    record = json.loads((tmp_path / "records" / "mine.json").read_text())
    assert [(row["seed"], row["epoch"]) for row in _numbered(record)] == [
        (3, 1),
        (3, 2),
        (4, 1),
        (4, 2),
    ]
    assert all(0 <= row["test_accuracy"] <= 1 for row in record["rows"])
    assert record["seeds"] == [3, 4]
    assert record["setup"]["freeze"] == "first:18"
    assert record["setup"]["head_rate"] == 0.01
    assert "Shapes" in record["data"]
    assert "mobilenet_v2-shapes" in record["weights"]
    start = "python -m course_utils run "
    assert record["command"].startswith(start)
    assert parse(record["command"].removeprefix(start)) == parse(words)
    assert "mine.json" in capsys.readouterr().out


def _numbered(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return ({**row, "epoch": row["number"]} for row in record["rows"])


def test_a_record_is_never_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "mine.json").write_text("precious")
    assert call(f"{SMALL} --record mine") == 2
    assert "'mine'" in capsys.readouterr().err
    assert (tmp_path / "records" / "mine.json").read_text() == "precious"


def test_the_cache_changes_nothing_but_the_time() -> None:
    with_cache, without = experiment(freeze="first:17"), experiment(freeze="first:17", cache=False)
    assert with_cache.why_no_cache() is None
    assert without.why_no_cache() == "--no-cache was given"
    # one after the other: both draw dropout from the same generator
    runs = list(with_cache.epochs(1)), list(without.epochs(1))
    for fast, slow in zip(*runs, strict=True):
        assert fast.loss == pytest.approx(slow.loss, rel=1e-5)
        assert fast.test_loss == pytest.approx(slow.test_loss, rel=1e-5)


def test_the_cache_is_filled_once_for_all_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[int] = []
    fill = training.cache_features

    def counted(*args: Any, **options: Any) -> Any:
        filled.append(1)
        return fill(*args, **options)

    monkeypatch.setattr(training, "cache_features", counted)
    pretrained = experiment()
    first, second = list(pretrained.epochs(0)), list(pretrained.epochs(1))
    assert len(filled) == 1
    assert first[0].loss != second[0].loss, "another seed starts with another head"
    scratch = experiment(start="scratch")
    list(scratch.epochs(0))
    list(scratch.epochs(1))
    assert len(filled) == 3, "random blocks differ from seed to seed"


def test_the_same_seed_gives_the_same_figures() -> None:
    some = experiment(freeze="none")
    first, again = list(some.epochs(5)), list(some.epochs(5))
    assert [e.loss for e in first] == [e.loss for e in again]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"freeze": "none"}, "no block"),
        ({"batch_norm": "train"}, "every batch"),
        ({"cache": False}, "--no-cache"),
    ],
)
def test_why_the_cache_is_not_used(settings: dict[str, Any], reason: str) -> None:
    assert reason in str(experiment(**settings).why_no_cache())


def test_a_cache_too_large_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_experiment, "CACHE_LIMIT", 1000)
    some = experiment(epochs=1)
    assert "MB" in str(some.why_no_cache())
    assert len(list(some.epochs(0))) == 1


@pytest.fixture(scope="module")
def model() -> nn.Module:
    course = world.choose(0, "shapes", 24, 12)
    return Setup().build(course.weights, 10, course.device)


@pytest.mark.parametrize(
    ("words", "frozen"),
    [
        ("backbone", 19),
        ("none", 0),
        ("first:0", 0),
        ("first:7", 7),
        ("first:19", 19),
        ("all-but:1", 19),
        ("all-but:5", 15),
        ("all-but:20", 0),
    ],
)
def test_what_freeze_means(model: nn.Module, words: str, frozen: int) -> None:
    names = freezing.block_names(model)
    assert Setup(freeze=words).plan(model).frozen == set(names[:frozen])


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_optimizers_and_their_rates(model: nn.Module, name: Any) -> None:
    optimizer = Setup(optimizer=name, rate=1e-4, head_rate=1e-2).make_optimizer(model)
    assert type(optimizer).__name__.lower() == name
    head = {id(p) for p in split_into_blocks(model)[-1].parameters()}
    for group in optimizer.param_groups:
        wanted = 1e-2 if id(group["params"][0]) in head else 1e-4
        assert group["lr"] == wanted
    training.check_optimizer(model, optimizer)


def test_scratch_starts_from_random_weights() -> None:
    course = world.choose(0, "shapes", 24, 12)

    def first_layer(start: Any, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(Setup(start=start).build(course.weights, 10, course.device).parameters())

    assert torch.equal(first_layer("pretrained", 0), first_layer("pretrained", 1))
    assert not torch.equal(first_layer("scratch", 0), first_layer("scratch", 1))
    assert torch.equal(first_layer("scratch", 0), first_layer("scratch", 0))


def image_folder(folder: Path, count: int = 6) -> Path:
    for name, colour in (("cat", "red"), ("dog", "blue")):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (100 + i, 90), colour).save(folder / name / f"{i}.png")
    return folder


def test_a_folder_of_images(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    folder = image_folder(tmp_path / "my pets")
    assert call(f"--world {shlex.quote(str(folder))} --epochs 1 --batch 4 --size 32") == 0
    out = capsys.readouterr().out
    assert "your images (my pets)" in out
    assert "of 2 classes" in out


def test_images_of_a_folder_are_kept_as_large_as_they_are_used(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "pets")
    args = parse(f"--world {shlex.quote(str(folder))} --size 80")
    course = world.choose(0, str(folder), 6, 2)
    assert run.images(args, course, str(folder), 80).train_images.shape[-2:] == (80, 80)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--freeze last:5", "all-but:5"),
        ("--freeze half", "backbone, none, first:K or all-but:N"),
        ("--freeze first:20", "first:19"),
        ("--freeze first:x", "20 blocks"),
        ("--freeze first:-1", "20 blocks"),
        ("--freeze all-but:0", "all-but:1"),
        ("--freeze all-but:21", "all-but:20"),
        ("--freeze backbone:3", "is not known"),
        ("--epochs 0", "'0' is no whole number from 1"),
        ("--epochs two", "'two' is no whole number"),
        ("--train 0", "--train"),
        ("--test -3", "--test"),
        ("--rate 0", "'0' is no positive number"),
        ("--rate nan", "--rate"),
        ("--rate inf", "--rate"),
        ("--head-rate fast", "--head-rate"),
        ("--optimizer lion", "lion"),
        ("--batch 1", "--batch"),
        ("--batch 25", "25"),
        ("--batch-norm off", "--batch-norm"),
        ("--seeds 1 1", "twice"),
        ("--seeds -1", "--seeds"),
        ("--world /no/such/folder", "/no/such/folder"),
        ("--world cifar100", "cifar100"),
        ("--size 8", "from 16 to 512"),
        ("--from memory", "memory"),
        ("--record ../escape", "../escape"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_bad_values_give_one_clear_line(
    capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert call(f"{SMALL} {words}") == 2
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert [line for line in lines[:-1] if not line.startswith("usage:")] == []


def test_a_bad_course_data_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", "mnist")
    assert call("--train 24 --test 12") == 2
    assert "COURSE_DATA mnist" in capsys.readouterr().err


def test_too_large_a_rate_is_told_not_traced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*args: Any, **options: Any) -> Iterator[training.Epoch]:
        raise training.TrainingDiverged("the loss became nan at step 3")
        yield

    monkeypatch.setattr(training, "epochs", diverge)
    assert call(SMALL) == 1
    assert "the loss became nan" in capsys.readouterr().err


def test_an_interruption_keeps_what_is_finished(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*args: Any, seed: int, **options: Any) -> Iterator[training.Epoch]:
        if seed == 1:
            raise KeyboardInterrupt
        yield training.Epoch(1, 1.0, 0.5, 1.0, 0.75, 0.1, 10, (1e-3,))

    monkeypatch.setattr(training, "epochs", interrupted)
    assert call(f"{SMALL} --seeds 0 1 2 --record mine") == 130
    out = capsys.readouterr().out
    assert "stopped" in out
    assert "75.0 % (1 run)" in out
    assert not (tmp_path / "records").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_control_c_stops_a_real_run_cleanly(root: Path) -> None:
    words = "--world shapes --train 64 --test 20 --freeze none --epochs 500"
    process = subprocess.Popen(
        [sys.executable, "-m", "course_utils", "run", *words.split()],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COURSE_OFFLINE": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in out
    assert err == ""


def test_help_and_bad_values_do_not_wait_for_torch() -> None:
    code = (
        "import argparse, sys\nfrom course_utils.commands import run\n"
        "run.configure(argparse.ArgumentParser())\nassert 'torch' not in sys.modules\n"
    )
    root = Path(run.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)


def test_rates_must_be_finite() -> None:
    assert run.positive("1e-3") == 1e-3
    assert math.isfinite(run.positive("1e30"))
    with pytest.raises(argparse.ArgumentTypeError, match="positive"):
        run.positive("1e999")
