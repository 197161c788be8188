"""The live lab's panel on a page, and what its reader does with it."""

from dataclasses import dataclass
from pathlib import Path

from tests.browser.conftest import ARTEFACTS, Lab, Watched, watch
from tests.browser.jupyterlab import choose, open_notebook, wait_until_run, write_notebook

from playwright.sync_api import BrowserContext, Locator, Page


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


SCRATCH = "scratch.ipynb"
# The scratch notebook is opened by one test after the other, and its kernel stays: to import torch
# anew for each would take most of the time.  Labs of the test before are closed first.
SETUP = """import sys
sys.path.insert(0, '..')
import course_utils
for lab in globals().get('labs', []):
    lab.close()
labs = []"""


def small_lab(browser: BrowserContext, lab: Lab, options: str = "", *more: str) -> Panel:
    """Open a scratch notebook whose second cell shows a lab; further cells are there to be run."""
    page = browser.new_page()
    panel = Panel(page, watch(page))
    open_notebook(page, lab, scratch(lab, options, *more))
    choose(page, "Run", "Run All Cells")
    wait_until_run(page)
    panel.root.wait_for()
    panel.settled()
    return panel


def scratch(lab: Lab, options: str = "", *more: str) -> str:
    """Write the notebook that `small_lab` opens."""
    show = (
        f"from course_utils.lab import Lab\nlab = Lab('shapes', train=100, test=50{options})\n"
        "labs.append(lab)\nlab"
    )
    return write_notebook(lab, SCRATCH, SETUP, show, *more)
