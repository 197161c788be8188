"""What a check has to say, and how it names what it was given."""

from __future__ import annotations

import html
import inspect
import numbers
import reprlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["right", "wrong", "not attempted"]
LABELS: dict[Kind, str] = {
    "right": "Right",
    "wrong": "Not right yet",
    "not attempted": "Not attempted yet",
}


class Mistake(Exception):
    """Raised by a check: a mistake that it recognised.

    Parameters
    ----------
    code : str
        Short name of the mistake, such as "all-frozen": a key of the exercise's own table of
        mistakes, or of `recognise.MESSAGES`.
    **values
        What the message in that table names in braces.
    """

    def __init__(self, code: str, /, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values

    def told(self, *tables: Mapping[str, str]) -> str:
        """Return what is said to the reader, from the first table that has the code.

        Raises
        ------
        LookupError
            When no table has the code, or its message names a value that was not given.
        """
        for table in tables:
            if self.code in table:
                text = _Careful().vformat(table[self.code], (), self.values)
                return " ".join(text.split())
        raise LookupError(f"no table has the mistake {self.code!r}")


class _Careful(string.Formatter):
    """Fills values into a message; one that cannot be written as asked is named in words."""

    def format_field(self, value: Any, format_spec: str) -> str:
        try:
            return str(super().format_field(value, format_spec))
        except Exception:  # a reader's object may raise anything when it is printed
            return describe(value)


@dataclass(frozen=True)
class Verdict:
    """The answer to an answer.

    Parameters
    ----------
    exercise : str
        Its number, such as "4.1".
    kind : {"right", "wrong", "not attempted"}
        What became of the answer.
    message : str
        What was seen, with values, and why that matters.
    code : str, optional
        The mistake that was recognised; empty where there is none.
    """

    exercise: str
    kind: Kind
    message: str
    code: str = ""

    @property
    def text(self) -> str:
        """The verdict in one line of plain text."""
        return f"Exercise {self.exercise} · {LABELS[self.kind]}. {self.message}"

    def bundle(self) -> dict[str, str]:
        """Return it as plain text and as HTML; the words say all that the frame says."""
        style = {"right": "solid", "wrong": "dashed", "not attempted": "dotted"}[self.kind]
        label = html.escape(f"Exercise {self.exercise} · {LABELS[self.kind]}.")
        body = html.escape(self.message).replace("\n", "<br>")
        frame = f"border-left: 4px {style} currentColor; padding: 2px 0 2px 10px"
        shown = f'<div role="status" style="{frame}"><b>{label}</b> {body}</div>'
        return {"text/plain": self.text, "text/html": shown}


def describe(value: Any) -> str:
    """Name any object in a few words, whatever it is; never raises, never runs its code at length.

    >>> describe(3), describe("yes"), describe(None)
    ('the number 3', "the text 'yes'", 'None')
    """
    kind = type(value).__name__
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, numbers.Number) and kind in {"int", "float", "complex"}:
        return f"the number {reprlib.repr(value)}"
    if isinstance(value, str):
        return f"the text {reprlib.repr(value)}"
    if inspect.isclass(value):
        return f"the class {value.__name__} itself, not an object made from it"
    if inspect.isgenerator(value):
        return "a generator"
    if callable(value) and hasattr(value, "__name__"):
        name = value.__name__
        return "a lambda" if name == "<lambda>" else f"the function {name}"
    shape = getattr(value, "shape", None)
    if kind in {"Tensor", "Parameter", "ndarray"}:
        return f"{_article(kind)} {kind} of shape {tuple(shape or ())}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {kind} of {len(value)} {'item' if len(value) == 1 else 'items'}"
    return f"an object of type {kind}"


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"
