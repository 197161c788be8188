"""Which driver fits the place where a lab is made."""

from __future__ import annotations

import sys

from course_utils.lab.background_driver import BackgroundDriver, running_loop
from course_utils.lab.drivers import Driver, ForegroundDriver, SynchronousDriver
from course_utils.lab.session.errors import LabError

DRIVERS: dict[str, type[Driver]] = {
    driver.name: driver for driver in (BackgroundDriver, ForegroundDriver, SynchronousDriver)
}


def choose_driver(name: str = "auto") -> type[Driver]:
    """The driver of this name; "auto" takes the one that fits the place where this runs.

    Raises
    ------
    LabError
        If there is none of this name.
    """
    if name != "auto":
        if name not in DRIVERS:
            raise LabError(f"there is no driver {name!r}; there are: auto, {', '.join(DRIVERS)}")
        return DRIVERS[name]
    if "google.colab" in sys.modules:
        return ForegroundDriver
    with_loop = running_loop() is not None
    return BackgroundDriver if reader_is_there() and with_loop else SynchronousDriver


def reader_is_there() -> bool:
    """Whether this runs in a notebook with a reader in front of it.

    A program that executes a notebook (nbclient, nbval, papermill) tells the kernel that nobody
    could answer a question, which `input()` would ask.
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))
