"""Answers to the exercises of lesson 09: labs with few images, and a small riddle."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from course_utils.lab.session.session import Session
from course_utils.lesson09 import challenges, riddle
from course_utils.lesson09.scoreboard import Scoreboard
from tests.exercises.harness import Cases

import torch

Make = Callable[[], tuple[Any, ...]]
FREE, NEVER = {"target": 0.0}, {"target": 1.01}  # any lab passes, none does


@cache
def board() -> Scoreboard:
    return Scoreboard(Path(tempfile.mkdtemp()) / "scores.json")


@cache
def small(challenge: Any, **changes: Any) -> Any:
    """The same challenge with few images."""
    settings = replace(challenge.settings, train=32, test=8, batch_size=16, evaluate_steps=50)
    return replace(challenge, settings=settings, **changes)


def lab(
    challenge: Any,
    target: dict[str, float],
    *thaw: str,
    steps: int = 1,
    batch_norm: str = "eval",
    preset: str = "head only",
    change: Callable[[Any], Any] = lambda session: None,
    **rates: float,
) -> Make:
    """A lab of a small challenge in which some blocks have learned for some steps."""

    def make() -> tuple[Any, ...]:
        mine = small(challenge, **target)
        session = mine.start()
        session.preset(preset)
        session.set_batch_norm(batch_norm)
        for name in thaw:
            session.thaw(name)
        if rates:
            session.set_rates(**rates)
        session.run(steps)
        change(session)
        return session, mine, board()

    return make


def first(**settings: Any) -> Callable[..., Make]:
    return lambda *thaw, **more: lab(challenges.fewest_parameters, NEVER, *thaw, **settings, **more)


def mend(*thaw: str, **more: Any) -> Make:
    return lab(challenges.rescue, NEVER, *thaw, **more)


def race(*thaw: str, margin: float = 2.0, default: float = 0.9, **more: Any) -> Make:
    """A race against a default that reached so much; by a margin of 2 nobody can win."""

    def make() -> tuple[Any, ...]:
        limits = {"margin": margin, "default_steps": 1}
        session, mine, scores = lab(challenges.beat_the_default, limits, *thaw, **more)()
        mine._started[session] = default
        return session, mine, scores

    return make


def spent(seconds: float) -> Callable[[Any], None]:
    return lambda session: setattr(session._state, "compute_seconds", seconds)


def stop(session: Any) -> None:
    with torch.no_grad():
        session.model.classifier[1].bias.fill_(float("nan"))
    try:
        session.run(1)
    except RuntimeError:
        return


def from_elsewhere() -> tuple[Any, ...]:
    mine = small(challenges.fewest_parameters, **FREE)
    session = Session(mine.settings, build=mine.build)
    session.run(1)
    return session, mine, board()


def no_lab() -> tuple[Any, ...]:
    return "a lab", small(challenges.fewest_parameters, **FREE), board()


class Panel:
    """Has its session behind it, as a lab with a panel has."""

    def __init__(self, session: Any) -> None:
        self.session = session


def with_panel() -> tuple[Any, ...]:
    session, *rest = lab(challenges.fewest_parameters, FREE)()
    return Panel(session), *rest


@cache
def two_networks() -> riddle.Riddle:
    return riddle.start(seed=0, steps=2, train=32, test=8)  # it is A


def ask(answer: Any, proof: Callable[[list[str], list[str]], Any] | Any) -> Make:
    """An answer to the riddle; a proof may be made of the names of statistics and of weights."""

    def make() -> tuple[Any, ...]:
        puzzle = replace(two_networks())  # not answered yet
        names = list(puzzle.original.state_dict())
        statistics = [n for n in names if n.startswith("features.") and "running" in n]
        weights = [n for n in names if n.startswith("features.") and n.endswith("weight")]
        return answer, proof(statistics, weights) if callable(proof) else proof, puzzle, board()

    return make


def asked_before() -> tuple[Any, ...]:
    answer, proof, puzzle, scores = ask("A", lambda s, w: s)()
    puzzle.check("B")
    return answer, proof, puzzle, scores


def asked_the_same() -> tuple[Any, ...]:
    answer, proof, puzzle, scores = ask("A", lambda s, w: s)()
    puzzle.check("A")
    return answer, proof, puzzle, scores


never = first()

CASES = {
    "fewest_parameters": Cases(
        right=(
            lab(challenges.fewest_parameters, FREE, "features.3"),
            lab(challenges.fewest_parameters, FREE, preset="last block"),
            with_panel,
        ),
        wrong={
            "not-a-lab": no_lab,
            "another-lab": from_elsewhere,
            "stopped": lab(challenges.fewest_parameters, FREE, change=stop),
            "head-only": never(),
            "rate-too-large": never("features.3", backbone=0.5, steps=2),
            "everything": never(preset="all"),
            "too-deep": never(preset="last block"),
            "rate-too-small": never("features.16", "features.9", backbone=1e-6),
            "drifting": never("features.8", batch_norm="train"),
            "not-there-yet": never("features.8"),
        },
    ),
    "rescue": Cases(
        right=(
            lab(challenges.rescue, FREE, "features.4"),
            lab(challenges.rescue, FREE),
            lab(challenges.rescue, FREE, "features.4", "features.9", steps=2),
        ),
        wrong={
            "not-a-lab": no_lab,
            "another-lab": from_elsewhere,
            "stopped": mend(change=stop),
            "too-many-steps": lab(challenges.rescue, {"target": 0.0, "steps": 1}, steps=2),
            "head-only": mend(),
            "rate-too-large": mend("features.4", backbone=0.5, steps=2),
            "everything": mend(preset="all"),
            "another-block": mend("features.7", backbone=1e-2),
            "rate-too-small": mend("features.4"),
            "drifting": mend("features.4", backbone=1e-2, batch_norm="train"),
            "not-there-yet": mend("features.4", backbone=1e-2),
        },
    ),
    "which_drifted": Cases(
        right=(
            ask("A", lambda statistics, weights: statistics),
            ask(" a", lambda statistics, weights: tuple(statistics[:1])),
            ask("A", lambda statistics, weights: {statistics[-1]: 1}),
            asked_the_same,
        ),
        wrong={
            "no-name": ask("C", lambda s, w: s),
            "a-network": ask(torch.nn.Linear(1, 1), lambda s, w: s),
            "unfinished": ask("A", ...),
            "by-accuracy": ask("A", 0.71),
            "a-count": ask("A", 104),
            "one-text": ask("A", "features.0.1.running_mean"),
            "not-a-list": ask("A", None),
            "unknown-tensor": ask("A", ["running_mean"]),
            "the-head": ask("A", lambda s, w: [*s, "classifier.1.weight"]),
            "only-parameters": ask("A", lambda s, w: w[:2]),
            "not-in-this-one": ask("B", lambda s, w: s),
            "some-the-same": ask("A", lambda s, w: [*s, w[0]]),
            "second-try": asked_before,
        },
    ),
    "beat_the_default": Cases(
        right=(
            race(preset="last block", default=-0.5, margin=0.02),
            race(default=-0.5, margin=0.02),
            race("features.18", default=-1.0, margin=0.5),
        ),
        wrong={
            "not-a-lab": no_lab,
            "another-lab": from_elsewhere,
            "stopped": race(change=stop),
            "over-time": race("features.18", change=spent(20.5)),
            "head-only": race(),
            "rate-too-large": race("features.18", backbone=0.5, steps=2),
            "drifting": race("features.18", batch_norm="train"),
            "rate-too-small": race("features.18", head=1e-5),
            "not-enough": race("features.18", default=-0.1),
            "everything": race(preset="all", default=1.0),
            "behind": race("features.18", default=1.0),
        },
    ),
}
