"""What this program runs on: device, place, memory, versions, seeds."""

import os
import platform
import random
import re
import subprocess
from pathlib import Path

from course_utils.packages import PROJECT as PROJECT  # others take it from here

import numpy as np
import psutil
import torch

MEGABYTE = 1024 * 1024
GIGABYTE = 10**9  # as memory is sold and as Binder counts
LESSON_BYTES = 1_200_000_000  # what a lesson may take in all, its kernel included
CGROUP, OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# Where Linux keeps a container's limit and use, and what of the use are files that it gives up at
# need: version 2, then version 1.
CONTAINERS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def pick_device() -> torch.device:
    """The fastest device at hand: a CUDA GPU, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe_device(device: torch.device) -> str:
    """A device in words, such as "CPU, 2 threads"."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "GPU, Apple (mps)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on every device, so that a run can be repeated."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  libraries that readers add may still use it
    torch.manual_seed(seed)


def memory_limit() -> int:
    """Bytes this process may use: the machine's memory, or less where a container says so."""
    limits = [psutil.virtual_memory().total, *(limit for limit, _ in _containers())]
    if mem := os.environ.get("MEM_LIMIT"):  # set by JupyterHub and Binder
        limits.append(int(mem))
    return min(limits)


def memory_free() -> int:
    """Bytes that this and new programs may still take.

    A container's limit holds for all its programs together, such as several kernels on Binder.
    """
    left = [limit - used for limit, used in _containers()]
    if mem := os.environ.get("MEM_LIMIT"):  # may be all that tells of a container
        left.append(int(mem) - memory_used())
    return max(0, min(memory_limit(), int(psutil.virtual_memory().available), *left))


def _containers() -> list[tuple[int, int]]:
    """Limit and use in bytes, of each container that limits this process."""
    found = []
    for limit, used, stat, cached in CONTAINERS:
        try:
            folder = CGROUP / _own_group()
            most = int((folder / limit).read_text())
            kept = re.search(rf"(?m)^{cached} (\d+)$", (folder / stat).read_text())
            taken = int((folder / used).read_text()) - (int(kept[1]) if kept else 0)
        except (OSError, ValueError):  # no such container, or "max"
            continue
        found.append((most, taken))
    return found


def _own_group() -> str:
    """This process's control group in version 2, below `CGROUP`; empty inside a container."""
    own = re.search(r"(?m)^0::/(.*)$", OWN_GROUP.read_text())
    return own[1] if own else ""


def memory_warning() -> str:
    """What to tell a reader whose lesson may run out of memory; empty where there is enough."""
    needed, free = LESSON_BYTES - memory_used(), memory_free()
    if free >= needed:
        return ""
    return (
        f"  memory   {free / GIGABYTE:.1f} GB are free, and this lesson may need"
        f" {needed / GIGABYTE:.1f} more;\n"
        "           where they run out, the kernel ends without a word. Shut down other\n"
        "           lessons (in JupyterLab: Kernel, Shut Down All Kernels), then run this again"
    )


def memory_used() -> int:
    """Bytes of memory that this process holds now (resident set)."""
    return int(psutil.Process().memory_info().rss)


def versions() -> dict[str, str]:
    """Versions that decide whether a figure can be reproduced."""
    import torchvision

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def hardware(device: torch.device | None = None) -> str:
    """The hardware of a measurement in words."""
    device = device or pick_device()
    return f"{describe_device(device)}, {platform.machine()}, {os.cpu_count()} cores"


def commit() -> str:
    """The project's commit, with "+" when files differ from it; "unknown" outside a repository."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip()
