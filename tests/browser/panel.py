"""The live lab's panel on a page, and what its reader does with it."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.browser.conftest import ARTEFACTS, POPUP_SCRIPT, Lab, Watched
from tests.browser.test_lessons_in_lab import COUNTS, IDLE, choose, wait_until_run

from playwright.sync_api import BrowserContext, Locator, Page, expect


@dataclass
class Panel:
    """The panel on a page, and what its reader does with it."""

    page: Page
    watched: Watched

    @property
    def root(self) -> Locator:
        return self.page.locator(".tl-lab").first

    def block(self, name: str) -> Locator:
        return self.root.locator(f'[data-block="{name}"]')

    @property
    def step(self) -> int:
        return int(self.root.get_attribute("data-step") or 0)

    @property
    def run(self) -> int:
        return int(self.root.get_attribute("data-run") or 0)

    def row(self, name: str) -> Locator:
        return self.root.locator(".tl-row", has=self.page.locator(f'[data-block="{name}"]'))

    def until(self, what: str, seconds: float = 20) -> None:
        """Wait for a condition on the panel's root, `panel` in JavaScript."""
        self.page.wait_for_function(
            f"() => {{ const panel = document.querySelector('.tl-lab'); return {what}; }}",
            timeout=1000 * seconds,
        )

    def settled(self) -> None:
        self.until("panel.dataset.waiting === '0'")

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()

    def start(self) -> None:
        self.press("Start")
        self.until("panel.dataset.running === 'true'")

    def pause(self) -> None:
        if self.root.get_attribute("data-running") == "true":
            self.press("Pause")
        self.until("panel.dataset.running === 'false'")
        self.settled()

    def anew(self, preset: str = "head only") -> None:
        """Give a fresh run that stands still, as at the beginning of each test."""
        self.pause()
        before = self.run
        self.press("Reset")
        self.until(f"Number(panel.dataset.run) === {before + 1}")
        self.settled()
        self.root.get_by_role("button", name=preset, exact=True).click()
        self.settled()

    def picture(self, name: str) -> Path:
        path = ARTEFACTS / f"live-lab-{name}.png"
        usual = self.page.viewport_size or {"width": 1280, "height": 1000}
        # as tall as the panel: a notebook scrolls inside, where a screenshot cannot follow
        tall = self.root.evaluate("root => Math.ceil(root.getBoundingClientRect().height)") + 300
        self.page.set_viewport_size({"width": usual["width"], "height": tall})
        self.root.evaluate("root => root.scrollIntoView({block: 'center'})")
        self.page.wait_for_timeout(400)
        self.root.screenshot(path=path)
        self.page.set_viewport_size(usual)
        self.page.wait_for_timeout(200)
        return path


def watch(page: Page) -> Watched:
    """Watch a tab from its first request on."""
    watched = Watched()
    page.expose_function("coursePopup", watched.on_popup)
    page.add_init_script(POPUP_SCRIPT)
    page.on("console", watched.on_console)
    page.on("pageerror", watched.on_page_error)
    page.on("request", watched.on_request)
    page.on("websocket", watched.on_request)
    return watched


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    page.goto(lab.address(f"lessons/{name}"))
    page.wait_for_selector(IDLE, timeout=60_000)
    page.wait_for_function(f"({COUNTS})().length > 0", timeout=60_000)


def scratch(lab: Lab, name: str, *cells: str) -> str:
    """Write a small notebook beside the lessons."""
    first = "import sys\nsys.path.insert(0, '..')\nimport course_utils"
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            }
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{i}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for i, source in enumerate((first, *cells))
        ],
    }
    (lab.folder / "lessons" / name).write_text(json.dumps(notebook))
    return name


def small_lab(browser: BrowserContext, lab: Lab, name: str, options: str, *more: str) -> Panel:
    """Open a scratch notebook whose second cell shows a lab; further cells are there to be run."""
    show = (
        f"from course_utils.lab import Lab\nlab = Lab('shapes', train=100, test=50{options})\n"
        "labs = globals().setdefault('labs', [])\nlabs.append(lab)\nlab"
    )
    page = browser.new_page()
    panel = Panel(page, watch(page))
    open_notebook(page, lab, scratch(lab, name, show, *more))
    choose(page, "Run", "Run All Cells")
    wait_until_run(page)
    panel.root.wait_for()
    panel.settled()
    return panel


def rerun(panel: Panel, cell: int) -> str:
    """Run a cell once more; return what it prints."""
    found = panel.page.locator(".jp-CodeCell").nth(cell)
    prompt = found.locator(".jp-InputPrompt")
    before = prompt.text_content() or ""
    found.locator(".cm-content").click()
    panel.page.keyboard.press("Shift+Enter")
    expect(prompt).not_to_have_text(before, timeout=10_000)
    expect(prompt).not_to_have_text("[*]:", timeout=20_000)
    return (found.locator(".jp-OutputArea-output").last.text_content() or "").strip()
