"""Two rows of a record side by side: which is ahead, and is the lead larger than its spread?

The rule of lesson 07, for every check that judges by a record: two runs with the same seed had the
same images, so they are compared seed by seed; a lead counts where its mean is larger than its own
standard deviation over the seeds.  With three seeds that is a low bar, and the sentences say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Lead:
    """How far one run is ahead of another.

    Parameters
    ----------
    mean, spread : float
        Mean and standard deviation over seeds of the difference, in points of percent.
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
    """Tell how far one run is ahead of another.

    Parameters
    ----------
    ours, theirs : Series
        Accuracies (0 to 1) indexed by seed.

    Raises
    ------
    ValueError
        When they share fewer than two seeds.
    """
    difference = (100 * (ours - theirs)).dropna()
    if len(difference) < 2:
        raise ValueError(f"{len(difference)} seeds in common: no spread can be told")
    return Lead(float(difference.mean()), float(difference.std()))


def unbeaten(table: pd.DataFrame) -> list[Any]:
    """Return the columns that no other column is clearly ahead of, the best by mean first.

    Not "those that cannot be told from the best": a best one whose runs differ much would let in
    many that a third one clearly beats.

    Parameters
    ----------
    table : DataFrame
        Accuracies (0 to 1), one row a seed, one column for each thing to choose from.
    """
    order = table.mean().sort_values(ascending=False, kind="stable").index
    leads = {one: [lead(table[other], table[one]) for other in order] for one in order}
    return [one for one in order if not any(gain.clear and gain.mean > 0 for gain in leads[one])]
