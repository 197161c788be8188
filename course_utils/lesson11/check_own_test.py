"""Exercise 11.4: a claim, judged by the reader's own rows and the course's own rules."""

from __future__ import annotations

import math
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.lesson11 import own_runs, rules
from course_utils.lesson11.findings import SEEDS, Effect

import pandas as pd

MEASURED = ("acc", "loss", "second", "time", "score", "ms")
MOST = 100_000


@exercise(
    "11.4",
    wanted="the number of a claim, a table of runs, and the names of two arms",
    hints=(
        "own_runs.table() lists the claims that two arms can test, and which arm comes first.",
        "Each row needs a seed, the name of its arm, and the accuracy; both arms need the same "
        "seeds, three at least. experiments.repeat makes such a table.",
        "Take `runs` of 11.7 as a pattern, with other images or another size: rows with seed, "
        'normalisation and accuracy, and the arms ("0.5 / 0.5", "own") for claim 20.',
    ),
)
def own_verdict(claim: Any, runs: Any, arms: Any) -> str:
    """A claim judged by the reader's own runs, whichever way it comes out."""
    number = _claim(claim)
    table = _table(runs)
    first, second = _arms(arms, number)
    column = _column_of(table, first, second)
    table = table[table[column].isin([first, second])].reset_index(drop=True)
    table["accuracy"] = _shares(table["accuracy"])
    one = _one_row_each(table, column)
    _same_seeds(one, column, first, second)
    differences = rules.paired(one, "accuracy", column, first, second)
    _real_runs(one, column, differences, (first, second))
    effect, before, after = own_runs.judge(number, differences.tolist(), "this run", "yours")
    verdict = f'stay "{after}"' if before == after else f'change from "{before}" to "{after}"'
    return (
        f"Claim {number}, {first} minus {second}: {effect}, over {effect.runs} seeds. "
        f"{_meaning(effect)} With your setting beside the records', the verdict would {verdict}."
    )


def _claim(answer: Any) -> int:
    """The number of a claim that two arms can test."""
    number = recognise.number(answer, "The claim")
    if number in own_runs.TESTS:
        return int(number)
    known = ", ".join(map(str, own_runs.TESTS))
    raise wrong(
        "not-by-two-arms",
        f"Claim {number:g} is not tested by comparing the accuracies of two arms. Those that are: "
        f"{known}.",
    )


def _table(runs: Any) -> pd.DataFrame:
    """The rows as a table with seeds and accuracies."""
    if isinstance(runs, dict):
        raise wrong(
            "no-rows",
            "This is a dictionary. Wanted is a row for each run, with its seed: a DataFrame, or a "
            "list of dictionaries.",
        )
    table = runs if isinstance(runs, pd.DataFrame) else None
    if table is None:
        rows = recognise.items(runs, MOST, "The table of runs")
        if not all(isinstance(row, dict) for row in rows):
            raise wrong(
                "no-rows",
                f"Each row is a dictionary, or a row of a DataFrame, not {describe(rows[0])}.",
            )
        table = pd.DataFrame(rows)
    table = table.reset_index(drop=table.index.names == [None]).copy()
    if best := [c for c in table.columns if str(c).lower().startswith(("best", "max"))]:
        raise wrong(
            "best-of-test",
            f"The column {best[0]!r} says that the best of several looks was kept. Whoever keeps "
            "the best of many test accuracies has trained on the test images, by eye. "
            "Take the last epoch, or one that validation images chose.",
        )
    for column in ("seed", "accuracy"):
        if column not in table.columns:
            known = ", ".join(map(str, table.columns)) or "none"
            raise wrong(
                "missing-column", f"The rows need a column {column!r}; these have: {known}."
            )
    return table


def _arms(arms: Any, number: int) -> tuple[Any, Any]:
    """The names of the two arms, the one that the claim speaks for first."""
    found = recognise.items(arms, 9, "The pair of arms")
    if len(found) != 2:
        raise wrong("not-two-arms", f"There are {len(found)} names; two arms are compared.")
    first, second = found
    if first == second:
        raise wrong("not-two-arms", f"Both arms are {first!r}: nothing would be compared.")
    test = own_runs.TESTS[number]
    if (second, first) == (test.first, test.second):
        raise wrong(
            "upside-down",
            f"Claim {number} speaks for {test.first!r}, so that arm comes first; you have "
            f"{first!r} first, and the sign would be turned around.",
        )
    return first, second


def _column_of(table: pd.DataFrame, first: Any, second: Any) -> str:
    """The column that holds the names of both arms."""
    others = [c for c in table.columns if c not in ("seed", "accuracy", "validation")]
    for column in others:
        values = set(table[column].astype(object))
        if first in values and second in values:
            return str(column)
    seen = {str(c): sorted(map(str, table[c].unique()))[:4] for c in others}
    raise wrong(
        "arms-not-found",
        f"No column holds both {first!r} and {second!r}. The columns are: {seen or 'none'}.",
    )


