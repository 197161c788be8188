"""Without a mouse: every control of the panel is reached, seen to be reached, and worked."""

from collections.abc import Iterator

from tests.browser.conftest import ARTEFACTS, Lab
from tests.browser.panel import Panel, small_lab

import pytest
from playwright.sync_api import BrowserContext, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# The words by which a test knows a control: its label, or what is written on or around it.
NAME = """control => (control.dataset.block || control.name || control.getAttribute('aria-label')
    || control.textContent || control.closest('label')?.textContent || '').trim()"""
CONTROLS = "button, input, select, textarea, a[href], [tabindex]"
# Names of all controls that can be used now; those in one group of blocks share one Tab stop.
USABLE = f"""root => [...root.querySelectorAll('{CONTROLS}')]
    .filter(control => !control.disabled && control.checkVisibility()).map({NAME})"""
FOCUSED = f"""() => {{ const at = document.activeElement;
    return at?.closest('.tl-lab') ? ({NAME})(at) : null; }}"""
OUTLINE = """() => { const style = getComputedStyle(document.activeElement);
    return style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth); }"""


@pytest.fixture(scope="module")
def panel(browser: BrowserContext, lab: Lab) -> Iterator[Panel]:
    """Give a panel of a scratch notebook with the code shown, which adds controls."""
    ARTEFACTS.mkdir(exist_ok=True)
    shown = small_lab(browser, lab, "", "lab.run(4)")
    shown.press("Show the code")
    expect(shown.root.locator(".tl-code")).to_contain_text("import torch")
    shown.settled()
    yield shown
    shown.page.close()


def walk(panel: Panel, key: str, most: int = 80) -> list[str]:
    """Press a key from the focused control on until the focus leaves the panel; name the stops."""
    stops: list[str] = []
    for _ in range(most):
        name = panel.page.evaluate(FOCUSED)
        if name is None:
            return stops
        if stops:  # where a script has put the focus first, a browser need not show it
            assert panel.page.evaluate(OUTLINE) >= 2, f"the focus on {name!r} cannot be seen"
        stops.append(name)
        panel.page.keyboard.press(key)
    raise AssertionError(f"the focus is caught in the panel: {stops[-5:]}")


def test_tab_reaches_every_control_and_leaves_the_panel(panel: Panel) -> None:
    usable = panel.root.evaluate(USABLE)
    blocks = panel.root.locator("[data-block]").evaluate_all("all => all.map(b => b.dataset.block)")
    assert len(usable) > len(blocks) + 15
    panel.root.get_by_role("button", name="head only", exact=True).focus()
    forwards = walk(panel, "Tab")
    assert sorted(set(usable) - set(blocks)) == sorted(set(forwards) - set(blocks))
    assert len(set(forwards) & set(blocks)) == 1, "the column of blocks is one stop"
    panel.root.locator(CONTROLS).filter(visible=True).last.focus()
    assert walk(panel, "Shift+Tab") == forwards[::-1]


def test_arrow_keys_reach_every_block(panel: Panel) -> None:
    blocks = panel.root.locator("[data-block]").evaluate_all("all => all.map(b => b.dataset.block)")
    panel.block(blocks[0]).focus()
    for name in blocks:
        expect(panel.block(name)).to_be_focused()
        panel.page.keyboard.press("ArrowDown")
    expect(panel.block(blocks[-1])).to_be_focused()


def test_a_whole_experiment_without_the_mouse(panel: Panel) -> None:
    page = panel.page
    panel.root.get_by_role("button", name="head only", exact=True).focus()
    page.keyboard.press("Enter")
    panel.settled()
    panel.root.locator(".tl-play").focus()
    page.keyboard.press("Space")
    panel.until("panel.dataset.running === 'true'")
    before = panel.step
    panel.until(f"Number(panel.dataset.step) >= {before + 5}")
    page.keyboard.press("Space")
    panel.until("panel.dataset.running === 'false'")
    optimizer = panel.root.locator('select[name="optimizer"]')
    optimizer.focus()
    chosen = optimizer.input_value()
    page.keyboard.press("ArrowDown")
    if optimizer.input_value() == chosen:
        page.keyboard.press("ArrowUp")
    assert optimizer.input_value() != chosen
    run = panel.run
    panel.root.get_by_role("button", name="Reset", exact=True).focus()
    page.keyboard.press("Enter")
    panel.until(f"Number(panel.dataset.run) === {run + 1}")
    panel.root.get_by_role("button", name="Hide the code", exact=True).focus()
    page.keyboard.press("Enter")
    expect(panel.root.locator(".tl-code")).to_be_hidden()
    assert panel.watched.console_errors == []
