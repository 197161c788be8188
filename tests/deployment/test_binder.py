"""Binder: what binder/ says by the rules of repo2docker, and what its two scripts do.

The slow tests need COURSE_REPO2DOCKER, a folder that `pip install --target` has made from
tests/binder-pins.txt; .ci/run makes it.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from course_utils import experiments

import pytest
import yaml

BINDER = Path(__file__).resolve().parents[2] / "binder"
WITH_REPO2DOCKER = pytest.mark.skipif(
    "COURSE_REPO2DOCKER" not in os.environ, reason="no repo2docker (COURSE_REPO2DOCKER)"
)
# Files by which repo2docker would choose another way to build, or install more than we say.
OTHER_WAYS = {
    *("Dockerfile", "requirements.txt", "runtime.txt", "setup.py", "Pipfile", "Pipfile.lock"),
    *("Project.toml", "REQUIRE", "install.R", "DESCRIPTION", "default.nix", "apt.txt"),
    *("environment.yaml", "pyproject.toml"),
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment() -> tuple[list[str], list[str]]:
    """Return what conda installs and what pip installs after it."""
    stated = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    *conda, last = stated["dependencies"]
    return conda, last["pip"]


def test_repo2docker_finds_one_way_to_build() -> None:
    names = {path.name for path in BINDER.iterdir()}
    assert {"environment.yml", "postBuild", "start"} <= names
    assert not names & OTHER_WAYS


def test_torch_comes_without_cuda_and_python_is_named_as_repo2docker_reads_it() -> None:
    conda, pip = environment()
    names = [re.split("[=<>]", text)[0] for text in [*conda, *pip]]
    assert re.fullmatch(r"python=3\.\d+", conda[0])
    assert [text.split("=")[0] for text in conda[1:]] == ["pip", "pytorch-cpu", "torchvision"]
    assert not [n for n in names if n in ("torch", "pytorch", "pytorch-gpu") or "cuda" in n]
    assert "://" not in (BINDER / "environment.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_are_programs_of_linux(name: str) -> None:
    text = (BINDER / name).read_bytes()
    assert text.startswith(b"#!/usr/bin/env bash\n")
    assert b"\r" not in text
    assert b"set -euo pipefail" in text
    if os.name == "posix":
        assert os.access(BINDER / name, os.X_OK)


def started(**given: str) -> dict[str, str]:
    """Return the environment of what binder/start starts."""
    dump = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    run = subprocess.run(
        [str(BINDER / "start"), *dump], env={**kept, **given}, check=True, capture_output=True
    )
    return json.loads(run.stdout)


@pytest.mark.skipif(os.name == "nt", reason="Binder runs on Linux")
def test_start_settles_threads_and_memory() -> None:
    found = started()
    assert {name: found[name] for name in THREADS} == dict.fromkeys(THREADS, "2")
    assert (found["OMP_WAIT_POLICY"], found["MALLOC_ARENA_MAX"]) == ("PASSIVE", "2")
    assert started(OMP_NUM_THREADS="1")["OMP_NUM_THREADS"] == "1", "a hub's own number stays"


@pytest.mark.skipif(os.name == "nt", reason="Binder runs on Linux")
@pytest.mark.parametrize(
    ("given", "world"),
    [
        ({}, None),
        ({"BINDER_LAUNCH_HOST": "https://mybinder.org/"}, "shapes"),
        ({"BINDER_LAUNCH_HOST": "https://mybinder.org/", "COURSE_DATA": "cifar10"}, "cifar10"),
    ],
)
def test_start_chooses_the_built_in_world_on_binder_only(given: dict, world: str | None) -> None:
    assert started(**given).get("COURSE_DATA") == world


def test_what_was_measured_fits_into_binder(root: Path) -> None:
    """Each lesson, and the lab after ten minutes of random clicks, beside JupyterLab in 2 GB."""
    records = {name: experiments.read_record(name) for name in ("lesson_costs", "lab_soak")}
    peaks = {row["lesson"]: row["peak_mb"] for row in records["lesson_costs"]["medians"]}
    peaks["lab_soak"] = records["lab_soak"]["memory_most_mb"]
    assert "00_start_here" in peaks
    assert {name: peak for name, peak in peaks.items() if peak >= 1200} == {}


def copied(root: Path, folder: Path) -> Path:
    """Copy what repo2docker looks at, and what postBuild installs."""
    for name in ("binder", "course_utils"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("environment.yml", "requirements.txt", "pyproject.toml", "README.md"):
        shutil.copy(root / name, folder)
    return folder


@WITH_REPO2DOCKER
def test_the_dockerfile_is_what_we_mean(root: Path, tmp_path: Path) -> None:
    words = ["-m", "repo2docker", "--no-build", "--debug", "--user-id=1000", "--user-name=jovyan"]
    run = subprocess.run(
        [sys.executable, *words, str(copied(root, tmp_path / "course"))],
        env={**os.environ, "PYTHONPATH": os.environ["COURSE_REPO2DOCKER"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    python = environment()[0][0].removeprefix("python=")
    assert f"Building conda environment for python={python}\n" in run.stderr
    lines = run.stdout.splitlines()
    [base] = [line for line in lines if line.startswith("FROM ")]
    assert "/buildpack-deps:" in base
    # where the scripts run, and in which order; none of the files beside binder/ counts
    steps = [
        next(number for number, line in enumerate(lines) if what in line)
        for what in (
            f"py-2d{python.replace('.', '-2e')}-2d",  # the base environment's lock, for this Python
            'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"',
            "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
            "RUN ./binder/postBuild",
            'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
        )
    ]
    assert steps == sorted(steps)
    assert [line for line in lines[: steps[3]] if line.startswith("USER ")][-1] == "USER ${NB_USER}"
    assert sum("--file" in line for line in lines) == 1
    assert "requirements.txt" not in run.stdout


@WITH_REPO2DOCKER
def test_postbuild_runs_in_a_clean_folder(root: Path, tmp_path: Path) -> None:
    """With a fresh virtual environment in the place of conda's; needs the package index."""
    course, prefix = copied(root, tmp_path / "course"), tmp_path / "prefix"
    subprocess.run([sys.executable, "-m", "venv", str(prefix)], check=True)
    environment = {**os.environ, "PATH": f"{prefix}/bin{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["binder/postBuild"], cwd=course, env=environment, check=True, timeout=120)
    ask = "import course_utils; print(course_utils.__file__)"
    run = [f"{prefix}/bin/python", "-P", "-c", ask]
    where = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert Path(where.strip()) == course / "course_utils" / "__init__.py"
    settings = prefix / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    assert settings.read_text("utf-8") == (
        root / "course_utils" / "lab_settings" / "overrides.json"
    ).read_text("utf-8")
    config = json.loads((prefix / "etc/jupyter/jupyter_server_config.json").read_text("utf-8"))
    module, _, name = config["ServerApp"]["contents_manager_class"].rpartition(".")
    assert hasattr(importlib.import_module(module), name)
