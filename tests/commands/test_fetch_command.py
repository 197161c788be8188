"""`python -m course_utils fetch`: what it says, and its exit status."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from course_utils.commands import fetch as command
from course_utils.downloads import cifar10, torchvision_weights
from course_utils.downloads.disk import DownloadError

import pytest


def run(*arguments: str) -> int:
    """Run the command as the shell would; its exit status."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.main(parser.parse_args(arguments))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path | None]]:
    """Stand-ins that fetch nothing: what was asked of them, in order."""
    seen: list[tuple[str, Path | None]] = []

    def images(folder: Path | None) -> Path:
        seen.append(("cifar10", folder))
        return folder or Path("cache")

    def weights(which: Any, *, folder: Path | None) -> Path:
        seen.append((Path(which.url).name, folder))
        return (folder or Path("hub")) / Path(which.url).name

    monkeypatch.setattr(cifar10, "fetch", images)
    monkeypatch.setattr(torchvision_weights, "fetch", weights)
    return seen


def fail(*_: Any, **__: Any) -> Path:
    raise DownloadError("The line is dead.", "Mend it.")


def stop(*_: Any, **__: Any) -> Path:
    raise KeyboardInterrupt


def test_both_by_default(
    calls: list[tuple[str, Path | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert calls == [("cifar10", None), ("mobilenet_v2-b0353104.pth", None)]
    said = capsys.readouterr().out
    assert "CIFAR-10 is in cache" in said
    assert str(Path("hub") / "mobilenet_v2-b0353104.pth") in said


@pytest.mark.parametrize(
    ("name", "fetched"), [("cifar10", "cifar10"), ("weights", "mobilenet_v2-b0353104.pth")]
)
def test_one_thing_to_a_folder(
    calls: list[tuple[str, Path | None]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    fetched: str,
) -> None:
    assert run(name, "--to", str(tmp_path)) == 0
    assert calls == [(fetched, tmp_path)]
    assert f"COURSE_MIRROR={tmp_path}" in capsys.readouterr().out


def test_unknown_thing_is_named_with_what_is_possible(
    calls: list[tuple[str, Path | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("weights", "cifar100") == 2
    said = capsys.readouterr().err
    assert "'cifar100'" in said
    assert "cifar10, weights" in said
    assert calls == []


def test_failure_is_told_and_the_rest_still_fetched(
    calls: list[tuple[str, Path | None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cifar10, "fetch", fail)
    assert run() == 1
    assert "The line is dead.\nWhat to do: Mend it." in capsys.readouterr().err
    assert [name for name, _ in calls] == ["mobilenet_v2-b0353104.pth"]


def test_interrupt_ends_it(
    calls: list[tuple[str, Path | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "fetch", stop)
    assert run() == 130
    assert calls == []


def test_nothing_is_fetched_offline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert run() == 1
    said = capsys.readouterr().err
    assert said.count("COURSE_OFFLINE=1 forbids") == 2
    assert "Unset COURSE_OFFLINE" in said
