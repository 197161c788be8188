"""Pretrained weights of torchvision: where they lie on this disk, and how they are fetched.

They land where torch.hub looks, so `mobilenet_v2(weights="IMAGENET1K_V1")` needs no network then.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from course_utils.downloads.fetching import fetch_file
from course_utils.downloads.network import file_name

import torch.hub


def on_disk(weights: Any, *, folder: Path | None = None) -> Path | None:
    """The file of pretrained weights, when it is where torchvision looks; else None.

    As in torch.hub, a file under the right name is accepted whatever it holds: readers may place
    weights of their own there. An empty or unreadable one is not.

    Parameters
    ----------
    weights : WeightsEnum or str
        Such as `MobileNet_V2_Weights.IMAGENET1K_V1`, or an address.
    folder : Path, optional
        Another folder than torch.hub's.
    """
    path = _path(weights, folder)
    if path.is_file() and path.stat().st_size > 0 and os.access(path, os.R_OK):
        return path
    return None


def fetch(weights: Any, *, folder: Path | None = None, **options: Any) -> Path:
    """Download pretrained weights unless they are there, to where torchvision looks for them.

    The download is checked against the digits of the SHA-256 in the file's name
    (`mobilenet_v2-b0353104.pth`).

    Parameters
    ----------
    weights : WeightsEnum or str
        Such as `MobileNet_V2_Weights.IMAGENET1K_V1`, or an address.
    folder : Path, optional
        Another folder than torch.hub's (TORCH_HOME moves that one).
    **options
        Passed to `fetch_file`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        With cause and next step.
    """
    if found := on_disk(weights, folder=folder):
        return found
    path = _path(weights, folder)
    digits = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    checksum = f"sha256:{digits[1]}" if digits else None
    return fetch_file(_address(weights), path, checksum=checksum, **options)


def _address(weights: Any) -> str:
    return str(getattr(weights, "url", weights))


def _path(weights: Any, folder: Path | None) -> Path:
    base = folder or Path(torch.hub.get_dir()) / "checkpoints"
    return base.expanduser() / file_name(_address(weights))
