"""What the checks of lesson 09 see of a live lab: which blocks learned, how far, what drifted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises.verdict import Mistake, describe
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lesson09.challenges import Challenge, Result
from course_utils.lesson09.scoreboard import Scoreboard

HEAD = "classifier"
WRECKED = 2.0  # a block whose weights have moved by twice their size keeps nothing of what it was
SLOW = 1e-4  # with a smaller rate nothing happens within the steps of a challenge

# Mistakes that all challenges share.  `said` is the challenge's own verdict.
MISTAKES = {
    "not-a-lab": "This is {seen}. Hand over the lab that the cell above made, with its panel.",
    "stopped": "The run was stopped: {error}. Reset, and try again.",
    "another-lab": "{reason}.",
    "rate-too-large": (
        "{said} {block} has moved by {far:.0%} of its size: nothing of what it knew is left. "
        "Freezing it now would keep the wreck. Reset, and give the backbone a smaller rate."
    ),
    "rate-too-small": (
        "{said} The {part}'s rate is {rate:g}: after {steps} it has hardly moved. Give it ten "
        "times as much."
    ),
    "drifting": (
        "{said} In {count} frozen blocks, such as {block}, batch norm is in train mode: their "
        "statistics follow each batch, and the head aims at features that move. Reset, and set "
        "batch norm of the frozen blocks to eval."
    ),
}


@dataclass(frozen=True)
class RunSummary:
    """The current run of a lab.

    Attributes
    ----------
    said : str
        The challenge's verdict on it.
    step : int
        Steps taken.
    moved : dict of str to float
        Blocks whose weights have moved, without the head, and by how much of their size.
    drifted : tuple of str
        Blocks that are frozen, and whose running statistics have moved all the same.
    blocks : tuple of str
        Names of all blocks, from the input to the head.
    trained, total : int
        Parameters that have learned in this run, and all.
    seconds : float
        Of computing.
    head_rate, backbone_rate : float
        As chosen now.
    """

    said: str
    step: int
    moved: dict[str, float]
    drifted: tuple[str, ...]
    blocks: tuple[str, ...]
    trained: int
    total: int
    seconds: float
    head_rate: float
    backbone_rate: float

    @property
    def first(self) -> int:
        """Place of the shallowest block that has learned, counted from the input."""
        return min(self.blocks.index(name) for name in self.moved)

    @property
    def everything(self) -> bool:
        """Whether all blocks have learned."""
        return len(self.moved) == len(self.blocks) - 1

    @property
    def learned(self) -> str:
        """The blocks that have learned, in words; not more than three names."""
        return named(self.moved)

    def mistake(self, code: str, **values: Any) -> Mistake:
        """Return a mistake whose message knows what the run has done."""
        steps = f"{self.step} step" if self.step == 1 else f"{self.step} steps"
        return Mistake(code, said=self.said, steps=steps, learned=self.learned, **values)

    def check_wrecked(self) -> None:
        """Raise if a block has moved so far that nothing is left of it."""
        block = max(self.moved, key=self.moved.__getitem__, default=None)
        if block is not None and self.moved[block] > WRECKED:
            raise self.mistake("rate-too-large", block=block, far=self.moved[block])

    def check_slow(self) -> None:
        """Raise if a rate is so small that nothing happens within the steps of a challenge."""
        for part, rate in (("backbone", self.backbone_rate), ("head", self.head_rate)):
            if rate < SLOW:
                raise self.mistake("rate-too-small", part=part, rate=rate)

    def check_drifting(self) -> None:
        """Raise if frozen blocks drift."""
        if self.drifted:
            raise self.mistake("drifting", count=len(self.drifted), block=self.drifted[0])


def session_of(lab: Any) -> Any:
    """The session behind a lab; a session is its own."""
    return lab if isinstance(lab, Session) else getattr(lab, "session", None)


def untouched(lab: Any) -> bool:
    """Whether this is a lab that has not taken a step in its current run."""
    session = session_of(lab) if not isinstance(lab, type) else None
    return isinstance(session, Session) and session.snapshot()["step"] == 0


def judged(challenge: Challenge, lab: Any) -> tuple[Result, RunSummary]:
    """The challenge's own verdict on the current run, and what is seen of it.

    Raises
    ------
    Mistake
        "not-a-lab", "stopped" or "another-lab".
    """
    session = session_of(lab)
    if not isinstance(session, Session):
        raise Mistake("not-a-lab", seen=describe(lab))
    if session.status == "failed":
        raise Mistake("stopped", error=str(session.snapshot()["error"]).rstrip("."))
    try:
        result = challenge.check(session)
    except LabError as error:
        text = str(error)
        raise Mistake("another-lab", reason=text[:1].upper() + text[1:]) from error
    return result, summarise(session, result.sentence)


def summarise(session: Session, said: str) -> RunSummary:
    """What is seen of the current run."""
    now = session.snapshot()
    moved = {b["name"]: float(b["weights_moved"]) for b in now["blocks"] if b["weights_moved"]}
    return RunSummary(
        said=said,
        step=int(now["step"]),
        moved={name: far for name, far in moved.items() if name != HEAD},
        drifted=tuple(
            b["name"]
            for b in now["blocks"]
            if b["frozen"] and b["statistics_moved"] > 0 and b["name"] not in moved
        ),
        blocks=tuple(b["name"] for b in now["blocks"]),
        trained=int(now["trained"]),
        total=int(now["total"]),
        seconds=float(now["compute_seconds"]),
        head_rate=session.settings.head_rate,
        backbone_rate=session.settings.backbone_rate,
    )


def noted(board: Scoreboard, challenge: Any, result: Result) -> str:
    """Note the score of an attempt that passed; in words the best one so far."""
    board.add(challenge.name, result.score, challenge.unit)
    best = board.best(challenge.name, lowest=challenge.lowest)
    assert best is not None  # at least the one just noted
    return f"Your best so far: {best.score:,g} {best.unit}."


def named(blocks: Iterable[str]) -> str:
    """Some names of blocks, not more than three."""
    names = list(blocks)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
