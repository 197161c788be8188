"""Let torchvision be imported where its compiled operators cannot be loaded.

A torchvision built for CUDA beside a torch built for the CPU cannot load its compiled library.
Its import then fails with "operator torchvision::nms does not exist", although networks, data sets
and transforms need none of those operators.  Declaring the two operators that torchvision asks
for, without any code behind them, is enough.  We do it only where the library really cannot be
loaded, and `python -m course_utils doctor` says so.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Runs `ensure_operators` once, just before torchvision is first imported."""

    def __init__(self) -> None:
        self.reason: str | None = None  # why operators were declared; None when nothing was needed
        self._library: Any = None  # declarations last as long as this object

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "torchvision" and self in sys.meta_path:
            sys.meta_path.remove(self)
            self.ensure_operators()
        return None  # never finds anything itself: the ordinary finders go on

    def ensure_operators(self) -> None:
        """Declare torchvision's operators if its compiled library does not load."""
        spec = importlib.util.find_spec("torchvision")
        if spec is None or spec.origin is None:
            return  # not installed: the import will say so
        import torch

        libraries = [
            file
            for file in Path(spec.origin).parent.glob("_C*")
            if file.suffix in {".so", ".pyd", ".dylib"}
        ]
        try:
            for file in libraries:
                torch.ops.load_library(str(file))
        except OSError as error:
            self.reason = str(error).splitlines()[0]
        if not libraries:
            self.reason = "torchvision came without its compiled library"
        if self.reason is not None:
            self._library = torch.library.Library("torchvision", "DEF")
            for schema in _SCHEMAS:
                self._library.define(schema)


_finder = _BeforeTorchvision()


def install() -> None:
    """Watch for the first import of torchvision; calling it twice changes nothing."""
    if "torchvision" not in sys.modules and _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def why_declared() -> str | None:
    """Why torchvision's operators had to be declared here; None where they loaded by themselves."""
    return _finder.reason
