"""The repository's public address: one setting, and every place that repeats it."""

import re
from pathlib import Path

from course_utils import notebooks

ADDRESS_LINE = re.compile(r'(os\.environ\.get\("COURSE_REPOSITORY", )"[^"\n]*"')
SETTING_LINE = re.compile(r'(?m)^(\[tool\.course\]\nrepository = )"[^"\n]*"')
BADGES = re.compile(r"(<!-- badges -->\n).*?(<!-- /badges -->)", flags=re.DOTALL)
START = "lessons/00_start_here.ipynb"


def full_address(text: str) -> str:
    """Return the git address for ``OWNER/NAME`` or for an address given in full.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", text):
        return f"https://github.com/{text}"
    if re.fullmatch(r"(https|ssh|file)://[^\s\"'\\]+|[\w.-]+@[\w.-]+:[^\s\"'\\]+", text):
        return text
    raise ValueError(
        f"{text!r} is no repository's address. "
        "Give OWNER/NAME (on GitHub), or a full address such as https://HOST/OWNER/NAME.git."
    )


def publish(url: str, root: Path) -> list[Path]:
    """Write an address wherever it belongs under ``root``.

    Returns
    -------
    list of Path
        The files that changed.

    Raises
    ------
    LessonError
        If a lesson does not start with the first cell, or ``pyproject.toml`` has no place for
        the address. Nothing is written then.
    """
    settings, readme = root / "pyproject.toml", root / "README.md"
    texts = {settings: _replace(SETTING_LINE, url, settings)}
    for lesson in notebooks.lessons(root):
        texts[lesson.source] = _replace(ADDRESS_LINE, url, lesson.source)
        if lesson.notebook.is_file():
            texts[lesson.notebook] = _published_notebook(url, lesson.notebook)
    if readme.is_file():
        block = badges(url)
        texts[readme] = BADGES.sub(lambda m: m[1] + block + m[2], readme.read_text("utf-8"))
    changed = [path for path, text in texts.items() if path.read_text("utf-8") != text]
    for path in changed:
        notebooks.write_whole(texts[path], path)
    return changed


def _replace(pattern: re.Pattern[str], url: str, path: Path) -> str:
    text, count = pattern.subn(lambda match: f'{match[1]}"{url}"', path.read_text("utf-8"))
    if count != 1:
        raise notebooks.LessonError(
            f"{path} has {count} places for the repository's address, not one: "
            "restore its first cell from course_utils/notebooks.py."
        )
    return text


def _published_notebook(url: str, path: Path) -> str:
    notebook = notebooks.read_notebook(path)
    first = next(iter(notebooks.code_cells(notebook)), None)
    if first is None or not ADDRESS_LINE.search(first.source):
        raise notebooks.LessonError(f"{path} does not start with the first cell: run `make record`")
    first.source = ADDRESS_LINE.sub(lambda match: f'{match[1]}"{url}"', first.source)
    return notebooks.as_text(notebooks.strip(notebook))


def badges(url: str) -> str:
    """Return the README's badges for a GitHub address; empty for any other host."""
    match = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(\.git)?", url)
    if not match:
        return ""
    name = match[1]
    images = {
        "Tests": (
            f"https://github.com/{name}/actions/workflows/ci.yml/badge.svg",
            f"https://github.com/{name}/actions/workflows/ci.yml",
        ),
        "Open in Colab": (
            "https://colab.research.google.com/assets/colab-badge.svg",
            f"https://colab.research.google.com/github/{name}/blob/main/{START}",
        ),
        "Open in Binder": (
            "https://mybinder.org/badge_logo.svg",
            f"https://mybinder.org/v2/gh/{name}/main?labpath={START}",
        ),
    }
    return "".join(f"[![{text}]({image})]({link})\n" for text, (image, link) in images.items())
