"""A term in a lesson leads to its entry in the glossary, on the same screen."""

from tests.browser.conftest import ARTEFACTS, Lab
from tests.browser.panel import open_notebook, watch

import pytest
from playwright.sync_api import BrowserContext, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def test_a_link_shows_the_entry_of_its_term(browser: BrowserContext, lab: Lab) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page = browser.new_page()
    watched = watch(page)
    open_notebook(page, lab, "00_start_here.ipynb")
    page.locator(".jp-MarkdownCell a", has_text="control").first.click()
    entry = page.locator(".jp-RenderedMarkdown h3", has_text="control").first
    expect(entry).to_be_in_viewport(timeout=20_000)
    page.screenshot(path=ARTEFACTS / "glossary.png")
    assert watched.console_errors == []
    assert watched.popups == []
    page.close()
