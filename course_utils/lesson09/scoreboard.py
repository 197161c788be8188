"""The reader's own scores in the challenges: a small file on this computer, sent nowhere."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from course_utils.exercises.own_folder import own_folder

import pandas as pd

FILE = "lab_scores.json"


@dataclass(frozen=True)
class Score:
    """One passed attempt: the challenge's name, the score, its unit, and the day."""

    challenge: str
    score: float
    unit: str
    day: str


class Scoreboard:
    """Scores of all passed attempts, best first.

    Parameters
    ----------
    path : Path or str, optional
        The file; by default it lies where `own_folder` says (`COURSE_PROGRESS`).

    Notes
    -----
    A file that is missing or damaged counts as empty, and one that cannot be written is no reason
    to stop a lesson: the scores then last as long as the notebook, and `saved` is False.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else own_folder() / FILE
        self.saved = True
        self._unsaved: list[Score] = []

    def scores(self) -> list[Score]:
        """All scores, in the order in which they were reached."""
        return [*_read(self.path), *self._unsaved]

    def add(self, challenge: str, score: float, unit: str) -> None:
        """Note a score."""
        new = Score(challenge, float(score), unit, date.today().isoformat())
        every = [*self.scores(), new]
        draft = self.path.with_name(self.path.name + ".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps([asdict(s) for s in every], indent=1) + "\n"
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.path)  # whole or not at all
        except OSError:
            self._unsaved.append(new)
            self.saved = False
        else:
            self._unsaved, self.saved = [], True

    def best(self, challenge: str, *, lowest: bool = False) -> Score | None:
        """The best score in a challenge, the highest or the lowest; None if there is none."""
        own = [score for score in self.scores() if score.challenge == challenge]
        if not own:
            return None
        return (min if lowest else max)(own, key=lambda score: score.score)

    def table(self) -> pd.DataFrame:
        """All scores as a table with the columns challenge, score, unit and day."""
        columns = ["challenge", "score", "unit", "day"]
        return pd.DataFrame([asdict(score) for score in self.scores()], columns=columns)


def _read(path: Path) -> list[Score]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or not JSON, or not even text
        return []
    if not isinstance(entries, list):
        return []
    return [score for entry in entries if (score := _score(entry)) is not None]


def _score(entry: Any) -> Score | None:
    """One entry of the file, or None where it is no score."""
    try:
        score = Score(**entry)
    except TypeError:
        return None
    value, words = score.score, (score.challenge, score.unit, score.day)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not all(isinstance(w, str) for w in words):
        return None
    return replace(score, score=float(value))
