"""What an effect, a verdict and a finding are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

SHAPES, PHOTOS, COUNTED = "Shapes", "photographs", "counted"
EXACT = 0  # runs of an effect that was counted: it has no spread
SEEDS = 3  # fewer runs tell nothing about spread, so they count as not measured
Outcome = Literal["yes", "no", "unclear"]


class Verdict(StrEnum):
    """What the measurements say about a claim."""

    HOLDS = "holds"
    HOLDS_IF = "holds if"
    DOES_NOT_HOLD = "does not hold"
    NOT_MEASURED = "not measured yet"


@dataclass(frozen=True)
class Effect:
    """One measured effect in one setting.

    Parameters
    ----------
    world : str
        `SHAPES`, `PHOTOS`, or `COUNTED` where no image was needed.
    setting : str
        Which data, how many, what exactly; short, for the axis of a figure.
    what : str
        What is compared with what.
    mean, low, high : float
        The effect, and the ends of its 95 % interval over seeds.
    runs : int
        Number of seeds; `EXACT` where it was counted.
    unit : str
        "points" of accuracy, "times", or none.
    null : float
        Where the claim would be neither true nor false: 0 for differences, 1 for ratios.
    outcome : {"yes", "no", "unclear"}
        Whether this setting speaks for the claim.
    core : bool
        Whether a cheap re-run must reproduce its direction.
    """

    world: str
    setting: str
    what: str
    mean: float
    low: float
    high: float
    runs: int
    unit: str
    null: float
    outcome: Outcome
    core: bool = False

    @property
    def label(self) -> str:
        """World and setting, for a list of effects."""
        return self.setting if self.world == COUNTED else f"{self.world}, {self.setting}"

    def judged(self, outcome: Outcome) -> Effect:
        """Return the same effect under another rule."""
        return replace(self, outcome=outcome)

    @property
    def solid(self) -> bool:
        """Whether there are runs enough to speak of spread, or none are needed."""
        return self.runs == EXACT or self.runs >= SEEDS

    @property
    def direction(self) -> int:
        """On which side of `null` the mean lies: 1, -1, or 0."""
        return int(self.mean > self.null) - int(self.mean < self.null)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.runs == EXACT or self.low == self.high:
            return self._number(self.mean) + unit
        ends = f"[{self._number(self.low)}, {self._number(self.high)}]"
        return f"{self._number(self.mean)} {ends}{unit}"

    def _number(self, x: float) -> str:
        """Write a tenth of a point, or two digits of a ratio."""
        if self.unit == "points":
            return f"{x:+.1f}"
        return f"{x:,.0f}" if 100 <= abs(x) < 1e9 else f"{x:.2g}"


@dataclass(frozen=True)
class Finding:
    """What came of a claim: a verdict, a sentence with the numbers, and the effects behind it.

    Parameters
    ----------
    verdict : Verdict
        From the solid effects alone, as the sentence is.
    sentence : str
        Where the claim was shown and where not, with the numbers.
    effects : tuple of Effect
        All that were found.
    """

    verdict: Verdict
    sentence: str
    effects: tuple[Effect, ...] = ()

    @property
    def solid(self) -> tuple[Effect, ...]:
        """The effects that count."""
        return tuple(effect for effect in self.effects if effect.solid)

    @property
    def core(self) -> tuple[Effect, ...]:
        """The effects that a cheap re-run must reproduce in their direction."""
        return tuple(effect for effect in self.effects if effect.core)
