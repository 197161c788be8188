"""The first cell of every lesson: on Colab from nothing, elsewhere without touching anything."""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread

from authoring import notebooks
from course_utils import colab

import pytest

# A stand-in for Colab: the module by which the cell knows it, and no course that is installed.
PRETEND = """
import sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
"""
REPORT = """
import json
print(json.dumps([os.getcwd(), course_utils.__file__, sys.path[:2]]))
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
        start_new_session=True,  # without a terminal, as on Colab: nobody to ask for a password
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
    code = PRETEND + notebooks.first_cell(remote) + REPORT
    course = empty.parent / "home" / "transfer-learning"
    for _ in range(2):  # running the cell again changes nothing
        result = run(code, empty)
        assert result.returncode == 0, result.stderr
        cwd, package, path = json.loads(result.stdout.splitlines()[-1])
        assert Path(cwd) == course / "lessons"
        assert Path(package) == course / "course_utils" / "__init__.py"
        assert str(course) in path
    assert list(empty.iterdir()) == []


def test_without_an_address_colab_says_what_to_do(empty: Path) -> None:
    result = run(PRETEND + notebooks.first_cell(), empty)
    assert result.returncode != 0
    assert "fatal: repository 'no address set, run `python -m authoring publish" in result.stdout
    assert "No module named 'course_utils'" in result.stderr


@contextmanager
def asking_for_a_password() -> Iterator[str]:
    """Serve what a private repository answers; GitHub answers the same where there is none."""

    class Private(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/owner/private"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def closed_port() -> Iterator[str]:
    """Give an address where nobody listens, as without a network."""
    with socket.socket() as taken:  # bound, so that no other program gets it; not listening
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/owner/course"


@contextmanager
def no_such_folder() -> Iterator[str]:
    yield "file:///no/such/repository"


@pytest.mark.skipif(os.name == "nt", reason="Colab runs on Linux; git asks in a window here")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (no_such_folder, "does not appear to be a git repository"),
        (closed_port, "Failed to connect|Could not connect|Connection refused"),
        (asking_for_a_password, "could not read Username"),
    ],
)
def test_a_clone_that_fails_says_why_and_leaves_nothing_behind(
    empty: Path, kind: Callable[[], AbstractContextManager[str]], reason: str
) -> None:
    with kind() as address:
        result = run(PRETEND + notebooks.first_cell(address), empty, no_proxy="127.0.0.1")
    assert result.returncode != 0
    assert re.search(f"fatal: .*(?:{reason})", result.stdout, flags=re.DOTALL), result.stdout
    assert "No module named 'course_utils'" in result.stderr
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


class Pip:
    """Stands in for pip: remembers what it was asked, and the constraints it was given."""

    def __init__(self, status: int = 0) -> None:
        self.status, self.wanted, self.kept = status, [], ""

    def run(self, words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert words[:6] == [sys.executable, "-m", "pip", "install", "-q", "-c"]
        self.kept, self.wanted = Path(words[6]).read_text(encoding="utf-8"), words[7:]
        return subprocess.CompletedProcess(words, self.status, "", "ERROR: no such package\n")


def settings(tmp_path: Path, *needed: str) -> Path:
    file = tmp_path / "pyproject.toml"
    file.write_text(f"[project]\ndependencies = {json.dumps(needed)}\n", encoding="utf-8")
    return file


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """Replace pip, and let Colab bring two packages along."""
    brought = {"torch": "2.11.0+cu128", "pandas": "2.2.2"}
    monkeypatch.setattr(
        colab.packages, "installed", lambda names: {name: brought.get(name) for name in names}
    )
    pip = Pip()
    monkeypatch.setattr(colab.subprocess, "run", pip.run)
    return pip


def test_where_nothing_is_absent_pip_is_not_called(
    pip: Pip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colab.prepare(settings(tmp_path, "torch>=2.6", "pandas>=2.1"))
    assert (pip.wanted, capsys.readouterr().out) == ([], "")


def test_what_is_absent_is_installed_and_what_is_there_is_kept(
    pip: Pip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colab.prepare(settings(tmp_path, "torch>=2.6", "torchvision>=0.21", "anywidget>=0.9"))
    assert pip.wanted == ["torchvision>=0.21", "anywidget>=0.9"]
    assert pip.kept == "torch==2.11.0+cu128\n", "or torchvision would bring another torch"
    assert capsys.readouterr().out == "Installing torchvision>=0.21, anywidget>=0.9\n"


def test_what_is_too_old_is_told_and_left_alone(
    pip: Pip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colab.prepare(settings(tmp_path, "torch>=2.12", "pandas>=2.1"))
    assert pip.wanted == []
    assert capsys.readouterr().out.startswith("torch 2.11.0+cu128 is older than 2.12")


def test_when_pip_fails_the_reader_sees_what_it_said(pip: Pip, tmp_path: Path) -> None:
    pip.status = 1
    with pytest.raises(RuntimeError, match=r"install anywidget>=0\.9.*\nERROR: no such package"):
        colab.prepare(settings(tmp_path, "torch>=2.6", "anywidget>=0.9"))
