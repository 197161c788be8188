"""A reader's own images: a folder with one folder a class.

    pets/                       pets/
      train/cat/1.jpg             cat/1.jpg
      train/dog/2.jpg     or      dog/2.jpg
      test/cat/3.jpg
      test/dog/4.jpg

Without `train` and `test` (or `val`) folders, a fifth of each class is set aside for testing.
"""

from __future__ import annotations

from pathlib import Path

from course_utils.images.datasets import ImageData, balanced_choice

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"}
_TEST_NAMES = ("test", "val", "valid", "validation")


class ImageFolderError(ValueError):
    """The folder cannot be used; the message says why, and what would be right."""


def class_folders(folder: Path) -> list[Path]:
    """The folders of one split, one a class, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _is_image(path: Path, folder: Path) -> bool:
    """By its name; what systems and notebooks hide there (`._1.jpg`) is none of the reader's."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _fifth_of_each(labels: Tensor, seed: int) -> set[int]:
    """Indices to set aside for testing: a fifth of each class, at least one image of it."""
    generator = torch.Generator().manual_seed(seed)
    held: set[int] = set()
    for label in labels.unique():
        mine = torch.nonzero(labels == label).flatten()
        chosen = torch.randperm(len(mine), generator=generator)[: max(1, len(mine) // 5)]
        held.update(mine[chosen].tolist())
    return held


def _files(classes: list[Path]) -> tuple[list[Path], Tensor]:
    files, labels = [], []
    for label, folder in enumerate(classes):
        mine = sorted(p for p in folder.rglob("*") if _is_image(p, folder))
        if not mine:
            kinds = ", ".join(sorted(SUFFIXES))
            raise ImageFolderError(f"the class folder {folder} holds no image (looked for {kinds})")
        files += mine
        labels += [label] * len(mine)
    return files, torch.tensor(labels)


def _splits(folder: Path, seed: int) -> tuple[list[str], list[Path], Tensor, list[Path], Tensor]:
    """Class names, training files and labels, test files and labels."""
    train = folder / "train"
    tests = [folder / name for name in _TEST_NAMES if (folder / name).is_dir()]
    if train.is_dir() and not tests:
        raise ImageFolderError(
            f"{folder} has a train folder but none named {' or '.join(_TEST_NAMES)}"
        )
    if tests and not train.is_dir():
        # else `test` and a misspelt `training` would pass for two classes
        raise ImageFolderError(
            f"{folder} has a {tests[0].name} folder but none named train; give it both, or neither"
        )
    classes = class_folders(train if train.is_dir() else folder)
    names = [c.name for c in classes]
    if len(names) < 2:
        found = f"only one class folder ({names[0]})" if names else "no class folder"
        raise ImageFolderError(
            f"{folder} has {found}; a classifier needs at least two, laid out as "
            f"{folder.name}/train/CLASS/image.jpg and {folder.name}/test/CLASS/image.jpg, "
            f"or simply {folder.name}/CLASS/image.jpg"
        )
    files, labels = _files(classes)
    if train.is_dir():
        test_names = [c.name for c in class_folders(tests[0])]
        if test_names != names:
            odd = sorted(set(names) ^ set(test_names))
            raise ImageFolderError(
                f"the classes of {train} and {tests[0]} differ: {', '.join(odd)} is in one only"
            )
        return names, files, labels, *_files(class_folders(tests[0]))
    for label, name in enumerate(names):
        if int((labels == label).sum()) < 2:
            raise ImageFolderError(
                f"{folder / name} holds a single image; without a test folder each class needs at "
                f"least two, one to train on and one to test on"
            )
    held = _fifth_of_each(labels, seed)
    first = [i for i in range(len(files)) if i not in held]
    second = sorted(held)
    return (
        names,
        [files[i] for i in first],
        labels[first],
        [files[i] for i in second],
        labels[second],
    )


def _read(file: Path, side: int | None) -> Tensor:
    """One image as uint8 `(3, h, w)`; cropped to a square of `side` when one is given."""
    try:
        with Image.open(file) as image:
            pixels = pil_to_tensor(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageFolderError(
            f"{file} cannot be read as an image ({error}); delete or replace it, then run again"
        ) from error
    if side is None:
        return pixels
    return center_crop(resize(pixels, [side], antialias=True), [side, side])


def _read_all(files: list[Path], side: int) -> Tensor:
    first = _read(files[0], None)
    small = max(first.shape[1:]) <= side
    images = [_read(file, None if small else side) for file in files]
    if len({image.shape for image in images}) > 1:
        images = [_read(file, side) for file in files]
    return torch.stack(images)


def count_images(folder: Path, seed: int = 0) -> tuple[int, int]:
    """How many images there are to train on and to test on; none of them is opened.

    Raises
    ------
    ImageFolderError
        As `load_folder` does, but for images that cannot be read.
    """
    _names, files, _labels, test_files, _test_labels = _splits(_existing(folder), seed)
    return len(files), len(test_files)


def _existing(folder: Path) -> Path:
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ImageFolderError(
            f"there is no folder {folder}; COURSE_DATA must name one that exists"
        )
    return folder


def _at_most(
    n: int | None, files: list[Path], labels: Tensor, seed: int
) -> tuple[list[Path], Tensor]:
    """At most `n` files in random order, not in a camera's, where neighbours look alike."""
    chosen = balanced_choice(labels, min(n or len(files), len(files)), seed)
    return [files[i] for i in chosen.tolist()], labels[chosen]


def load_folder(
    folder: Path,
    train: int | None = None,
    test: int | None = None,
    *,
    side: int = 224,
    seed: int = 0,
) -> ImageData:
    """Read a folder of class folders into memory.

    Parameters
    ----------
    folder : Path
        Laid out as shown above.
    train, test : int or None, optional
        At most this many images, the classes as level as can be; None for all.
    side : int, optional
        Images larger than this are resized and cropped to squares of it; images that are all
        equally large and no larger stay as they are.
    seed : int, optional
        Decides which images are taken and, without a test folder, which are set aside.

    Raises
    ------
    ImageFolderError
        When the folder does not exist, holds no image or fewer than two classes, if a class is
        missing on one side, or if a file cannot be read; the message names it.
    ValueError
        When `train` or `test` is below 1.
    """
    if (train is not None and train < 1) or (test is not None and test < 1):
        raise ValueError(f"train and test must be at least 1 or None, not {train} and {test}")
    folder = _existing(folder)
    names, files, labels, test_files, test_labels = _splits(folder, seed)
    files, labels = _at_most(train, files, labels, seed)
    test_files, test_labels = _at_most(test, test_files, test_labels, seed)
    images, test_images = _read_all(files, side), _read_all(test_files, side)
    name = f"your images ({folder.name})"
    return ImageData(name, images, labels, test_images, test_labels, tuple(names))
