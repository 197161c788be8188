"""Checks of `python -m course_utils doctor` that look at the machine and what is installed.

A check is a function without arguments that returns a `Finding`.  Nothing heavy is imported before
a check needs it: the doctor must be able to say that torch is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from course_utils import _torchvision_fix, packages

Status = Literal["ok", "note", "problem"]
PIP = f"{Path(sys.executable).name} -m pip install"
PYTHON = "3.11"
GIGABYTE = 10**9
DOWNLOAD_BYTES = 400_000_000  # CIFAR-10 packed and unpacked, and the ImageNet weights
NETWORK_SECONDS = 2.0  # a reader waits for the doctor


@dataclass(frozen=True)
class Finding:
    """What one check came to.

    Parameters
    ----------
    status : str
        "ok", "note" (works, but worth knowing) or "problem" (lessons will fail).
    found : str
        What there is.
    advice : str, optional
        What to do about it; empty when there is nothing to do.
    """

    status: Status
    found: str
    advice: str = ""


Check = Callable[[], Finding]


def ok(found: str) -> Finding:
    """All is well."""
    return Finding("ok", found)


def note(found: str, advice: str = "") -> Finding:
    """Lessons run, and the reader should know this."""
    return Finding("note", found, advice)


def problem(found: str, advice: str) -> Finding:
    """Lessons will fail unless something is done."""
    return Finding("problem", found, advice)


def _numbers(version: str | None) -> tuple[int, ...]:
    return packages.version_numbers(version or "")


def python() -> Finding:
    """The interpreter is new enough for the course."""
    version = sys.version.split()[0]
    if _numbers(version) < _numbers(PYTHON):
        return problem(
            f"Python {version}; the course needs {PYTHON} or later",
            "install a newer Python, then make a new environment with it",
        )
    return ok(f"Python {version} at {sys.executable}")


def installed_packages() -> Finding:
    """Every package is there, and new enough; best at the version that the tests run on."""
    pinned, least = packages.pinned(), packages.required(None)
    needed = packages.required(["lab"])  # without these a lesson does not run
    versions = packages.installed([*pinned, *least])
    advice = f"{PIP} -r requirements.txt"
    if missing := [name for name in needed if versions[name] is None]:
        return problem(f"not installed: {', '.join(missing)}", advice)
    if old := [
        f"{name} {versions[name]} (needs {least[name]} or later)"
        for name in needed
        if _numbers(versions[name]) < _numbers(least[name])
    ]:
        return problem(f"too old: {', '.join(old)}", advice)
    absent = [name for name, version in versions.items() if version is None]
    other = [
        f"{name} {versions[name]} (tested: {version})"
        for name, version in pinned.items()
        if versions[name] and _numbers(versions[name]) != _numbers(version)
    ]
    if absent or other:
        parts = [f"other versions than the tested ones: {', '.join(other)}"] if other else []
        parts += [f"tools for developers are missing: {', '.join(absent)}"] if absent else []
        return note("; ".join(parts), f"lessons should run; to have the tested ones: {advice}")
    return ok(f"all {len(versions)} as tested (requirements.txt)")


def device() -> Finding:
    """What training will run on."""
    from course_utils import environment

    import torch

    found = f"torch {torch.__version__} on {environment.describe_device(environment.pick_device())}"
    if environment.pick_device().type == "cpu" and shutil.which("nvidia-smi"):
        return note(
            f"{found}, though this machine seems to have an NVIDIA GPU",
            "lessons run on the CPU; to use the GPU, install a torch built for CUDA (pytorch.org)",
        )
    return ok(found)


def torchvision() -> Finding:
    """torch and torchvision belong together."""
    import torch
    import torchvision as installed

    found = f"torchvision {installed.__version__} beside torch {torch.__version__}"
    ours, theirs = _numbers(torch.__version__), _numbers(installed.__version__)
    if ours[0] == 2 and theirs[:2] != (0, ours[1] + 15):  # 2.6 came with 0.21, and so on since
        return problem(
            f"{found}: made for torch 2.{theirs[1] - 15}",
            f"install the pair: torch=={torch.__version__.split('+')[0]} with "
            f"torchvision==0.{ours[1] + 15}.*, or both from requirements.txt",
        )
    if reason := _torchvision_fix.why_declared():
        return note(
            f"{found}; its compiled operators do not load here ({reason})",
            "nothing: harmless, the course uses none of them and works around it",
        )
    return ok(found)


def threads() -> Finding:
    """Waiting threads sleep, so that a second program does not slow training down many times."""
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.upper() != "PASSIVE":
        return note(
            f"OMP_WAIT_POLICY={policy}: waiting threads keep the processor busy",
            "set it to PASSIVE, or unset it (the course then does), before Python starts",
        )
    return ok("OMP_WAIT_POLICY=PASSIVE: waiting threads sleep")


def memory() -> Finding:
    """There is room for a lesson."""
    from course_utils import environment

    limit, free, lesson = (
        environment.memory_limit(),
        environment.memory_free(),
        environment.LESSON_BYTES,
    )
    found = f"{free / GIGABYTE:.1f} GB free of {limit / GIGABYTE:.1f} GB"
    need = f"{lesson / GIGABYTE:.1f} GB"
    if limit < lesson:
        return problem(f"{found}; a lesson needs {need}", "use a machine with more memory")
    if free < lesson:
        return problem(
            f"{found}; a lesson needs {need}",
            "shut down other kernels (in JupyterLab: Kernel, Shut Down All) and close programs",
        )
    return ok(f"{found}; a lesson needs {need}")


def disk() -> Finding:
    """Downloads have room, in a folder that can be written."""
    from course_utils.downloads import cifar10

    folder = cifar10.cache_folder()
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    other = "choose another folder with COURSE_CACHE; lessons also run without downloads"
    if not there.is_dir() or not os.access(there, os.W_OK):
        return note(f"{there} cannot be written, so nothing can be downloaded", other)
    free = shutil.disk_usage(there).free
    found = f"{free / GIGABYTE:.1f} GB free for downloads in {folder}"
    if free < DOWNLOAD_BYTES and cifar10.on_disk() is None:
        return note(f"{found}; CIFAR-10 and weights need {DOWNLOAD_BYTES / GIGABYTE:.1f} GB", other)
    return ok(found)


def network() -> Finding:
    """Whether CIFAR-10 could be downloaded."""
    from course_utils.downloads import cifar10, network

    if network.offline():
        return ok("not asked, since COURSE_OFFLINE=1; lessons run without it")
    if cifar10.online(timeout=NETWORK_SECONDS):
        return ok("the server of CIFAR-10 answers")
    return note(
        "the server of CIFAR-10 does not answer",
        "lessons run without it; behind a proxy set https_proxy, or name a copy in COURSE_MIRROR",
    )


def jupyterlab() -> Finding:
    """JupyterLab is installed, and its kernel is this Python."""
    if missing := [name for name in ("jupyterlab", "ipykernel") if find_spec(name) is None]:
        return problem(f"not installed: {', '.join(missing)}", f"{PIP} {' '.join(missing)}")
    from jupyter_core.paths import jupyter_path

    found = f"JupyterLab {packages.installed(['jupyterlab'])['jupyterlab']}"
    specs = [Path(folder) / "python3" / "kernel.json" for folder in jupyter_path("kernels")]
    spec = next((file for file in specs if file.is_file()), None)
    # without a file ipykernel offers the Python that JupyterLab itself runs on
    words = json.loads(spec.read_text(encoding="utf-8"))["argv"] if spec else ["python"]
    program = Path(words[0])
    if len(program.parts) > 1 and program.absolute() != Path(sys.executable).absolute():
        return note(
            f"{found}; its kernel python3 runs another Python: {program}",
            f"start it by `python -m course_utils lab`, or delete {spec} if you do not need it",
        )
    return ok(f"{found}; its kernel runs this Python")


def widgets() -> Finding:
    """The live lab can be shown: both halves of each widget library are there."""
    advice = f"{PIP} ipywidgets anywidget"
    if missing := [name for name in ("ipywidgets", "anywidget") if find_spec(name) is None]:
        return problem(f"not installed: {', '.join(missing)}", advice)
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    halves = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
    if absent := [h for h in halves if not any((f / h).is_dir() for f in folders)]:
        return problem(
            f"JupyterLab does not see the extension {', '.join(absent)}",
            f"install into the environment that JupyterLab runs from: {advice}",
        )
    return ok("ipywidgets and anywidget, and JupyterLab sees both")
