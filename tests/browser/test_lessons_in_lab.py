"""Each lesson in a real JupyterLab, the way a student runs it: Run, Run All Cells."""

import time
from pathlib import Path

from authoring import notebooks
from tests.browser.conftest import ARTEFACTS, Lab, Watched

import pytest
from playwright.sync_api import Page

LESSONS = notebooks.lessons()
# nbval runs every lesson. What only a browser can tell is how its outputs are drawn, and whether
# live widgets work: so all lessons are opened here, and two with the live lab are run as well, one
# that uses it as any lesson does and the one that is all about it.
WITH_WIDGETS = [lesson for lesson in LESSONS if lesson.name[:2] in ("00", "09")]
# JupyterLab draws tracebacks and warnings alike under this type.
COMPLAINTS = '[data-mime-type="application/vnd.jupyter.stderr"]'
DESCRIBED = ".jp-RenderedHTML img[alt]:not([alt=''])"
# The status bar knows the kernel; the notebook's own round mark looks idle before there is one.
IDLE = 'text="Python 3 (ipykernel) | Idle"'

# The prompts of the code cells. (textContent, since innerText is empty for what is out of sight.)
COUNTS = """() => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')]
    .map(cell => cell.querySelector('.jp-InputPrompt').textContent.trim())"""


def test_there_are_lessons() -> None:
    assert LESSONS, "lessons/ holds no lesson: the tests below would pass on nothing"
    assert len(WITH_WIDGETS) == 2
    for lesson in WITH_WIDGETS:
        assert "course_utils.lab" in lesson.source.read_text(), "no widget would be seen"


def test_the_watch_sees_what_it_must(lab: Lab, page: Page, watched: Watched) -> None:
    page.goto(f"{lab.origin}/login")
    assert watched == Watched()
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
def test_lesson_opens_with_its_stored_outputs(
    lesson: notebooks.Lesson, lab: Lab, page: Page, watched: Watched
) -> None:
    cells = notebooks.code_cells(notebooks.read_notebook(lesson.notebook))
    page.goto(lab.address(f"lessons/{lesson.notebook.name}"))
    page.wait_for_selector(IDLE, timeout=60_000)
    page.wait_for_function(f"({COUNTS})().length === {len(cells)}", timeout=60_000)
    taken = take_pictures(page, lesson.name)

    assert len(taken) > 3  # a lesson is longer than three windows
    assert page.evaluate(COUNTS) == [f"[{n}]:" for n in range(1, len(cells) + 1)]
    assert not page.locator(COMPLAINTS).all_text_contents()
    assert watched.popups == []
    assert watched.console_errors == []
    assert watched.left_this_computer == []


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("lesson", WITH_WIDGETS, ids=lambda lesson: lesson.name)
def test_lesson_runs_from_top_to_bottom(
    lesson: notebooks.Lesson, lab: Lab, page: Page, watched: Watched
) -> None:
    cells = notebooks.code_cells(notebooks.read_notebook(lesson.notebook))
    page.goto(lab.address(f"lessons/{lesson.notebook.name}"))
    page.wait_for_selector(IDLE, timeout=60_000)
    # JupyterLab puts the cells on the page one after another.
    page.wait_for_function(f"({COUNTS})().length === {len(cells)}", timeout=60_000)

    choose(page, "Edit", "Clear Outputs of All Cells")  # or the stored counts would pass as new
    assert set(page.evaluate(COUNTS)) == {"[ ]:"}
    choose(page, "Run", "Run All Cells")
    counts = wait_until_run(page)
    take_pictures(page, f"{lesson.name}-run")

    # JupyterLab gives a PNG no text alternative, so a running lesson shows its figures as HTML.
    assert page.locator(".jp-RenderedImage img").count() == 0
    assert page.locator(".jp-RenderedHTML img").count() == page.locator(DESCRIBED).count()
    complaints = page.locator(COMPLAINTS).all_text_contents()
    assert not complaints, f"errors or warnings:\n{complaints[-1][-3000:]}"
    assert counts == [f"[{n}]:" for n in range(1, len(cells) + 1)]
    assert watched.popups == []
    assert watched.console_errors == []
    assert watched.left_this_computer == []


def choose(page: Page, menu: str, entry: str) -> None:
    """Choose an entry of JupyterLab's menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def wait_until_run(page: Page, seconds: float = 300) -> list[str]:
    """Wait until nothing runs or waits any more (after an error, nothing does); return the counts.

    An untouched cell shows ``[ ]:``, one that waits or runs ``[*]:``, one that has run ``[7]:``.
    """
    page.wait_for_function(f"({COUNTS})().some(count => count !== '[ ]:')", timeout=30_000)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        counts: list[str] = page.evaluate(COUNTS)
        begun = any(count.strip("[]:").isdigit() for count in counts)
        if begun and "[*]:" not in counts and page.locator(IDLE).count():
            return counts
        page.wait_for_timeout(200)
    pytest.fail(f"still running after {seconds:.0f} s: {page.evaluate(COUNTS)}")


def take_pictures(page: Page, name: str, most: int = 40) -> list[Path]:
    """Photograph the lesson from top to bottom, one window's height at a time."""
    ARTEFACTS.mkdir(exist_ok=True)
    for old in ARTEFACTS.glob(f"{name}-[0-9][0-9].png"):
        old.unlink()
    taken = []
    panel = page.locator(".jp-NotebookPanel .jp-WindowedPanel-outer").first
    panel.evaluate("panel => panel.scrollTo(0, 0)")
    for number in range(1, most + 1):
        page.wait_for_timeout(150)  # cells out of sight are drawn when they come into view
        taken.append(ARTEFACTS / f"{name}-{number:02}.png")
        page.screenshot(path=taken[-1])
        before = panel.evaluate("panel => panel.scrollTop")
        panel.evaluate("panel => panel.scrollBy(0, panel.clientHeight - 40)")
        if panel.evaluate("panel => panel.scrollTop") == before:
            break
    return taken
