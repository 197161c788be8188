"""Claims about tasks that are near or far: which features travel, and what to do when."""

from __future__ import annotations

from course_utils.lesson11.cells import FROM_NOTHING, PRETRAINED, TASKS, cells, sizes
from course_utils.lesson11.claim import Effect, Finding, Tables
from course_utils.lesson11.rules import best, conclude, difference, good_choice, paired

import pandas as pd

FAR = ("orientation", "fabric")


def depends_on_similarity(tables: Tables) -> Finding:
    """Claim 7: what pretrained weights gain depends on how similar the tasks are.

    Gain: accuracy of a pretrained network minus that of the better start from nothing, averaged
    over all numbers of images; for the near task minus for a far one.
    """
    effects = []
    for world, table in tables.each("data_and_similarity"):
        for far in [task for task in FAR if task in set(table["task"])]:
            for strategy in ("everything", "head only"):
                near = _gain(table[table["task"] == "near"], strategy)
                distant = _gain(table[table["task"] == far], strategy)
                how = "fine-tuned" if strategy == "everything" else "frozen"
                setting = f"{TASKS['near']} against {TASKS[far]}, {how}"
                core = far == "orientation"
                effects.append(
                    difference((near - distant).dropna(), world, setting, "gain, near minus far",
                               core=core)
                )  # fmt: skip
    return conclude(effects)


def _gain(mine: pd.DataFrame, strategy: str) -> pd.Series:
    gains = []
    for train in sizes(mine):
        part = mine[mine["train"] == train]
        rival = best(part, "accuracy", "strategy", FROM_NOTHING)
        gains.append(paired(part, "accuracy", "strategy", strategy, rival))
    return pd.concat(gains, axis=1).mean(axis=1, skipna=False)


def resembling_source(tables: Tables) -> Finding:
    """Claim 11: the pretraining data need not equal the target's, but should resemble them."""
    effects = []
    for world, table in tables.each("source_tasks"):
        rows = table[table["chosen"]]
        own = rows[rows["source"] == "own classes"]
        if len(own):  # one size of source alone: that of the kinds that are compared
            rows = rows[rows["source_images"].isin([0, *own["source_images"].unique()])]
        other = "other shapes" if (rows["source"] == "other shapes").any() else "other photographs"
        classes = rows[rows["source"] == other]["source_classes"]
        like_own = own["source_classes"].max() if len(own) else classes.max()
        rows = rows[(rows["source"] != other) | (rows["source_classes"] == like_own)]
        far = [s for s in ("fabric", "orientation", "drawn shapes") if s in set(rows["source"])]
        for treatment in ("fine-tuned", "frozen"):
            mine = rows[rows["treatment"] == treatment]
            if mine.empty:
                continue
            scratch = rows[rows["treatment"].str.startswith("scratch")]
            rival = str(best(scratch, "accuracy", "treatment"))
            nothing = scratch[scratch["treatment"] == rival].assign(source="none")
            both = pd.concat([mine[mine["source"] != "none"], nothing])
            for source in ("none", *far):
                values = paired(both, "accuracy", "source", other, source)
                name = "no pretraining" if source == "none" else source
                what = f"target accuracy, {other} minus {name}"
                effects.append(
                    difference(values, world, f"{other} against {name}, {treatment}", what,
                               core=treatment == "fine-tuned")
                )  # fmt: skip
    return conclude(effects)


def shallow_general_deep_specific(tables: Tables) -> Finding:
    """Claim 15: shallow layers are general, deep layers are specific to their task.

    If so, a probe loses more from the best block to the last on a far task than on a near one; and
    freezing all blocks costs a far task more, against freezing the first few, than a near one.
    """
    effects = []
    for world, table in tables.each("probes_by_depth"):
        rows = table[(table["network"] == "pretrained") & (table["pooling"] == "mean")]
        drops = {task: _drop(rows[rows["task"] == task]) for task in rows["task"].unique()}
        for far in [task for task in FAR if task in drops]:
            values = (drops[far] - drops["near"]).dropna()
            setting = f"probes: {TASKS[far]} against {TASKS['near']}"
            effects.append(
                difference(values, world, setting, "lost from the best block to the last",
                           core=far == "orientation")
            )  # fmt: skip
    for world, table in tables.each("first_k_blocks"):
        rows = table[table["mode"] == "frozen"]
        few, every = rows["k"].min(), rows["k"].max()
        costs = {
            task: paired(rows[rows["task"] == task], "accuracy", "k", few, every)
            for task in rows["task"].unique()
        }
        for far in [task for task in FAR if task in costs]:
            values = (costs[far] - costs["near"]).dropna()
            setting = f"{every} frozen blocks, not {few}: {TASKS[far]} against {TASKS['near']}"
            effects.append(difference(values, world, setting, "what freezing more blocks costs"))
    return conclude(effects)


def _drop(rows: pd.DataFrame) -> pd.Series:
    """Accuracy of the block that is best on the average, minus that of the last, by seed."""
    last = rows["depth"].max()
    top = best(rows, "accuracy", "depth")
    return paired(rows, "accuracy", "depth", top, last)


PRESCRIPTIONS = {
    ("few", "near"): "head only",
    ("few", "far"): "earlier block",
    ("many", "near"): "everything",
    ("many", "far"): "everything",
}
"""Little and similar: a classifier on the last features.  Little and different: one on earlier
features.  Much: fine-tune the whole network, from the pretrained weights even when different."""


def four_prescriptions(tables: Tables) -> Finding:
    """Claim 17: what to do follows from how much data there is and how similar it is."""
    effects: list[Effect] = []
    for which in ("few", "many"):
        for world, task, train, part in cells(tables, (which,)):
            near = "near" if task == TASKS["near"] else "far"
            chosen = PRESCRIPTIONS[which, near]
            others = [s for s in (*PRETRAINED, *FROM_NOTHING) if s != chosen]
            rival = str(best(part, "accuracy", "strategy", others))
            values = paired(part, "accuracy", "strategy", chosen, rival)
            setting = f"{train} images, {task}: {chosen}"
            core = which == "many" and near == "near"
            effects.append(
                good_choice(values, world, setting, f"{chosen} minus the best other, {rival}",
                            core=core)
            )  # fmt: skip
    return conclude(effects)
