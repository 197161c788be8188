"""Exercises of lesson 07, how far features travel; 7.2 and 7.4 have files of their own."""

from __future__ import annotations

from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.paired_comparison import Lead, lead, unbeaten
from course_utils.exercises.verdict import describe
from course_utils.lesson07.check_graft import right_end
from course_utils.lesson07.check_thirty import thirty_images
from course_utils.lesson07.strategies import STRATEGIES

import pandas as pd

__all__ = ["four_cases", "right_end", "thirty_images", "where_to_cut"]

BLOCKS = 19  # of MobileNetV2 below its head
GRAIN = "orientation"
SIZES = {"little": 30, "much": 1000}


def _rows(record: str) -> pd.DataFrame:
    return pd.DataFrame(experiments.read_record(record)["rows"])


@exercise(
    "7.1",
    wanted="three whole numbers: a block from 0 to 18, and two numbers k of transferred blocks",
    hints=(
        "The lines for the direction of grain in 7.2 and 7.3 have their tops at different places. "
        "Which line belongs to which question?",
        "A block's number counts from 0; k says how many blocks, counted from the image.",
        "For the probes: `plain` of 7.2, mean by block of the task 'orientation'. For k: `tops` "
        "of 7.3, once with the mode 'frozen' and once 'fine-tuned'.",
    ),
)
def where_to_cut(block: Any, k_frozen: Any, k_tuned: Any) -> str:
    """Which block to probe, and how many to transfer, for the direction of grain."""
    blocks = _block_to_probe(block)
    frozen, tuned = _enough_k(k_frozen, "frozen"), _enough_k(k_tuned, "fine-tuned")
    return (
        f"The record tells no difference between {recognise.listed(blocks)} for the probe. Frozen, "
        f"{_words(frozen)} transferred blocks are best; fine-tuned, {_words(tuned)}: what is in "
        "the way as it is can still be the better start."
    )


def _words(names: list[Any]) -> str:
    return " or ".join(map(str, names))


def _block_to_probe(answer: Any) -> list[int]:
    """Raise unless no block is clearly better for the direction of grain; else all such blocks."""
    if isinstance(answer, str) and answer.startswith("features."):
        answer = int(answer.removeprefix("features."))
    value = recognise.number(answer, "The block")
    deep = _rows("probes_by_depth")
    plain = deep[(deep["network"] == "pretrained") & (deep["pooling"] == "mean")]
    tables = {
        task: mine.assign(block=mine["depth"] - 1).pivot(
            index="seed", columns="block", values="accuracy"
        )
        for task, mine in plain.groupby("task")
    }
    table = tables[GRAIN]
    if value not in table:
        raise wrong(
            "no-such-block",
            f"There is no block {value:g}: they are counted from 0, next to the image, to "
            f"{max(table)}, the last one below the head.",
        )
    good = unbeaten(table)
    if value in good:
        return good
    best = good[0]
    seen = (
        f"A probe on block {value:.0f} reads {table[value].mean():.1%} of the directions, one on "
        f"another block {table[best].mean():.1%}: ahead by {lead(table[best], table[value])}."
    )
    if value == max(table):
        raise wrong(
            "last-block", f"{seen} The last block was made to name objects, not directions."
        )
    if value in unbeaten(tables["near"]):
        raise wrong(
            "the-near-task", f"{seen} For the near task block {value:.0f} is a good choice."
        )
    if value < best:
        raise wrong("too-shallow", f"{seen} So early, little has been made easy to read.")
    raise wrong("too-deep", f"{seen} The top of this line lies nearer to the image.")


def _enough_k(answer: Any, mode: str) -> list[int]:
    """Raise unless the record knows no better k for the direction of grain; else all such k."""
    value = recognise.number(answer, f"k for {mode} blocks")
    table = _by_k(mode)
    good = unbeaten(table)
    if value in good:
        return sorted(good)
    if BLOCKS - value in good:
        raise wrong(
            "from-the-end",
            f"k = {value:g} for {mode} blocks: did you count from the head? The k blocks next to "
            f"the image are transferred; the {BLOCKS} - k behind them are fresh.",
        )
    if value not in table:
        known = ", ".join(map(str, table))
        raise wrong("not-measured", f"k = {value:g} is not in the record: it has {known}.")
    best = good[0]
    seen = (
        f"{mode.capitalize()}, k = {value:.0f} reaches {table[value].mean():.1%}, and k = {best} "
        f"{table[best].mean():.1%}: ahead by {lead(table[best], table[value])}."
    )
    if value == 0:
        raise wrong("nothing-transferred", f"{seen} With k = 0 no block is transferred at all.")
    if value > best:
        raise wrong(
            "too-many",
            f"{seen} Frozen, the blocks behind number {best} stay what they are, and here that is "
            "in the way.",
        )
    raise wrong(
        "too-few",
        f"{seen} Blocks that are poor as they are can be a good start: when they may learn, more "
        "of them help.",
    )


