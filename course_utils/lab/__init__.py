"""The live lab: freeze and thaw layers while the model trains.

    from course_utils.lab import Lab
    lab = Lab()
    lab

`session` and what it stands on know of no widgets; `live_lab` puts a session on the page.

Where it runs
-------------
JupyterLab 4 and Notebook 7 are tested in a real browser, training in the background.

Colab draws nothing that a background task sends.  There the page asks for one slice of training
after the other, so training goes on only while the page is open, and other cells run between two
slices.  That way of driving is tested in JupyterLab, and all of lesson 09 on Colab's versions of
kernel and widgets; Colab's own page is not part of the tests.

VS Code runs the same kernel and the same widget code in a frame of its own.  The panel relies on
nothing that is Jupyter's alone (colours have fallbacks), but VS Code is not part of the tests
either.  Wherever a page should not say that an output was cleared, training goes on unseen until
`lab.pause()`, until the cell is run again, or until another lab starts.

Where nobody sits in front of the notebook (nbclient, nbval, a converted notebook), `start` trains
inside its call, and a still picture stands for the panel.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Lab"]

if TYPE_CHECKING:
    from course_utils.lab.live_lab import Lab


def __getattr__(name: str) -> Any:
    """Load `Lab` when it is first used: a session alone needs no widget library."""
    if name == "Lab":
        from course_utils.lab.live_lab import Lab

        return Lab
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
