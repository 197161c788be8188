"""Cut the cells of a lesson into parts that a slide can hold, and guess how high each will be.

All sizes are pixels of a slide of 1280 x 720. They are estimates, made without a browser, to decide
what goes on one page. The page itself measures, and shrinks what turns out too high (`deck.js`).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from authoring.slides import rules
from authoring.slides.pictures import pieces, png_size

import nbformat
from nbformat import NotebookNode

WIDTH = 1200  # of a slide's content
TEXT_LINE, TEXT_COLUMNS, GAP = 38, 86, 16
MOST_HEIGHT = 560  # of what stands on a page, below its heading and above its foot
CODE_FONTS = {17: 20, 21: 18, 26: 16}  # up to so many lines -> font size
MOST_LINES = max(CODE_FONTS)
CODE_COLUMNS = 100
PRINT_FONTS = {14: 20, 18: 18, 22: 16, 26: 14}
CAPTION_FONT = 18  # of what is printed with a picture
TABLE_ROW = 36


@dataclass
class Part:
    """Something that stays together on a slide.

    Parameters
    ----------
    kind : str
        ``heading``, ``text``, ``predict``, ``code``, ``printed``, ``picture`` or ``spoken``.
    cell : NotebookNode
        What nbconvert renders.
    height : float
        Estimated height, in pixels.
    asked : str
        The slide type that the cell asks for, ``"-"`` for none.
    level, title :
        Of a heading.
    size : tuple of int
        Width and height of a picture, in its own pixels.
    caption : bool
        Whether printed text belongs to a picture of the same cell.
    """

    kind: str
    cell: NotebookNode
    height: float = 0.0
    asked: str = "-"
    level: int = 0
    title: str = ""
    size: tuple[int, int] = (0, 0)
    caption: bool = field(default=False)

    @property
    def text(self) -> str:
        """Source of the part."""
        return self.cell.source


def cut(notebook: NotebookNode) -> Iterator[Part]:
    """Yield the parts of a stored lesson, in its order; what is skipped is left out."""
    section = ""
    helpers: set[str] = set()  # functions of the lesson that only show things
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in text_parts(cell):
                if part.kind == "heading":
                    section = part.title
                elif section == "Exercises":
                    part.kind = "spoken"  # how checks and hints work: said, not shown
                yield part
            continue
        helpers |= rules.showing_functions(cell.source, helpers)
        choice = rules.choose(cell, section, helpers)
        if choice.code:
            draws = any("image/png" in output.get("data", {}) for output in cell.outputs)
            source = rules.without_guess(cell.source)
            source = rules.without_drawing(source, helpers) if draws else source
            yield from code_parts(source, choice.slide_type)
        if choice.output:
            asked = "-" if choice.code else choice.slide_type
            yield from output_parts(cell, asked)


def blocks(text: str) -> list[str]:
    """Split Markdown at its blank lines; what stands between fences stays whole."""
    found, fenced = [[]], False  # type: tuple[list[list[str]], bool]
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if line.strip() or fenced:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def text_parts(cell: NotebookNode) -> Iterator[Part]:
    """Yield the headings, paragraphs, lists and predictions of a text cell."""
    asked = rules.choose(cell, "").slide_type
    asked_of_rest = asked if asked in ("skip", "notes", "fragment") else "-"
    for block in blocks(cell.source):
        heading = re.match(r"(#{1,3}) (.+)", block)
        if heading:  # even of a skipped text: the sections must stay
            yield Part("heading", markdown(block), level=len(heading[1]), title=heading[2].strip())
            continue
        for piece in split_list(block) if asked != "skip" else []:
            kind = "predict" if block.startswith("**Predict.**") else "text"
            kind = "spoken" if asked == "notes" else kind
            yield Part(kind, markdown(piece), text_height(piece), asked)
        asked = asked_of_rest


def split_list(block: str) -> list[str]:
    """Split a list that is higher than a slide in two, between its entries."""
    if text_height(block) <= MOST_HEIGHT:
        return [block]
    entries = re.split(r"\n(?=[-*] )", block)
    half = (len(entries) + 1) // 2
    if len(entries) < 2:
        return [block]
    return [
        piece for part in (entries[:half], entries[half:]) for piece in split_list("\n".join(part))
    ]


def text_height(block: str, columns: int = TEXT_COLUMNS, line: float = TEXT_LINE) -> float:
    """Estimate the height of a Markdown block."""
    if block.startswith("```"):
        return 27.0 * (block.count("\n") - 1) + 2 * GAP
    if block.startswith("|"):
        return TABLE_ROW * block.count("\n") + GAP
    lines = 0
    for item in re.split(r"\n(?=\s*(?:[-*]|\d+\.|>) )", block):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", " ".join(item.split()))
        lines += max(1, math.ceil(len(plain) / columns))
    return line * lines + GAP


def code_parts(code: str, asked: str) -> Iterator[Part]:
    """Yield the code of a cell: whole where it fits on a slide, else in two or more pieces."""
    for source in split_code(code):
        tall = lines_of(source, CODE_COLUMNS)
        size = next((font for most, font in CODE_FONTS.items() if tall <= most), 16)
        new = nbformat.v4.new_code_cell(source, metadata={"tags": [f"font-{size}"]})
        yield Part("code", new, 1.35 * size * tall + 2 * GAP, asked)
        asked = "subslide"


def split_code(source: str) -> list[str]:
    """Split code that is too long for a slide, at the blank or outer line nearest to its middle."""
    lines = source.splitlines()
    if lines_of(source, CODE_COLUMNS) <= MOST_LINES:
        return [source]
    inner = range(3, len(lines) - 2)
    middle = len(lines) / 2
    places = [i for i in inner if not lines[i].strip()] or [
        i for i in inner if not lines[i].startswith((" ", ")", "]", "}"))
    ]
    at = min(places or inner, key=lambda i: abs(i - middle))
    halves = ["\n".join(lines[:at]).strip("\n"), "\n".join(lines[at:]).strip("\n")]
    return [piece for half in halves for piece in split_code(half)]


def lines_of(text: str, columns: int) -> int:
    """Count the lines of a text as it is wrapped at so many columns."""
    return sum(max(1, math.ceil(len(line) / columns)) for line in text.splitlines())


def output_parts(cell: NotebookNode, asked: str) -> Iterator[Part]:
    """Yield the pictures of a cell, each by itself, and all that it prints, together."""
    pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
    rest = [o for o in cell.outputs if "image/png" not in o.get("data", {})]
    rest = [o for o in rest if not printed_text(o).lower().startswith("not attempted")]
    for output in [piece for picture in pictures for piece in pieces(picture)]:
        yield Part("picture", shown(cell, [output], "picture"), 0, asked, size=png_size(output))
        asked = "-"
    for output in [o for o in rest if "text/markdown" in o.get("data", {})]:
        rest.remove(output)
        for piece in split_list(output.data["text/markdown"].strip()):
            yield Part("text", markdown(piece), text_height(piece))
    if rest:
        rest = [shortened(output) for output in rest]
        tall = sum(lines_of(text, CODE_COLUMNS) for text in map(printed_text, rest))
        font = next((size for most, size in PRINT_FONTS.items() if tall <= most), 14)
        height = printed_height(rest, WIDTH, font)
        new = shown(cell, rest, "caption" if pictures else f"font-{font}")
        yield Part("printed", new, height, asked, caption=bool(pictures))


def shortened(output: NotebookNode, most: int = max(PRINT_FONTS)) -> NotebookNode:
    """Return an output with its first lines only, where a slide cannot hold all; it says so."""
    lines = str(output.get("text", "")).rstrip("\n").splitlines()
    if len(lines) <= most:
        return output
    more = f"... and {len(lines) - most + 1} more lines"
    return nbformat.from_dict({**output, "text": "\n".join([*lines[: most - 1], more])})


def printed_text(output: NotebookNode) -> str:
    """Return an output as plain text; nothing for a table."""
    if "text/html" in output.get("data", {}):
        return ""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return str(text).rstrip("\n")


def printed_height(outputs: list[NotebookNode], width: float, font: int = CAPTION_FONT) -> float:
    """Estimate the height of outputs that are text or tables."""
    height = float(GAP)
    for output in outputs:
        if text := printed_text(output):
            height += 1.35 * font * lines_of(text, int(width / (0.61 * font)) - 2)
        else:
            height += TABLE_ROW * (output.get("data", {}).get("text/html", "").count("<tr") + 0.5)
    return height


def markdown(text: str) -> NotebookNode:
    """Return a text cell."""
    return nbformat.v4.new_markdown_cell(text)


def shown(cell: NotebookNode, outputs: list[NotebookNode], *tags: str) -> NotebookNode:
    """Return a cell that shows these outputs, and no code."""
    return nbformat.v4.new_code_cell(
        cell.source, outputs=outputs, metadata={"tags": ["no-code", *tags]}
    )
