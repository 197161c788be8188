"""The website as readers have it: from a server or the disk, light and dark, wide and narrow."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.browser.conftest import Watched
from tests.conftest import lacks_browser

import pytest
from playwright.sync_api import Page, expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(lacks_browser() is not None, reason=str(lacks_browser())),
]
PAGES = [
    "index",
    "measured",
    "lessons/GLOSSARY",
    "lessons/00_start_here",
    "lessons/09_the_live_lab",
]
# The contrast of text and background, as the Web Content Accessibility Guidelines compute it.
CONTRAST = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b]
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = numbers(getComputedStyle(e).backgroundColor);
            if (colour.length < 4 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const chosen = 'article :is(p, pre, pre span, td, th, a, h1)';
    const low = {};
    for (const e of document.querySelectorAll(chosen)) {
        if (!e.innerText?.trim() || !e.checkVisibility()) continue;
        const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low[`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`] = e.innerText;
    }
    return low;
}"""


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    """Serve the site on this machine."""
    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def complaints(watched: Watched) -> list[str]:
    return watched.console_errors + watched.left_this_computer


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_legible_and_fits(
    page: Page, watched: Watched, address: str, name: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"{address}/{name}.html")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} pixels wide on a screen of {width}"
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        assert page.evaluate(broken) == []
    assert page.evaluate(CONTRAST) == {}
    assert complaints(watched) == []


def test_pale_text_is_noticed(page: Page) -> None:
    page.set_content("<article><p style='color: #999'>pale</p><p>black</p></article>")
    assert list(page.evaluate(CONTRAST).values()) == ["pale"]


@pytest.mark.parametrize("place", ["server", "disk"])
def test_search_finds_a_lesson(
    page: Page, watched: Watched, address: str, built: Path, place: str
) -> None:
    start = address if place == "server" else built.as_uri()
    page.goto(f"{start}/search.html?q=running_mean")
    expect(page.locator(".search li").first).to_be_visible()
    expect(page.locator("#search-results")).to_contain_text("Freezing")
    assert [url for url in watched.left_this_computer if not url.startswith("file:")] == []


def test_from_each_lesson_to_the_next(page: Page, watched: Watched, address: str) -> None:
    page.goto(f"{address}/lessons/00_start_here.html")
    page.locator("a.next-page").click()
    expect(page).to_have_title("1 · Pretrained weights - Transfer learning, live")
    page.locator("a.prev-page").click()
    expect(page.locator("h1")).to_contain_text("Start here")
    assert complaints(watched) == []
