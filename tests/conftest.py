"""What all tests share: the course's environment variables, and what this machine offers."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  (before torch: it settles how OpenMP's threads wait)
from tests import scripts

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("COURSE_SHARED") or ROOT.parent / "shared").resolve()
# Left out by `make quick`: as are tests that start scripts of benchmarks or are marked one by one.
SLOW = (
    "browser",
    "real",
    "hub",
    "benchmarks",
    "authoring",
    "lab/",
    "lesson09/test_lab_soak.py",
)
# What shares a browser, a built site or cached features; and what takes longest.
TOGETHER = ("tests/browser", "tests/authoring/site", "tests/real/test_real_images.py")
LONGEST = ("tests/browser", "build/", "tests/real", "tests/benchmarks", "tests/authoring")
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


def is_lesson(item: pytest.Item) -> bool:
    """Whether nbval made a test of a notebook's cell."""
    return type(item).__module__.startswith("nbval")


def is_slow(item: pytest.Item, where: str) -> bool:
    """Whether `make quick` leaves a test out for where it lies or what it starts."""
    starts_a_script = any(value is scripts.run for value in vars(item.module).values())
    return starts_a_script or where.startswith(tuple(f"tests/{place}" for place in SLOW))


class KeepTogether(LoadScopeScheduling):
    """Lets one process run what shares a kernel, a browser or another costly thing.

    A notebook's cells belong together, and so do the tests of each folder in `TOGETHER`; any other
    test goes wherever there is time.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        alone = path if path.endswith(".ipynb") else nodeid
        return next((group for group in TOGETHER if path.startswith(group)), alone)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> KeepTogether | None:
    """Deal the tests out by `KeepTogether` where the command says `--dist loadscope`."""
    return KeepTogether(config, log) if config.getoption("dist") == "loadscope" else None


def start_in_the_built_in_world(notebook: pytest.Collector) -> None:
    """Let the kernel of a lesson that nbval runs see the built-in world, and no network."""
    start = notebook.setup

    def setup() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_DATA", "shapes")
            patch.setenv("COURSE_OFFLINE", "1")
            patch.setenv("PYTHONPATH", str(ROOT))  # the solutions are checked by `authoring`
            start()

    notebook.setup = setup  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and skip what this machine cannot run."""
    must_browse = os.environ.get("COURSE_REQUIRE_BROWSER") == "1"
    places = {}
    for item in items:
        where = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        places[item] = next((i for i, long in enumerate(LONGEST) if where.startswith(long)), 99)
        if is_lesson(item):
            continue
        folder = where.split("/")[1]
        if is_slow(item, where):
            item.add_marker("slow")
        if folder == "real":
            item.add_marker("real")
            if reason := lacks_shared():
                item.add_marker(pytest.mark.skip(reason=reason))
        elif folder == "browser":
            item.add_marker("browser")
            if (reason := lacks_browser()) and not must_browse:
                item.add_marker(pytest.mark.skip(reason=reason))
    for notebook in {item.parent for item in items if is_lesson(item)}:
        start_in_the_built_in_world(notebook)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=places.__getitem__)  # what takes long begins first, and the rest fills up


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the real images and weights; it is there when a test asks for it."""
    return SHARED
