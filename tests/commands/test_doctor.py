"""Each check of the doctor is shown a healthy machine and a sick one."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from course_utils import _torchvision_fix, environment, packages, world
from course_utils.commands import doctor, doctor_data, doctor_machine
from course_utils.commands.doctor_machine import Finding
from course_utils.downloads import cifar10

import psutil
import pytest
import torch
import torchvision
from PIL import Image

DiskUsage = namedtuple("DiskUsage", "total used free")


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_machine.python().status == "ok"
    monkeypatch.setattr(sys, "version", "3.9.2 (main)")
    finding = doctor_machine.python()
    assert finding.status == "problem"
    assert "3.9.2" in finding.found
    assert "3.11" in finding.found


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.13.0+cpu", (2, 13, 0)),
        ("0.28.0", (0, 28, 0)),
        ("8.1.9rc1", (8, 1, 9)),
        ("unknown", ()),
    ],
)
def test_numbers_of_a_version(version: str, expected: tuple[int, ...]) -> None:
    assert packages.version_numbers(version) == expected


def test_versions_compare_as_numbers() -> None:
    assert packages.version_numbers("2.9.1") < packages.version_numbers("2.13.0")


def installed_as_pinned(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    pins = packages.pinned()

    def version(name: str) -> str:
        found = changed.get(name, pins.get(name, "99"))
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)


def test_packages_as_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_as_pinned(monkeypatch)
    assert doctor_machine.installed_packages().status == "ok"


def test_a_local_label_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = packages.pinned()
    installed_as_pinned(monkeypatch, torch=f"{pins['torch']}+cpu")
    assert doctor_machine.installed_packages().status == "ok"


def test_another_version_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_as_pinned(monkeypatch, torch="2.11.0")
    finding = doctor_machine.installed_packages()
    assert finding.status == "note"
    assert "torch 2.11.0" in finding.found
    assert "requirements.txt" in finding.advice


def test_a_version_below_the_range_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_as_pinned(monkeypatch, torch="2.1.0")
    finding = doctor_machine.installed_packages()
    assert finding.status == "problem"
    assert "torch 2.1.0 (needs 2.10 or later)" in finding.found


def test_a_missing_package_is_a_problem_and_a_missing_tool_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed_as_pinned(monkeypatch, seaborn=None)
    finding = doctor_machine.installed_packages()
    assert finding.status == "problem"
    assert "seaborn" in finding.found
    installed_as_pinned(monkeypatch, ruff=None)
    finding = doctor_machine.installed_packages()
    assert finding.status == "note"
    assert "ruff" in finding.found


def test_a_gpu_that_lies_idle_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(doctor_machine.shutil, "which", lambda name: None)
    assert doctor_machine.device().status == "ok"
    assert torch.__version__ in doctor_machine.device().found
    monkeypatch.setattr(doctor_machine.shutil, "which", lambda name: f"/bin/{name}")
    assert doctor_machine.device().status == "note"
    assert "CUDA" in doctor_machine.device().advice


def test_torchvision_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    monkeypatch.setattr(torchvision, "__version__", "0.26.0")
    monkeypatch.setattr(_torchvision_fix, "why_declared", lambda: None)
    assert doctor_machine.torchvision().status == "ok"


def test_torchvision_for_another_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    monkeypatch.setattr(torchvision, "__version__", "0.26.0")
    finding = doctor_machine.torchvision()
    assert finding.status == "problem"
    assert "torch 2.11" in finding.found
    assert "torchvision==0.28.*" in finding.advice


def test_declared_operators_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    monkeypatch.setattr(torchvision, "__version__", "0.28.0+cu130")
    monkeypatch.setattr(_torchvision_fix, "why_declared", lambda: "no libcudart")
    finding = doctor_machine.torchvision()
    assert finding.status == "note"
    assert "no libcudart" in finding.found
    assert "harmless" in finding.advice


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert doctor_machine.threads().status == "ok"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert doctor_machine.threads().status == "note"
    assert "PASSIVE" in doctor_machine.threads().advice


@pytest.mark.parametrize(
    ("limit", "available", "status", "word"),
    [
        (8.0, 4.0, "ok", "4.0 GB free of 8.0 GB"),
        (2.0, 30.0, "ok", "2.0 GB free of 2.0 GB"),
        (8.0, 0.5, "problem", "0.5 GB free"),
        (1.0, 30.0, "problem", "of 1.0 GB"),
    ],
)
def test_memory(
    monkeypatch: pytest.MonkeyPatch, limit: float, available: float, status: str, word: str
) -> None:
    monkeypatch.setattr(environment, "memory_limit", lambda: int(limit * 1e9))
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=available * 1e9)
    )
    finding = doctor_machine.memory()
    assert finding.status == status
    assert word in finding.found
    assert bool(finding.advice) == (status == "problem")


def test_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda p: DiskUsage(9e9, 0, 9e9))
    finding = doctor_machine.disk()
    assert finding.status == "ok"
    assert str(tmp_path) in finding.found
    assert not (tmp_path / "not").exists(), "looking must not create the folder"

    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda p: DiskUsage(9e9, 9e9, 1e8))
    assert doctor_machine.disk().status == "note"
    assert "COURSE_CACHE" in doctor_machine.disk().advice


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = doctor_machine.disk()
    assert finding.status == "note"
    assert "cannot be written" in finding.found


def test_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert doctor_machine.network().status == "ok"
    assert "COURSE_OFFLINE" in doctor_machine.network().found
    monkeypatch.delenv("COURSE_OFFLINE")
    asked: list[float] = []
    monkeypatch.setattr(cifar10, "online", lambda timeout: bool(asked.append(timeout)))
    assert doctor_machine.network().status == "note"
    assert max(asked) <= 3
    monkeypatch.setattr(cifar10, "online", lambda timeout: True)
    assert doctor_machine.network().status == "ok"


def kernel(folder: Path, program: str) -> None:
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": [program, "-m", "ipykernel_launcher"]}))


def test_jupyterlab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    kernel(tmp_path, sys.executable)
    assert doctor_machine.jupyterlab().status == "ok"
    assert "this Python" in doctor_machine.jupyterlab().found


def test_the_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    kernel(tmp_path, "/opt/other/bin/python")
    finding = doctor_machine.jupyterlab()
    assert finding.status == "note"
    assert str(Path("/opt/other/bin/python")) in finding.found


def test_jupyterlab_and_widgets_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "find_spec", lambda name: None)
    for check, name in (
        (doctor_machine.jupyterlab, "jupyterlab"),
        (doctor_machine.widgets, "anywidget"),
    ):
        finding = check()
        assert finding.status == "problem"
        assert name in finding.found
        assert "pip install" in finding.advice


def test_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_machine.widgets().status == "ok"
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: ["/nowhere"])
    finding = doctor_machine.widgets()
    assert finding.status == "problem"
    assert "jupyterlab-manager" in finding.found


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the built-in weights with a record, where tests may damage them."""
    folder = tmp_path / "data"
    (folder / "records" / "pretraining").mkdir(parents=True)
    copy = folder / world.SHAPES_WEIGHTS.name
    copy.write_bytes(world.SHAPES_WEIGHTS.read_bytes())
    monkeypatch.setattr(world, "SHAPES_WEIGHTS", copy)
    monkeypatch.setattr(doctor_data, "PROJECT", tmp_path)
    return folder