def _by_k(mode: str) -> pd.DataFrame:
    """Accuracy on the direction of grain by seed and k; with k = 0 both modes are the same run."""
    rows = _rows("first_k_blocks")
    mine = rows[(rows["task"] == GRAIN) & ((rows["mode"] == mode) | (rows["k"] == 0))]
    return mine.pivot(index="seed", columns="k", values="accuracy")


@exercise(
    "7.3",
    wanted="four names of strategies, such as 'head only'",
    hints=(
        "Do not answer from the table of rules: look at the four panels of 7.5, and mind the width "
        "of each cloud.",
        "In one panel a strategy leads by its mean, and its runs lie so far apart that a second "
        "one is as good an answer. In the others one strategy is clearly ahead.",
        "rows.query(\"task == 'near' and train == 30\").groupby('strategy')['accuracy'].mean(), "
        "and so on; the far task is 'orientation', much data are 1000 images.",
    ),
)
def four_cases(little_near: Any, little_far: Any, much_near: Any, much_far: Any) -> str:
    """A strategy for each of the four cases of data size and similarity."""
    good = {
        (amount, task): _good_strategy(answer, amount, task)
        for answer, amount, task in (
            (little_near, "little", "near"),
            (little_far, "little", GRAIN),
            (much_near, "much", "near"),
            (much_far, "much", GRAIN),
        )
    }
    several = [f"{' and '.join(names)}" for names in good.values() if len(names) > 1]
    open_ = (
        f"One case stays open between {several[0]}: three seeds cannot tell them apart. "
        if several
        else ""
    )
    return (
        f"{open_}These answers hold for these tasks, this network and this budget. Compare them "
        "with the four rules: a rule is where you begin, a measurement where you end."
    )


def _good_strategy(answer: Any, amount: str, task: str) -> list[str]:
    """Raise unless no strategy is clearly better in this case; else all such strategies."""
    what = f"{amount} data, {'near' if task == 'near' else 'far'} task"
    name = answer.strip().lower() if isinstance(answer, str) else answer
    if not isinstance(name, str) or name not in STRATEGIES:
        known = ", ".join(repr(one) for one in STRATEGIES)
        raise wrong(
            "unknown-strategy", f"{what}: {describe(answer)} is not one of the six, {known}."
        )
    rows = _rows("data_and_similarity")
    rows = rows[(rows["task"] == task) & (rows["train"] == SIZES[amount])]
    table = rows.pivot(index="seed", columns="strategy", values="accuracy")
    good = unbeaten(table)
    if name not in good:
        ahead = max((n for n in table if n != name), key=lambda n: _surely(table[n], table[name]))
        _diagnose(name, amount, task, table, ahead)
    return good


def _surely(one: pd.Series[float], other: pd.Series[float]) -> float:
    """How many times larger a lead is than its spread: the surest one is shown to the reader."""
    gain = lead(one, other)
    return gain.mean / max(gain.spread, 1e-9)


def _diagnose(name: str, amount: str, task: str, table: pd.DataFrame, ahead: str) -> None:
    """Raise, with what is wrong with this strategy in this case."""
    gain: Lead = lead(table[ahead], table[name])
    images = SIZES[amount]
    seen = (
        f"{images} images, {'near' if task == 'near' else 'far'} task: '{name}' reaches "
        f"{table[name].mean():.1%}, and another strategy is ahead by {gain}."
    )
    if name.startswith("scratch") and task == "near":
        raise wrong(
            "features-thrown-away",
            f"{seen} From scratch it must learn from {images} images what the pretrained blocks "
            "know already.",
        )
    if name.startswith("scratch") and amount == "little":
        raise wrong("too-little-for-scratch", f"{seen} Thirty images do not fill a fresh network.")
    if name == "scratch":
        raise wrong(
            "large-from-scratch",
            f"{seen} From scratch, yes; but which network? This one is large, and in the budget of "
            "the record it does not get far.",
        )
    if name == "head only" and task == GRAIN:
        raise wrong(
            "deep-features",
            f"{seen} A head reads the last block, and 7.2 shows how little is left there of the "
            "direction.",
        )
    if name == "first blocks frozen" and task == GRAIN:
        raise wrong(
            "frozen-too-deep", f"{seen} 7.3 shows what 14 blocks that stay as they are cost here."
        )
    if amount == "much":
        raise wrong(
            "levels-off",
            f"{seen} With {images} images something that learns more can still rise, where this "
            "has reached its limit.",
        )
    raise wrong(
        "the-rule-alone",
        f"{seen} The fear is that more learning parameters mean more learned by heart. Here it "
        "does not hurt: look at the panel at the top left.",
    )
