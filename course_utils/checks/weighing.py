"""Two rows of a record side by side: which is ahead, and is the lead larger than its spread?

The rule of lesson 07, for every check that judges by a record: two runs with the same seed had the
same images, so they are compared seed by seed; a lead counts where its mean is larger than its own
standard deviation over the seeds.  With three seeds that is a low bar, and the sentences say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Lead:
    """How far one run is ahead of another.

    mean, spread : mean and standard deviation over seeds of the difference, in points of percent
    """

    mean: float
    spread: float

    @property
    def clear(self) -> bool:
        """Whether the difference, either way, is larger than its spread."""
        return abs(self.mean) > self.spread

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ± {self.spread:.1f} points"


def lead(ours: pd.Series[float], theirs: pd.Series[float]) -> Lead:
    """How far `ours` is ahead of `theirs`, both accuracies (0 to 1) indexed by seed.

    Raises ValueError if they share fewer than two seeds.
    """
    difference = (100 * (ours - theirs)).dropna()
    if len(difference) < 2:
        raise ValueError(f"{len(difference)} seeds in common: no spread can be told")
    return Lead(float(difference.mean()), float(difference.std()))


def as_good_as_best(table: pd.DataFrame) -> list[object]:
    """Columns that the table cannot tell from its best one, the best by mean first.

    table : accuracies (0 to 1), one row a seed, one column for each thing to choose from
    """
    order = table.mean().sort_values(ascending=False, kind="stable").index
    best = table[order[0]]
    return [order[0], *(name for name in order[1:] if not lead(best, table[name]).clear)]
