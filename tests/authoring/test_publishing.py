"""One command sets the repository's address wherever it stands."""

import argparse
import re
import shutil
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from authoring import notebooks, publishing
from authoring.commands import publish

import pytest

URL = "https://github.com/an-owner/a.course"
OTHER = "https://github.com/somebody/another"
SOURCE = (
    f"# %% [markdown]\n# # 0 · Title\n#\n# Text.\n\n# %%\n{notebooks.first_cell()}\n\n# %%\n1\n"
)
BARE = f"# %% [markdown]\n# # 1 · Only a title\n\n# %%\n{notebooks.first_cell()}\n"
PAGE = "# T\n<!-- badges -->\nold\n<!-- /badges -->\n<!-- colab -->\n<!-- /colab -->\nEnd\n"
LINK = re.compile(r"\]\((https://[^)]+)\)")


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """Return a small course with two recorded lessons, and pages with places for links."""
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "lessons" / "source").mkdir(parents=True)
    for page in ("README.md", "lessons/GUIDE.md"):
        (tmp_path / page).write_text(PAGE, encoding="utf-8")
    for name, text in (("00_start_here", SOURCE), ("01_bare", BARE)):
        (tmp_path / "lessons" / "source" / f"{name}.py").write_text(text, encoding="utf-8")
    for lesson in notebooks.lessons(tmp_path):
        notebook = notebooks.read_source(lesson.source)
        for count, cell in enumerate(notebooks.code_cells(notebook), 1):
            cell.execution_count = count
        notebooks.write_whole(notebooks.as_text(notebook), lesson.notebook)
    publishing.publish("", tmp_path)  # the course that is tested may be a published one
    return tmp_path


