"""Helpers of the transfer-learning course.

Importing this package is cheap: neither torch nor matplotlib is loaded.  It does two things.

1. It asks OpenMP's threads to sleep while they wait.  By default they spin, and then a second busy
   program on the same cores slows training down many times.  The setting is read when torch is
   loaded, so import `course_utils` first.
2. It makes `import torchvision` safe (see `_torchvision_fix`).

Everything else lives in modules of its own: `from course_utils.training import freezing`.
"""

import os
from typing import TYPE_CHECKING, Any

from course_utils import _torchvision_fix

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_torchvision_fix.install()

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
