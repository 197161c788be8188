"""Exercise 11.4: a claim, judged by the reader's own rows and the course's own rules."""

from __future__ import annotations

import math
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
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
    mistakes={
        "not-by-two-arms": "Claim {value:g} is not tested by comparing the accuracies of two arms. "
        "Those that are: {known}.",
        "a-dictionary": "This is a dictionary. Wanted is a row for each run, with its seed: a "
        "DataFrame, or a list of dictionaries.",
        "no-rows": "Each row is a dictionary, or a row of a DataFrame, not {seen}.",
        "best-of-test": "The column {column!r} says that the best of several looks was kept. "
        "Whoever keeps the best of many test accuracies has trained on the test images, by eye. "
        "Take the last epoch, or one that validation images chose.",
        "missing-column": "The rows need a column {column!r}; these have: {known}.",
        "not-two-names": "There are {count} names; two arms are compared.",
        "not-two-arms": "Both arms are {first}: nothing would be compared.",
        "upside-down": "Claim {claim} speaks for {second}, so that arm comes first; you have "
        "{first} first, and the sign would be turned around.",
        "arms-not-found": "No column holds both {first} and {second}. The columns are: {columns}.",
        "no-number": "{lost} of {all} accuracies are no number (or NaN).",
        "negative": "An accuracy of {value:g} is impossible; is it a loss?",
        "in-percent": "The largest accuracy is {value:g}. The rules take shares, from 0 to 1: "
        "divide by 100.",
        "chosen-by-seed": "In the arm {arm!r} the {setting} differs from seed to seed. Who chose "
        "it, looking at what? If it was the test accuracy, luck has been selected. Keep it the "
        "same, or hand over all rows with a column validation.",
        "seed-twice": "Some seed occurs twice in one arm, and no column says what differs between "
        "the two rows. A seed that is repeated is not another run.",
        "still-twice": "After choosing by validation, some seed still occurs twice in one arm.",
        "chosen-on-test": "Each seed has several rows in an arm, which differ in {settings}, and "
        "the only number to choose among them is the test accuracy. The best of several test "
        "scores is too good by luck. Add a column validation, from images that are neither "
        "trained on nor tested on; the check chooses by that.",
        "unequal-tries": "The arms had different numbers of tries ({counts}). The one with more "
        "has more luck to choose from: give both the same grid.",
        "validation-is-test": "The column validation equals the accuracy in every row: the choice "
        "would be made on the test images all the same. Validation images are other ones.",
        "one-seed": "One seed in an arm. One run against one run: whatever differs may be luck, "
        "and nothing here could tell. {least} seeds are the least, five are better.",
        "unpaired-seeds": "The arms have different seeds: {alone} ran in only one of them. Then "
        "lucky images help one arm alone, and nothing can be subtracted. Run both with the same "
        "seeds.",
        "too-few-seeds": "{count} seeds. The interval of two runs is 12.7 standard errors to "
        "either side; the course counts nothing below {least}.",
        "seed-unused": "In either arm all {count} seeds give exactly the same accuracy. A seed "
        "that changes nothing was not used: draw the images and the head by it.",
        "arms-alike": "{first} and {second} agree to the last digit in every seed. Two different "
        "trainings hardly ever do: what was to differ did not reach the run.",
    },
)
def own_verdict(claim: Any, runs: Any, arms: Any) -> str:
    """A claim judged by the reader's own runs, whichever way it comes out."""
    value = recognise.number(claim, "The claim")
    if value not in own_runs.TESTS:
        known = ", ".join(map(str, own_runs.TESTS))
        raise Mistake("not-by-two-arms", value=value, known=known)
    number = int(value)
    table = _table(runs)
    first, second = _arms(arms, number)
    column = _column_of(table, first, second)
    table = table[table[column].isin([first, second])].reset_index(drop=True)
    table["accuracy"] = _shares(table["accuracy"])
    one = _one_row_each(table, column)
    _same_seeds(one, column, first, second)
    differences = rules.paired(one, "accuracy", column, first, second)
    if (one.groupby(column)["accuracy"].nunique() == 1).all():
        raise Mistake("seed-unused", count=len(differences))
    if (differences == 0).all():
        raise Mistake("arms-alike", first=describe(first), second=describe(second))
    effect, before, after = own_runs.judge(number, differences.tolist(), "this run", "yours")
    verdict = f'stay "{after}"' if before == after else f'change from "{before}" to "{after}"'
    return (
        f"Claim {number}, {first} minus {second}: {effect}, over {effect.runs} seeds. "
        f"{_meaning(effect)} With your setting beside the records', the verdict would {verdict}."
    )


