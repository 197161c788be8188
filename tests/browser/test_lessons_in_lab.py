"""The lessons in a real JupyterLab, opened from its list of files and run from its menu."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from authoring import notebooks
from tests.browser.conftest import ARTEFACTS, Lab, Watched, watch
from tests.browser.jupyterlab import (
    COMPLAINTS,
    COUNTS,
    IDLE,
    NOTEBOOK,
    choose,
    counts_of,
    open_notebook,
    run_everything,
    take_pictures,
)

import pytest
from playwright.sync_api import BrowserContext, Page, expect

LESSONS = notebooks.lessons()
DESCRIBED = ".jp-RenderedHTML img[alt]:not([alt=''])"
# nbval runs every lesson as it is.  What only a browser can tell is how its outputs are drawn and
# whether a figure grows while it trains: so the first lesson is run here too, on fewer images.
FEWER = (("2000", "300"), ("1000", "100"), ("train=300, test=200", "train=60, test=40"))

CLOSED_OR_ASKS = (
    f"() => !document.querySelector('{NOTEBOOK}') || document.querySelector('.jp-Dialog')"
)


@dataclass
class Desk:
    """One tab of JupyterLab, in which lessons are opened and closed again."""

    page: Page
    watched: Watched
    lab: Lab

    def open(self, name: str) -> None:
        self.page.locator(".jp-DirListing-itemText", has_text=name).first.dblclick()
        self.page.locator(NOTEBOOK).wait_for(timeout=30_000)

    def clear(self) -> None:
        """Close the notebook and end its kernel."""
        if self.page.locator(NOTEBOOK).count():
            choose(self.page, "File", "Close Tab")
            self.page.wait_for_function(CLOSED_OR_ASKS)
            if (discard := self.page.locator(".jp-Dialog button", has_text="Discard")).count():
                discard.click()  # a kernel has written its version into the notebook
            expect(self.page.locator(NOTEBOOK)).to_have_count(0)
        for session in self.ask("GET", "api/sessions"):
            self.ask("DELETE", f"api/sessions/{session['id']}")
        self.watched.forget()

    def ask(self, method: str, address: str) -> list[dict[str, str]]:
        headers = {"Authorization": f"token {self.lab.token}"}
        request = urllib.request.Request(
            f"{self.lab.origin}/{address}", method=method, headers=headers
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"[]")


@pytest.fixture(scope="module")
def shared_desk(browser: BrowserContext, lab: Lab) -> Iterator[Desk]:
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 3000})  # fewer windows to look at
    desk = Desk(page, watch(page), lab)
    open_notebook(page, lab, LESSONS[0].notebook.name)
    yield desk
    page.close()


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """Give the tab with no lesson open."""
    shared_desk.clear()
    return shared_desk


def test_there_are_lessons() -> None:
    assert LESSONS, "lessons/ holds no lesson: the tests below would pass on nothing"


def test_the_watch_sees_what_it_must(lab: Lab, page: Page, watched: Watched) -> None:
    page.goto(f"{lab.origin}/login")
    watched.assert_nothing()
    page.evaluate("fetch('http://192.0.2.1/').catch(() => 0); 0")  # an address kept for examples
    page.evaluate("console.error('bad')")
    page.evaluate(
        """() => {
            const dialog = document.createElement('div');
            dialog.className = 'jp-Dialog';
            dialog.textContent = 'Sure?';
            document.body.append(dialog);
            setTimeout(() => dialog.remove(), 10);
        }"""
    )
    page.wait_for_timeout(300)
    assert watched.left_this_computer == ["http://192.0.2.1/"]
    assert any("bad" in text for text in watched.console_errors)
    assert watched.popups == ["Sure?"]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_lesson_opens_with_its_stored_outputs(lesson: notebooks.Lesson, desk: Desk) -> None:
    counts = counts_of(notebooks.code_cells(notebooks.read_notebook(lesson.notebook)))
    desk.open(lesson.notebook.name)
    desk.page.wait_for_function(f"({COUNTS})().length === {len(counts)}", timeout=60_000)
    taken = take_pictures(desk.page, lesson.name)
    desk.page.wait_for_selector(IDLE, timeout=60_000)

    assert len(taken) > 3  # a lesson is longer than three windows
    assert desk.page.evaluate(COUNTS) == counts
    assert not desk.page.locator(COMPLAINTS).all_text_contents()
    desk.watched.assert_nothing()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_first_lesson_runs_from_top_to_bottom(desk: Desk) -> None:
    lesson = LESSONS[0]
    notebook = notebooks.read_notebook(lesson.notebook)
    cells = notebooks.code_cells(notebook)
    for cell in cells:
        for many, few in FEWER:
            cell.source = cell.source.replace(many, few)
    name = "on_few_images.ipynb"
    notebooks.nbformat.write(notebook, desk.lab.folder / "lessons" / name)
    open_notebook(desk.page, desk.lab, name)
    counts = counts_of(cells)
    desk.page.wait_for_function(f"({COUNTS})().length === {len(counts)}", timeout=60_000)

    assert run_everything(desk.page) == counts
    take_pictures(desk.page, f"{lesson.name}-run")
    # JupyterLab gives a PNG no text alternative, so a running lesson shows its figures as HTML.
    page = desk.page
    assert page.locator(".jp-RenderedImage img").count() == 0
    assert page.locator(".jp-RenderedHTML img").count() == page.locator(DESCRIBED).count() > 5
    assert page.locator(".tl-lab .tl-mark").count() >= 2, "the live lab, with what was done in it"
    desk.watched.assert_nothing()


def test_a_link_shows_the_entry_of_its_term(desk: Desk) -> None:
    """A term in a lesson leads to its entry in the glossary, on the same screen."""
    desk.page.set_viewport_size({"width": 1280, "height": 1000})
    desk.open(LESSONS[0].notebook.name)
    desk.page.locator(".jp-MarkdownCell a", has_text="control").first.click()
    entry = desk.page.locator(".jp-RenderedMarkdown h3", has_text="control").first
    expect(entry).to_be_in_viewport(timeout=20_000)
    desk.page.screenshot(path=ARTEFACTS / "glossary.png")
    desk.watched.assert_nothing()
