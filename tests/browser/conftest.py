"""A real JupyterLab and a real browser, both as a student has them, on a copy of the lessons."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from authoring.notebooks import ROOT
from authoring.recording import OFFLINE
from tests.conftest import find_chromium, lacks_browser

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebSocket,
    sync_playwright,
)

ARTEFACTS = Path(__file__).parent / "artefacts"
CHROMIUM_FLAGS = [
    "--no-sandbox",  # a container's root has no sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

# A notification is gone after some seconds, so it is noted when it comes.
POPUP_SCRIPT = """new MutationObserver(() =>
    document.querySelectorAll('.jp-Dialog, .Toastify__toast')
        .forEach(popup => window.coursePopup(popup.textContent))
).observe(document, {childList: true, subtree: true});"""


@dataclass
class Lab:
    """A running JupyterLab."""

    origin: str
    token: str
    folder: Path

    def address(self, page: str) -> str:
        """Return the address of a page below the served folder, with a fresh workspace."""
        return f"{self.origin}/lab/tree/{page}?token={self.token}&reset"


@dataclass
class Watched:
    """What a page did that a reader would not want."""

    console_errors: list[str] = field(default_factory=list)
    left_this_computer: list[str] = field(default_factory=list)
    popups: list[str] = field(default_factory=list)

    def assert_nothing(self) -> None:
        """Fail if there is anything, and say what."""
        assert self == Watched()

    def forget(self) -> None:
        """Begin anew, where several tests share a tab."""
        for noted in (self.console_errors, self.left_this_computer, self.popups):
            noted.clear()

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def on_page_error(self, error: Exception) -> None:
        self.console_errors.append(f"uncaught: {error}")

    def on_request(self, request: Request | WebSocket) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.left_this_computer.append(request.url)

    def on_popup(self, text: str) -> None:
        if text not in self.popups:
            self.popups.append(text)


def watch(page: Page) -> Watched:
    """Watch a tab from its first request on: console, requests, dialogs and notifications."""
    watched = Watched()
    page.expose_function("coursePopup", watched.on_popup)
    page.add_init_script(POPUP_SCRIPT)
    page.on("console", watched.on_console)
    page.on("pageerror", watched.on_page_error)
    page.on("request", watched.on_request)
    page.on("websocket", watched.on_request)
    return watched


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start ``python -m course_utils lab`` on a copy, since JupyterLab saves what it runs."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "lessons", folder / "lessons")
    for name in ("course_utils", "data"):
        (folder / name).symlink_to(ROOT / name)
    with running_lab(folder, tmp_path_factory.mktemp("jupyter")) as started:
        yield started


def running_lab(folder: Path, settings: Path) -> contextlib.AbstractContextManager[Lab]:
    """Run JupyterLab on ``folder`` by the course's own command."""
    with socket.socket() as probe:  # a port of its own: two that start at once would take the same
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    options = ["--no-browser", "--port", port, "--root", str(folder)]
    return running_server([sys.executable, "-m", "course_utils", "lab", *options], folder, settings)


@contextlib.contextmanager
def running_server(
    command: list[str], folder: Path, settings: Path, seconds: float = 60
) -> Iterator[Lab]:
    """Run a server of ``folder``, with settings of its own instead of the developer's."""
    names = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "user-settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(settings / sub) for name, sub in names.items()}
    log = settings / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **OFFLINE, **own, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + seconds
        pattern = re.compile(r"(http://127\.0\.0\.1:\d+)/\S*token=(\w+)")
        while not (found := pattern.search(log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Jupyter did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)
        yield Lab(found[1], found[2], folder)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="package")  # ended before other tests: Playwright's event loop goes with it
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Start Chromium with an empty profile."""
    executable = find_chromium()
    if executable is None:  # only reached where COURSE_REQUIRE_BROWSER=1 forbids the skip
        pytest.fail(f"COURSE_REQUIRE_BROWSER=1, but {lacks_browser()}")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=executable,
            args=CHROMIUM_FLAGS,
            headless=True,
            viewport={"width": 1280, "height": 1000},
        )
        yield context
        context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """Open an empty tab."""
    tab = browser.new_page()
    yield tab
    tab.close()


@pytest.fixture
def watched(page: Page) -> Watched:
    """Watch the tab from its first request on."""
    return watch(page)