def contents(folder: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_the_address_goes_everywhere_and_the_pair_still_agrees(copy: Path) -> None:
    changed = publishing.publish(URL, copy)
    assert sorted(str(path.relative_to(copy)) for path in changed) == [
        "README.md",
        "lessons/00_start_here.ipynb",
        "lessons/01_bare.ipynb",
        "lessons/GUIDE.md",
        "lessons/source/00_start_here.py",
        "lessons/source/01_bare.py",
        "pyproject.toml",
    ]
    for lesson in notebooks.lessons(copy):
        assert notebooks.check(lesson) == [], "the pair agrees, and counts as executed"
        notebook = notebooks.read_notebook(lesson.notebook)
        assert notebooks.code_cells(notebook)[0].source == notebooks.first_cell(URL)
        link = "https://colab.research.google.com/github/an-owner/a.course/blob/main/lessons/"
        assert f"]({link}{lesson.notebook.name})" in notebook.cells[0].source
    assert f'[tool.course]\nrepository = "{URL}"\n' in (copy / "pyproject.toml").read_text("utf-8")
    readme = (copy / "README.md").read_text("utf-8")
    assert "old" not in readme
    assert readme.endswith("<!-- /colab -->\nEnd\n")


def test_every_link_leads_to_a_file_that_is_there(copy: Path) -> None:
    publishing.publish(URL, copy)
    links = LINK.findall((copy / "README.md").read_text("utf-8"))
    paths = [urlsplit(link).path for link in links if "/github/" in link]
    lessons = ["00_start_here", "00_start_here", "01_bare"]  # the badge, and one link for each
    start = "/github/an-owner/a.course/blob/main/lessons"
    assert paths == [f"{start}/{name}.ipynb" for name in lessons]
    assert "https://github.com/an-owner/a.course/actions/workflows/ci.yml" in links


def test_binder_starts_on_lesson_00_in_jupyterlab(root: Path) -> None:
    links = LINK.findall(publishing.badges(URL))
    [binder] = [urlsplit(link) for link in links if "mybinder.org/v2/" in link]
    assert binder.path == "/v2/gh/an-owner/a.course/main"
    [path] = parse_qs(binder.query)["urlpath"]
    assert path.startswith("lab/tree/")
    assert path == "lab/tree/" + publishing.START
    assert (root / path.removeprefix("lab/tree/")).is_file()


def test_the_workflow_of_the_badge_exists(root: Path) -> None:
    assert "/actions/workflows/ci.yml" in publishing.badges(URL)
    assert (root / ".github" / "workflows" / "ci.yml").is_file()


def test_doing_it_again_changes_nothing_and_undoing_restores(copy: Path) -> None:
    before = contents(copy)
    publishing.publish(URL, copy)
    assert publishing.publish(URL, copy) == []
    publishing.publish("", copy)
    assert contents(copy) == before


def test_another_address_leaves_nothing_of_the_first(copy: Path) -> None:
    publishing.publish(OTHER, copy)
    at_once = contents(copy)
    publishing.publish(URL, copy)
    publishing.publish(OTHER, copy)
    assert contents(copy) == at_once
    assert not [path for path, text in at_once.items() if "an-owner" in text]


def test_a_lesson_without_the_first_cell_stops_everything(copy: Path) -> None:
    (copy / "lessons" / "source" / "02_other.py").write_text("# %%\n1 + 1\n")
    before = contents(copy)
    with pytest.raises(notebooks.LessonError, match=r"02_other\.py has 0 places"):
        publishing.publish(URL, copy)
    assert contents(copy) == before


def test_a_full_disk_changes_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, write, written = contents(copy), Path.write_text, []

    def until_full(path: Path, text: str, **options: str) -> int:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        return write(path, text, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", until_full)
        with pytest.raises(OSError, match="No space"):
            publishing.publish(URL, copy)
    assert len(written) == 3
    assert contents(copy) == before


def test_no_links_for_another_host(copy: Path) -> None:
    publishing.publish("https://git.example.org/a/b.git", copy)
    [lesson, _] = notebooks.lessons(copy)
    assert "--depth=1 'https://git.example.org/a/b.git' ~/" in lesson.source.read_text("utf-8")
    pages = [text for path, text in contents(copy).items() if path.suffix != ".toml"]
    assert not [text for text in pages if "mybinder" in text or "research.google" in text]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("an-owner/a.course", URL),
        (URL, URL),
        (URL + ".git", URL),
        (URL + "/", URL),
        ("https://git.example.org/a/b.git", "https://git.example.org/a/b.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("file:///srv/course", "file:///srv/course"),
    ],
)
def test_addresses_in_full(text: str, url: str) -> None:
    assert publishing.full_address(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "course", "a/b/c", 'https://x/"; import os', "a b/c", "OWNER/NAME", "-a/b", "a--b/c"),
        *("a/..", "a/.", "a/", "/b", "a/b\n", "https://github.com/a", "https://github.com/a/b/c"),
        *("http://example.org/a/b", "../a", "a\\b", f"{'a' * 40}/b"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME"):
        publishing.full_address(text)


def test_the_command_says_what_it_wrote(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notebooks, "ROOT", copy)
    before = contents(copy)
    assert call("an-owner/a.course") == 0
    assert "written: README.md" in capsys.readouterr().out
    assert call("an-owner/a.course") == 0
    assert "Everything says so already." in capsys.readouterr().out
    assert call("OWNER/NAME") == 2
    assert "no repository's address" in capsys.readouterr().err
    assert call("--withdraw") == 0
    assert contents(copy) == before


def test_the_command_wants_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["a/b", "--withdraw"]):
        with pytest.raises(SystemExit):
            call(*words)
    assert "--withdraw" in capsys.readouterr().err


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    publish.configure(parser)
    return publish.main(parser.parse_args(words))


def address(root: Path) -> str:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["tool"]["course"]["repository"])


def test_this_course_says_one_address_everywhere(root: Path) -> None:
    planned = publishing.planned(address(root), root)
    stale = [path.name for path, text in planned.items() if path.read_text("utf-8") != text]
    assert not stale, "`python -m authoring publish` mends this"


def test_there_is_no_link_to_an_address_that_is_not_this_one(root: Path) -> None:
    """Before it is published, the course links no copy of itself; afterwards only this one."""
    pages = [*root.glob("*.md"), *root.glob("lessons/*.md"), *root.glob("lessons/source/*.py")]
    hosts = r"https://(?:mybinder\.org/v2/|colab\.research\.google\.com/github/)[^\s)\"]*"
    name = address(root).removeprefix("https://github.com/")
    for page in pages:
        for link in re.findall(hosts, page.read_text("utf-8")):
            assert name, f"{page.name}: {link}"
            assert f"/{name}/" in link, f"{page.name}: {link}"


def test_the_readme_has_places_for_the_links(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    for name in ("badges", "colab"):
        assert readme.count(f"<!-- {name} -->\n") == readme.count(f"<!-- /{name} -->") == 1
