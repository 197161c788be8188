"""Lay the parts of a lesson out on pages: what belongs together, in the order of the lesson."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from authoring.slides.parts import GAP, MOST_HEIGHT, WIDTH, Part, printed_height, text_height

LARGEST = 1.5  # a picture is never magnified by more: it would blur
LEAST_HEIGHT, LEAST_WIDTH = 330, 600  # of a picture that shares its page with words
TITLE_MORE = 70  # by which the heading of the lesson is higher than others
ORPHAN = 60  # the last words are kept on a page rather than left alone on the next one
MOST_LEAD = {"picture": 150, "predict": 280}  # height of words before it on its page
SMALL_LINE = 34  # of words beside a picture
SMALL_CHARACTER = 12.5


@dataclass
class Page:
    """One slide.

    Parameters
    ----------
    section : str
        The heading that it stands below, one of the lesson's own.
    where : str
        Heading shown: that of the section, or of a part of it.
    starts : bool
        Whether it is the first of its section.
    layout : str
        ``title``, ``words``, ``predict``, ``below`` or ``beside`` (words and a picture).
    parts : list of (Part, bool)
        What it shows; True for what a key press brings up.
    spoken : list of str
        Words of the lesson that go to the speaker, for all pages of a section.
    used : float
        Height that is taken, in pixels.
    full : bool
        Whether nothing more may be added.
    """

    section: str
    where: str
    starts: bool = False
    layout: str = "words"
    parts: list[tuple[Part, bool]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    used: float = 0.0
    full: bool = False

    def fits(self, height: float) -> bool:
        """Say whether something so high still has a place."""
        return not self.full and self.used + height <= MOST_HEIGHT

    def leads(self, most: float) -> bool:
        """Say whether the page holds a few words or lines only, which lead to what comes next."""
        kinds = {part.kind for part, _ in self.parts}
        return self.layout == "words" and self.used <= most and kinds <= {"text", "code"}

    def add(self, part: Part, fragment: bool = False) -> None:
        """Put a part at the end."""
        self.parts.append((part, fragment))
        self.used += part.height


def lay_out(parts: Iterable[Part]) -> list[Page]:
    """Return the pages of a deck. A section that shows nothing has no page."""
    queue = list(parts)
    pages = [Page("", "")]
    spoken: dict[str, list[str]] = {}
    while queue:
        part = queue.pop(0)
        page = pages[-1]
        if part.kind == "heading":
            pages.append(_below_heading(part, page))
        elif part.kind == "spoken":
            spoken.setdefault(page.section, []).append(part.text)
        elif part.kind == "predict":
            if not page.leads(MOST_LEAD[part.kind]):
                pages.append(_next(page))
            pages[-1].layout = "predict"
            pages[-1].add(part)
            pages[-1].full = True
        elif part.kind == "picture":
            if not page.leads(MOST_LEAD[part.kind]):
                pages.append(_next(page))
            _add_picture(pages[-1], part, queue)
        else:
            if _breaks(page, part, queue):
                pages.append(_next(page))
            pages[-1].add(part, _waits(part, pages[-1]))
    pages = [page for page in pages if page.parts]
    for before, page in zip([None, *pages], pages, strict=False):
        page.starts = before is None or page.section != before.section
        page.spoken = spoken.get(page.section, [])
    return pages


def _below_heading(heading: Part, before: Page) -> Page:
    if heading.level == 1:
        return Page(heading.title, heading.title, layout="title", used=TITLE_MORE)
    if heading.level == 2:
        return Page(heading.title, heading.title)
    return Page(before.section, heading.title)


def _next(page: Page) -> Page:
    return Page(page.section, page.where)


def _breaks(page: Page, part: Part, queue: list[Part]) -> bool:
    if part.asked in ("slide", "subslide"):
        return bool(page.parts)
    if not page.parts:
        return False
    if part.asked == "fragment":
        return page.full
    orphan = part.kind == "text" and part.height <= ORPHAN and not announces(part.text)
    if orphan and (not queue or queue[0].kind != "text"):
        return not page.fits(part.height - ORPHAN)  # the page shrinks a little instead
    kept = _with_next(part, queue)
    if part.kind == "code" and page.parts[-1][0].kind == "printed":
        return True  # what ran before has been dealt with
    return not page.fits(part.height) or (kept <= MOST_HEIGHT and not page.fits(kept))


def _with_next(part: Part, queue: list[Part]) -> float:
    """Return the height of a part and of what should not be torn from it."""
    height = part.height
    if not queue:
        return height
    follower, rest = queue[0], queue[1:]
    if part.kind == "text" and announces(part.text) and follower.kind in ("text", "code"):
        height += _with_next(follower, rest)
    if part.kind == "code" and follower.kind == "printed":
        height += follower.height
    return height


def announces(text: str) -> bool:
    """Say whether a text leads to what follows: it ends in a colon, or is no sentence."""
    return not text.rstrip().endswith((".", "?", "!", ")", "|", "```"))


def _waits(part: Part, page: Page) -> bool:
    """Say whether a part waits for a key press: what code prints, and what explains that."""
    kinds = {other.kind for other, _ in page.parts}
    if part.asked == "fragment":
        return True
    if part.kind == "printed":
        return "code" in kinds
    return part.kind == "text" and "printed" in kinds


def _add_picture(page: Page, picture: Part, queue: list[Part]) -> None:
    """Add a picture, what its cell printed, and as many of the words on it as find room."""
    caption = list(takewhile(lambda part: part.caption, queue))
    del queue[: len(caption)]
    room = MOST_HEIGHT - page.used
    under = [part.height for part in caption]
    words = list(takewhile(lambda part: part.kind == "text" and part.asked == "-", queue))
    alone = _scaled(picture.size, WIDTH, room - sum(under))
    for count in range(len(words), -1, -1):
        chosen = words[:count]
        if chosen and announces(chosen[-1].text):
            continue  # it announces what comes on the next page
        below = _scaled(picture.size, WIDTH, room - sum(under + [w.height for w in chosen]))
        beside = (0.0, 0.0) if page.parts else _beside(picture.size, room, caption, chosen)
        size, page.layout = max((below, "below"), (beside, "beside"))
        if not chosen or _large(size, alone):
            break
    metadata = picture.cell.outputs[0].metadata
    metadata["image/png"] = {**metadata.get("image/png", {}), "width": round(size[0])}
    picture.height = size[1] + GAP
    for part in (picture, *caption):
        page.add(part)
    page.parts += [(part, True) for part in queue[:count]]
    page.full = True
    del queue[:count]


def _scaled(size: tuple[int, int], width: float, height: float) -> tuple[float, float]:
    factor = max(0.0, min(LARGEST, width / size[0], height / size[1]))
    return size[0] * factor, size[1] * factor


def _large(size: tuple[float, float], alone: tuple[float, float]) -> bool:
    return size[0] >= min(LEAST_WIDTH, alone[0]) and size[1] >= min(LEAST_HEIGHT, 0.8 * alone[1])


def _beside(
    size: tuple[int, int], room: float, caption: list[Part], words: list[Part]
) -> tuple[float, float]:
    """Return how large a picture can be with all this at its side; (0, 0) if it cannot."""
    if not caption and not words:
        return 0.0, 0.0
    for column in range(380, 640, 20):
        columns = int(column / SMALL_CHARACTER)
        height = sum(text_height(part.text, columns, SMALL_LINE) for part in words)
        height += sum(printed_height(part.cell.outputs, column) for part in caption)
        if height <= room:
            return _scaled(size, WIDTH - column - 30, room)
    return 0.0, 0.0
