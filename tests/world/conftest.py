"""What several of these tests share."""

from types import SimpleNamespace

from course_utils import environment
from course_utils.downloads import cifar10, torchvision_weights
from course_utils.downloads.disk import DownloadError

import pytest
import torch


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Stand in for disk and network; a test says what there is and reads what was done."""
    it = SimpleNamespace(
        cifar10=False,  # on disk?
        weights=False,
        network=False,
        broken="",  # what cannot be downloaded although the network answers
        asked=[],  # what was asked of the network, in order
        folder=tmp_path,
    )

    def fetch(what: str):
        def run(*args, **options):
            it.asked.append(what)
            if it.broken == what or not it.network:
                raise DownloadError(f"{what} broke off.", "Try again later.")
            setattr(it, what, True)
            return tmp_path / f"{what}.pth"

        return run

    def online(timeout: float) -> bool:
        assert timeout <= 3
        it.asked.append("online?")
        return it.network

    monkeypatch.setattr(environment, "pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(cifar10, "on_disk", lambda: tmp_path if it.cifar10 else None)
    monkeypatch.setattr(
        torchvision_weights, "on_disk", lambda _: tmp_path / "weights.pth" if it.weights else None
    )
    monkeypatch.setattr(cifar10, "online", online)
    monkeypatch.setattr(cifar10, "fetch", fetch("cifar10"))
    monkeypatch.setattr(torchvision_weights, "fetch", fetch("weights"))
    for name in ("COURSE_DATA", "COURSE_OFFLINE", "COURSE_SUBSET", "COURSE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    return it
