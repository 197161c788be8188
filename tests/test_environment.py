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


def contain(monkeypatch, folder, group, files):
    """Let control groups lie below `folder`, and this process in one of them."""
    (folder / "own").write_text(f"4:memory:/elsewhere\n{group}\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(environment, "CGROUP", folder)
    monkeypatch.setattr(environment, "OWN_GROUP", folder / "own")


GB = environment.GIGABYTE
STAT = f"anon 5\ninactive_file {GB // 10}\n"


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("group", "files"),
    [
        # Binder: inside the container its own group is the root
        ("0::/", {"memory.max": 2 * GB, "memory.current": GB, "memory.stat": STAT}),
        # The Littlest JupyterHub: a service of the machine
        (
            "0::/a/b",
            {"a/b/memory.max": 2 * GB, "a/b/memory.current": GB, "a/b/memory.stat": STAT},
        ),
        (
            "",
            {
                "memory/memory.limit_in_bytes": 2 * GB,
                "memory/memory.usage_in_bytes": GB,
                "memory/memory.stat": STAT.replace("inactive", "total_inactive"),
            },
        ),
    ],
)
def test_what_other_programs_of_the_container_hold_is_not_free(monkeypatch, tmp_path, group, files):
    contain(monkeypatch, tmp_path, group, {name: str(text) for name, text in files.items()})
    assert environment.memory_limit() == 2 * GB
    assert environment.memory_free() == GB + GB // 10


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("files", [{}, {"memory.max": "max\n", "memory.current": "5"}])
def test_without_a_limit_the_machine_decides(monkeypatch, tmp_path, files):
    contain(monkeypatch, tmp_path, "0::/", files)
    machine = SimpleNamespace(total=8 * GB, available=3 * GB)
    monkeypatch.setattr(environment.psutil, "virtual_memory", lambda: machine)
    assert (environment.memory_limit(), environment.memory_free()) == (8 * GB, 3 * GB)


def test_a_reader_is_warned_before_memory_runs_out(monkeypatch):
    monkeypatch.setattr(environment, "memory_used", lambda: 4 * GB // 10)
    monkeypatch.setattr(environment, "memory_free", lambda: 8 * GB // 10)
    assert environment.memory_warning() == "", "0.4 GB are taken already, so 0.8 are enough"
    monkeypatch.setattr(environment, "memory_free", lambda: 7 * GB // 10)
    warning = environment.memory_warning()
    assert "0.7 GB are free, and this lesson may need 0.8 more" in warning
    assert "Shut Down All Kernels" in warning
    assert max(map(len, warning.splitlines())) < 90


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
