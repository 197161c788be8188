"""The live lab: freeze and thaw layers while the model trains.

    from course_utils.lab import Lab
    lab = Lab()
    lab

`session` and what it stands on know of no widgets; `panel` puts a session on the page.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Lab"]

if TYPE_CHECKING:
    from .panel import Lab


def __getattr__(name: str) -> Any:
    """Load `Lab` when it is first used: a session alone needs no widget library."""
    if name == "Lab":
        from .panel import Lab

        return Lab
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
