"""Where a reader's own small files lie: solved exercises, scores in the lab."""

import os
from pathlib import Path

from course_utils.downloads.cifar10 import cache_folder

HIDDEN = ".transfer-learning"


def own_folder() -> Path:
    """Return the folder for progress and scores; it may not exist yet.

    COURSE_PROGRESS names it. Without that it is the folder for downloads, so that everything that
    the course leaves behind lies in one place. Where that one cannot be written, because a class
    shares its data, it is `.transfer-learning` in the reader's home.
    """
    chosen = os.environ.get("COURSE_PROGRESS", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    folder = cache_folder()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return folder if os.access(there, os.W_OK) else Path.home() / HIDDEN
