"""The repository's public address: one setting, and every place that repeats it.

The setting stands in ``pyproject.toml``.  The first cell of each lesson repeats it, and while it is
set, each lesson links itself in Colab, and the pages carry badges and links between the marks
``<!-- badges -->`` and ``<!-- colab -->``.  While it is empty, none of these links exists.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from authoring import notebooks

from nbformat import NotebookNode

BRANCH = "main"
START = "lessons/00_start_here.ipynb"
PAGES = ("*.md", "lessons/*.md")  # where the marks may stand

SETTING_LINE = re.compile(r'(?m)^(\[tool\.course\]\nrepository = )"[^"\n]*"')
FIRST_CELL = re.compile(r"(?ms)^# @title Set up the course\n.*?^import course_utils\b[^\n]*$")
TITLE = re.compile(r"(?m)^(?P<mark>(?:# )?)# (?P<title>\d+ · .+)$")
COLAB_LINE = re.compile(r"\n#?\n(?:# )?\[Open this lesson in Colab\]\(.*\)")
GITHUB = re.compile(r"https://github\.com/([^/]+/[^/]+)")
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
FULL = re.compile(r"(https|ssh|file)://[^\s\"'\\]+|[\w.-]+@[\w.-]+:[^\s\"'\\]+")


def full_address(text: str) -> str:
    """Return the git address for ``OWNER/NAME`` or for an address given in full.

    Raises
    ------
    ValueError
        If the text is neither, or is the placeholder ``OWNER/NAME`` itself.
    """
    short = re.sub(r"^https://github\.com/", "", text).removesuffix("/").removesuffix(".git")
    if short != "OWNER/NAME":
        if OWNER_AND_NAME.fullmatch(short):
            return f"https://github.com/{short}"
        if FULL.fullmatch(text) and not text.startswith("https://github.com/"):
            return text
    raise ValueError(
        f"{text!r} is no repository's address. "
        "Give OWNER/NAME (on GitHub), or a full address such as https://HOST/OWNER/NAME.git."
    )


def publish(url: str, root: Path) -> list[Path]:
    """Write an address wherever it belongs under ``root``; an empty one takes it out again.

    Either all files are written or, when one of them cannot be, none.

    Returns
    -------
    list of Path
        The files that changed.

    Raises
    ------
    LessonError
        If a lesson does not start with a title and the first cell, or ``pyproject.toml`` has no
        place for the address. Nothing is written then.
    """
    texts = {path: text for path, text in planned(url, root).items() if _text(path) != text}
    notebooks.write_all(texts)
    return list(texts)


def planned(url: str, root: Path) -> dict[Path, str]:
    """Return every file that knows the address, with the text it should have.

    Raises
    ------
    LessonError
        As `publish` does.
    """
    settings = root / "pyproject.toml"
    texts = {settings: _once(SETTING_LINE, rf'\g<1>"{url}"', _text(settings), settings)}
    lessons = notebooks.lessons(root)
    for lesson in lessons:
        texts[lesson.source] = _lesson_text(url, lesson)
        if lesson.notebook.is_file():
            texts[lesson.notebook] = _notebook_text(url, lesson)
    blocks = {"badges": badges(url), "colab": colab_links(url, lessons)}
    for page in sorted(page for pattern in PAGES for page in root.glob(pattern)):
        if (text := _filled(_text(page), blocks)) != _text(page):
            texts[page] = text
    return texts


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _once(pattern: re.Pattern[str], new: str, text: str, path: Path) -> str:
    changed, count = pattern.subn(new, text)
    if count != 1:
        raise notebooks.LessonError(
            f"{path} has {count} places for the repository's address, not one: "
            "restore its first cell from authoring/notebooks.py."
        )
    return changed


def _lesson_text(url: str, lesson: notebooks.Lesson) -> str:
    new = _literal(notebooks.first_cell(url))
    text = _once(FIRST_CELL, new, _text(lesson.source), lesson.source)
    return _titled(text, url, lesson)


def _notebook_text(url: str, lesson: notebooks.Lesson) -> str:
    notebook = notebooks.read_notebook(lesson.notebook)
    first = next(iter(notebooks.code_cells(notebook)), NotebookNode(source=""))
    new = _literal(notebooks.first_cell(url))
    first.source = _once(FIRST_CELL, new, first.source, lesson.notebook)
    title = notebook.cells[0]
    title.source = _titled(title.source, url, lesson)
    return notebooks.as_text(notebooks.strip(notebook))


def _literal(text: str) -> str:
    """Text for the right side of a substitution, where a backslash has a meaning."""
    return text.replace("\\", r"\\")


def _titled(text: str, url: str, lesson: notebooks.Lesson) -> str:
    """Put the link to Colab below the title, or take it away; in a text or in its cell."""
    text = COLAB_LINE.sub("", text, count=1)
    link = colab_link(url, lesson)
    title = TITLE.search(text)
    if title is None:
        raise notebooks.LessonError(f"{lesson.source} has no title such as '# 4 · Freezing'.")
    if not link:
        return text
    mark = title["mark"]
    line = f"\n{mark.rstrip()}\n{mark}[Open this lesson in Colab]({link})"
    return text[: title.end()] + line + text[title.end() :]


def _filled(page: str, blocks: dict[str, str]) -> str:
    for name, block in blocks.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
        page = marks.sub(rf"\g<1>{_literal(block)}\g<2>", page)
    return page


def badges(url: str) -> str:
    """Return the badges for a GitHub address; empty for any other host."""
    match = GITHUB.fullmatch(url)
    if not match:
        return ""
    name = match[1]
    images = {
        "Tests": (
            f"https://github.com/{name}/actions/workflows/ci.yml/badge.svg",
            f"https://github.com/{name}/actions/workflows/ci.yml",
        ),
        "Open in Binder": (
            "https://mybinder.org/badge_logo.svg",
            f"https://mybinder.org/v2/gh/{name}/{BRANCH}?urlpath=lab/tree/{START}",
        ),
        "Open in Colab": (
            "https://colab.research.google.com/assets/colab-badge.svg",
            f"https://colab.research.google.com/github/{name}/blob/{BRANCH}/{START}",
        ),
    }
    return "".join(f"[![{text}]({image})]({link})\n" for text, (image, link) in images.items())


def colab_link(url: str, lesson: notebooks.Lesson) -> str:
    """Return where Colab opens a lesson of a GitHub repository; empty for any other host."""
    match = GITHUB.fullmatch(url)
    if not match:
        return ""
    page = f"{match[1]}/blob/{BRANCH}/lessons/{lesson.notebook.name}"
    return f"https://colab.research.google.com/github/{page}"


def colab_links(url: str, lessons: Iterable[notebooks.Lesson]) -> str:
    """Return one line that opens each lesson in Colab; empty for any other host than GitHub."""
    numbered = {lesson.name[:2]: colab_link(url, lesson) for lesson in lessons}
    links = [f"[{number}]({link})" for number, link in numbered.items() if link]
    return f"Open a lesson in Colab: {' · '.join(links)}\n" if links else ""
