"""What all tests share: the course's environment variables, and what this machine offers."""

import os
import shutil
import signal
from pathlib import Path

import course_utils  # noqa: F401  (before torch: it settles how OpenMP's threads wait)

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("COURSE_SHARED") or ROOT.parent / "shared").resolve()
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# A shell that starts the tests in the background lets them ignore Ctrl+C, and all their children:
# the tests of interrupts need it back.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A developer's own settings must not decide what the tests see; a test sets what it needs.
for _name in (
    "COURSE_DATA",
    "COURSE_OFFLINE",
    "COURSE_CACHE",
    "COURSE_MIRROR",
    "COURSE_PROGRESS",
):
    os.environ.pop(_name, None)


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None; COURSE_CHROMIUM names one by hand."""
    names = [os.environ.get("COURSE_CHROMIUM", ""), *BROWSERS]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def lacks_shared() -> str | None:
    """Say why tests/real cannot run, or None when they can."""
    absent = [name for name in ("cifar10", "weights") if not (SHARED / name).is_dir()]
    return f"no {' and no '.join(absent)} folder in {SHARED} (COURSE_SHARED)" if absent else None


def lacks_browser() -> str | None:
    """Say why tests/browser cannot run, or None when they can."""
    if find_chromium():
        return None
    return f"no browser found ({', '.join(BROWSERS)}, or COURSE_CHROMIUM=/path/to/one)"


def pytest_report_header() -> list[str]:
    """Say aloud what will be skipped, before anything runs."""
    real, browser = lacks_shared(), lacks_browser()
    return [
        f"tests/real: {f'SKIPPED, {real}' if real else f'run on {SHARED}'}",
        f"tests/browser: {f'SKIPPED, {browser}' if browser else f'run with {find_chromium()}'}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and skip what this machine cannot run."""
    must_browse = os.environ.get("COURSE_REQUIRE_BROWSER") == "1"
    for item in items:
        folder = item.path.relative_to(ROOT).parts[1] if item.path.is_relative_to(ROOT) else ""
        if folder == "real":
            item.add_marker("real")
            if reason := lacks_shared():
                item.add_marker(pytest.mark.skip(reason=reason))
        elif folder == "browser":
            item.add_marker("browser")
            if (reason := lacks_browser()) and not must_browse:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the real images and weights; it is there when a test asks for it."""
    return SHARED
