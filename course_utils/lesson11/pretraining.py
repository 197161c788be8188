"""Claims about what a pretrained start is worth, and how few images suffice."""

from __future__ import annotations

from course_utils.lesson11.cells import FROM_NOTHING, TASKS, cells, sizes
from course_utils.lesson11.claim import Finding, Tables
from course_utils.lesson11.rules import ENOUGH, best, conclude, difference, factor, paired

import pandas as pd


def faster_fewer_better(tables: Tables) -> Finding:
    """Claim 1: transfer converges faster, needs fewer images, and generalises better.

    Fine-tuning of everything against the better of two networks that start from nothing.
    """
    effects = []
    for world, task, train, part in cells(tables, ("few", "many")):
        gain = paired(part, "accuracy", "strategy", "everything", _rival(part))
        what = "test accuracy, pretrained minus random start"
        core = task == TASKS["near"]
        effects.append(difference(gain, world, f"{task}, {train} images", what, core=core))
    for world, table in tables.each("data_and_similarity"):
        few, many = sizes(table)[0], sizes(table)[-1]
        for task in [t for t in TASKS if t in set(table["task"])]:
            mine = table[table["task"] == task]
            if few == many or mine.empty:
                continue
            start = mine[(mine["train"] == few) & (mine["strategy"] == "everything")]
            full = mine[mine["train"] == many]
            rival = full[full["strategy"] == _rival(full)]
            both = pd.concat([start, rival])
            values = paired(both, "accuracy", "train", few, many)
            setting = f"{TASKS[task]}, {few} pretrained against {many} random"
            effects.append(difference(values, world, setting, "with fewer images, minus with more"))
    for world, table in tables.each("two_starts"):
        ratios = _speed(table)
        what = "epochs of the random start, over those until its last level is reached"
        effects.append(factor(ratios, world, f"{TASKS['near']}: speed", what))
    return conclude(effects)


def _rival(part: pd.DataFrame) -> str:
    """The better of the networks that start from nothing."""
    return str(best(part, "accuracy", "strategy", FROM_NOTHING))


def _speed(table: pd.DataFrame) -> list[float]:
    """For each seed: epochs of the random start, over those that the pretrained one needed to reach
    its final accuracy; either at its best rate.  A seed where it never gets there counts as 1 / 2.
    """
    short = table["epochs"].min()
    some = table[table["epochs"] == short]
    scratch, mine = (_at_best_rate(some[some["start"] == s]) for s in ("random", "pretrained"))
    ratios = []
    for seed, run in scratch.groupby("seed"):
        level = run.loc[run["epoch"] == short, "test_accuracy"].mean()
        there = mine[(mine["seed"] == seed) & (mine["test_accuracy"] >= level)]
        ratios.append(short / there["epoch"].min() if len(there) else 0.5)
    return ratios


def same_training_two_starts(tables: Tables) -> Finding:
    """Claim 6: a pretrained start converges sooner and ends higher.

    Each start with the rate that is best for it on validation images.
    """
    effects = []
    for world, table in tables.each("two_starts"):
        short, long = table["epochs"].min(), table["epochs"].max()
        runs = {
            start: _at_best_rate(table[(table["start"] == start) & (table["epochs"] == short)])
            for start in ("random", "pretrained")
        }
        for epoch, setting in ((1, "after 1 epoch"), (short, f"after {short} epochs")):
            both = pd.concat([run[run["epoch"] == epoch] for run in runs.values()])
            gain = paired(both, "test_accuracy", "start", "pretrained", "random")
            what = "test accuracy, pretrained minus random start"
            effects.append(difference(gain, world, setting, what, core=True))
        longer = table[(table["start"] == "random") & (table["epochs"] == long)]
        if long > short and not longer.empty:
            ends = pd.concat(
                [
                    runs["pretrained"][runs["pretrained"]["epoch"] == short],
                    longer[longer["epoch"] == long],
                ]
            )
            gain = paired(ends, "test_accuracy", "start", "pretrained", "random")
            setting = f"{short} epochs against {long}"
            effects.append(difference(gain, world, setting, "the random start trained longer"))
    return conclude(effects)


def _at_best_rate(runs: pd.DataFrame) -> pd.DataFrame:
    rate = runs.groupby("rate")["validation_accuracy"].mean().idxmax()
    return runs[runs["rate"] == rate]


def few_images_overfit(tables: Tables) -> Finding:
    """Claim 9: a pretrained network fine-tuned on few images overfits.

    Two signs: the gap between training and test accuracy is larger with few images than with many;
    and fine-tuning everything does worse on test images than the head alone.
    """
    effects = []
    for world, table in tables.each("data_and_similarity"):
        known = sizes(table)
        table = table.assign(gap=table["train_accuracy"] - table["accuracy"])
        for task in [t for t in TASKS if t in set(table["task"])]:
            mine = table[(table["task"] == task) & (table["strategy"] == "everything")]
            if len(known) > 1 and not mine.empty:
                values = paired(mine, "gap", "train", known[0], known[-1])
                setting = f"{TASKS[task]}: gap, {known[0]} against {known[-1]} images"
                effects.append(
                    difference(values, world, setting, "train minus test accuracy", core=True)
                )
    for world, task, train, part in cells(tables, ("few",)):
        values = paired(part, "accuracy", "strategy", "head only", "everything")
        setting = f"{task}, {train} images: cost"
        effects.append(difference(values, world, setting, "test, head only minus fine-tuned"))
    return conclude(effects)


def thirty_images(tables: Tables) -> Finding:
    """Claim 16: thirty images suffice with pretrained weights, and do not without.

    "Suffice" means `ENOUGH` of the test images of three classes, whole interval above; and the
    better start from nothing stays below it, whole interval below.
    """
    effects = []
    for world, table in tables.each("thirty_images"):
        for task in table["task"].unique():
            mine = table[table["task"] == task]
            with_weights = str(best(mine, "accuracy", "strategy", ("head only", "everything")))
            without = str(best(mine, "accuracy", "strategy", FROM_NOTHING))
            name = TASKS.get(task, task)
            gain = paired(mine, "accuracy", "strategy", with_weights, without)
            what = f"{with_weights} minus {without}"
            core = task == "near"
            effects.append(difference(gain, world, f"{name}: gain", what, core=core))
            scores = mine[mine["strategy"] == with_weights]["accuracy"] - ENOUGH
            what = f"accuracy with pretrained weights, minus {ENOUGH:.0%}"
            effects.append(
                difference(scores, world, f"{name}: above {ENOUGH:.0%} with weights", what)
            )
            scores = ENOUGH - mine[mine["strategy"] == without]["accuracy"]
            what = f"{ENOUGH:.0%} minus accuracy from nothing"
            setting = f"{name}: below {ENOUGH:.0%} without"
            effects.append(difference(scores, world, setting, what))
    return conclude(effects)