def _shares(column: pd.Series) -> pd.Series:
    """Accuracies as shares."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        lost = int(numbers.isna().sum())
        raise wrong("no-number", f"{lost} of {len(column)} accuracies are no number (or NaN).")
    if numbers.max() > 1:
        raise wrong(
            "in-percent",
            f"The largest accuracy is {numbers.max():g}. The rules take shares, from 0 to 1: "
            "divide by 100.",
        )
    if numbers.min() < 0:
        raise wrong("no-number", f"An accuracy of {numbers.min():g} is impossible; is it a loss?")
    return numbers


def _settings(table: pd.DataFrame, column: str) -> list[str]:
    """Columns that hold what was tried, such as a rate: not measurements, and not constant."""
    known = {"seed", column, "accuracy", "validation"}
    return [
        str(c)
        for c in table.columns
        if c not in known
        and not any(word in str(c).lower() for word in MEASURED)
        and table[c].astype(str).nunique() > 1
    ]


def _one_row_each(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row for each arm and seed, chosen by validation where there are several.

    Raises Wrong if nothing but test accuracy could have chosen.
    """
    settings = _settings(table, column)
    twice = table.duplicated([column, "seed"]).any()
    if not twice:
        for setting in settings:
            for arm, part in table.groupby(column):
                if part[setting].astype(str).nunique() > 1:
                    raise wrong(
                        "chosen-by-seed",
                        f"In the arm {arm!r} the {setting} differs from seed to seed. Who chose "
                        "it, looking at what? If it was the test accuracy, luck has been selected. "
                        "Keep it the same, or hand over all rows with a column validation.",
                    )
        return table
    if not settings:
        raise wrong(
            "seed-twice",
            "Some seed occurs twice in one arm, and no column says what differs between the two "
            "rows. A seed that is repeated is not another run.",
        )
    if "validation" not in table.columns:
        raise wrong(
            "chosen-on-test",
            f"Each seed has several rows in an arm, which differ in {', '.join(settings)}, and the "
            "only number to choose among them is the test accuracy. The best of several test "
            "scores is too good by luck. Add a column validation, from images that are neither "
            "trained on nor tested on; the check chooses by that.",
        )
    tries = {arm: len(part[settings].drop_duplicates()) for arm, part in table.groupby(column)}
    if len(set(tries.values())) > 1:
        counts = ", ".join(f"{arm}: {count}" for arm, count in tries.items())
        raise wrong(
            "unequal-tries",
            f"The arms had different numbers of tries ({counts}). The one with more has more luck "
            "to choose from: give both the same grid.",
        )
    if (table["validation"] == table["accuracy"]).all():
        raise wrong(
            "validation-is-test",
            "The column validation equals the accuracy in every row: the choice would be made on "
            "the test images all the same. Validation images are other ones.",
        )
    chosen = []
    for _, part in table.groupby(column):
        tried = part[settings].astype(str).agg(" ".join, axis=1)
        top = part["validation"].groupby(tried).mean().idxmax()
        chosen.append(part[tried == top])
    one = pd.concat(chosen)
    if one.duplicated([column, "seed"]).any():
        raise wrong("seed-twice", "After choosing, some seed still occurs twice in one arm.")
    return one


def _same_seeds(one: pd.DataFrame, column: str, first: Any, second: Any) -> None:
    """Raise unless both arms ran with the same seeds, and with enough of them."""
    a, b = (set(one[one[column] == arm]["seed"]) for arm in (first, second))
    if len(a) < 2 or len(b) < 2:
        raise wrong(
            "one-seed",
            "One seed in an arm. One run against one run: whatever differs may be luck, and "
            f"nothing here could tell. {SEEDS} seeds are the least, five are better.",
        )
    if a != b:
        alone = sorted(map(str, a ^ b))
        raise wrong(
            "unpaired-seeds",
            f"The arms have different seeds: {', '.join(alone[:6])} ran in only one of them. Then "
            "lucky images help one arm alone, and nothing can be subtracted. Run both with the "
            "same seeds.",
        )
    if len(a) < SEEDS:
        raise wrong(
            "too-few-seeds",
            f"{len(a)} seeds. The interval of two runs is 12.7 standard errors to either side; the "
            f"course counts nothing below {SEEDS}.",
        )


def _real_runs(
    one: pd.DataFrame, column: str, differences: pd.Series, arms: tuple[Any, Any]
) -> None:
    """Raise if the rows cannot be what they say."""
    spread = one.groupby(column)["accuracy"].nunique()
    if (spread == 1).all():
        raise wrong(
            "seed-unused",
            f"In either arm all {len(differences)} seeds give exactly the same accuracy. A seed "
            "that changes nothing was not used: draw the images and the head by it.",
        )
    if (differences == 0).all():
        raise wrong(
            "arms-alike",
            f"{arms[0]!r} and {arms[1]!r} agree to the last digit in every seed. Two different "
            "trainings hardly ever do: what was to differ did not reach the run.",
        )


def _meaning(effect: Effect) -> str:
    """What an outcome means, and about how many seeds an unclear one would need."""
    if effect.outcome == "yes":
        return "Shown in this setting."
    if effect.outcome == "no":
        return "The contrary is so in this setting."
    half, distance = (
        effect.high - effect.mean,
        max(abs(effect.mean), abs(effect.mean - effect.null)),
    )
    if half <= 0 or distance * 10 < half:
        return "Not shown in this setting, and that is not refuted: zero and more fit as well."
    error = half / rules.t_quantile(effect.runs - 1)
    needed = next(
        (n for n in range(effect.runs, 999)
         if rules.t_quantile(n - 1) * error * math.sqrt(effect.runs / n) < distance),
        999,
    )  # fmt: skip
    return (
        f"Not shown in this setting, which is not the same as refuted: if mean and spread stay, "
        f"about {needed} seeds would tell."
    )
