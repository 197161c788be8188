"""A riddle: two trained networks, and in one of them batch norm was not in eval mode."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lesson09.challenges import Result
from course_utils.lesson09.shapes_setup import ShapesSetup

from torch import nn

NAMES = ("A", "B")
TASK = (
    "Two runs trained a new head on a frozen backbone, from the same start, on the same images. In "
    "one of them the frozen blocks' batch norm was in train mode. The networks are riddle.models"
    '["A"] and ["B"], and riddle.original is the one from which both started. Which is it? Only '
    "your first answer counts."
)


@dataclass
class Riddle:
    """Two networks and what they came from.

    Attributes
    ----------
    models : dict of str to nn.Module
        The trained networks, by the names "A" and "B", in eval mode.
    original : nn.Module
        The network before training, its head included.
    data, prepare : ImageData, Prepare
        The images that they were trained on, and how they become the network's input.
    curves : dict of str to list of (int, float)
        Step and accuracy on held-out images, of each run.
    """

    models: dict[str, nn.Module] = field(repr=False)
    original: nn.Module = field(repr=False)
    data: ImageData = field(repr=False)
    prepare: Prepare = field(repr=False)
    curves: dict[str, list[tuple[int, float]]]
    _truth: str = field(repr=False)

    name = "batch norm riddle"
    title = "Which of two runs had batch norm in train mode?"
    task = TASK
    unit = "correct answers"
    lowest = False
    _first: str | None = None

    def check(self, answer: str) -> Result:
        """Judge an answer, "A" or "B"; only the first one counts, however often it is given.

        Raises
        ------
        LabError
            For any other word.
        """
        if answer not in NAMES:
            raise LabError(f'the answer is "A" or "B", not {answer!r}')
        right = answer == self._truth
        other = NAMES[1 - NAMES.index(self._truth)]
        why = (
            f"In {self._truth} the running statistics of the frozen blocks differ from the "
            f"original's; in {other} not one bit does."
        )
        self._first = self._first or answer
        if right and self._first == answer:
            return Result(1, True, f"Right. {why}")
        if right:
            return Result(0, False, f"Right, but not at the first try. {why} Start a new riddle.")
        return Result(0, False, "No. Compare what a frozen block consists of: parameters and what?")


def start(*, seed: int | None = None, steps: int = 60, train: int = 200, test: int = 100) -> Riddle:
    """Train both networks, which takes some seconds, and shuffle their names.

    Parameters
    ----------
    seed : int, optional
        Decides which is which; by default lots are drawn.
    steps : int, optional
        Steps of each run.
    train, test : int, optional
        Numbers of images.

    Returns
    -------
    Riddle
    """
    settings = Settings(world="shapes", train=train, test=test, evaluate_steps=20)
    in_train = secrets.randbelow(2) if seed is None else seed % 2
    models, curves = {}, {}
    for i, name in enumerate(NAMES):
        session = Session(settings, build=ShapesSetup("target"))
        session.set_batch_norm("train" if i == in_train else "eval")
        session.run(steps)
        models[name] = session.model.eval()
        curves[name] = [(s, a) for s, a in session.snapshot()["evaluations"]]
    fresh = Session(settings, build=ShapesSetup("target"))
    prepare = fresh.setup.prepare
    assert isinstance(prepare, Prepare)
    return Riddle(models, fresh.model.eval(), fresh.setup.data, prepare, curves, NAMES[in_train])
