"""What the reader has solved: a small file on this computer, sent nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course_utils.exercises.own_folder import own_folder
from course_utils.exercises.verdict import Kind

FILE = "exercises.json"
STATES = ("solved", "tried")


class Progress:
    """The state of each exercise that was tried.

    Parameters
    ----------
    path : Path or str, optional
        The file; by default it lies where `own_folder` says (`COURSE_PROGRESS`).

    Notes
    -----
    A file that is missing or damaged counts as empty; a damaged one is set aside as
    `exercises.json.damaged` before a new one is written. One that cannot be written is no reason
    to stop a lesson: the answer is shown all the same.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else own_folder() / FILE

    def states(self) -> dict[str, str]:
        """Return "solved" or "tried" for each exercise that was tried."""
        return {n: s for n, s in self._read("states").items() if s in STATES}

    def guess(self, number: str, guess: str) -> str:
        """Keep a prediction, unless there is an earlier one; return the first one made."""
        guesses = self._read("guesses")
        if number not in guesses:
            guesses[number] = guess
            self._write(self.states(), guesses)
        return guesses[number]

    def note(self, number: str, kind: Kind) -> None:
        """Remember a verdict. What is solved stays solved; a blank answer is not noted."""
        states = self.states()
        if kind == "not attempted" or states.get(number) == "solved":
            return
        states[number] = "solved" if kind == "right" else "tried"
        self._write(states, self._read("guesses"))

    def _read(self, part: str) -> dict[str, str]:
        """One part of the file; whatever is not text with a name is left out."""
        found = (self._parts() or {}).get(part, {})
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def _parts(self) -> dict[str, dict[str, Any]] | None:
        """All parts of the file: none where there is no file, None where it is damaged."""
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError:
            return {}
        except (ValueError, RecursionError):  # not JSON, not even text, or nested too deeply
            return None
        whole = isinstance(entries, dict) and all(isinstance(e, dict) for e in entries.values())
        return entries if whole else None

    def _write(self, states: dict[str, str], guesses: dict[str, str]) -> None:
        draft = self.path.with_name(self.path.name + ".part")
        text = json.dumps({"states": states, "guesses": guesses}, indent=1) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._parts() is None:
                self.path.replace(self.path.with_name(self.path.name + ".damaged"))
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.path)  # whole or not at all
        except OSError:
            return  # a read-only or full disk: the lesson goes on
