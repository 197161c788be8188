"""The core: an exercise is called with the reader's answers, and says what it sees.

The names `hint` and `solution`, and the idea of a check that explains itself, come from the
exercises of Kaggle's courses (the library is called learntools); the code is our own.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from course_utils.exercises import progress, recognise, safety, solutions
from course_utils.exercises.verdict import Mistake, Verdict, describe

Check = Callable[..., str]
_EMPTY = {"RESUME", "RETURN_CONST", "RETURN_VALUE", "LOAD_CONST", "NOP", "COPY_FREE_VARS"}


@dataclass
class Exercise:
    """One exercise.

    Parameters
    ----------
    number : str
        As in the lesson, such as "4.1".
    check : callable
        Called with the answers; returns a sentence of praise that tells something more, or raises
        `Mistake(code, **values)`.
    wanted : str
        What an answer is, as the end of "this needs ...": said when the answer is something that
        no check foresaw.
    hints : tuple of str
        From gentle to explicit.
    mistakes : mapping of str to str, optional
        Each mistake that the check recognises: its code, and what is said, with values in braces.
    seconds : float, optional
        How long the check waits for the reader's code.
    guessed : bool, optional
        The first answer is a prediction: the first one ever made is kept and shown again.
    given : tuple of str, optional
        Names of parameters that the lesson fills in itself, such as `course`: never blank.
    untouched : callable, optional
        Says of an answer that is no dots whether nothing was done with it yet, such as a lab that
        has not taken a step.
    begin : str, optional
        What to do first, as a sentence for a blank answer.
    """

    number: str
    check: Check
    wanted: str
    hints: tuple[str, ...]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    guessed: bool = False
    given: tuple[str, ...] = ()
    untouched: Callable[[Any], bool] | None = None
    begin: str = "Replace the dots, and run the cell again."
    _hints_given: int = field(default=0, repr=False)

    @property
    def name(self) -> str:
        """The name under which the lesson calls it."""
        return self.check.__name__

    @property
    def lesson(self) -> int:
        """Number of the lesson."""
        return int(self.number.partition(".")[0])

    def judge(self, *answers: Any, **named: Any) -> Verdict:
        """Look at the answers; nothing is shown, nothing kept, and no exception comes out.

        The reader's random state is put back; checks work on copies of models.
        """
        try:
            bound = inspect.signature(self.check).bind(*answers, **named)
        except TypeError as error:
            return self._wrong("arguments", f"The check could not be called: {error}.")
        given = [value for name, value in bound.arguments.items() if name not in self.given]
        blanks = sum(self._blank(answer) for answer in given)
        if given and blanks == len(given):
            message = f"{self.begin} Stuck? check.{self.name}.hint()"
            return Verdict(self.number, "not attempted", message)
        if blanks:
            return self._wrong("unfinished", f"{blanks} of {len(given)} answers are still blank.")
        try:
            with safety.same_random_state(), safety.time_limit(self.seconds):
                praise = self.check(*bound.args, **bound.kwargs)
        except Mistake as mistake:
            return self._mistaken(mistake, given)
        except safety.TooSlow as limit:
            return self._wrong(
                "too-slow", f"This took {limit}, and was stopped. {self._need(given)}"
            )
        except SystemExit:
            return self._wrong(
                "exits", "The answer calls exit() or sys.exit(), which would end Python. Return."
            )
        except Exception as error:  # the reader's code may raise anything at all
            text = " ".join(str(error).split())[:200] or "no message"
            raised = f"Trying it out raised {type(error).__name__}: {text}."
            return self._wrong("unforeseen", f"{raised} {self._need(given)}")
        return Verdict(self.number, "right", " ".join(praise.split()))

    def __call__(self, *answers: Any, **named: Any) -> None:
        """Look at the answers, say what is right or wrong with them, remember what is solved."""
        from IPython.display import display

        verdict = self.judge(*answers, **named)
        kept = progress.Progress()
        kept.note(self.number, verdict.kind)
        usable = verdict.code not in recognise.MESSAGES
        if self.guessed and usable and answers and not is_blank(answers[0]):
            first = kept.guess(self.number, describe(answers[0]))
            verdict = replace(verdict, message=f"{verdict.message} Your first guess: {first}.")
        about = {"exercise": self.number, "verdict": verdict.kind, "mistake": verdict.code}
        display(verdict.bundle(), raw=True, metadata={"course": about})

    def hint(self) -> None:
        """Show the next hint; each call says more than the one before."""
        place = min(self._hints_given, len(self.hints) - 1)
        self._hints_given = place + 1
        more = len(self.hints) - place - 1
        rest = f"({more} more: call hint() again)" if more else "(the last one)"
        print(f"Hint {place + 1} for exercise {self.number} {rest}: {self.hints[place]}")

    def solution(self) -> None:
        """Print a solution, where this copy of the course has it."""
        code = solutions.of(self.lesson).get(self.name)
        if code is None:
            print("Solutions are not in this copy of the course: ask your instructor.")
        else:
            print(f"# A solution of exercise {self.number}; others may be as good.\n{code}")

    def _blank(self, answer: Any) -> bool:
        return is_blank(answer) or (self.untouched is not None and self.untouched(answer))

    def _mistaken(self, mistake: Mistake, given: list[Any]) -> Verdict:
        try:
            return self._wrong(mistake.code, mistake.told(self.mistakes, recognise.MESSAGES))
        except LookupError:  # our own slip, which a test finds; the reader gets a sentence
            return self._wrong("unforeseen", self._need(given))

    def _wrong(self, code: str, message: str) -> Verdict:
        return Verdict(self.number, "wrong", message, code)

    def _need(self, given: list[Any]) -> str:
        seen = " and ".join(describe(answer) for answer in given)
        return f"This exercise needs {self.wanted}; it was given {seen}."


def exercise(
    number: str,
    *,
    wanted: str,
    hints: tuple[str, ...],
    mistakes: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable[[Check], Exercise]:
    """Make an exercise of a check: a decorator. The check's name is the exercise's name.

    Parameters
    ----------
    number, wanted, hints, mistakes, **options
        As of `Exercise`.

    Returns
    -------
    callable
        Turns the check into an `Exercise` with its docstring.

    Raises
    ------
    ValueError
        When there is no hint.
    """
    if not hints:
        raise ValueError(f"exercise {number} has no hint")

    def make(check: Check) -> Exercise:
        made = Exercise(number, check, wanted, hints, mistakes or {}, **options)
        made.__doc__ = check.__doc__
        return made

    return make


def is_blank(answer: Any) -> bool:
    """Return whether an answer is still the dots: `...`, or a function that holds only that.

    >>> is_blank(...), is_blank(0)
    (True, False)
    """
    if answer is ...:
        return True
    code = getattr(answer, "__code__", None)
    if code is None or inspect.isgeneratorfunction(answer):
        return False
    steps = list(dis.get_instructions(code))
    returned = [s.argval for s in steps if s.opname in {"RETURN_CONST", "LOAD_CONST"}]
    return all(s.opname in _EMPTY for s in steps) and all(v in (None, ...) for v in returned)