def write_weights_record(folder: Path, **values: Any) -> None:
    (folder / "records" / "pretraining" / "pretrain_shapes.json").write_text(json.dumps(values))


def test_built_in_weights(data_folder: Path) -> None:
    size = (data_folder / world.SHAPES_WEIGHTS.name).stat().st_size
    without = doctor_data.built_in_weights()
    assert without.status == "note"
    assert "pretrain_shapes.json" in without.found
    write_weights_record(data_folder, bytes=size)
    finding = doctor_data.built_in_weights()
    assert finding.status == "ok"
    assert "30 classes" in finding.found


@pytest.mark.parametrize("wrong", [{"bytes": 7}, {"sha256": "0" * 64}])
def test_built_in_weights_that_are_not_the_recorded_ones(
    data_folder: Path, wrong: dict[str, Any]
) -> None:
    write_weights_record(data_folder, **wrong)
    finding = doctor_data.built_in_weights()
    assert finding.status == "problem"
    assert "git checkout" in finding.advice


def test_built_in_weights_cut_off_or_missing(data_folder: Path) -> None:
    path = data_folder / world.SHAPES_WEIGHTS.name
    path.write_bytes(path.read_bytes()[:1000])
    assert doctor_data.built_in_weights().status == "problem"
    path.unlink()
    finding = doctor_data.built_in_weights()
    assert finding.status == "problem"
    assert "missing" in finding.found


