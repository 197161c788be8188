"""Labs in notebooks of a reader's own: driven by the page, cleared, two at a time, in trouble."""

from tests.browser.conftest import ARTEFACTS, Lab
from tests.browser.jupyterlab import choose, rerun
from tests.browser.panel import Panel, small_lab

import pytest
from playwright.sync_api import BrowserContext, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_where_the_page_drives_everything_works_as_well(browser: BrowserContext, lab: Lab) -> None:
    panel = small_lab(browser, lab, ", driver='foreground'", "print(6 * 7)")
    panel.start()
    panel.until("Number(panel.dataset.step) >= 10")
    panel.block("features.18").click()
    expect(panel.root.locator(".tl-mark", has_text="thawed features.18")).to_have_count(
        1, timeout=10_000
    )
    assert rerun(panel.page, 2) == "42"
    steps = panel.step
    panel.until(f"Number(panel.dataset.step) > {steps}")
    panel.pause()
    steps = panel.step
    panel.page.wait_for_timeout(600)
    assert panel.step == steps
    panel.press("One step")
    panel.until(f"Number(panel.dataset.step) === {steps + 1}")
    assert panel.watched.console_errors == []
    panel.page.close()


def test_a_panel_out_of_sight_is_drawn_when_it_comes_into_sight(
    browser: BrowserContext, lab: Lab
) -> None:
    tall = "print('\\n' * 60)"
    panel = small_lab(browser, lab, "", "lab.run(20)", *[tall] * 3)
    panel.page.locator(".jp-CodeCell").last.scroll_into_view_if_needed()
    panel.page.wait_for_timeout(500)
    panel.root.scroll_into_view_if_needed()
    panel.until("panel.querySelector('.tl-axes') !== null", 3)
    panel.until("panel.querySelector('.tl-memory b').textContent.endsWith('MB')", 3)
    assert panel.step == 20
    panel.page.wait_for_timeout(300)
    panel.page.screenshot(path=ARTEFACTS / "live-lab-into-sight.png")
    panel.page.close()


RUNNING = """import threading
print(*(lab.running for lab in labs), sum(t.name.startswith('live-lab')
                                          for t in threading.enumerate()))"""


def test_running_the_cell_again_or_clearing_it_stops_training(
    browser: BrowserContext, lab: Lab
) -> None:
    panel = small_lab(browser, lab, "", RUNNING)
    panel.start()
    panel.until("Number(panel.dataset.step) >= 5")
    assert rerun(panel.page, 2) == "True 1"
    rerun(panel.page, 1)
    panel.page.wait_for_timeout(1000)
    assert rerun(panel.page, 2) == "False False 0"
    panel.root.wait_for()
    panel.start()
    panel.until("Number(panel.dataset.step) >= 5")
    assert rerun(panel.page, 2) == "False True 1"
    choose(panel.page, "Edit", "Clear Outputs of All Cells")
    panel.page.wait_for_timeout(1000)
    assert rerun(panel.page, 2) == "False False 0"
    assert panel.watched.console_errors == []
    panel.page.close()


def comes_to(panel: Panel, cell: int, text: str) -> None:
    """Run a cell until it prints this: the step that is being taken still ends."""
    for _ in range(10):
        if (printed := rerun(panel.page, cell)) == text:
            return
        panel.page.wait_for_timeout(300)
    assert printed == text


def test_two_labs_in_one_notebook_take_turns(browser: BrowserContext, lab: Lab) -> None:
    second = "other = Lab('shapes', train=100, test=50)\nlabs.append(other)\nother"
    panel = small_lab(browser, lab, "", second, RUNNING)
    panel.page.set_viewport_size({"width": 1280, "height": 2600})  # both in sight
    one, two = (panel.page.locator(".tl-lab").nth(i) for i in (0, 1))
    one.locator(".tl-play").click()
    expect(one).to_have_attribute("data-running", "true")
    panel.until("Number(panel.dataset.step) >= 5")
    two.locator(".tl-play").click()
    expect(two).to_have_attribute("data-running", "true")
    expect(one).to_have_attribute("data-running", "false", timeout=10_000)
    expect(one.locator(".tl-status-text")).to_have_text("paused", timeout=10_000)
    two.locator('[data-block="features.18"]').click()
    expect(two.locator(".tl-mark", has_text="thawed features.18")).to_have_count(1, timeout=10_000)
    expect(one.locator('[data-block="features.18"]')).to_have_attribute("aria-pressed", "true")
    comes_to(panel, 3, "False True 1")
    one.locator(".tl-play").click()
    expect(two).to_have_attribute("data-running", "false", timeout=10_000)
    comes_to(panel, 3, "True False 1")
    assert panel.watched.console_errors == []
    panel.page.close()


BREAK = """def broken():
    raise ZeroDivisionError('a wheel came off')
whole = lab.session.step
lab.session.step = broken
print('broken')"""
MEND = """lab.session.step = whole
print(type(lab.error).__name__, lab.running)"""


def test_an_error_while_it_trains_is_shown_with_its_traceback(
    browser: BrowserContext, lab: Lab
) -> None:
    panel = small_lab(browser, lab, "", "print('not yet')", "print('not yet')")
    panel.start()
    panel.until("Number(panel.dataset.step) >= 3")
    for cell, text in ((2, BREAK), (3, MEND)):
        panel.page.locator(".jp-CodeCell").nth(cell).locator(".cm-content").fill(text)
    assert rerun(panel.page, 2) == "broken"
    trouble = panel.root.locator(".tl-trouble")
    expect(trouble.locator(".tl-trouble-text")).to_contain_text("a wheel came off")
    expect(trouble.locator(".tl-trace")).to_be_hidden()
    trouble.get_by_role("button", name="Show the traceback").click()
    expect(trouble.locator(".tl-trace")).to_contain_text("ZeroDivisionError")
    panel.until("panel.dataset.running === 'false'")
    assert rerun(panel.page, 3) == "ZeroDivisionError False"
    panel.press("Reset")
    expect(trouble).to_be_hidden(timeout=10_000)
    panel.start()
    panel.until("Number(panel.dataset.step) >= 3")
    panel.pause()
    panel.page.close()
