"""One of the students has a real browser: signs in, works through a lesson, runs out of memory."""

from __future__ import annotations

import json

from authoring import notebooks
from tests.browser.conftest import ARTEFACTS, Watched, browser, page, watched  # noqa: F401
from tests.browser.jupyterlab import (
    COMPLAINTS,
    COUNTS,
    IDLE,
    choose,
    counts_of,
    run_everything,
)
from tests.conftest import lacks_browser
from tests.hub.conftest import Class
from tests.hub.student import Student

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
if reason := lacks_browser():
    pytestmark.append(pytest.mark.skip(reason=reason))


def sign_in(page: Page, classroom: Class, student: Student) -> None:  # noqa: F811
    page.context.clear_cookies()
    page.goto(f"{classroom.hub.url}/hub/login")
    page.get_by_label("Username").fill(student.name)
    page.get_by_label("Password").fill(classroom.password)
    page.get_by_role("button", name="Sign in").click()


def write_notebook(student: Student, name: str, *cells: str) -> None:
    """A notebook with these cells in the student's home."""
    body = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for n, source in enumerate(cells)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    student.write(
        name, json.dumps({"cells": body, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )


def test_signing_in_leads_to_lesson_00_and_it_runs(
    classroom: Class,
    page: Page,  # noqa: F811
    watched: Watched,  # noqa: F811
) -> None:
    student = classroom.students[2]
    sign_in(page, classroom, student)
    page.wait_for_url("**/lab/tree/transfer-learning/00_start_here.ipynb", timeout=120_000)
    page.wait_for_selector(IDLE, timeout=120_000)
    lesson = notebooks.lessons()[0]
    counts = counts_of(notebooks.code_cells(notebooks.read_notebook(lesson.notebook)))
    page.wait_for_function(f"({COUNTS})().length === {len(counts)}", timeout=60_000)
    assert run_everything(page, seconds=600) == counts
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "hub-lesson-00.png")
    assert watched.popups == []
    assert watched.left_this_computer == []


def test_what_a_student_reads_when_memory_runs_out(
    classroom: Class,
    page: Page,  # noqa: F811
    watched: Watched,  # noqa: F811
) -> None:
    student = classroom.students[2]
    write_notebook(student, "much.ipynb", "import numpy\nnumpy.ones(4 * 10**8)")
    sign_in(page, classroom, student)
    page.goto(f"{classroom.hub.url}/user/{student.name}/lab/tree/much.ipynb?reset")
    page.wait_for_selector(IDLE, timeout=120_000)
    choose(page, "Run", "Run All Cells")
    error = page.locator(COMPLAINTS)
    expect(error).to_contain_text("Unable to allocate", timeout=60_000)
    page.screenshot(path=ARTEFACTS / "hub-memory.png")
    assert watched.popups == [], "the kernel lives on"

    # What the system's own hard limit does to a kernel, done here by hand.
    write_notebook(student, "dead.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    page.goto(f"{classroom.hub.url}/user/{student.name}/lab/tree/dead.ipynb?reset")
    page.wait_for_selector(IDLE, timeout=120_000)
    choose(page, "Run", "Run All Cells")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("appears to have died", timeout=60_000)
    page.screenshot(path=ARTEFACTS / "hub-dead-kernel.png")