def test_imagenet_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    absent = doctor_data.imagenet_weights()
    assert absent.status == "note"
    assert "fetch" in absent.advice

    path = tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    other = doctor_data.imagenet_weights()
    assert other.status == "note"
    assert "checksum" in other.found

    monkeypatch.setattr(
        "course_utils.downloads.disk.digest",
        lambda path, name: "b0353104" + "0" * 56,
    )
    assert doctor_data.imagenet_weights().status == "ok"


def test_cifar10(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    finding = doctor_data.cifar10()
    assert finding.status == "note"
    assert "fetch cifar10" in finding.advice
    monkeypatch.setattr(cifar10, "on_disk", lambda: tmp_path)
    assert doctor_data.cifar10().status == "ok"


@pytest.mark.parametrize("word", ["", "auto", "shapes", "cifar10"])
def test_course_data_words(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("COURSE_DATA", word)
    assert doctor_data.course_data().status == "ok"


def test_course_data_that_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", "cifar100")
    finding = doctor_data.course_data()
    assert finding.status == "problem"
    assert "cifar100" in finding.found
    assert "shapes" in finding.advice


def test_course_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert doctor_data.course_data().status == "problem"
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.new("RGB", (32, 32), (i, i, i)).save(tmp_path / name / f"{i}.png")
    finding = doctor_data.course_data()
    assert finding.status == "ok"
    assert "8 images to train on, 2 to test on" in finding.found
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"no image")
    assert doctor_data.course_data().status == "problem"


def test_an_error_inside_a_check_is_a_finding() -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("two\nlines")

    finding = doctor.examine(broken)
    assert finding.status == "problem"
    assert "ZeroDivisionError: two" in finding.found
    assert "lines" not in finding.found
    assert doctor.examine(lambda: Finding("ok", "fine")) == Finding("ok", "fine")


def test_only_the_main_thread_imports_and_every_check_runs_in_it(
    root: Path, tmp_path: Path
) -> None:
    """Two threads that import torch at the same time crashed or hung every fifth doctor."""
    code = (
        "import sys, threading\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if threading.current_thread() is not threading.main_thread():\n"
        "            print('IMPORTED IN A THREAD:', name)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from course_utils.__main__ import main\n"
        "sys.exit(main(['doctor']))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "COURSE_OFFLINE": "0", "COURSE_MIRROR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stderr == ""
    heavy = [line for line in run.stdout.splitlines() if re.search("THREAD: (torch|numpy)", line)]
    assert not heavy, heavy[:3]
    assert [title for title, _ in doctor.CHECKS if title not in run.stdout] == []


@pytest.mark.parametrize(
    ("finding", "status", "verdict"),
    [
        (doctor_machine.ok("fine"), 0, "Lessons will run. Nothing to note."),
        (doctor_machine.note("odd", "look"), 0, "Lessons will run. 1 note."),
        (doctor_machine.problem("bad", "mend it"), 1, "See to the problems first. 1 problem."),
    ],
)
def test_exit_status_and_report(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    finding: Finding,
    status: int,
    verdict: str,
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (("thing", lambda: finding),))
    assert doctor.main(argparse.Namespace()) == status
    out = capsys.readouterr().out
    assert out.startswith(f"{finding.status} ")
    assert finding.found in out
    assert not finding.advice or f"-> {finding.advice}" in out
    assert out.endswith(f"{verdict}\n")


def test_the_doctor_speaks_even_without_torch(root: Path) -> None:
    """A machine without torch is the very one that needs the doctor."""
    code = (
        "import sys, argparse\n"
        "sys.modules['torch'] = sys.modules['torchvision'] = sys.modules['psutil'] = None\n"
        "from course_utils.commands import doctor\n"
        "sys.exit(doctor.main(argparse.Namespace()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "COURSE_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == ""
    assert "problem  device" in run.stdout
    assert "ok       python" in run.stdout
