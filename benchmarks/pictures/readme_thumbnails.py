"""Make the small pictures of the README's list of lessons from figures that the lessons hold.

    python -m benchmarks.pictures.readme_thumbnails

writes lessons/images/lesson_NN.png. To be run again after `make record` where a figure has changed.
"""

import base64
import io
from pathlib import Path

from authoring import notebooks
from course_utils.environment import PROJECT

from PIL import Image, ImageOps

FOLDER = PROJECT / "lessons" / "images"
SIZE = (400, 240)  # twice what the README shows, for screens with fine pixels
COLOURS = 64
# The figure of each lesson, by the beginning of its text alternative.
CHOSEN = {
    "00": "The same images with the new answers",
    "01": "Two panels of 32 filters",
    "02": "Accuracy on the training images by pass",
    "03": "Three tables with input channels",
    "04": "Two bar charts with one row for each block",
    "05": "Accuracy on held-out images after fine-tuning",
    "06": "The same blocks, with other bars",
    "07": "Test accuracy of probes by block for four tasks",
    "08": "Two panels with accuracy on the target",
    "09": "A still picture of the live lab",
    "10": "A grid: one row for each tool and phase",
    "11": "A row for each of the twenty claims",
}


def figure(notebook: Path, beginning: str) -> Image.Image:
    """Return the first stored figure whose text alternative begins so.

    Raises ValueError if the lesson holds none.
    """
    for cell in notebooks.code_cells(notebooks.read_notebook(notebook)):
        for output in cell.outputs:
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if alt.startswith(beginning):
                return Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    raise ValueError(f"{notebook.name} holds no figure whose description begins {beginning!r}")


def thumbnail(picture: Image.Image) -> Image.Image:
    """Return a picture made small, whole, in the middle of white."""
    small = ImageOps.contain(picture.convert("RGB"), SIZE, Image.Resampling.LANCZOS)
    return ImageOps.pad(small, SIZE, color="white").quantize(COLOURS, dither=Image.Dither.NONE)


def main() -> None:
    for lesson in notebooks.lessons():
        number = lesson.name[:2]
        path = FOLDER / f"lesson_{number}.png"
        thumbnail(figure(lesson.notebook, CHOSEN[number])).save(path, optimize=True)
        print(f"wrote {path.relative_to(PROJECT)}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
