"""Claims about how to fine-tune: the two phases, the rate, how much to freeze, what it saves."""

from __future__ import annotations

import re
from typing import Any

from course_utils.lesson11.cells import TASKS, cells
from course_utils.lesson11.claim import SHAPES, Effect, Finding, Tables
from course_utils.lesson11.rules import (
    best,
    conclude,
    counted,
    difference,
    factor,
    good_choice,
    paired,
    tenfold,
)

import pandas as pd

PUBLISHED = {1: 0.7652, 5: 0.9431}
"""A published run of the classic recipe on all of CIFAR-10: accuracy after epochs 1 and 5."""

LITTLE = 100
"""Up to so many images (ten a class) count as little data; more as medium. Nobody here has much."""

LEARNED = 0.2
"""A start that stays below twice guessing (ten classes) has no best rate worth the name."""


def after_thaw(tables: Tables) -> Finding:
    """Claim 4: the accuracy jumps when the backbone is thawed at a tenth of the rate.

    Two questions.  Is the last epoch better than the last frozen one?  And is it better than the
    same recipe without the thaw, which goes on training the head?
    """
    effects = []
    for world, table in tables.each("thaw_control"):
        thawed = table[table["arm"] == "thawed"]
        jump = paired(thawed, "accuracy", "epoch", 5, 2)
        what = "after minus before the thaw"
        setting = f"epoch 5 minus epoch 2, {_images(table)}"
        effects.append(difference(jump, world, setting, what, core=True))
        last = table[table["epoch"] == 5]
        gain = paired(last, "accuracy", "arm", "thawed", "kept frozen")
        setting = f"against no thaw, {_images(table)}"
        effects.append(difference(gain, world, setting, "thawed minus kept frozen, epoch 5"))
    for world, table in tables.each("classic_recipe"):
        jump = paired(table, "test_accuracy", "epoch", 5, 2)
        setting = f"epoch 5 minus epoch 2, the same {_images(table)}"
        effects.append(difference(jump, world, setting, "after minus before the thaw"))
    return conclude(effects, _published(tables))


def _images(table: pd.DataFrame) -> str:
    """How many training images a record's description names."""
    found = re.search(r"(\d+) training", str(table.attrs.get("data", "")))
    return f"{int(found.group(1)):,} images" if found else "some images"


def _published(tables: Tables) -> str:
    text = (
        f"Published for all of CIFAR-10 at 224 px: {PUBLISHED[1]:.2%} after epoch 1, "
        f"{PUBLISHED[5]:.2%} after epoch 5"
    )
    full = tables.get("classic_recipe_cifar10")
    if full is None:
        return f"{text}; not repeated here."
    means = full.groupby("epoch")["test_accuracy"].mean()
    return f"{text}; our run of it: {means[1]:.2%} and {means[5]:.2%}."


def saves_computation(tables: Tables) -> Finding:
    """Claim 12: freezing saves computation, by the share of blocks that is frozen."""
    effects = []
    for world, table in tables.each("freezing_costs"):
        wide = table.pivot_table(index="seed", columns="frozen_blocks", values="cpu_seconds")
        for frozen in [n for n in wide.columns if n > 0]:
            effects.append(
                factor(
                    wide[0] / wide[frozen], world, f"{frozen} blocks frozen: time",
                    "time of a step, nothing frozen over this", core=frozen == wide.columns.max(),
                )
            )  # fmt: skip
        kept = table.groupby("frozen_blocks")["kept_mb"].mean()
        last = kept.index.max()
        effects.append(
            counted(
                kept[0] / kept[last], world, f"{last} blocks frozen: memory",
                "memory for the way back, nothing frozen over this",
                holds=kept[0] > kept[last], unit="times", null=1.0,
            )
        )  # fmt: skip
    for world, table in tables.each("cached_features"):
        effects.append(
            factor(
                table["ratio"], world, "19 blocks frozen, and cached: time",
                "time of ten epochs, naive over cached",
            )
        )  # fmt: skip
    return conclude(effects)


def prevents_overfitting(tables: Tables) -> Finding:
    """Claim 13: freezing prevents overfitting.

    Overfitting is measured in two ways: as the gap between training and test accuracy, and as the
    test accuracy that it costs.  Freezing prevents what harms only if the second shows as well.
    """
    effects = []
    for world, task, train, part in cells(tables, ("few", "many")):
        part = part.assign(gap=part["train_accuracy"] - part["accuracy"])
        setting = f"{task}, {train} images"
        smaller = paired(part, "gap", "strategy", "everything", "head only")
        effects.append(
            difference(smaller, world, f"{setting}: gap", "gap, fine-tuned minus frozen")
        )
        better = paired(part, "accuracy", "strategy", "head only", "everything")
        effects.append(
            difference(better, world, f"{setting}: test", "test accuracy, frozen minus fine-tuned",
                       core=True)
        )  # fmt: skip
    return conclude(effects)


