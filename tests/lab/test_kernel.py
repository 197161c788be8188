"""The lab in a real kernel, spoken to as a page does: by messages.

It runs on the ipykernel and ipywidgets of this environment.  Others, such as the old ones of Colab,
are tried from a folder that `pip install --target FOLDER ipykernel==6.17.1 ...` has made:
COURSE_KERNEL_PATH=FOLDER puts it first on the kernel's path.
"""

import os
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import KernelManager

ROOT = Path(__file__).resolve().parents[2]
SETUP = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
import course_utils
from course_utils.lab import Lab
from tests.lab.small import small
"""


class Kernel:
    """A kernel, and the messages that a page would see."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager, self.client = manager, manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.comms: dict[str, dict[str, Any]] = {}
        self.parts: list[dict[str, Any]] = []
        self.answers: dict[int, dict[str, Any]] = {}
        self.number = 0

    def take(self, seconds: float = 0.2) -> dict[str, Any] | None:
        """Take in one message from the kernel, if one comes."""
        try:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            return None
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.comms[content["comm_id"]] = content["data"].get("state", {})
        if kind == "comm_msg" and content["data"].get("method") == "custom":
            sent = content["data"]["content"]
            if sent.get("part"):
                self.parts.append(sent["part"])
            if sent["kind"] == "answer":
                self.answers[sent["id"]] = sent
        return message

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            self.take()

    def execute(self, code: str, reader: bool = True, seconds: float = 60) -> str:
        """Run a cell as JupyterLab does, or as a program does; return what it printed."""
        asked = self.client.execute(code, allow_stdin=reader)
        text, done = "", False
        end = time.monotonic() + seconds
        while not done:
            assert time.monotonic() < end, f"still running: {code}"
            message = self.take()
            if message is None or message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "error":
                pytest.fail("\n".join(content["traceback"]))
            if message["msg_type"] == "stream":
                text += content["text"]
            done = message["msg_type"] == "status" and content["execution_state"] == "idle"
        return text.strip()

    @property
    def panel(self) -> str:
        return next(id for id, state in self.comms.items() if "picture" in state)

    def send(self, content: dict[str, Any]) -> None:
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": self.panel, "data": data})
        self.client.shell_channel.send(message)

    def command(self, name: str, /, **arguments: Any) -> float:
        """Send a command; return the seconds until it was confirmed."""
        self.number += 1
        begun = time.monotonic()
        content = {"kind": "command", "id": self.number, "name": name, "args": arguments}
        self.send(content)
        self.until(lambda: self.number in self.answers)
        assert self.answers[self.number]["ok"], self.answers[self.number]
        return time.monotonic() - begun

    @property
    def step(self) -> int:
        return max((part.get("step", 0) for part in self.parts), default=0)


@pytest.fixture(scope="module")
def process() -> Iterator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    own = {"COURSE_DATA": "shapes", "COURSE_OFFLINE": "1"}
    if other := os.environ.get("COURSE_KERNEL_PATH"):
        own["PYTHONPATH"] = other
    manager.start_kernel(env={**os.environ, **own})
    kernel = Kernel(manager)
    try:
        kernel.execute(SETUP)
        yield kernel
    finally:
        kernel.client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(process: Kernel) -> Kernel:
    process.comms.clear()
    process.parts.clear()
    process.answers.clear()
    return process


def test_training_in_the_background(kernel: Kernel) -> None:
    printed = kernel.execute("lab = Lab(session=small()); print(lab._driver.name); lab")
    assert printed == "background"
    kernel.command("start")
    kernel.until(lambda: kernel.step >= 20)
    assert kernel.execute("print(lab.running)") == "True", "another cell runs meanwhile"
    kernel.command("thaw", name="deep")
    kernel.until(lambda: any("thawed deep" in str(part.get("marks")) for part in kernel.parts))
    kernel.command("pause")
    kernel.until(lambda: kernel.parts[-1] and not kernel.execute("print(*lab._driver._tasks)"))
    steps = kernel.execute("print(lab.session.snapshot()['step'])")
    time.sleep(0.3)
    assert kernel.execute("print(lab.session.snapshot()['step'])") == steps
    kernel.command("step")
    assert int(kernel.execute("print(lab.session.snapshot()['step'])")) == int(steps) + 1
    kernel.command("reset", seed=3)
    assert kernel.execute("print(lab.session.snapshot()['run'])") == "2"
    left = "import threading; print([t.name for t in threading.enumerate() if 'lab' in t.name])"
    assert kernel.execute(left) == "[]"


def test_an_interrupt_leaves_the_lab_whole(kernel: Kernel) -> None:
    kernel.execute("lab = Lab(session=small()); lab.start()")
    kernel.until(lambda: kernel.step >= 5)
    kernel.manager.interrupt_kernel()
    assert kernel.execute("print(lab.session.snapshot()['status'])") == "ready"
    kernel.command("pause")
    while kernel.client.shell_channel.msg_ready():
        kernel.client.get_shell_msg(timeout=1)
    kernel.client.execute("lab.run(1_000_000)", allow_stdin=True)
    steps = kernel.step
    kernel.until(lambda: kernel.step > steps + 20)
    kernel.manager.interrupt_kernel()
    assert kernel.client.get_shell_msg(timeout=30)["content"]["status"] == "error"
    time.sleep(0.3)  # a kernel drops what was sent right behind an interrupted cell
    assert kernel.execute("print(lab.running, lab.error, lab.session.status)") == "False None ready"
    kernel.execute("lab.run(3)")


def test_where_the_page_drives(kernel: Kernel) -> None:
    kernel.execute("lab = Lab(session=small(), driver='foreground'); lab")
    kernel.command("start")
    for _ in range(3):
        before = kernel.step
        kernel.send({"kind": "tick"})
        kernel.until(lambda: kernel.step > before)  # noqa: B023  called before the next round
    kernel.command("pause")
    assert kernel.execute("print(lab.running)") == "False"


def test_a_notebook_executed_by_a_program_trains_inside_its_cells(kernel: Kernel) -> None:
    code = "lab = Lab(session=small()); lab.start(7); print(lab._driver.name, lab)"
    printed = kernel.execute(code, reader=False)
    assert printed.startswith("synchronous <Lab: run 1, step 7")


def test_displaying_gives_the_panel_and_a_picture(kernel: Kernel) -> None:
    kernel.execute("lab = Lab(session=small()); lab.run(3)")
    asked = kernel.client.execute("lab", allow_stdin=True)
    shown: dict[str, Any] = {}
    end = time.monotonic() + 30
    while not shown and time.monotonic() < end:
        message = kernel.take()
        if message and message["parent_header"].get("msg_id") == asked:
            shown = message["content"].get("data", {})
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["image/png"].startswith("iVBOR")
    assert shown["text/plain"].startswith("<Lab: run 1, step 3")
