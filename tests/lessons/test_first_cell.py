"""The first cell of every lesson: on Colab from nothing, elsewhere without touching anything."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from course_utils import colab, notebooks

import pytest

# A stand-in for Colab: the module by which the cell knows it.
PRETEND = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
REPORT = """
import json
print(json.dumps([os.getcwd(), course_utils.__file__, sys.path[0]]))
"""


def run(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    home = str(folder.parent / "home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "PYTHON", "GIT_"))}
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=folder,
        env={**kept, "HOME": home, "USERPROFILE": home, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return an empty folder, as Colab opens one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.fixture
def remote(tmp_path: Path, root: Path) -> str:
    """Return the address of a git repository that holds this course."""
    folder = tmp_path / "remote"
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("course_utils", "lessons"):
        shutil.copytree(root / name, folder / name, ignore=ignore)
    shutil.copy(root / "pyproject.toml", folder)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder.as_uri()


def test_colab_fetches_the_course_into_an_empty_folder(empty: Path, remote: str) -> None:
    code = PRETEND + notebooks.first_cell() + REPORT
    course = empty.parent / "home" / "transfer-learning"
    for _ in range(2):  # running the cell again changes nothing
        result = run(code, empty, COURSE_REPOSITORY=remote)
        assert result.returncode == 0, result.stderr
        cwd, package, path = json.loads(result.stdout.splitlines()[-1])
        assert Path(cwd) == course / "lessons"
        assert Path(package) == course / "course_utils" / "__init__.py"
        assert Path(path) == course
    assert list(empty.iterdir()) == []


def test_the_published_address_is_used(empty: Path, remote: str) -> None:
    result = run(PRETEND + notebooks.first_cell(remote) + REPORT, empty)
    assert result.returncode == 0, result.stderr


def test_without_an_address_colab_says_what_to_do(empty: Path) -> None:
    result = run(PRETEND + notebooks.first_cell(), empty)
    assert result.returncode != 0
    assert "RuntimeError: No address set: run `python -m course_utils publish" in result.stderr


def test_a_wrong_address_leaves_nothing_behind(empty: Path) -> None:
    nowhere = (empty.parent / "nowhere").as_uri()
    result = run(PRETEND + notebooks.first_cell(nowhere), empty)
    assert result.returncode != 0
    assert "nowhere" in result.stderr
    assert list((empty.parent / "home").iterdir()) == []


def test_elsewhere_the_course_is_found_beside_the_lessons(empty: Path, root: Path) -> None:
    copy = empty.parent / "copy"
    shutil.copytree(root / "course_utils", copy / "course_utils")
    (copy / "lessons").mkdir()
    result = run(notebooks.first_cell("https://git.example.org/x") + REPORT, copy / "lessons")
    assert result.returncode == 0, result.stderr
    cwd, package, _ = json.loads(result.stdout)
    assert Path(package) == copy / "course_utils" / "__init__.py"
    assert Path(cwd) == copy / "lessons"


def test_only_absent_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(colab.subprocess, "call", lambda words: calls.append(words) or 7)
    settings = tmp_path / "pyproject.toml"

    settings.write_text('[project]\ndependencies = ["numpy>=1.26", "pillow>=10"]\n')
    assert colab.main(settings) == 0
    assert calls == []

    settings.write_text('[project]\ndependencies = ["numpy>=1.26", "no-such-package-here>=2"]\n')
    assert colab.main(settings) == 7, "the exit status of pip is passed on"
    assert calls == [[sys.executable, "-m", "pip", "install", "-q", "no-such-package-here>=2"]]
    assert "no-such-package-here" in capsys.readouterr().out
