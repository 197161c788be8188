"""Checks of `python -m course_utils doctor` that look at images and weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

from course_utils.commands.doctor_machine import Finding, note, ok, problem
from course_utils.packages import PROJECT

RESTORE = "git checkout -- data, or clone the repository again"


def built_in_weights() -> Finding:
    """The course's own weights are there, whole, and those of their record."""
    from course_utils import world
    from course_utils.downloads.disk import digest
    from course_utils.networks.checkpoint_files import CheckpointError
    from course_utils.networks.heads import find_head
    from course_utils.networks.mobilenet import load_mobilenet_v2

    path = world.SHAPES_WEIGHTS
    if not path.is_file():
        return problem(f"{path} is missing", RESTORE)
    try:
        model = load_mobilenet_v2(path)
    except CheckpointError as error:
        return problem(str(error), RESTORE)
    classes = find_head(model)[1].out_features
    found = f"{path.name}: MobileNetV2, {classes} classes, {path.stat().st_size / 1e6:.1f} MB"
    record = PROJECT / "data" / "records" / "pretraining" / "pretrain_shapes.json"
    if not record.is_file():
        return note(f"{found}; {record.name}, which tells what they should be, is missing", RESTORE)
    wanted = json.loads(record.read_text(encoding="utf-8"))
    if wanted.get("bytes", path.stat().st_size) != path.stat().st_size or (
        "sha256" in wanted and wanted["sha256"] != digest(path, "sha256")
    ):
        return problem(f"{found}; not the file that {record.name} tells of", RESTORE)
    return ok(f"{found}, as recorded")


def imagenet_weights() -> Finding:
    """torchvision's weights are where it looks for them, and are its own."""
    from course_utils.downloads import torchvision_weights
    from course_utils.downloads.disk import digest

    from torchvision.models import MobileNet_V2_Weights

    path = torchvision_weights.on_disk(MobileNet_V2_Weights.IMAGENET1K_V1)
    if path is None:
        return note(
            "not on this disk; only CIFAR-10 and your own images use them",
            "python -m course_utils fetch weights",
        )
    promised = path.stem.rpartition("-")[2]  # torchvision puts the first digits into the name
    if not digest(path, "sha256").startswith(promised):
        return note(
            f"{path} is not torchvision's own file (its checksum differs)",
            "nothing if you put it there; else delete it; python -m course_utils fetch weights",
        )
    return ok(f"{path}, torchvision's own")


def cifar10() -> Finding:
    """CIFAR-10 is on disk, whole."""
    from course_utils.downloads import cifar10

    root = cifar10.on_disk()
    if root is None:
        return note(
            f"not in {cifar10.cache_folder()}; lessons then draw their own images",
            "python -m course_utils fetch cifar10",
        )
    return ok(f"whole, in {root}")


def course_data() -> Finding:
    """COURSE_DATA names something that can be used."""
    from course_utils.images import folders

    wish = os.environ.get("COURSE_DATA", "").strip() or "auto"
    if wish in ("auto", "shapes", "cifar10"):
        return ok(f"COURSE_DATA={wish}")
    folder = Path(wish).expanduser()
    possible = "set COURSE_DATA to auto, shapes, cifar10 or a folder of class folders"
    if not folder.is_dir():
        return problem(f"COURSE_DATA={wish} is neither a known word nor a folder", possible)
    try:
        train, test = folders.count_images(folder)
        folders.load_folder(folder, 4, 4, side=64)
    except folders.ImageFolderError as error:
        return problem(f"COURSE_DATA={wish}: {error}", possible)
    return ok(f"COURSE_DATA={wish}: {train} images to train on, {test} to test on")
