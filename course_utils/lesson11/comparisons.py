"""How rows of a record become effects: two arms, compared seed by seed in every setting.

A claim is tested by some `Comparison`s, which are data; the numbers come from `rules`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import experiments
from course_utils.lesson11 import rules
from course_utils.lesson11.findings import PHOTOS, SHAPES, Effect

import pandas as pd

SUFFIXES = {"": SHAPES, "_shapes": SHAPES, "_photos": PHOTOS, "_cifar10": PHOTOS}

TASKS = {"near": "own classes", "fabric": "weave", "orientation": "grain"}
"""What the tasks are called in figures; the last two are drawn textures without any object."""

WORDS: dict[str, dict[Any, str]] = {
    "task": TASKS,
    "batch_norm": {
        True: "with batch norm",
        False: "no batch norm",
        "train": "batch norm in train mode",
        "eval": "batch norm in eval mode",
    },
}
"""What some columns' values are called in the name of a setting."""

Rows = Callable[[pd.DataFrame], pd.DataFrame]
Arms = Callable[[pd.DataFrame, str], list[Any]]  # from rows and the arms' column


def as_they_are(table: pd.DataFrame) -> pd.DataFrame:
    """Return a record's rows unchanged."""
    return table


class Tables:
    """Measurements by the name of their record, whether stored or just made.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Rows by name. Asking for another gives None, so a claim can be "not measured yet".
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = dict(tables)

    @classmethod
    def stored(cls, names: Iterable[str], folder: Path = experiments.RECORDS) -> Tables:
        """Read those of the records that exist, with the suffix of either world."""
        found = {}
        there = {path.stem for path in folder.rglob("*.json")}
        for name in [name + suffix for name in names for suffix in SUFFIXES]:
            if name in there:
                record = experiments.read_record(name, folder)
                found[name] = pd.DataFrame(record["rows"])
                found[name].attrs = {"data": record["data"]}
        return cls(found)

    def get(self, name: str) -> pd.DataFrame | None:
        """Return the rows of exactly this record, or None."""
        return self._tables.get(name)

    def each(self, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield world and rows for each world in which this experiment was made."""
        for suffix, world in SUFFIXES.items():
            if (table := self._tables.get(name + suffix)) is not None:
                yield world, table

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield names and rows of all that is there."""
        yield from self._tables.items()


@dataclass(frozen=True)
class Comparison:
    """Two arms of a record, and the rule by which their runs are judged.

    Parameters
    ----------
    record : str
        Its name, without the suffix of a world.
    setting : str or callable
        Name of the setting, filled with `{first}` and `{second}`, the arms; `{world}`; `{images}`,
        the number that the record names; and every column that has one value only. Or what makes
        the name of these.
    arm : str
        The column that tells the arms apart; "" if `value` alone is judged.
    first, second : object or callable
        Values in that column, or what chooses them: see `lowest`, `best_of` and the like. Where
        `second` is None, the values of `first` alone are judged.
    value : str
        The column that is compared.
    rule : callable
        One of `rules`.
    rows : callable
        Derives the rows that are compared: see `record_rows`.
    where : str
        Which of these, as a query of pandas.
    by : tuple of str
        The columns whose values make a setting.
    core : mapping, optional
        What a setting must be like so that a cheap re-run must reproduce its direction: values by
        the name of a column, or of `first` or `second`.
    world : str
        Instead of the record's, if no image is needed.
    """

    record: str
    setting: str | Callable[[dict[str, Any]], str]
    arm: str = ""
    first: Any = None
    second: Any = None
    value: str = "accuracy"
    rule: rules.Rule = rules.difference
    rows: Rows = as_they_are
    where: str = ""
    by: tuple[str, ...] = ()
    core: Mapping[str, object] | None = None
    world: str = ""

    def effects(self, world: str, rows: pd.DataFrame) -> Iterator[Effect]:
        """Yield the effect of each pair of arms in one setting; none where an arm was not run."""
        if rows.empty:
            return
        sides = [
            side(rows, self.arm) if callable(side) else [side] for side in (self.first, self.second)
        ]
        for first, second in itertools.product(*sides):
            values = self._values(rows, first, second)
            if values is None or values.empty:
                continue
            known = _common(rows) | {"first": first, "second": second}
            column = dict.fromkeys(("first", "second"), self.arm)
            told = {n: WORDS.get(column.get(n, n), {}).get(v, v) for n, v in known.items()}
            told |= {"world": world, "images": _images(rows)}
            setting = self.setting
            name = setting.format(**told) if isinstance(setting, str) else setting(told)
            sign = "over" if self.rule in rules.RATIOS else "minus"
            core = self.core is not None and self.core.items() <= known.items()
            what = f"{self.value}, {first} {sign} {second}"
            yield self.rule(values, self.world or world, name, what, core=core)

    def _values(self, rows: pd.DataFrame, first: Any, second: Any) -> pd.Series | None:
        """One number a seed; None where there is none."""
        if second is None:
            mine = rows[rows[self.arm] == first] if self.arm else rows
            return mine.groupby("seed")[self.value].mean()
        if first == second or not {first, second} <= set(rows[self.arm]):
            return None
        one, other = rules.by_seed(rows, self.value, self.arm, first, second)
        if self.rule not in rules.RATIOS:
            return one - other
        return one / other if (one > 0).all() and (other > 0).all() else None


def _common(rows: pd.DataFrame) -> dict[str, Any]:
    """The columns that have one value only, with that value; lists do not count."""
    columns = [c for c in rows if isinstance(rows[c].iloc[0], Hashable)]
    return {str(c): rows[c].iloc[0] for c in columns if rows[c].nunique() == 1}


def _images(rows: pd.DataFrame) -> str:
    """How many training images a record's description names."""
    found = re.search(r"(\d+) training", str(rows.attrs.get("data", "")))
    return f"{int(found.group(1)):,} images" if found else "some images"


