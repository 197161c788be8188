"""Helpers of the transfer-learning course.

Importing this package is cheap: neither torch nor matplotlib is loaded.  It does three things.

1. It asks OpenMP's threads to sleep while they wait.  By default they spin, and then a second busy
   program on the same cores slows training down many times.  The setting is read when torch is
   loaded, so import `course_utils` first.
2. It makes `import torchvision` safe (see `_torchvision_fix`).
3. In a notebook on Colab it installs the packages that are missing there (see `colab`).

Everything else lives in modules of its own: `from course_utils.training import freezing`.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

from course_utils import _torchvision_fix, colab

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_torchvision_fix.install()
if "google.colab" in sys.modules:  # before a cell imports what has to be installed first
    colab.set_up()

__version__ = "0.1.0"
__all__ = ["__version__", "begin"]

if TYPE_CHECKING:
    from course_utils.world import begin


def __getattr__(name: str) -> Any:
    """Load `begin` when it is first used, since it needs torch."""
    if name == "begin":
        from course_utils.world import begin

        return begin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
