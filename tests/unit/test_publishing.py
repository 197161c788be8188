"""One command sets the repository's address wherever it stands."""

import shutil
from pathlib import Path

from course_utils import notebooks, publishing

import pytest

URL = "https://github.com/an-owner/a.course"
SOURCE = f"# %% [markdown]\n# # Title\n\n# %%\n{notebooks.first_cell()}\n\n# %%\n1 + 1\n"


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """Return a small course with one recorded lesson and a README with a place for badges."""
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").write_text("# T\n<!-- badges -->\nold\n<!-- /badges -->\nEnd\n")
    (tmp_path / "lessons" / "source").mkdir(parents=True)
    (tmp_path / "lessons" / "source" / "00_start_here.py").write_text(SOURCE)
    [lesson] = notebooks.lessons(tmp_path)
    notebook = notebooks.read_source(lesson.source)
    for count, cell in enumerate(notebooks.code_cells(notebook), 1):
        cell.execution_count = count
    notebooks.write_whole(notebooks.as_text(notebook), lesson.notebook)
    return tmp_path


def contents(folder: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_the_address_goes_everywhere_and_the_pair_still_agrees(copy: Path) -> None:
    changed = publishing.publish(URL, copy)
    names = ["00_start_here.ipynb", "00_start_here.py", "README.md", "pyproject.toml"]
    assert sorted(path.name for path in changed) == names
    [lesson] = notebooks.lessons(copy)
    assert notebooks.check(lesson) == []
    first = notebooks.code_cells(notebooks.read_notebook(lesson.notebook))[0]
    assert first.source == notebooks.first_cell(URL)
    assert f'[tool.course]\nrepository = "{URL}"\n' in (copy / "pyproject.toml").read_text("utf-8")
    readme = (copy / "README.md").read_text("utf-8")
    assert "old" not in readme
    assert "colab.research.google.com/github/an-owner/a.course/blob/main/lessons/" in readme
    assert readme.endswith("<!-- /badges -->\nEnd\n")


def test_doing_it_again_changes_nothing_and_undoing_restores(copy: Path) -> None:
    publishing.publish("", copy)
    before = contents(copy)
    publishing.publish(URL, copy)
    assert publishing.publish(URL, copy) == []
    publishing.publish("", copy)
    assert contents(copy) == before


def test_a_lesson_without_the_first_cell_stops_everything(copy: Path) -> None:
    (copy / "lessons" / "source" / "01_other.py").write_text("# %%\n1 + 1\n")
    before = contents(copy)
    with pytest.raises(notebooks.LessonError, match=r"01_other\.py has 0 places"):
        publishing.publish(URL, copy)
    assert contents(copy) == before


def test_no_badges_for_another_host() -> None:
    assert publishing.badges("https://git.example.org/a/b.git") == ""


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("an-owner/a.course", URL),
        (URL, URL),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("file:///srv/course", "file:///srv/course"),
    ],
)
def test_addresses_in_full(text: str, url: str) -> None:
    assert publishing.full_address(text) == url


@pytest.mark.parametrize("text", ["", "course", "a/b/c", 'https://x/"; import os', "a b/c"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME"):
        publishing.full_address(text)
