"""JupyterLab as a student handles it: open a notebook, choose from the menu, run its cells."""

import json
import time
from pathlib import Path
from typing import Any

from tests.browser.conftest import ARTEFACTS, Lab

import pytest
from playwright.sync_api import Locator, Page, expect

# JupyterLab draws tracebacks and warnings alike under this type.
COMPLAINTS = '[data-mime-type="application/vnd.jupyter.stderr"]'
# The status bar knows the kernel; the notebook's own round mark looks idle before there is one.
IDLE = 'text="Python 3 (ipykernel) | Idle"'
NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"

# The prompts of the code cells; a folded one shows none.  (textContent, since innerText is empty
# for what is out of sight.)
COUNTS = f"""() => [...document.querySelectorAll('{NOTEBOOK} .jp-CodeCell')]
    .filter(cell => !cell.querySelector('.jp-InputPlaceholder'))
    .map(cell => cell.querySelector('.jp-InputPrompt').textContent.trim())"""
# Cells and pictures in sight are drawn: two frames after the last picture has come.
DRAWN = f"""() => [...document.querySelectorAll('{NOTEBOOK} img')].every(image => image.complete)
    && new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""


def counts_of(cells: list[Any]) -> list[str]:
    """What COUNTS gives once these code cells of a notebook have run, one after the other."""
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in cells]
    return [f"[{n}]:" for n, hidden in enumerate(folded, 1) if not hidden]


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    page.goto(lab.address(f"lessons/{name}"))
    page.wait_for_selector(IDLE, timeout=60_000)
    page.wait_for_function(f"({COUNTS})().length > 0", timeout=60_000)


def choose(page: Page, menu: str, entry: str) -> None:
    """Choose an entry of the menu bar, or of a menu below it."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


def run_everything(page: Page, seconds: float = 300) -> list[str]:
    """Run all cells; return their counts, once there was no complaint."""
    choose(page, "Edit", "Clear Outputs of All Cells")  # or the stored counts would pass as new
    assert set(page.evaluate(COUNTS)) == {"[ ]:"}
    choose(page, "Run", "Run All Cells")
    counts = wait_until_run(page, seconds)
    complaints = page.locator(COMPLAINTS).all_text_contents()
    assert not complaints, f"errors or warnings:\n{complaints[-1][-3000:]}"
    return counts


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
        page.wait_for_timeout(50)
    pytest.fail(f"still running after {seconds:.0f} s: {page.evaluate(COUNTS)}")


def rerun(page: Page, cell: int) -> str:
    """Run a cell once more; return what it prints."""
    found = page.locator(".jp-CodeCell").nth(cell)
    run_cell(page, found)
    return (found.locator(".jp-OutputArea-output").last.text_content() or "").strip()


def run_cell(page: Page, cell: Locator) -> None:
    """Run a cell by the keyboard, and wait until it has run."""
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.text_content() or ""
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(prompt).not_to_have_text(before, timeout=10_000)
    expect(prompt).not_to_have_text("[*]:", timeout=20_000)


def take_pictures(page: Page, name: str, most: int = 40) -> list[Path]:
    """Photograph the notebook from top to bottom, one window's height at a time."""
    ARTEFACTS.mkdir(exist_ok=True)
    for old in ARTEFACTS.glob(f"{name}-[0-9][0-9].png"):
        old.unlink()
    taken = []
    panel = page.locator(f"{NOTEBOOK} .jp-WindowedPanel-outer").first
    panel.evaluate("panel => panel.scrollTo(0, 0)")
    for number in range(1, most + 1):
        page.wait_for_function(DRAWN, timeout=20_000)
        taken.append(ARTEFACTS / f"{name}-{number:02}.png")
        page.screenshot(path=taken[-1])
        before = panel.evaluate("panel => panel.scrollTop")
        panel.evaluate("panel => panel.scrollBy(0, panel.clientHeight - 40)")
        if panel.evaluate("panel => panel.scrollTop") == before:
            break
    return taken


def write_notebook(lab: Lab, name: str, *cells: str) -> str:
    """Write a small notebook beside the lessons."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [code_cell(f"cell-{i}", source) for i, source in enumerate(cells)],
    }
    (lab.folder / "lessons" / name).write_text(json.dumps(notebook))
    return name


def code_cell(name: str, source: str) -> dict[str, Any]:
    """Return a code cell that was not run."""
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
