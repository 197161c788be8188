"""What the program runs on: device, place, memory, versions, seeds, commit."""

import random
import subprocess
import sys
from types import SimpleNamespace

from course_utils import environment

import numpy as np
import pytest
import torch


@pytest.fixture
def nowhere(monkeypatch):
    """Be no place in particular."""
    for name in ("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST", "CI", "MEM_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("google.colab", "ipykernel"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(False, False, "cpu"), (False, True, "mps"), (True, False, "cuda"), (True, True, "cuda")],
)
def test_the_fastest_device_is_picked(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert environment.pick_device() == torch.device(expected)


def test_devices_in_words(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert environment.describe_device(torch.device("cuda")) == "GPU, H100"
    assert environment.describe_device(torch.device("mps")) == "GPU, Apple (mps)"
    for threads, words in ((1, "CPU, 1 thread"), (2, "CPU, 2 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert environment.describe_device(torch.device("cpu")) == words
        assert environment.hardware(torch.device("cpu")).startswith(f"{words}, ")


@pytest.mark.usefixtures("nowhere")
def test_places(monkeypatch):
    assert environment.place() == "python"
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    assert environment.place() == "jupyter"
    monkeypatch.setenv("CI", "true")  # nbval runs a kernel in CI
    assert environment.place() == "ci"
    monkeypatch.setenv("BINDER_SERVICE_HOST", "hub")
    assert environment.place() == "binder"
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert environment.place() == "colab"


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_a_seed_repeats_python_numpy_and_torch():
    environment.seed_everything(7)
    first = draws()
    assert all(a != b for a, b in zip(first, draws(), strict=True))
    environment.seed_everything(7)
    assert draws() == first
    environment.seed_everything(8)
    assert all(a != b for a, b in zip(first, draws(), strict=True))


@pytest.mark.usefixtures("nowhere")
def test_the_memory_limit_is_the_tightest_one_known(monkeypatch):
    ordinary = environment.memory_limit()
    assert ordinary > 100 * environment.MEGABYTE
    monkeypatch.setenv("MEM_LIMIT", str(64 * environment.MEGABYTE))
    assert environment.memory_limit() == 64 * environment.MEGABYTE
    monkeypatch.setenv("MEM_LIMIT", str(2 * ordinary))
    assert environment.memory_limit() == ordinary


def test_memory_used_grows_with_what_is_held():
    before = environment.memory_used()
    held = np.ones(80 * environment.MEGABYTE, dtype=np.uint8)  # written, so really resident
    grown = environment.memory_used() - before
    assert 60 * environment.MEGABYTE < grown < 200 * environment.MEGABYTE
    assert held.all()


def test_versions_name_what_decides_a_figure():
    found = environment.versions()
    assert found["torch"] == torch.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["torchvision"][0].isdigit()


def git(folder, *words):
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_the_commit_gets_a_plus_when_files_differ_from_it(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.commit() == "unknown"
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    clean = environment.commit()
    assert len(clean) >= 7
    assert clean.isalnum()
    (tmp_path / "file").write_text("two")
    assert environment.commit() == f"{clean}+"


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment.commit() == "unknown"
