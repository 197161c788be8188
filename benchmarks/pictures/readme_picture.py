"""Draw the README's picture: some images of each target class of the Shapes world.

    python -m benchmarks.pictures.readme_picture

writes lessons/images/shapes.png.
"""

import io

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import environment, plots
from course_utils.images import shapes

from PIL import Image

COLOURS = 128  # noisy images do not compress; fewer colours make a third of the bytes


def main() -> None:
    images, labels, names = shapes.make("target", 100, seed=0)
    png = io.BytesIO()
    plots.class_sheet(images, labels, names).savefig(png, dpi=100, facecolor="white")
    path = environment.PROJECT / "lessons" / "images" / "shapes.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(png).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"wrote {path.relative_to(environment.PROJECT)}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
