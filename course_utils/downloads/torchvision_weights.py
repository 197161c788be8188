"""Pretrained weights of torchvision: where they lie on this disk, and how they are fetched.

They land where torch.hub looks, so `mobilenet_v2(weights="IMAGENET1K_V1")` needs no network then.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path
from typing import Any

from course_utils.downloads.fetching import fetch_file

import torch.hub


def on_disk(weights: Any, *, folder: Path | str | None = None) -> Path | None:
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


def fetch(
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
        Passed to `fetch_file`.

    Raises
    ------
    DownloadError
        With cause and next step.
    """
    found = on_disk(weights, folder=folder)
    if found is not None:
        return found
    url = _address(weights)
    path = _weights_path(url, folder)
    digits = re.search(r"-([0-9a-f]{8,64})\.", path.name)
    return fetch_file(
        url, path, sha256=digits.group(1) if digits else None, progress=progress, **options
    )


def _address(weights: Any) -> str:
    return str(getattr(weights, "url", weights))


def _weights_path(url: str, folder: Path | str | None) -> Path:
    name = Path(urllib.parse.urlsplit(url).path).name
    base = Path(torch.hub.get_dir()) / "checkpoints" if folder is None else Path(folder)
    return base.expanduser() / name
