"""A real JupyterHub with real Unix users, where the machine has what it takes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hub.student import Hub, Student

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("ann", "bo", "cy")


def environment() -> Path:
    """The folder that `tests/hub/run` made: JupyterHub, and its proxy in node_modules."""
    return Path(os.environ.get("COURSE_HUB", ""))


def program(name: str) -> Path:
    return environment() / "bin" / name


def proxy() -> Path:
    return environment() / "node_modules" / ".bin" / "configurable-http-proxy"


def lacks_hub() -> str | None:
    """Say why these tests cannot run, or None when they can."""
    if not os.environ.get("COURSE_HUB"):
        return "no hub is set up; `sudo tests/hub/run` does it, and runs them"
    absent = [str(p) for p in (program("jupyterhub"), proxy()) if not p.exists()]
    if absent:
        return f"not there: {', '.join(absent)}; run `sudo tests/hub/run`"
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        return "only root can make users (Linux); run `sudo tests/hub/run`"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = lacks_hub()
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Class:
    """A hub with its students, the folder that they share, and where the log is."""

    hub: Hub
    students: tuple[Student, ...]
    data: Path
    password: str
    log: Path
    limited: bool
    mem_limit: str

    def home(self, student: Student) -> Path:
        return Path(pwd.getpwnam(student.name).pw_dir)


def setting(name: str) -> str:
    """A value that `hub/tljh.sh` gives to The Littlest JupyterHub."""
    text = (ROOT / "hub" / "tljh.sh").read_text(encoding="utf-8")
    [value] = re.findall(rf"^tljh-config set {re.escape(name)} (\S+)$", text, re.MULTILINE)
    return value


@pytest.fixture(scope="session")
def classroom() -> Iterator[Class]:
    """Users, shared folder and hub; all of it is removed at the end."""
    with contextlib.ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="course-hub-")))
        base.chmod(0o755)
        data = base / "data"
        (data / "torch").mkdir(parents=True)
        state = base / "state"
        state.mkdir(mode=0o700)
        users = [stack.enter_context(unix_user(f"course-{n}-{os.getpid()}", base)) for n in NAMES]
        groups = {user: stack.enter_context(memory_group(user)) for user in users}
        limited = all(groups.values())
        url, hub_port, proxy_port = (free_port() for _ in range(3))
        settings = {
            "config": str(ROOT / "hub" / "jupyterhub_config.py"),
            "groups": {user: group for user, group in groups.items() if group},
            "password": secrets.token_hex(8),
            "students": users,
            "url": f"http://127.0.0.1:{url}",
            "hub_port": hub_port,
            "proxy_port": proxy_port,
            "proxy": [str(proxy())],
            "state": str(state),
            "token": secrets.token_hex(16),
            "mem_limit": setting("limits.memory"),
            "environment": {"COURSE_CACHE": str(data), "TORCH_HOME": str(data / "torch")},
        }
        log = state / "hub.log"
        stack.enter_context(running_hub(settings, state, log))
        hub = Hub(str(settings["url"]), str(settings["token"]))
        students = tuple(Student(hub, user) for user in users)
        for student in students:
            student.start()
        yield Class(hub, students, data, str(settings["password"]), log, limited,
                    str(settings["mem_limit"]))  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def unix_user(name: str, base: Path) -> Iterator[str]:
    """A user with a home that nobody else may enter, as The Littlest JupyterHub makes them."""
    home = base / "homes" / name
    home.parent.mkdir(exist_ok=True)
    run = functools.partial(subprocess.run, check=True, capture_output=True, timeout=60)
    run(["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/bash", name])
    home.chmod(0o750)
    uid = pwd.getpwnam(name).pw_uid
    try:
        yield name
    finally:
        left = [p for p in psutil.process_iter(["uids"]) if p.info["uids"].real == uid]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)
        run(["userdel", "--remove", name])


@contextlib.contextmanager
def memory_group(name: str) -> Iterator[dict[str, str] | None]:
    """A memory group of the kernel's (version 1 or 2), or None where none can be made."""
    old, new = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    controllers = new / "cgroup.subtree_control"
    if old.is_dir():
        folder, limit_file = old / name, "memory.limit_in_bytes"
    elif controllers.is_file() and "memory" in controllers.read_text().split():
        folder, limit_file = new / name, "memory.max"
    else:
        yield None
        return
    try:
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        yield {"folder": str(folder), "limit_file": limit_file}
    finally:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                folder.rmdir()
                break
            except OSError:  # its last process is still leaving
                time.sleep(0.2)


@contextlib.contextmanager
def running_hub(settings: dict[str, object], folder: Path, log: Path) -> Iterator[None]:
    """Run JupyterHub until it answers; stop it, and all servers with it, at the end."""
    path = f"{program('python').parent}:{os.environ['PATH']}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                str(program("jupyterhub")),
                "--config",
                str(Path(__file__).with_name("hub_config.py")),
            ],
            cwd=folder,
            env={**os.environ, "COURSE_HUB_SETTINGS": json.dumps(settings), "PATH": path},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    hub = Hub(str(settings["url"]), str(settings["token"]))
    try:
        deadline = time.monotonic() + 90
        while True:
            with contextlib.suppress(OSError):
                if hub.api("GET", "users").ok:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"JupyterHub did not start:\n{log.read_text()[-5000:]}")
            time.sleep(0.3)
        yield
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
