"""What the course downloads: CIFAR-10 and pretrained weights, each once.

Everything lands where torchvision itself looks for it, so torchvision's own classes find it
without a network. The mechanics live in `fetching` (one file) and `archives` (unpacking).

Environment variables: COURSE_CACHE (folder for data), TORCH_HOME (folder for weights),
COURSE_MIRROR (an address or a folder to try first), COURSE_OFFLINE=1 (never use the network).
"""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path
from typing import Any

from course_utils.downloads.archives import Archive, fetch_archive, on_disk
from course_utils.downloads.connection import addresses, answers, offline
from course_utils.downloads.transfer import fetch
from course_utils.downloads.whole_files import DownloadError

import torch.hub
from torchvision.datasets import CIFAR10 as _TorchvisionCIFAR10

__all__ = [
    "CIFAR10",
    "Archive",
    "DownloadError",
    "addresses",
    "cache_folder",
    "cifar10_on_disk",
    "fetch",
    "fetch_cifar10",
    "fetch_weights",
    "offline",
    "online",
    "weights_on_disk",
]

CIFAR10 = Archive(
    name="CIFAR-10",
    urls=(_TorchvisionCIFAR10.url,),
    filename=_TorchvisionCIFAR10.filename,
    md5=_TorchvisionCIFAR10.tgz_md5,
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
    timeout
        Seconds; the answer never takes longer. With COURSE_OFFLINE=1 the network is not asked:
        then only a mirror that is a folder counts.
    """
    return answers(CIFAR10.urls, timeout)


def cache_folder() -> Path:
    """Where data lands: COURSE_CACHE, or `data/downloads` beside the package. May not exist yet."""
    chosen = os.environ.get("COURSE_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    return Path(__file__).resolve().parents[2] / "data" / "downloads"


def cifar10_on_disk(root: Path | str | None = None, archive: Archive = CIFAR10) -> Path | None:
    """The folder from which `torchvision.datasets.CIFAR10(folder)` can load, or None.

    Parameters
    ----------
    root
        The folder that holds `cifar-10-batches-py` (or that folder itself); by default
        `cache_folder()`.
    archive
        The data set; another one in tests.
    """
    return on_disk(cache_folder() if root is None else Path(root), archive)


def fetch_cifar10(
    root: Path | str | None = None,
    *,
    archive: Archive = CIFAR10,
    progress: bool = True,
    **options: Any,
) -> Path:
    """Download CIFAR-10 unless it is there, and return the folder for torchvision to load from.

    Parameters
    ----------
    root
        Where it lands; by default `cache_folder()`.
    archive
        The data set; another one in tests.
    progress
        Show a bar.
    options
        Passed to `fetch`, such as `timeout`, `stall` and `retries`.

    Raises
    ------
    DownloadError
        With cause and next step.
    """
    folder = cache_folder() if root is None else Path(root)
    return fetch_archive(folder, archive, progress=progress, **options)


def weights_on_disk(weights: Any, *, folder: Path | str | None = None) -> Path | None:
    """The file of pretrained weights, when it is where torchvision looks; else None.

    Parameters
    ----------
    weights
        A member of one of torchvision's weight enums, such as
        `MobileNet_V2_Weights.IMAGENET1K_V1`, or an address.
    folder
        Another folder than torch.hub's.

    Notes
    -----
    As in torch.hub, a file under the right name is accepted whatever it holds: readers may place
    weights of their own there. An empty or unreadable one is not.
    """
    path = _weights_path(_address(weights), folder)
    if path.is_file() and path.stat().st_size > 0 and os.access(path, os.R_OK):
        return path
    return None


def fetch_weights(
    weights: Any,
    *,
    folder: Path | str | None = None,
    progress: bool = True,
    **options: Any,
) -> Path:
    """Download pretrained weights unless they are there, to where torchvision looks for them.

    Afterwards `mobilenet_v2(weights="IMAGENET1K_V1")` needs no network. The download is checked
    against the digits of the SHA-256 in the file's name (`mobilenet_v2-b0353104.pth`).

    Parameters
    ----------
    weights
        A member of a torchvision weight enum, or an address.
    folder
        Another folder than torch.hub's (TORCH_HOME moves that one).
    progress
        Show a bar.
    options
        Passed to `fetch`.

    Raises
    ------
    DownloadError
        With cause and next step.
    """
    found = weights_on_disk(weights, folder=folder)
    if found is not None:
        return found
    url = _address(weights)
    path = _weights_path(url, folder)
    digits = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    return fetch(
        url, path, sha256=digits.group(1) if digits else None, progress=progress, **options
    )


def _address(weights: Any) -> str:
    return str(getattr(weights, "url", weights))


def _weights_path(url: str, folder: Path | str | None) -> Path:
    name = Path(urllib.parse.urlsplit(url).path).name
    base = Path(torch.hub.get_dir()) / "checkpoints" if folder is None else Path(folder)
    return base.expanduser() / name
