"""Exercises of lesson 07, how far features travel; 7.2 and 7.4 have files of their own."""

from __future__ import annotations

from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.paired_comparison import lead, unbeaten
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson07.strategies import STRATEGIES
from course_utils.lesson07.thirty_images import thirty_images
from course_utils.lesson07.transferred_blocks import right_end

import pandas as pd

__all__ = ["four_cases", "right_end", "thirty_images", "where_to_cut"]

BLOCKS = 19  # of MobileNetV2 below its head
GRAIN = "orientation"
SIZES = {"little": 30, "much": 1000}
PROBE = (
    "A probe on block {value:.0f} reads {reads:.1%} of the directions, one on another block "
    "{best_reads:.1%}: ahead by {gain}. "
)
TRANSFER = (
    "{mode}, k = {value:.0f} reaches {reads:.1%}, and k = {best} {best_reads:.1%}: ahead by "
    "{gain}. "
)
STRATEGY = (
    "{images} images, {which} task: '{name}' reaches {reads:.1%}, and another strategy is ahead "
    "by {gain}. "
)


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
    mistakes={
        "no-such-block": "There is no block {value:g}: they are counted from 0, next to the "
        "image, to {last}, the last one below the head.",
        "last-block": PROBE + "The last block was made to name objects, not directions.",
        "the-near-task": PROBE + "For the near task block {value:.0f} is a good choice.",
        "too-shallow": PROBE + "So early, little has been made easy to read.",
        "too-deep": PROBE + "The top of this line lies nearer to the image.",
        "from-the-end": "k = {value:g} for {mode} blocks: did you count from the head? The k "
        "blocks next to the image are transferred; the 19 - k behind them are fresh.",
        "not-measured": "k = {value:g} is not in the record: it has {known}.",
        "nothing-transferred": TRANSFER + "With k = 0 no block is transferred at all.",
        "too-many": TRANSFER
        + "Frozen, the blocks behind number {best} stay what they are, and here "
        "that is in the way.",
        "too-few": TRANSFER + "Blocks that are poor as they are can be a good start: when they "
        "may learn, more of them help.",
    },
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


def _compared(table: pd.DataFrame, mine: Any, best: Any) -> dict[str, Any]:
    """What two columns reach, and how far the second is ahead."""
    return {
        "reads": table[mine].mean(),
        "best_reads": table[best].mean(),
        "gain": lead(table[best], table[mine]),
        "best": best,
    }


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
        raise Mistake("no-such-block", value=value, last=max(table))
    good = unbeaten(table)
    if value in good:
        return good
    if value == max(table):
        code = "last-block"
    elif value in unbeaten(tables["near"]):
        code = "the-near-task"
    else:
        code = "too-shallow" if value < good[0] else "too-deep"
    raise Mistake(code, value=value, **_compared(table, value, good[0]))


def _enough_k(answer: Any, mode: str) -> list[int]:
    """Raise unless the record knows no better k for the direction of grain; else all such k."""
    value = recognise.number(answer, f"k for {mode} blocks")
    rows = _rows("first_k_blocks")  # with k = 0 both modes are the same run
    mine = rows[(rows["task"] == GRAIN) & ((rows["mode"] == mode) | (rows["k"] == 0))]
    table = mine.pivot(index="seed", columns="k", values="accuracy")
    good = unbeaten(table)
    if value in good:
        return sorted(good)
    if BLOCKS - value in good:
        raise Mistake("from-the-end", value=value, mode=mode)
    if value not in table:
        raise Mistake("not-measured", value=value, known=", ".join(map(str, table)))
    code = "too-many" if value > good[0] else "too-few" if value else "nothing-transferred"
    compared = _compared(table, value, good[0])
    raise Mistake(code, value=value, mode=mode.capitalize(), **compared)


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
    mistakes={
        "unknown-strategy": "{amount} data, {which} task: {seen} is not one of the six, {known}.",
        "features-thrown-away": STRATEGY + "From scratch it must learn from {images} images what "
        "the pretrained blocks know already.",
        "too-little-for-scratch": STRATEGY + "Thirty images do not fill a fresh network.",
        "large-from-scratch": STRATEGY + "From scratch, yes; but which network? This one is "
        "large, and in the budget of the record it does not get far.",
        "deep-features": STRATEGY + "A head reads the last block, and 7.2 shows how little is "
        "left there of the direction.",
        "frozen-too-deep": STRATEGY + "7.3 shows what 14 blocks that stay as they are cost here.",
        "levels-off": STRATEGY + "With {images} images something that learns more can still rise, "
        "where this has reached its limit.",
        "the-rule-alone": STRATEGY + "The fear is that more learning parameters mean more learned "
        "by heart. Here it does not hurt: look at the panel at the top left.",
    },
)
def four_cases(little_near: Any, little_far: Any, much_near: Any, much_far: Any) -> str:
    """A strategy for each of the four cases of data size and similarity."""
    good = [
        _good_strategies(answer, amount, task)
        for answer, amount, task in (
            (little_near, "little", "near"),
            (little_far, "little", GRAIN),
            (much_near, "much", "near"),
            (much_far, "much", GRAIN),
        )
    ]
    several = [" and ".join(names) for names in good if len(names) > 1]
    open_ = (
        f"One case stays open between {several[0]}: three seeds cannot tell them apart. "
        if several
        else ""
    )
    return (
        f"{open_}These answers hold for these tasks, this network and this budget. Compare them "
        "with the four rules: a rule is where you begin, a measurement where you end."
    )


def _good_strategies(answer: Any, amount: str, task: str) -> list[str]:
    """Raise unless no strategy is clearly better in this case; else all such strategies."""
    which = "near" if task == "near" else "far"
    name = answer.strip().lower() if isinstance(answer, str) else answer
    if not isinstance(name, str) or name not in STRATEGIES:
        known = ", ".join(repr(one) for one in STRATEGIES)
        raise Mistake(
            "unknown-strategy", amount=amount, which=which, seen=describe(answer), known=known
        )
    rows = _rows("data_and_similarity")
    rows = rows[(rows["task"] == task) & (rows["train"] == SIZES[amount])]
    table = rows.pivot(index="seed", columns="strategy", values="accuracy")
    good = unbeaten(table)
    if name in good:
        return good

    def surely(other: str) -> float:
        """How many times larger a lead is than its spread: the surest one is shown."""
        gain = lead(table[other], table[name])
        return gain.mean / max(gain.spread, 1e-9)

    reasons = {
        "features-thrown-away": name.startswith("scratch") and task == "near",
        "too-little-for-scratch": name.startswith("scratch") and amount == "little",
        "large-from-scratch": name == "scratch",
        "deep-features": name == "head only" and task == GRAIN,
        "frozen-too-deep": name == "first blocks frozen" and task == GRAIN,
        "levels-off": amount == "much",
        "the-rule-alone": True,
    }
    code = next(code for code, so in reasons.items() if so)
    compared = _compared(table, name, max((n for n in table if n != name), key=surely))
    raise Mistake(code, images=SIZES[amount], which=which, name=name, **compared)