def tenth_of_the_rate(tables: Tables) -> Finding:
    """Claim 18: fine-tune at a tenth of the rate that is right from scratch.

    For each seed the best rate of either start, from the same row of rates.
    """
    effects, remarks = [], []
    for world, table in tables.each("rates_by_start"):
        # in Shapes a task that is learned from nothing within the steps of this experiment
        task = TASKS["orientation" if world == SHAPES else "near"]
        ratio = _best_rates(table, "scratch") / _best_rates(table, "pretrained")
        effects.append(tenfold(ratio, world, task, "best rate, scratch over pretrained", core=True))
        remarks.append(_tenth_costs(table, f"{world}, {task}"))
    for world, table in tables.each("two_starts"):
        runs = table.drop_duplicates(["seed", "start", "rate", "epochs"])
        runs = runs[runs["epochs"] == runs["epochs"].min()].assign(
            accuracy=lambda t: t["validation_accuracy"]
        )
        if runs[runs["start"] == "random"].groupby("rate")["accuracy"].mean().max() < LEARNED:
            continue
        ratio = _best_rates(runs, "random") / _best_rates(runs, "pretrained")
        setting = "the lesson's classes, three rates each"
        effects.append(tenfold(ratio, world, setting, "best rate, scratch over pretrained"))
    return conclude(effects, " ".join(remarks))


def _best_rates(table: pd.DataFrame, start: str) -> pd.Series:
    mine = table[table["start"] == start].reset_index(drop=True)
    return mine.loc[mine.groupby("seed")["accuracy"].idxmax()].set_index("seed")["rate"]


def _tenth_costs(table: pd.DataFrame, where: str) -> str:
    """What a tenth of the best rate from scratch gives, beside the best rate."""
    means = table.groupby(["start", "rate"])["accuracy"].mean()
    scratch, tuned = means["scratch"].idxmax(), means["pretrained"]
    nearest = min(tuned.index, key=lambda rate: abs(rate - scratch / 10))
    return (
        f"{where}: best from scratch {scratch:g}, for fine-tuning {tuned.idxmax():g}; at "
        f"{nearest:g}, about a tenth of the former, fine-tuning reaches {tuned[nearest]:.1%} "
        f"against {tuned.max():.1%}."
    )


def how_much_to_freeze(tables: Tables) -> Finding:
    """Claim 19: little data, train the last layer only; medium data, freeze the first layers."""
    effects = []
    for world, table in tables.each("fine_tuning_depth"):
        few, medium = table["train"].min(), table["train"].max()
        everything = table["thawed"].max()
        some = sorted(int(n) for n in table["thawed"].unique() if 1 < n < everything)
        cases: list[tuple[int, list[Any]]] = [(few, [1]), (medium, some)]
        for train, depths in cases:
            part = table[table["train"] == train]
            how = "head only" if depths == [1] else "first blocks frozen"
            setting = f"by depth, {train} images: {how}"
            effects.append(_choice(part, "thawed", depths, world, setting))
            if depths != [1]:
                top = best(part, "accuracy", "thawed", depths)
                values = paired(part, "accuracy", "thawed", top, 1)
                setting = f"by depth, {train} images: more than the last layer"
                what = f"{top} blocks thawed minus head only"
                effects.append(difference(values, world, setting, what, core=True))
    for world, task, train, part in cells(tables, tasks=["near"]):
        head = train <= LITTLE
        wanted = ["head only"] if head else ["first blocks frozen"]
        part = part[part["strategy"].isin(["head only", "first blocks frozen", "everything"])]
        setting = f"{task}, {train} images: {wanted[0]}"
        effects.append(_choice(part, "strategy", wanted, world, setting))
    return conclude(effects)


def _choice(part: pd.DataFrame, arm: str, wanted: list[Any], world: str, setting: str) -> Effect:
    """What is prescribed (its best variant) against the best of the others."""
    chosen = best(part, "accuracy", arm, wanted)
    others = [a for a in part[arm].unique() if a not in wanted]
    rival = best(part, "accuracy", arm, others)
    values = paired(part, "accuracy", arm, chosen, rival)
    return good_choice(values, world, setting, f"{chosen} minus the best other, {rival}")
