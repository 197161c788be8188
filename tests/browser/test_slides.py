"""Every slide of every deck, opened from disk in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from authoring.__main__ import main
from authoring.notebooks import lessons

import pytest
from playwright.sync_api import BrowserContext, Page, Request

NAMES = [lesson.name for lesson in lessons()]
SIZES = [(1280, 720), (1024, 768)]
LEAST_TEXT = 12.5  # pixels of the smallest words at 1280 x 720, where code is usually 20
FROM_DISK = {"file", "data", "blob", "about"}

# Goes through all slides with everything on them shown, and measures what a viewer would see.
VISIT = """(leastText) => {
  const found = [];
  for (const slide of Reveal.getSlides()) {
    const at = Reveal.getIndices(slide);
    Reveal.slide(at.h, at.v || 0, 999);
    const scale = Reveal.getScale(), box = slide.getBoundingClientRect(), faults = [];
    const words = [], walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && !parent.closest("aside, style")) words.push(parent);
    }
    const boxes = Array.from(slide.querySelectorAll("img, table, pre"));
    for (const part of [...words, ...boxes.map((box) => box.closest(".tall") || box)]) {
      const r = part.getBoundingClientRect();
      if (r.right > box.right + 1 || r.left < box.left - 1 || r.top < box.top - 1
          || r.bottom > box.bottom - 40 * scale)
        faults.push(`${part.tagName} at ${[r.left, r.top, r.right, r.bottom].map(Math.round)}`);
    }
    const smallest = Math.min(...words.map((word) => parseFloat(getComputedStyle(word).fontSize)));
    if (smallest < leastText) faults.push(`words of ${smallest} pixels`);
    for (const image of slide.querySelectorAll("img"))
      if (!image.naturalWidth || !image.alt) faults.push("a picture without pixels or words");
    const spoken = slide.querySelector("aside.notes");
    if (!spoken || !spoken.textContent.includes(" min.")) faults.push("no speaker's notes");
    if (Reveal.getCurrentSlide() !== slide) faults.push("it cannot be reached");
    if (words.length < 2 && !slide.querySelector("img")) faults.push("nothing on it");
    found.push([slide.querySelector(".where").textContent, faults]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    assert main(["slides", "--to", str(folder)]) == 0
    return folder


@pytest.fixture
def requests(browser: BrowserContext) -> Iterator[list[str]]:
    """Return the addresses that are asked for; nothing that would leave this computer gets out."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    browser.on("request", note)
    browser.set_offline(True)
    yield asked
    browser.set_offline(False)
    browser.remove_listener("request", note)


def leaving(asked: list[str]) -> list[str]:
    return [url for url in asked if urlsplit(url).scheme not in FROM_DISK]


def open_deck(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.add_style_tag(content=".fragment { transition: none !important }")


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_is_whole(name: str, decks: Path, page: Page, requests: list[str]) -> None:
    errors: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else 0
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_deck(page, decks / f"{name}.html")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("Reveal.layout()")
        slides = page.evaluate(VISIT, LEAST_TEXT if width == 1280 else 0)
        assert len(slides) > 20
        faults = {f"{place}: {where}": bad for place, (where, bad) in enumerate(slides, 1) if bad}
        assert not faults, f"at {width} x {height}"
    assert errors == []
    assert leaving(requests) == []


def test_a_slide_that_is_too_full_is_noticed(decks: Path, page: Page) -> None:
    open_deck(page, decks / f"{NAMES[4]}.html")
    page.evaluate(
        """() => { const slide = Reveal.getSlides()[3], box = document.createElement("pre");
           box.textContent = "x\\n".repeat(90); slide.append(box); slide.dataset.fitted = 1; }"""
    )
    faults = page.evaluate(VISIT, LEAST_TEXT)[3][1]
    assert any(fault.startswith("PRE at") for fault in faults)


def test_a_request_that_would_leave_is_noticed(page: Page, requests: list[str]) -> None:
    page.set_content('<img src="https://unpkg.invalid/reveal.js">')
    page.wait_for_load_state()
    assert leaving(requests) == ["https://unpkg.invalid/reveal.js"]


def test_the_answer_comes_after_the_question(decks: Path, page: Page) -> None:
    open_deck(page, decks / "04_freezing.html")
    page.evaluate("""() => {
        const asks = Reveal.getSlides().find((slide) => slide.dataset.layout === "predict");
        const at = Reveal.getIndices(asks);
        Reveal.slide(at.h, at.v || 0);
    }""")
    assert "How many of them can still learn" in page.evaluate(
        "Reveal.getCurrentSlide().textContent"
    )
    page.keyboard.press("Space")
    hidden = "() => document.querySelectorAll('section.present .fragment:not(.visible)').length"
    assert page.evaluate(hidden) > 0, "what the code prints waits for a key press"
    first = page.evaluate(hidden)
    page.keyboard.press("Space")
    assert page.evaluate(hidden) == first - 1


def test_the_speaker_sees_the_notes(
    decks: Path, browser: BrowserContext, page: Page, requests: list[str]
) -> None:
    open_deck(page, decks / "00_start_here.html")
    page.keyboard.press("Space")
    with browser.expect_page() as opened:
        page.keyboard.press("s")
    speaker = opened.value
    speaker.locator(".speaker-controls-notes").filter(has_text="min.").wait_for()
    now_and_next = [frame for frame in speaker.frames if frame.parent_frame]
    assert len(now_and_next) == 2
    for frame in now_and_next:
        frame.locator("section.present").last.wait_for()
    assert leaving(requests) == []
    speaker.close()


def test_the_contents_lead_to_every_deck(decks: Path, page: Page) -> None:
    page.goto((decks / "index.html").as_uri())
    links = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
    assert links == [f"{name}.html" for name in NAMES]
    for name in NAMES:
        page.goto((decks / f"{name}.html").as_uri())
        found = page.eval_on_selector_all(
            ".slides a[href$='.html']", "links => links.map(link => link.getAttribute('href'))"
        )
        assert all((decks / link).is_file() for link in found), found
