"""What the lab's tests share."""

from tests.world.conftest import machine

import pytest
import torch

__all__ = ["machine", "one_thread"]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Compute in one thread: networks this small only lose time by waiting for a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
