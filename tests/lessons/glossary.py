"""Read lessons/GLOSSARY.md, and find where the lessons' prose first uses each of its terms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

# Words that mean something else in everyday prose. They count as a term only where a lesson
# prints them in bold, which is how lessons introduce a term.
EVERYDAY = {"depth", "far", "gap", "matched", "missing", "near", "overlap", "plain", "position"}
EVERYDAY |= {"reshaped", "state", "strict", "unexpected"}

ENTRY = re.compile(
    r"^### (?P<term>[^\n]+)\n\n"
    r"(?:\*(?P<forms>[^*\n]+)\* · )?(?P<chinese>[^\n·]+) · "
    r"first in \[(?P<number>\d\d) · (?P<title>[^\]\n]+)\]\((?P<page>[^)\s]+)\)\n\n"
    r"(?P<sentence>[^\n]+(?:\n[^\n#]+)*)\n",
    re.MULTILINE,
)
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\(GLOSSARY\.md#(?P<anchor>[^)\s]+)\)")

# What is no prose of the lesson's own: code, other links, headings, tables, quotations, and the
# paragraphs that list papers or name the lessons to read before.
NO_PROSE = re.compile(
    r"```.*?```|`[^`\n]*`|!?\[[^\]]*\]\([^)]*\)|^#+ .*?$|^\|.*?$|\"[^\"]{3,300}?\""
    r"|^\*\*(?:Sources\.|Before this:|Before you start\.).*?(?:\n\n|\Z)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Entry:
    """One term of the glossary.

    Parameters
    ----------
    term : str
        The term, as in the heading.
    forms : tuple of str
        The term and its other forms, all of which count as a use.
    chinese, number, title, page, sentence : str
        Its Chinese equivalent; number, title and file of the lesson with its first use; its
        explanation.
    """

    term: str
    forms: tuple[str, ...]
    chinese: str
    number: str
    title: str
    page: str
    sentence: str

    @property
    def anchor(self) -> str:
        """The heading's anchor: lower case, with hyphens for spaces."""
        return self.term.lower().replace(" ", "-")


@dataclass(frozen=True)
class Use:
    """A use of a term: place in the cell's text without glossary links, and what is linked there.

    Parameters
    ----------
    cell, start, end : int
        Number of the cell in its notebook, from 0, and the place in its unlinked text.
    anchor : str or None
        Anchor of the glossary link around exactly this text; None where there is no link.
    """

    cell: int
    start: int
    end: int
    anchor: str | None


def entries(text: str) -> list[Entry]:
    """Return the entries of a glossary in the order of the page."""
    found = []
    for match in ENTRY.finditer(text):
        term = match["term"]
        forms = (term, *(match["forms"] or "").split(", ")) if match["forms"] else (term,)
        parts = match.groupdict() | {
            "forms": forms,
            "sentence": " ".join(match["sentence"].split()),
        }
        found.append(Entry(**parts))
    return found


def unlinked(text: str) -> tuple[str, dict[tuple[int, int], str]]:
    """Take the glossary links out of a text; return it, and place -> anchor of each link."""
    plain, places, last = "", {}, 0
    for match in LINK.finditer(text):
        plain += text[last : match.start()]
        places[len(plain), len(plain) + len(match["text"])] = match["anchor"]
        plain += match["text"]
        last = match.end()
    return plain + text[last:], places


def prose(text: str) -> str:
    """Blank out what is no prose of the lesson's own; every place stays what it was."""
    return NO_PROSE.sub(lambda match: re.sub(r"[^\n]", "\x00", match[0]), text)


def pattern(all_entries: list[Entry]) -> re.Pattern[str]:
    """Match any form of any term, the longest one first; a plural counts as the same form."""
    forms = sorted({form for entry in all_entries for form in entry.forms}, key=len, reverse=True)
    spaced = []
    for form in forms:
        words = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]", form))
        spaced.append(rf"(?<=\*\*){words}(?=\*\*)" if form in EVERYDAY else words)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(spaced)})(?:s|es)?(?![\w-])", re.IGNORECASE)


def uses(cells: list[NotebookNode], all_entries: list[Entry]) -> Iterator[tuple[Entry, Use]]:
    """Yield the uses of terms in a lesson's prose, from top to bottom."""
    owner = {_plain(form): entry for entry in all_entries for form in entry.forms}
    search = pattern(all_entries)
    for number, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        text, links = unlinked(cell.source)
        for match in search.finditer(prose(text)):
            word = _plain(match[0])
            stems = (word, word.removesuffix("s"), word.removesuffix("es"))
            entry = next(owner[stem] for stem in stems if stem in owner)
            yield entry, Use(number, match.start(), match.end(), links.get(match.span()))


def _plain(form: str) -> str:
    return re.sub(r"[\s-]+", " ", form.lower())