def _table(runs: Any) -> pd.DataFrame:
    """The rows as a table with seeds and accuracies."""
    if isinstance(runs, dict):
        raise Mistake("a-dictionary")
    if not isinstance(runs, pd.DataFrame):
        rows = recognise.items(runs, MOST, "The table of runs")
        if not all(isinstance(row, dict) for row in rows):
            raise Mistake("no-rows", seen=describe(rows[0]))
        runs = pd.DataFrame(rows)
    table = runs.reset_index(drop=runs.index.names == [None]).copy()
    if best := [c for c in table.columns if str(c).lower().startswith(("best", "max"))]:
        raise Mistake("best-of-test", column=str(best[0]))
    for column in ("seed", "accuracy"):
        if column not in table.columns:
            known = ", ".join(map(str, table.columns)) or "none"
            raise Mistake("missing-column", column=column, known=known)
    return table


def _arms(arms: Any, number: int) -> tuple[Any, Any]:
    """The names of the two arms, the one that the claim speaks for first."""
    found = recognise.items(arms, 9, "The pair of arms")
    if len(found) != 2:
        raise Mistake("not-two-names", count=len(found))
    first, second = found
    said = {"first": describe(first), "second": describe(second)}
    if first == second:
        raise Mistake("not-two-arms", **said)
    test = own_runs.TESTS[number]
    if (second, first) == (test.first, test.second):
        raise Mistake("upside-down", claim=number, **said)
    return first, second


def _column_of(table: pd.DataFrame, first: Any, second: Any) -> str:
    """The column that holds the names of both arms."""
    others = [c for c in table.columns if c not in ("seed", "accuracy", "validation")]
    for column in others:
        values = set(table[column].astype(object))
        if first in values and second in values:
            return str(column)
    known = {str(c): sorted(map(str, table[c].unique()))[:4] for c in others}
    raise Mistake(
        "arms-not-found", first=describe(first), second=describe(second), columns=known or "none"
    )


def _shares(column: pd.Series) -> pd.Series:
    """Accuracies as shares."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        raise Mistake("no-number", lost=int(numbers.isna().sum()), all=len(column))
    if numbers.max() > 1:
        raise Mistake("in-percent", value=numbers.max())
    if numbers.min() < 0:
        raise Mistake("negative", value=numbers.min())
    return numbers


def _one_row_each(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row for each arm and seed, chosen by validation where there are several."""
    known = {"seed", column, "accuracy", "validation"}
    settings = [  # columns of what was tried, such as a rate: not measured, and not constant
        str(c)
        for c in table.columns
        if c not in known
        and not any(word in str(c).lower() for word in MEASURED)
        and table[c].astype(str).nunique() > 1
    ]
    if not table.duplicated([column, "seed"]).any():
        for setting in settings:
            for arm, part in table.groupby(column):
                if part[setting].astype(str).nunique() > 1:
                    raise Mistake("chosen-by-seed", arm=str(arm), setting=setting)
        return table
    if not settings:
        raise Mistake("seed-twice")
    if "validation" not in table.columns:
        raise Mistake("chosen-on-test", settings=", ".join(settings))
    tries = {arm: len(part[settings].drop_duplicates()) for arm, part in table.groupby(column)}
    if len(set(tries.values())) > 1:
        counts = ", ".join(f"{arm}: {count}" for arm, count in tries.items())
        raise Mistake("unequal-tries", counts=counts)
    if (table["validation"] == table["accuracy"]).all():
        raise Mistake("validation-is-test")
    chosen = []
    for _, part in table.groupby(column):
        tried = part[settings].astype(str).agg(" ".join, axis=1)
        top = part["validation"].groupby(tried).mean().idxmax()
        chosen.append(part[tried == top])
    one = pd.concat(chosen)
    if one.duplicated([column, "seed"]).any():
        raise Mistake("still-twice")
    return one


def _same_seeds(one: pd.DataFrame, column: str, first: Any, second: Any) -> None:
    """Raise unless both arms ran with the same seeds, and with enough of them."""
    a, b = (set(one[one[column] == arm]["seed"]) for arm in (first, second))
    if len(a) < 2 or len(b) < 2:
        raise Mistake("one-seed", least=SEEDS)
    if a != b:
        raise Mistake("unpaired-seeds", alone=", ".join(sorted(map(str, a ^ b))[:6]))
    if len(a) < SEEDS:
        raise Mistake("too-few-seeds", count=len(a), least=SEEDS)


def _meaning(effect: Effect) -> str:
    """What an outcome means, and about how many seeds an unclear one would need."""
    if effect.outcome == "yes":
        return "Shown in this setting."
    if effect.outcome == "no":
        return "The contrary is so in this setting."
    half = effect.high - effect.mean
    distance = max(abs(effect.mean), abs(effect.mean - effect.null))
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
