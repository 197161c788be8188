"""The glossary is complete, sorted, and linked where a reader first meets each term."""

import re
from collections import Counter
from functools import cache

from authoring import notebooks
from tests.lessons import glossary
from tests.lessons.glossary import Entry, Use

import pytest
from nbformat import NotebookNode

LESSONS = notebooks.lessons()
PAGE = notebooks.ROOT / "lessons" / "GLOSSARY.md"
ENTRIES = glossary.entries(PAGE.read_text(encoding="utf-8"))

# What lessons print in bold and is no term: things to click, parts of a list, names of tools, and
# words that are stressed. A bold text that ends like a sentence is a heading within a paragraph.
NO_TERMS = {
    *("start", "pause", "reset", "show the code", "left", "right", "below", "0", "predict"),
    *("load", "new head", "train", "everything", "head only", "little data", "much data"),
    *("keras", "fastai", "yolov5", "a", "b", "c", "no", "copies", "one channel", "four channels"),
    *("holds", "holds if", "does not hold", "you will", "before you start", "the lessons"),
    "shallow features are general, deep ones are specific",
}
BOLD = re.compile(r"\*\*(?P<text>[^*]+?)\*\*")


@cache
def cells(lesson: notebooks.Lesson) -> list[NotebookNode]:
    return notebooks.read_source(lesson.source).cells


@cache
def first_uses() -> dict[str, tuple[notebooks.Lesson, Use]]:
    """Term -> the lesson that uses it first, and where."""
    found: dict[str, tuple[notebooks.Lesson, Use]] = {}
    for lesson in LESSONS:
        for entry, use in glossary.uses(cells(lesson), ENTRIES):
            found.setdefault(entry.term, (lesson, use))
    return found


def links(lesson: notebooks.Lesson) -> list[str]:
    """All glossary anchors that a lesson links to."""
    words = "\n".join(cell.source for cell in cells(lesson) if cell.cell_type == "markdown")
    return [match["anchor"] for match in glossary.LINK.finditer(words)]


def test_every_heading_is_a_whole_entry() -> None:
    headings = re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == [entry.term for entry in ENTRIES]
    assert len(ENTRIES) > 100


def test_terms_are_sorted_and_single() -> None:
    terms = [entry.term.lower() for entry in ENTRIES]
    assert terms == sorted(terms)
    forms = Counter(form.lower() for entry in ENTRIES for form in entry.forms)
    assert [form for form, count in forms.items() if count > 1] == []


def test_letters_are_headings_of_their_terms() -> None:
    text = PAGE.read_text(encoding="utf-8")
    pairs = re.findall(r"^(##|###) (\w)", text, flags=re.MULTILINE)
    letter = ""
    for level, first in pairs:
        letter = first if level == "##" else letter
        assert first.upper() == letter, f"a term with {first!r} stands under {letter!r}"
    headings = [first for level, first in pairs if level == "##"]
    assert headings == sorted(set(headings))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_an_entry_is_one_sentence_and_has_a_chinese_word(entry: Entry) -> None:
    assert re.fullmatch(r"[A-Z].{15,260}\.", entry.sentence), entry.sentence
    assert not re.search(r"[.?!] [A-Z]", entry.sentence), "more than one sentence"
    assert re.search(r"[\u4e00-\u9fff]", entry.chinese), entry.chinese
    assert re.fullmatch(r"[a-z0-9-]+", entry.anchor), "an anchor that other renderers spell alike"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_a_term_is_linked_at_its_first_use_and_only_there(entry: Entry) -> None:
    assert entry.term in first_uses(), "no lesson uses it"
    lesson, use = first_uses()[entry.term]
    text, _ = glossary.unlinked(cells(lesson)[use.cell].source)
    where = f"{lesson.name}, cell {use.cell + 1}: {text[max(0, use.start - 40) : use.end + 20]!r}"
    assert use.anchor == entry.anchor, f"not linked at its first use: {where}"
    everywhere = [lesson.name for lesson in LESSONS for a in links(lesson) if a == entry.anchor]
    assert everywhere == [lesson.name]
    title = re.sub(r"^# \d+ · ", "", cells(lesson)[0].source.splitlines()[0])
    assert (entry.number, entry.page) == (lesson.name[:2], f"{lesson.name}.ipynb")
    assert entry.title == title


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_links_to_the_glossary_resolve(lesson: notebooks.Lesson) -> None:
    assert set(links(lesson)) <= {entry.anchor for entry in ENTRIES}
    everything = "\n".join(cell.source for cell in cells(lesson))
    assert everything.count("GLOSSARY.md") == len(links(lesson)), "a link of another form"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_term_that_a_lesson_introduces_in_bold_is_explained(lesson: notebooks.Lesson) -> None:
    known = {form.lower() for entry in ENTRIES for form in entry.forms}
    unknown = [word for word in introduced(cells(lesson)) if not _forms(word) & (known | NO_TERMS)]
    assert unknown == []


def introduced(lesson_cells: list[NotebookNode]) -> list[str]:
    """What a lesson prints in bold, without what ends like a sentence or a question."""
    words = []
    for cell in lesson_cells:
        if cell.cell_type == "markdown":
            text, _ = glossary.unlinked(cell.source)
            bold = (" ".join(match["text"].split()) for match in BOLD.finditer(text))
            words += [word.lower() for word in bold if word[-1] not in ".?!:"]
    return words


def _forms(word: str) -> set[str]:
    return {word, word.removesuffix("s"), word.removesuffix("es")}


def markdown(*texts: str) -> list[NotebookNode]:
    return [NotebookNode(cell_type="markdown", source=text) for text in texts]


def an_entry(term: str, *forms: str) -> Entry:
    return Entry(
        term, (term, *forms), "词", "00", "Start", "00_start.ipynb", "A sentence of words."
    )


def test_uses_are_found_in_prose_and_nowhere_else() -> None:
    source = (
        '# A head\n`head` and [a head](other.ipynb) in "the head of the list"\n\n| head |\n\n'
        "Two\n[heads](GLOSSARY.md#head) of a new head.\n\n**Sources.** Head, 2020."
    )
    found = [use for _, use in glossary.uses(markdown(source), [an_entry("head")])]
    assert [use.anchor for use in found] == ["head", None]


def test_the_longest_term_wins_and_may_be_broken_over_lines() -> None:
    terms = [an_entry("depthwise convolution", "depthwise"), an_entry("convolution")]
    found = list(glossary.uses(markdown("A Depthwise\nconvolution, convolutions"), terms))
    assert [entry.term for entry, _ in found] == ["depthwise convolution", "convolution"]


def test_an_everyday_word_counts_only_in_bold() -> None:
    cell = markdown("A missing link. It is **missing** or", "missing.")
    [(_, use)] = glossary.uses(cell, [an_entry("missing")])
    assert cell[0].source[use.start : use.end] == "missing"
    assert use.start > 10


def test_bold_terms_are_read_and_bold_headings_are_not() -> None:
    source = "**Predict.** A **[head](GLOSSARY.md#head)** and a\n**new\nword**. **Why?**"
    assert introduced(markdown(source)) == ["head", "new word"]