def all_effects(comparisons: Iterable[Comparison], tables: Tables) -> Iterator[Effect]:
    """Yield the effects of some comparisons, world by world and setting by setting.

    Comparisons that follow each other and share record, rows and settings are made together.
    """
    alike = itertools.groupby(comparisons, key=lambda c: (c.record, c.by, c.rows))
    for (record, by, derive), group in alike:
        together = list(group)
        for world, table in tables.each(record):
            rows = derive(table).reset_index(drop=True)
            rows.attrs = table.attrs
            chosen = [rows.query(c.where) if c.where else rows for c in together]
            for _, setting in rows.groupby(list(by), sort=False) if by else [((), rows)]:
                for comparison, some in zip(together, chosen, strict=True):
                    yield from comparison.effects(world, some[some.index.isin(setting.index)])


# which arms: functions that choose them from the rows


def lowest(rows: pd.DataFrame, arm: str) -> list[Any]:
    """Choose the smallest value of the arms' column."""
    return [rows[arm].min()]


def highest(rows: pd.DataFrame, arm: str) -> list[Any]:
    """Choose the largest value of the arms' column."""
    return [rows[arm].max()]


def best_of(*names: object) -> Arms:
    """Choose the one of these with the highest mean; none where none was run."""
    return lambda rows, arm: _best(rows, arm, names)


def best_other(*names: object) -> Arms:
    """Choose the one with the highest mean that is none of these."""
    return lambda rows, arm: _best(rows, arm, each_other(*names)(rows, arm))


def best_between(rows: pd.DataFrame, arm: str) -> list[Any]:
    """Choose the best that is neither the smallest nor the largest."""
    return best_other(*lowest(rows, arm), *highest(rows, arm))(rows, arm)


def best_at_the_ends(rows: pd.DataFrame, arm: str) -> list[Any]:
    """Choose the better of the smallest and the largest."""
    return best_of(*lowest(rows, arm), *highest(rows, arm))(rows, arm)


def each_of(*names: object) -> Arms:
    """Choose all of these that were run."""
    return lambda rows, arm: [name for name in names if name in set(rows[arm])]


def each_other(*names: object) -> Arms:
    """Choose all that are none of these, in the order of the rows."""
    return lambda rows, arm: [name for name in rows[arm].unique() if name not in names]


def _best(rows: pd.DataFrame, arm: str, names: Iterable[object]) -> list[Any]:
    some = rows[rows[arm].isin(list(names))]
    return [] if some.empty else [rules.best(some, "accuracy", arm)]
