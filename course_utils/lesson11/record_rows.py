"""Rows that a comparison needs and a record does not hold as they are."""

from __future__ import annotations

from course_utils.lesson11.comparisons import Arms, Rows
from course_utils.lesson11.rules import ENOUGH

import pandas as pd

FROM_NOTHING = ("scratch", "scratch, small network")
FAR = ("orientation", "fabric")
FEW_AND_MANY = "train == train.min() or train == train.max()"

LEARNED = 0.2
"""A start that stays below twice guessing (ten classes) has no best rate worth the name."""


def with_gap(table: pd.DataFrame) -> pd.DataFrame:
    """Add how far training accuracy lies above test accuracy: the usual sign of overfitting."""
    return table.assign(gap=table["train_accuracy"] - table["accuracy"])


def gap_and_test(table: pd.DataFrame) -> pd.DataFrame:
    """Turn each of the few and the many rows into two: minus the gap, and the test accuracy."""
    rows = with_gap(table).query(FEW_AND_MANY)
    return pd.concat(
        [
            part.assign(measure=measure, score=score)
            for _, part in rows.groupby(["task", "train"], sort=False)
            for measure, score in (("gap", -part["gap"]), ("test", part["accuracy"]))
        ]
    )


def gain_over(arm: str, choose: Arms, *by: str) -> Rows:
    """Add to each row its gain over a baseline of the same seed, and the baseline's name.

    Parameters
    ----------
    arm : str
        The column of the baseline's name.
    choose : callable
        From some rows to that name: see `comparisons`.
    *by : str
        Each combination of these has a baseline of its own.
    """

    def rows(table: pd.DataFrame) -> pd.DataFrame:
        found = []
        for _, part in table.groupby(list(by), sort=False):
            over = next(iter(choose(part, arm)), None)  # None, and no gain, where it was not run
            base = part[part[arm] == over].groupby("seed")["accuracy"].mean()
            gain = part["accuracy"] - part["seed"].map(base)
            found.append(part.assign(gain=gain, over=over))
        return pd.concat(found)

    return rows


def few_against_many(table: pd.DataFrame) -> pd.DataFrame:
    """For each task: fine-tuning of few images, and the best start from nothing with many."""
    few, many = table["train"].min(), table["train"].max()
    found = []
    for _, mine in table.groupby("task", sort=False):
        full = mine[(mine["train"] == many) & mine["strategy"].isin(FROM_NOTHING)]
        rival = full.groupby("strategy")["accuracy"].mean().idxmax()
        start = mine[(mine["train"] == few) & (mine["strategy"] == "everything")]
        found += [start, full[full["strategy"] == rival]]
    return pd.concat(found) if few < many else table[:0]


def at_best_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Choose each start's short run at its best rate on validation images, and the long one."""
    short, found = table["epochs"].min(), []
    for _, mine in table.groupby("start", sort=False):
        runs = mine[mine["epochs"] == short]
        rate = runs.groupby("rate")["validation_accuracy"].mean().idxmax()
        found += [runs[runs["rate"] == rate], mine[mine["epochs"] > short]]
    return pd.concat(found)


def epochs_to_level(table: pd.DataFrame) -> pd.DataFrame:
    """For each seed and start: epochs until the random start's last test accuracy is reached.

    Where the pretrained start never gets there, it counts as twice the epochs that it had.
    """
    runs = at_best_rates(table)
    short = table["epochs"].min()
    runs = runs[runs["epochs"] == short]
    found = []
    for seed, mine in runs.groupby("seed"):
        scratch, tuned = (mine[mine["start"] == start] for start in ("random", "pretrained"))
        level = scratch.loc[scratch["epoch"] == short, "test_accuracy"].mean()
        there = tuned.loc[tuned["test_accuracy"] >= level, "epoch"]
        found.append({"seed": seed, "start": "random", "needed": short})
        needed = there.min() if len(there) else 2 * short
        found.append({"seed": seed, "start": "pretrained", "needed": needed})
    return pd.DataFrame(found)


def best_rate_of_each_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Choose for each seed and start the run with the highest accuracy."""
    rows = table.reset_index(drop=True)
    return rows.loc[rows.groupby(["start", "seed"])["accuracy"].idxmax()]


def best_rate_of_two_starts(table: pd.DataFrame) -> pd.DataFrame:
    """Do the same by validation accuracy in the short runs; none where nothing was learned."""
    rows = table[table["epochs"] == table["epochs"].min()]
    rows = rows.drop_duplicates(["seed", "start", "rate"])
    rows = rows.assign(accuracy=rows["validation_accuracy"])
    levels = rows[rows["start"] == "random"].groupby("rate")["accuracy"].mean()
    return best_rate_of_each_seed(rows) if levels.max() >= LEARNED else rows[:0]


def loaded_and_scratch(table: pd.DataFrame) -> pd.DataFrame:
    """Put the runs from random weights beside those of each change and way to load.

    A change that was only looked at frozen is left out: nobody would use it so.
    """
    scratch = table[table["treatment"] == "scratch"]
    loaded = table[(table["treatment"] != "scratch") & (table["change"] != "untouched")]
    found = [table[:0]]
    for (change, load), part in loaded.groupby(["change", "load"], sort=False):
        own = scratch[scratch["change"] == change]
        rival = own if len(own) else scratch[scratch["change"] == "untouched"]
        if (part["treatment"] == "fine-tuned").any():
            found += [part, rival.assign(change=change, load=load)]
    return pd.concat(found)


def comparable_sources(table: pd.DataFrame) -> pd.DataFrame:
    """Choose sources of one size and one number of classes; scratch stands beside each treatment.

    Of several ways to train from scratch the best is taken, as "no pretraining".
    """
    rows = table[table["chosen"]]
    own = rows[rows["source"] == "own classes"]
    if len(own):  # one size of source alone: that of the kinds that are compared
        rows = rows[rows["source_images"].isin([0, *own["source_images"].unique()])]
    other = rows["source"].isin(["other shapes", "other photographs"])
    classes = (own if len(own) else rows[other])["source_classes"].max()
    rows = rows[~other | (rows["source_classes"] == classes)]
    from_scratch = rows["treatment"].str.startswith("scratch")
    scratch = rows[from_scratch]
    rival = scratch.groupby("treatment")["accuracy"].mean().idxmax()
    nothing = scratch[scratch["treatment"] == rival].assign(source="no pretraining")
    found = [rows[:0]]
    for treatment in ("fine-tuned", "frozen"):
        mine = rows[(rows["treatment"] == treatment) & (rows["source"] != "none")]
        if len(mine):
            found += [nothing.assign(treatment=treatment), mine]
    return pd.concat(found)


def beside(arm: str, own: str) -> Rows:
    """Put the rows of one arm beside those of each other, which is named in a column `other`."""

    def rows(table: pd.DataFrame) -> pd.DataFrame:
        others = [name for name in table[arm].unique() if name != own]
        mine = [table[table[arm].isin([own, name])].assign(other=name) for name in others]
        return pd.concat(mine)

    return rows


def against_enough(table: pd.DataFrame) -> pd.DataFrame:
    """Add how far each accuracy lies above, and below, what is called enough."""
    return table.assign(above=table["accuracy"] - ENOUGH, below=ENOUGH - table["accuracy"])


def most_frozen(table: pd.DataFrame) -> pd.DataFrame:
    """Choose of each network the runs with the most blocks frozen, and those without any."""
    return table[table["first"] == table.groupby("network")["first"].transform("max")]
