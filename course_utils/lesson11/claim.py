"""What a claim, an effect and a finding are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from course_utils import experiments

import pandas as pd

SHAPES, PHOTOS, COUNTED = "Shapes", "photographs", "counted"
EXACT = 0  # runs of an effect that was counted: it has no spread
SEEDS = 3  # fewer runs tell nothing about spread, so they count as not measured
SUFFIXES = {"": SHAPES, "_shapes": SHAPES, "_photos": PHOTOS, "_cifar10": PHOTOS}
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

    world : `SHAPES`, `PHOTOS`, or `COUNTED` where no image was needed
    setting : which data, how many, what exactly; short, for the axis of a figure
    what : what is compared with what
    mean, low, high : the effect, and the ends of its 95 % interval over seeds
    runs : number of seeds; `EXACT` where it was counted
    unit : "points" of accuracy, "times", or none
    null : where the claim would be neither true nor false: 0 for differences, 1 for ratios
    outcome : whether this setting speaks for the claim
    core : whether this is the effect that a cheap re-run must reproduce in its direction
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
        """The same effect under another rule."""
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
        """A tenth of a point, or two digits of a ratio."""
        if self.unit == "points":
            return f"{x:+.1f}"
        return f"{x:,.0f}" if 100 <= abs(x) < 1e9 else f"{x:.2g}"


@dataclass(frozen=True)
class Finding:
    """What came of a claim: a verdict, a sentence with the numbers, and the effects behind it.

    effects : all that were found; the verdict and the sentence are from the solid ones alone
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


class Tables:
    """Measurements by the name of their record, whether stored or just made.

    tables : rows by name; asking for another gives None, so a claim can be "not measured yet"
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = dict(tables)

    @classmethod
    def stored(cls, names: Iterable[str], folder: Path = experiments.RECORDS) -> Tables:
        """Those of the records that exist, with the suffix of either world."""
        found = {}
        there = {path.stem for path in folder.rglob("*.json")}
        for name in [name + suffix for name in names for suffix in SUFFIXES]:
            if name in there:
                record = experiments.read_record(name, folder)
                found[name] = pd.DataFrame(record["rows"])
                found[name].attrs = {"data": record["data"]}
        return cls(found)

    def get(self, name: str) -> pd.DataFrame | None:
        """The rows of exactly this record, or None."""
        return self._tables.get(name)

    def each(self, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """World and rows for each world in which this experiment was made."""
        for suffix, world in SUFFIXES.items():
            if (table := self._tables.get(name + suffix)) is not None:
                yield world, table

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Names and rows of all that is there."""
        yield from self._tables.items()


@dataclass(frozen=True)
class Claim:
    """A textbook claim and how the course tests it.

    number : as in the course's list
    short : a few words, for figures and tables
    statement : the claim in full, in our own words
    lesson : file name (without ending) of the lesson in which it was shown
    records : the measurements that it rests on, without the suffix of a world
    judge : from these measurements to a finding
    """

    number: int
    short: str
    statement: str
    lesson: str
    records: tuple[str, ...]
    judge: Callable[[Tables], Finding] = field(repr=False)

    def finding(self, folder: Path = experiments.RECORDS) -> Finding:
        """The finding from the stored records, or "not measured yet" if there are none."""
        return self.judge(Tables.stored(self.records, folder))
