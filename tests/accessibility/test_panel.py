"""The live lab's colours, light and dark, read off its style sheet and judged by computation.

tests/browser looks at the same panel as it is drawn; this says at once when a colour is too pale.
"""

import itertools
import re

from authoring.notebooks import ROOT
from tests.accessibility.seeing import EYES, MARK, TEXT, apart, contrast, over

import pytest

STYLE = (ROOT / "course_utils/lab/static/lab.css").read_text(encoding="utf-8")

# What stands behind the panel, and the ink that goes with it: the panel's own, JupyterLab's light
# and dark theme, and the usual dark editor of VS Code.
PAGES = {
    "light": ("#ffffff", "#1c1c1e"),
    "light, JupyterLab": ("#ffffff", "#000000"),
    "dark, JupyterLab": ("#111111", "#ffffff"),
    "dark, VS Code": ("#1e1e1e", "#d4d4d4"),
}
# Colour, what lies behind it, and how much it must stand out.
WORDS = [
    *(("ink", behind) for behind in ("paper", "soft", "press", "frozen-soft", "bad-soft")),
    *(("quiet", behind) for behind in ("paper", "soft")),
    *((name, "paper") for name in ("learns", "stats", "bad", "busy")),
    ("frozen", "frozen-soft"),
    ("learns", "soft"),
    ("bad", "bad-soft"),
]
MARKS = [
    *((name, "paper") for name in ("test", "train", "loss", "quiet", "good", "bad", "edge")),
    *((name, "soft") for name in ("learns-bar", "stats")),
    ("frozen", "paper"),
    ("paper", "good"),  # the tick in its badge
    ("paper", "bad"),
]
# Lines that divide and never say anything; the others are backgrounds.
DECORATION = {"line"}
GROUNDS = {"paper", "soft", "press", "frozen-soft", "bad-soft"}


def variables(selector: str) -> dict[str, str]:
    """Return the plain colours that a rule names, without the two dashes."""
    found = re.search(rf"^{re.escape(selector)} \{{(.*?)^\}}", STYLE, re.MULTILINE | re.DOTALL)
    assert found, f"no rule {selector}"
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", found[1]))


def colours(page: str) -> dict[str, str]:
    """Return every colour of the panel on a page of this kind."""
    paper, ink = PAGES[page]
    named = variables(".tl-lab")
    if page.startswith("dark"):
        named |= variables('.tl-lab[data-theme="dark"]')
    return {"paper": paper, "ink": ink} | named


def test_every_colour_is_classified() -> None:
    light, dark = variables(".tl-lab"), variables('.tl-lab[data-theme="dark"]')
    assert set(light) == set(dark), "a colour without its dark counterpart"
    judged = {name for pair in (*WORDS, *MARKS) for name in pair}
    assert set(light) <= judged | DECORATION | GROUNDS
    used = set(re.findall(r"var\(--([\w-]+)", STYLE)) - {"paper", "ink"}
    assert {name for name in used if not name.startswith(("jp-", "vscode-"))} == set(light)


@pytest.mark.parametrize("page", PAGES)
def test_words_can_be_read(page: str) -> None:
    colour = colours(page)
    found = {(a, b): contrast(colour[a], colour[b]) for a, b in WORDS}
    assert {pair: round(c, 2) for pair, c in found.items() if c < TEXT} == {}


@pytest.mark.parametrize("page", PAGES)
def test_marks_and_edges_can_be_seen(page: str) -> None:
    colour = colours(page)
    found = {(a, b): contrast(colour[a], colour[b]) for a, b in MARKS}
    assert {pair: round(c, 2) for pair, c in found.items() if c < MARK} == {}


@pytest.mark.parametrize("page", PAGES)
def test_the_main_button_and_faint_lines_stand_out(page: str) -> None:
    colour = colours(page)
    rule = (
        '.tl-lab[data-theme="dark"] .tl-primary'
        if page.startswith("dark")
        else ".tl-lab .tl-primary"
    )
    written = re.search(rf"^{re.escape(rule)} \{{.*?[; {{]color: (#\w+)", STYLE, re.MULTILINE)
    assert written
    assert contrast(written[1], colour["frozen"]) >= TEXT
    for kind, name in (("tl-earlier", "quiet"), ("tl-mark line", "ink")):
        faint = re.search(rf"^\.{kind} \{{.*?opacity: ([\d.]+)", STYLE, re.MULTILINE)
        assert faint
        seen = over((*_rgb(colour[name]), float(faint[1])), colour["paper"])
        assert contrast(seen, colour["paper"]) >= MARK, kind


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("page", PAGES)
def test_what_means_something_else_looks_different(page: str, eyes: str) -> None:
    """Words, icons, dashes and places say the same as these colours: a weak limit is enough."""
    colour = colours(page)
    for group in (("frozen", "learns"), ("learns-bar", "stats"), ("test", "train", "loss")):
        for one, two in itertools.combinations(group, 2):
            assert apart(colour[one], colour[two], eyes) > 10, (one, two)


def test_nothing_hides_the_focus() -> None:
    assert "outline: none" not in STYLE
    assert "outline: 0" not in STYLE
    assert re.search(r":focus-visible \{ outline: 2px solid var\(--test\)", STYLE)


def _rgb(colour: str) -> tuple[float, float, float]:
    return over(colour)
