"""The website, built once from the repository as it is."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.browser.conftest import browser, page, watched

import pytest
from filelock import FileLock

__all__ = ["browser", "page", "watched"]
TOOLS = ("sphinx", "myst_nb", "furo")


def lacks_tools() -> str | None:
    """Say why no site can be built, or None when it can."""
    absent = [name for name in TOOLS if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@pytest.fixture(scope="session")
def pages(root: Path) -> ModuleType:
    """Return the module that gathers the pages."""
    from authoring.site import pages

    return pages


@pytest.fixture(scope="session")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site into a temporary folder, once for all workers of pytest-xdist."""
    if reason := lacks_tools():
        pytest.skip(f"the website cannot be built: {reason}")
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    done = base / "site-is-built"
    with FileLock(base / "site.lock"):
        if not done.exists():
            command = [sys.executable, "-m", "authoring", "site", "--to", str(base / "site")]
            result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            if result.returncode:
                pytest.fail(f"make site fails:\n{result.stdout}{result.stderr}", pytrace=False)
            done.touch()
    return base / "site"
