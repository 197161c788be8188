"""Gather the website's pages: README as the front page, the lessons, and whatever they link to."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

LINK = re.compile(r"(?P<before>\[(?P<text>[^\]]*)\]\(|<img\b[^>]*?\bsrc=\")(?P<target>[^)\s\"]+)")
BADGES = re.compile(r"<!-- badges -->.*?<!-- /badges -->\n*", flags=re.DOTALL)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#")  # https:, mailto:, or a place on the same page
# What stands in the list at the left, by heading; a page that exists and is not named comes last.
TEACHING = ("lessons/INSTRUCTORS", "lessons/PRESENTING", "hub/README")
LOOK_UP = ("lessons/GLOSSARY", "measured", "benchmarks/README", "data/README")
ALWAYS = ("lessons/GLOSSARY.md", "lessons/INSTRUCTORS.md", "benchmarks/README.md", "data/README.md")

HOW_TO_RUN = """\
:::{{admonition}} A recording
This page shows lesson {number} as it was executed and stored. To run it, change it and watch it
train, get the course, type `make lab` (or `python -m course_utils lab`), and open
`lessons/{name}.ipynb`.
:::"""


class PageError(Exception):
    """A page links something that is not there."""


@dataclass
class Gathering:
    """Pages on their way from the repository (``root``) to where Sphinx reads them (``to``).

    Nothing is written that is there already, so that Sphinx builds anew only what has changed.
    """

    root: Path
    to: Path
    docs: list[str] = field(default_factory=list)  # their names, without ending
    written: set[Path] = field(default_factory=set)

    def all(self) -> list[str]:
        """Gather everything, take away what an earlier run left, and return the pages' names."""
        for notebook in sorted((self.root / "lessons").glob("[0-9][0-9]_*.ipynb")):
            self.lesson(notebook)
        for name in ALWAYS:
            if (self.root / name).is_file():
                self.text(self.root / name)
        front = BADGES.sub("", (self.root / "README.md").read_text(encoding="utf-8"))
        front = self.with_links(front, self.root / "README.md")
        self.docs.append("measured")  # written by measured.py
        self.write(self.to / "index.md", front + contents(self.docs))
        return self.docs

    def clear(self) -> None:
        """Take away what an earlier run left and this one has not written."""
        for path in sorted(self.to.rglob("*"), reverse=True):
            if path.is_file() and path not in self.written:
                path.unlink()

    def lesson(self, notebook: Path) -> None:
        """Take a lesson, with a word on how to run it; its first cell, the usual one, shut."""
        content = json.loads(notebook.read_text(encoding="utf-8"))
        name = notebook.stem
        note = HOW_TO_RUN.format(number=name[:2], name=name)
        cells = content["cells"]
        for cell in cells:
            if cell["cell_type"] == "markdown":
                cell["source"] = self.with_links("".join(cell["source"]), notebook)
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        first["metadata"] = {**first["metadata"], "tags": ["hide-input"]}
        cells.insert(1, {"cell_type": "markdown", "id": "run", "metadata": {}, "source": note})
        self.docs.append(self.name(notebook))
        self.write(self.to / notebook.relative_to(self.root), json.dumps(content))

    def text(self, page: Path) -> None:
        """Take a page of Markdown, and the pages and files that it links."""
        if self.name(page) in self.docs:
            return
        self.docs.append(self.name(page))  # first, since two pages may link each other
        whole = self.with_links(page.read_text(encoding="utf-8"), page)
        self.write(self.to / page.relative_to(self.root), whole)

    def with_links(self, markdown: str, page: Path) -> str:
        """Take along what a text links, and return it with links to folders made plain text.

        Raises
        ------
        PageError
            If there is no such file.
        """

        def follow(link: re.Match[str]) -> str:
            target = link["target"]
            if ELSEWHERE.match(target):
                return link[0]
            path = (page.parent / target.split("#")[0]).resolve()
            if not path.exists() or not path.is_relative_to(self.root):
                raise PageError(f"{page.relative_to(self.root)} links {target}: no such file")
            if path == self.root / "README.md":
                front = "/".join([".."] * len(page.parent.relative_to(self.root).parts))
                return link["before"] + f"{front}/index.md".lstrip("/")
            if path.suffix == ".md":
                self.text(path)
            elif path.is_file() and path.suffix != ".ipynb":
                copy = self.to / path.relative_to(self.root)
                self.written.add(copy)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
            return link[0]

        without_folders = re.sub(
            r"(?<!!)\[([^\]]*)\]\(([^)\s:#]+)\)",
            lambda m: m[1] if (page.parent / m[2]).is_dir() else m[0],
            markdown,
        )
        return LINK.sub(follow, without_folders)

    def name(self, page: Path) -> str:
        """Return Sphinx's name for a page of the repository."""
        return page.relative_to(self.root).with_suffix("").as_posix()

    def write(self, path: Path, text: str) -> None:
        """Write a page unless it is there already."""
        self.written.add(path)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def contents(docs: list[str]) -> str:
    """Return the list of pages that stands at the left, as Sphinx wants it."""
    lessons = [doc for doc in docs if re.match(r"lessons/\d\d_", doc)]
    look_up = [doc for doc in LOOK_UP if doc in docs]
    teaching = [doc for doc in TEACHING if doc in docs]
    more = sorted(set(docs) - {*lessons, *look_up, *teaching})
    groups = {"Lessons": lessons, "Look up": look_up, "Teach": teaching, "More": more}
    return "".join(
        "\n".join(["\n\n```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])
        for caption, names in groups.items()
        if names
    )
