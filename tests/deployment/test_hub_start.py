"""hub/start.py: own copies of the lessons, never overwritten; a cap on memory; the server."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "hub" / "start.py"


def load() -> ModuleType:
    spec = spec_from_file_location("hub_start", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


start = load()


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    folder = tmp_path / "lessons"
    for name in ("00_a.ipynb", "01_b.ipynb", "GLOSSARY.md", "INSTRUCTORS.md", "images/shapes.png",
                 "source/00_a.py", "solutions/00.py"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"the course's {name}")
    return folder


def test_a_student_gets_notebooks_glossary_and_pictures_but_no_solutions(
    lessons: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    copied = start.copy_missing(lessons, own)
    expected = {"00_a.ipynb", "01_b.ipynb", "GLOSSARY.md", "images/shapes.png"}
    assert {path.as_posix() for path in copied} == expected
    there = {p.relative_to(own).as_posix() for p in own.rglob("*") if p.is_file()}
    assert there == expected
    assert start.copy_missing(lessons, own) == [], "the second start has nothing to do"


def test_the_course_s_own_lessons_are_found() -> None:
    names = {path.as_posix() for path in start.lesson_files(start.LESSONS)}
    assert "00_start_here.ipynb" in names
    assert not [name for name in names if name.startswith(("source", "solutions"))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    works=st.dictionaries(
        st.sampled_from(["00_a.ipynb", "01_b.ipynb", "images/shapes.png", "own.ipynb"]),
        st.binary(max_size=20),
    ),
    starts=st.integers(1, 3),
)
def test_what_is_there_is_never_overwritten(
    lessons: Path, tmp_path_factory: pytest.TempPathFactory, works: dict[str, bytes], starts: int
) -> None:
    own = tmp_path_factory.mktemp("own")
    for name, content in works.items():
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_bytes(content)
    for _ in range(starts):
        start.copy_missing(lessons, own)
    for name, content in works.items():
        assert (own / name).read_bytes() == content, "also an emptied file is the student's"
    for name in ("00_a.ipynb", "01_b.ipynb", "images/shapes.png"):
        assert (own / name).exists()


def test_what_was_deleted_or_renamed_comes_back_fresh(lessons: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    start.copy_missing(lessons, own)
    (own / "00_a.ipynb").write_text("my work")
    (own / "00_a.ipynb").rename(own / "00_mine.ipynb")
    (own / "01_b.ipynb").unlink()
    assert {str(name) for name in start.copy_missing(lessons, own)} == {"00_a.ipynb", "01_b.ipynb"}
    assert (own / "00_mine.ipynb").read_text() == "my work"
    assert (own / "00_a.ipynb").read_text() == "the course's 00_a.ipynb"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights on Windows")
def test_links_are_left_alone_even_broken_ones(lessons: Path, tmp_path: Path) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    own.mkdir()
    (own / "00_a.ipynb").symlink_to(elsewhere)
    start.copy_missing(lessons, own)
    assert (own / "00_a.ipynb").is_symlink()
    assert not elsewhere.exists(), "it wrote through the link"


def test_a_file_made_in_between_by_another_server_stays(
    lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    read = Path.read_bytes

    def read_late(path: Path) -> bytes:
        if path.parent == lessons:
            own.mkdir(exist_ok=True)
            (own / path.name).write_text("the other server's")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_late)
    copied = start.copy_missing(lessons, own)
    assert [name.as_posix() for name in copied] == ["images/shapes.png"]
    assert (own / "00_a.ipynb").read_text() == "the other server's"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full for a full disk")
def test_a_full_disk_leaves_no_half_lesson(
    lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    really = Path.open

    def fills(path: Path, mode: str = "r", *rest: object) -> object:
        if mode != "xb":
            return really(path, mode)
        path.touch()
        return really(Path("/dev/full"), "wb")

    monkeypatch.setattr(Path, "open", fills)
    with pytest.raises(OSError, match="No space"):
        start.copy_missing(lessons, own)
    assert not [p for p in own.rglob("*") if p.is_file()]


def run(home: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run start.py as a hub does, with Python in the server's place."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), sys.executable, "-c", code],
        env={**os.environ, "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


posix = pytest.mark.skipif(sys.platform == "win32", reason="a hub runs on Linux")


@posix
def test_it_becomes_the_server_and_hands_on_its_arguments(tmp_path: Path) -> None:
    done = run(tmp_path, "import os; print(os.getcwd()); raise SystemExit(7)")
    assert done.returncode == 7
    assert (tmp_path / "transfer-learning" / "00_start_here.ipynb").is_file()
    assert "new in ~/transfer-learning: 00_start_here.ipynb" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the cap works on Linux alone")
def test_the_cap_is_a_share_of_the_student_s_memory_and_is_heard(tmp_path: Path) -> None:
    limit = 2 * 1024**3
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    assert int(run(tmp_path, code, MEM_LIMIT=str(limit)).stdout) == int(start.SHARE * limit)
    done = run(tmp_path, "bytearray(2 * 10**9)", MEM_LIMIT=str(limit))
    assert "MemoryError" in done.stderr
    assert run(tmp_path, "bytearray(10**9)", MEM_LIMIT=str(limit)).returncode == 0


@posix
def test_without_a_limit_there_is_no_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    expected = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert run(tmp_path, code).stdout == expected


@posix
def test_a_home_that_cannot_be_used_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "transfer-learning").write_text("a file of that name")
    done = run(tmp_path, "print('started')")
    assert done.stdout == "started\n"
    assert "lessons could not be copied" in done.stderr


def test_without_a_command_it_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "usage" in done.stderr
