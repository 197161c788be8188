"""Challenges for the live lab: each prepares a session, and judges what became of it.

    challenge = challenges.fewest_parameters
    print(challenge.task)
    session = challenge.start()
    ...                              # freeze, thaw, train: by hand in the panel, or from here
    challenge.check(session)         # Result(score, passed, sentence)

All of them run in the Shapes world, wherever the lessons run, so that scores can be compared.  What
a challenge asks for stands in its fields, as data: targets were chosen from what is in reach there
(`data/records/lesson09/lab_challenges.json`), neither a gift nor luck.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar
from weakref import WeakKeyDictionary

from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lesson09.shapes_setup import ShapesSetup

__all__ = ["CHALLENGES", "Challenge", "Result", "beat_the_default", "fewest_parameters", "rescue"]


@dataclass(frozen=True)
class Result:
    """A verdict: the score (its unit is the challenge's), whether it passes, and why."""

    score: float
    passed: bool
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, eq=False)
class Challenge(ABC):
    """What all challenges share.

    Parameters
    ----------
    name : str
        Short and fixed, for the scoreboard.
    title : str
        For the reader.
    unit : str
        Of the score.
    lowest : bool
        Whether a lower score is the better one.
    settings : Settings
        What every attempt starts from.
    build : ShapesSetup
        What it trains on.
    """

    name: str
    title: str
    unit: str
    lowest: bool
    settings: Settings
    build: ShapesSetup
    _started: WeakKeyDictionary[Session, float] = field(
        default_factory=WeakKeyDictionary, repr=False
    )
    _TASK: ClassVar[str]

    @property
    def task(self) -> str:
        """What to do, in a few sentences."""
        return self._TASK.format(c=self)

    def start(self) -> Session:
        """A session to work on; `reset` in it begins another attempt."""
        session = Session(self.settings, build=self.build)
        self._started[session] = 0.0
        return session

    def check(self, session: Session) -> Result:
        """Judge the current run of a session.

        Raises
        ------
        LabError
            If the session is not from this challenge's `start`, or was reset to other images.
        """
        if session not in self._started:
            raise LabError(
                f"this session does not belong to the challenge {self.title!r}: take the one that "
                f"its start() gives"
            )
        now, wanted = session.settings, self.settings
        for name in ("train", "test", "world", "network", "start"):
            if getattr(now, name) != getattr(wanted, name):
                raise LabError(
                    f"this challenge is played with {name}={getattr(wanted, name)!r}, and the run "
                    f"has {getattr(now, name)!r}; reset({name}={getattr(wanted, name)!r})"
                )
        if session.status == "failed":
            return Result(0.0, False, "This run was stopped by an error. Reset, and try again.")
        return self._judge(session, session.evaluate())

    @abstractmethod
    def _judge(self, session: Session, accuracy: float) -> Result: ...


@dataclass(frozen=True, eq=False)
class FewestParameters(Challenge):
    """Reach an accuracy with as few parameters as possible that were ever trained."""

    target: float = 0.8

    _TASK = (
        "The images show grain, and the classes are its direction: far from what the network "
        "was pretrained on. Reach {c.target:.0%} on the held-out images. Your score is the "
        "number of parameters in all blocks that learnt in this run, even for one step: the "
        "fewer, the better."
    )

    def _judge(self, session: Session, accuracy: float) -> Result:
        trained = int(session.snapshot()["trained"])
        if accuracy < self.target:
            said = f"{accuracy:.1%} is below the target of {self.target:.0%}"
            return Result(trained, False, f"{said}; {trained:,} parameters have learnt so far.")
        said = f"{accuracy:.1%} on the held-out images with {trained:,} trained parameters."
        return Result(trained, True, said)


@dataclass(frozen=True, eq=False)
class Rescue(Challenge):
    """Bring a damaged network back within some steps."""

    target: float = 0.7
    steps: int = 80

    _TASK = (
        "Somebody has shuffled the weights in part of this backbone. A new head alone does "
        "not get far. Reach {c.target:.0%} on the held-out images within {c.steps} "
        "steps. Your score is the accuracy."
    )

    def _judge(self, session: Session, accuracy: float) -> Result:
        step = int(session.snapshot()["step"])
        score = round(100 * accuracy, 1)
        if step > self.steps:
            said = f"{step} steps were taken, and {self.steps} are allowed. Reset, and try again."
            return Result(score, False, said)
        if accuracy < self.target:
            left = self.steps - step
            rest = f"{left} step is left" if left == 1 else f"{left or 'no'} steps are left"
            said = f"{accuracy:.1%} is below the target of {self.target:.0%}; {rest}."
            return Result(score, False, said)
        return Result(score, True, f"Rescued: {accuracy:.1%} after {step} steps.")


@dataclass(frozen=True, eq=False)
class BeatTheDefault(Challenge):
    """Do better than the usual settings, in a limited time of computing."""

    margin: float = 0.02
    seconds: float = 20.0
    default_steps: int = 300
    evaluate_steps: int = 25  # the default is over in a second, and needs points for its curve

    _TASK = (
        "The faint curve is the lab's default: head only, {c.default_steps} steps, long "
        "after it has stopped getting better. Beat it by {c.points:.0f} points or "
        "more within {c.seconds:.0f} s of computing (looks at held-out images are not "
        "counted). Your score is by how many points."
    )

    @property
    def points(self) -> float:
        """The margin in percentage points."""
        return 100 * self.margin

    def start(self) -> Session:
        """A session whose first run was the default, and whose second one is yours."""
        settings = replace(self.settings, evaluate_steps=self.evaluate_steps)
        session = Session(settings, build=self.build)
        session.run(self.default_steps)
        self._started[session] = session.evaluate()
        session.reset(evaluate_steps=self.settings.evaluate_steps)
        return session

    def _judge(self, session: Session, accuracy: float) -> Result:
        default, seconds = self._started[session], session.snapshot()["compute_seconds"]
        ahead = round(100 * (accuracy - default), 1)
        said = f"{accuracy:.1%} against the default's {default:.1%}"
        if seconds > self.seconds:
            late = f"{seconds:.1f} s of computing, and {self.seconds:.0f} s are allowed"
            return Result(ahead, False, f"{said}, but after {late}. Reset, and try again.")
        if ahead < round(self.points, 1):
            wanted = f"{self.points:.0f} points more are wanted"
            return Result(ahead, False, f"{said}; {wanted}. {seconds:.1f} s are used.")
        return Result(ahead, True, f"{said}, in {seconds:.1f} s of computing.")


fewest_parameters = FewestParameters(
    name="fewest parameters",
    title="Most accuracy for fewest trained parameters",
    unit="trained parameters",
    lowest=True,
    settings=Settings(world="shapes", train=500, test=400, evaluate_every=0.5),
    build=ShapesSetup("orientation"),
)
rescue = Rescue(
    name="rescue",
    title="Rescue a wrecked backbone",
    unit="% on held-out images",
    lowest=False,
    settings=Settings(world="shapes", train=300, test=400, evaluate_every=0.5),
    build=ShapesSetup("target", damage=1),
)
beat_the_default = BeatTheDefault(
    name="beat the default",
    title="Beat the default in 20 seconds",
    unit="points above the default",
    lowest=False,
    settings=Settings(world="shapes", train=500, test=400, evaluate_every=0.5),
    build=ShapesSetup("target"),
)
CHALLENGES: tuple[Challenge, ...] = (fewest_parameters, rescue, beat_the_default)
