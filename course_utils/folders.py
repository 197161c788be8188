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

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

from .datasets import ImageData, balanced_choice

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"}
_TEST_NAMES = ("test", "val", "valid", "validation")


class ImageFolderError(ValueError):
    """The folder cannot be used; the message says why, and what would be right."""


def class_folders(folder: Path) -> list[Path]:
    """The folders of one split, one a class, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(classes: list[Path]) -> tuple[list[Path], Tensor]:
    files, labels = [], []
    for label, folder in enumerate(classes):
        mine = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
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
    held = set(balanced_choice(labels, max(len(names), len(files) // 5), seed).tolist())
    first = [i for i in range(len(files)) if i not in held]
    if not first or len(labels[first].unique()) < len(names):
        raise ImageFolderError(f"{folder} has too few images: each class needs at least two")
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
    folder : laid out as shown above
    train, test : at most this many images, the classes as level as can be; None for all
    side : images larger than this are resized and cropped to squares of it; images that are all
        equally large and no larger stay as they are
    seed : decides which images are taken and, without a test folder, which are set aside

    Raises
    ------
    ImageFolderError
        If the folder does not exist, holds no image or fewer than two classes, if a class is
        missing on one side, or if a file cannot be read; the message names it.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ImageFolderError(
            f"there is no folder {folder}; COURSE_DATA must name one that exists"
        )
    names, files, labels, test_files, test_labels = _splits(folder, seed)
    if train is not None and train < len(files):
        chosen = balanced_choice(labels, train, seed).tolist()
        files, labels = [files[i] for i in chosen], labels[chosen]
    if test is not None and test < len(test_files):
        chosen = balanced_choice(test_labels, test, seed).tolist()
        test_files, test_labels = [test_files[i] for i in chosen], test_labels[chosen]
    images, test_images = _read_all(files, side), _read_all(test_files, side)
    name = f"your images ({folder.name})"
    return ImageData(name, images, labels, test_images, test_labels, tuple(names))
