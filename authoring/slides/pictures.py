"""Pictures of a lesson on slides: their size, and tall ones cut between their panels."""

import base64
import io
import struct
from itertools import pairwise

import nbformat
import numpy as np
from nbformat import NotebookNode
from PIL import Image

TALL = 0.95  # height for each pixel of width, from which a picture is cut
GOOD = 0.5  # the same, of the pieces that we wish for: that of a slide below its heading
MORE = 1.25  # so much higher than wished for may a piece be
LINE = 40  # rows: what is higher is no line of words
BAND = 6  # rows of pixels without ink that make a place to cut


def png_size(output: NotebookNode) -> tuple[int, int]:
    """Return width and height of a PNG picture, from its header."""
    head = base64.b64decode(output.data["image/png"][:64])
    width, height = struct.unpack(">II", head[16:24])
    return int(width), int(height)


def pieces(output: NotebookNode) -> list[NotebookNode]:
    """Cut a tall picture with panels one below the other into pictures that fit a slide.

    Returns
    -------
    list of NotebookNode
        The picture itself where it is not tall, or where nothing separates its parts.
    """
    width, height = png_size(output)
    if height < TALL * width:
        return [output]
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
    places = cuts(np.asarray(image), round(GOOD * width))
    edges = [0, *places, height]
    found = []
    for number, (top, bottom) in enumerate(pairwise(edges), 1):
        buffer = io.BytesIO()
        image.crop((0, top, width, bottom)).save(buffer, "png")
        piece = nbformat.from_dict(output)
        piece.data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        piece.metadata = {"image/png": {"alt": f"{alt} (Part {number} of {len(edges) - 1}.)"}}
        found.append(nbformat.from_dict(piece))
    return found if places else [output]


def cuts(pixels: np.ndarray, wanted: int) -> list[int]:
    """Return the rows at which to cut a picture, so that pieces are about `wanted` rows high.

    Parameters
    ----------
    pixels : ndarray of uint8
        ``(height, width, 3)``.
    wanted : int
        Height of a good piece. One panel that is higher stays whole.
    """
    ink = (pixels != pixels[0, 0]).any(axis=(1, 2))
    runs = _runs(ink)
    tall = [bottom - top > LINE for top, bottom in runs]
    places = []  # (row, how good a place, height of the blank band)
    for number in range(1, len(runs)):
        before, after = runs[number - 1], runs[number]
        title = not tall[number] and number + 1 < len(runs) and tall[number + 1]
        panel = tall[number] and tall[number - 1]
        places.append(((before[1] + after[0]) // 2, 2 * title + panel, after[0] - before[1]))
    chosen, top, height = [], 0, len(pixels)
    while height - top > MORE * wanted:
        behind = [place for place in places if place[0] > top + 0.4 * wanted]
        near = [place for place in behind if place[0] <= top + MORE * wanted] or behind[:1]
        if not near or height - near[0][0] < 0.3 * wanted:
            break
        top = max(near, key=lambda place: (place[1], place[2], place[0]))[0]
        chosen.append(top)
    return chosen


def _runs(ink: np.ndarray) -> list[tuple[int, int]]:
    """Return from where to where there is ink, across gaps of less than `BAND` rows."""
    runs: list[tuple[int, int]] = []
    for row in np.flatnonzero(ink).tolist():
        if runs and row - runs[-1][1] < BAND:
            runs[-1] = runs[-1][0], row + 1
        else:
            runs.append((row, row + 1))
    return runs
