"""CIFAR-10: where it lies on this disk, and how it is fetched.

It lands where torchvision's own `CIFAR10(root)` finds it without a network.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from course_utils.downloads.archives import Archive, archive_on_disk, fetch_archive
from course_utils.downloads.network import answers

from torchvision.datasets import CIFAR10 as _TorchvisionCIFAR10

CIFAR10 = Archive(
    name="CIFAR-10",
    url=_TorchvisionCIFAR10.url,
    checksum=f"md5:{_TorchvisionCIFAR10.tgz_md5}",
    folder=_TorchvisionCIFAR10.base_folder,
    files={
        **dict(_TorchvisionCIFAR10.train_list),
        **dict(_TorchvisionCIFAR10.test_list),
        _TorchvisionCIFAR10.meta["filename"]: _TorchvisionCIFAR10.meta["md5"],
    },
    needed_free=400_000_000,  # 171 MB packed and 186 MB unpacked, with some room
)


def online(timeout: float = 3.0) -> bool:
    """Whether CIFAR-10 could be downloaded now: its host, or the mirror, answers in time.

    Parameters
    ----------
    timeout : float, optional
        Seconds; the answer never takes longer. With COURSE_OFFLINE=1 the network is not asked:
        then only a mirror that is a folder counts.
    """
    return answers(CIFAR10.url, timeout)


def cache_folder() -> Path:
    """Where data lands: COURSE_CACHE, or `data/downloads` beside the package. May not exist yet."""
    chosen = os.environ.get("COURSE_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    return Path(__file__).resolve().parents[2] / "data" / "downloads"


def on_disk(root: Path | None = None, archive: Archive = CIFAR10) -> Path | None:
    """The folder from which `torchvision.datasets.CIFAR10(folder)` can load, or None.

    Parameters
    ----------
    root : Path, optional
        The folder that holds `cifar-10-batches-py` (or that folder itself); by default
        `cache_folder()`.
    archive : Archive, optional
        The data set; another one in tests.
    """
    return archive_on_disk(root or cache_folder(), archive)


def fetch(root: Path | None = None, *, archive: Archive = CIFAR10, **options: Any) -> Path:
    """Download CIFAR-10 unless it is there.

    Parameters
    ----------
    root : Path, optional
        Where it lands; by default `cache_folder()`.
    archive : Archive, optional
        The data set; another one in tests.
    **options
        Passed to `fetch_file`, such as `progress` and `retries`.

    Returns
    -------
    Path
        The folder for torchvision to load from.

    Raises
    ------
    DownloadError
        With cause and next step.
    """
    return fetch_archive(root or cache_folder(), archive, **options)
