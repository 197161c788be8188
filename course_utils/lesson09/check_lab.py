"""What the checks of lesson 09 see of a live lab: which blocks learned, how far, what drifted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises.exercise import wrong
from course_utils.exercises.verdict import describe
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lesson09.challenges import Challenge, Result
from course_utils.lesson09.scoreboard import Scoreboard

HEAD = "classifier"
WRECKED = 2.0
"""A block whose weights have moved by twice their size keeps nothing of what it was."""


@dataclass(frozen=True)
class Seen:
    """The current run of a lab.

    step : steps taken
    learned : names of the blocks behind which weights have moved, without the head
    moved : by how much of its size each of them has moved
    drifted : blocks that are frozen, and whose running statistics have moved all the same
    blocks : names of all blocks, from the input to the head
    trained, total : parameters that have learned in this run, and all
    head_rate, backbone_rate : as chosen now
    """

    step: int
    learned: tuple[str, ...]
    moved: dict[str, float]
    drifted: tuple[str, ...]
    blocks: tuple[str, ...]
    trained: int
    total: int
    head_rate: float
    backbone_rate: float

    @property
    def first(self) -> int:
        """Place of the shallowest block that has learned, counted from the input."""
        return min(self.blocks.index(name) for name in self.learned)

    @property
    def everything(self) -> bool:
        """Whether all blocks have learned."""
        return len(self.learned) == len(self.blocks) - 1


def session_of(lab: Any) -> Any:
    """The session behind a lab; a session is its own."""
    return lab if isinstance(lab, Session) else getattr(lab, "session", None)


def untouched(lab: Any) -> bool:
    """Whether this is a lab that has not taken a step in its current run."""
    session = session_of(lab) if not isinstance(lab, type) else None
    return isinstance(session, Session) and session.snapshot()["step"] == 0


def judged(challenge: Challenge, lab: Any) -> tuple[Result, Seen]:
    """The challenge's own verdict on the current run, and what is seen of it.

    Raises Wrong if this is no lab, one of another challenge, or one that an error has stopped.
    """
    session = session_of(lab)
    if not isinstance(session, Session):
        raise wrong(
            "not-a-lab",
            f"This is {describe(lab)}. Hand over the lab that the cell above made, with its panel.",
        )
    if session.status == "failed":
        error = str(session.snapshot()["error"]).rstrip(".")
        raise wrong("stopped", f"The run was stopped: {error}. Reset, and try again.")
    try:
        result = challenge.check(session)
    except LabError as error:
        text = str(error)
        raise wrong("another-lab", f"{text[:1].upper()}{text[1:]}.") from error
    return result, look(session)


def look(session: Session) -> Seen:
    """What is seen of the current run."""
    now = session.snapshot()
    blocks = now["blocks"]
    moved = {b["name"]: float(b["weights_moved"]) for b in blocks if b["name"] != HEAD}
    return Seen(
        step=int(now["step"]),
        learned=tuple(name for name, far in moved.items() if far > 0),
        moved={name: far for name, far in moved.items() if far > 0},
        drifted=tuple(
            b["name"]
            for b in blocks
            if b["frozen"] and b["statistics_moved"] > 0 and not moved.get(b["name"])
        ),
        blocks=tuple(b["name"] for b in blocks),
        trained=int(now["trained"]),
        total=int(now["total"]),
        head_rate=session.settings.head_rate,
        backbone_rate=session.settings.backbone_rate,
    )


def not_wrecked(seen: Seen, said: str) -> None:
    """Raise if a block has moved so far that nothing is left of it."""
    if not seen.moved:
        return
    name, far = max(seen.moved.items(), key=lambda item: item[1])
    if far > WRECKED:
        raise wrong(
            "rate-too-large",
            f"{said} {name} has moved by {far:.0%} of its size: nothing of what it knew is left. "
            "Freezing it now would keep the wreck. Reset, and give the backbone a smaller rate.",
        )


def not_drifting(seen: Seen, said: str) -> None:
    """Raise if frozen blocks drift."""
    if seen.drifted:
        raise wrong(
            "drifting",
            f"{said} In {len(seen.drifted)} frozen blocks, such as {seen.drifted[0]}, batch norm "
            "is in train mode: their statistics follow each batch, and the head aims at features "
            "that move. Reset, and set batch norm of the frozen blocks to eval.",
        )


def noted(board: Scoreboard, challenge: Any, result: Result) -> str:
    """Note the score of an attempt that passed; in words the best one so far."""
    board.add(challenge.name, result.score, challenge.unit)
    best = board.best(challenge.name, lowest=challenge.lowest)
    assert best is not None  # at least the one just noted
    return f"Your best so far: {best.score:,g} {best.unit}."


def steps(count: int) -> str:
    """So many steps, in words."""
    return f"{count} step" if count == 1 else f"{count} steps"


def named(blocks: Iterable[str]) -> str:
    """Some names of blocks, not more than three."""
    names = list(blocks)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
