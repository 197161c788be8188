"""Exercises of lesson 09, the live lab: its challenges, with their own targets and scores."""

from __future__ import annotations

from typing import Any

from course_utils.exercises.exercise import exercise, wrong
from course_utils.lesson09.challenges import BeatTheDefault, FewestParameters, Rescue
from course_utils.lesson09.check_lab import (
    Seen,
    judged,
    named,
    not_drifting,
    not_wrecked,
    noted,
    session_of,
    steps,
    untouched,
)
from course_utils.lesson09.check_riddle import which_drifted
from course_utils.lesson09.scoreboard import Scoreboard

BEGIN = "Train in the panel above, and run this cell again."
DEEP = 11
"""From this block on, training does not reach the target of 9.1: see `lab_challenges`."""
SLOW = 1e-4
TIMID = 3e-3
"""Rates below it leave a shuffled block far from repaired after all steps of 9.2."""


@exercise(
    "9.1",
    wanted="the lab of this challenge, after some training",
    given=("challenge", "board"),
    untouched=untouched,
    begin=BEGIN,
    seconds=300,
    hints=(
        "Which way does the grain run? That is seen at every spot of the image. Do you need a "
        "block that knows whole objects?",
        "The probes by depth of lesson 07 tell where the direction of a grain is known best. The "
        "blocks in the first half are small, too.",
        "Thaw two or three neighbours among features.3 to features.10, keep the rest frozen with "
        "batch norm in eval mode, and give them some 80 steps. Then try with fewer.",
    ),
)
def fewest_parameters(lab: Any, challenge: FewestParameters, board: Scoreboard) -> str:
    """Reach the target with as few trained parameters as possible."""
    result, seen = judged(challenge, lab)
    if result.passed:
        share = seen.trained / seen.total
        rest = f"{share:.1%} of all parameters have learned"
        if share > 0.1:
            rest += ". Were all of these blocks needed? Reset, and leave some frozen"
        return f"{result.sentence} {rest[:1].upper()}{rest[1:]}. {noted(board, challenge, result)}"
    said = result.sentence
    if not seen.learned:
        raise wrong(
            "head-only",
            f"{said} Only the head has learned, and it reads the deepest features: those of "
            "objects. What it needs for a direction was thrown away on the way there.",
        )
    not_wrecked(seen, said)
    if seen.everything:
        raise wrong(
            "everything",
            f"{said} All blocks were thawed: the highest score possible, slow steps, and "
            f"{seen.trained:,} parameters for a few hundred images. Which of them know directions?",
        )
    if seen.first >= DEEP:
        raise wrong(
            "too-deep",
            f"{said} Only deep blocks have learned ({named(seen.learned)}), and they get what the "
            "frozen ones before them let through. Look further towards the input.",
        )
    _not_slow(seen, said)
    not_drifting(seen, said)
    raise wrong(
        "not-there-yet",
        f"{said} {steps(seen.step)} so far, with {named(seen.learned)} thawed. If the curve still "
        "rises, go on; if not, thaw a neighbour.",
    )


def _not_slow(seen: Seen, said: str) -> None:
    """Raise if a rate is so small that nothing happens within the steps of a challenge."""
    for part, rate in (("backbone", seen.backbone_rate), ("head", seen.head_rate)):
        if rate < SLOW:
            raise wrong(
                "rate-too-small",
                f"{said} The {part}'s rate is {rate:g}: after {steps(seen.step)} it has hardly "
                "moved. Give it ten times as much.",
            )


@exercise(
    "9.2",
    wanted="the lab of this challenge, after some training",
    given=("challenge", "board"),
    untouched=untouched,
    begin=BEGIN,
    seconds=300,
    hints=(
        "Thaw one block, or a few neighbours, and let it learn for twenty steps. Reset, and try "
        "others. Where does the accuracy rise most?",
        "Only one block is damaged. The others are good: a frozen block cannot be spoilt.",
        "Halve the search: blocks 0 to 9 or 10 to 18, and so on. And the block that you find has "
        "to go a long way: ten times the usual rate of the backbone is not too much for it.",
    ),
)
def rescue(lab: Any, challenge: Rescue, board: Scoreboard) -> str:
    """Find the damaged block and mend it, within the steps."""
    result, seen = judged(challenge, lab)
    said = result.sentence
    if result.passed:
        return (
            f"{said} Thawed were {named(seen.learned) or 'no blocks'}; what was whole stayed as it "
            f"was. {noted(board, challenge, result)}"
        )
    if seen.step > challenge.steps:
        raise wrong(
            "too-many-steps",
            f"{said} What you have learned about the block is not lost: begin the new run with it.",
        )
    if not seen.learned:
        raise wrong(
            "head-only",
            f"{said} Only the head has learned. What the shuffled block lost on the way, no head "
            "can read.",
        )
    not_wrecked(seen, said)
    if seen.everything:
        raise wrong(
            "everything",
            f"{said} All blocks were thawed: {challenge.settings.train} images pull at the good "
            "ones as well as at the bad one, and each step takes longest.",
        )
    if not challenge.build.damages(seen.learned):
        raise wrong(
            "another-block",
            f"{said} What has learned ({named(seen.learned)}) is not what is damaged: it learns to "
            "live with the damage. Reset, and try blocks elsewhere.",
        )
    if seen.backbone_rate < TIMID:
        far = max(seen.moved.values())
        raise wrong(
            "rate-too-small",
            f"{said} The damaged block is among those that learn, but the farthest of them has "
            f"moved by {far:.0%} only, at a rate of {seen.backbone_rate:g}. That is for weights "
            "that are nearly right; shuffled ones have farther to go.",
        )
    not_drifting(seen, said)
    raise wrong(
        "not-there-yet",
        f"{said} The damaged block is among {named(seen.learned)}. Go on while steps are left; "
        "else reset, and thaw fewer of the others.",
    )


@exercise(
    "9.4",
    wanted="the lab of this challenge, after some training",
    given=("challenge", "board"),
    untouched=untouched,
    begin=BEGIN,
    seconds=300,
    hints=(
        "The default has stopped rising with the head alone. More steps of the same give nothing.",
        "A step with few thawed blocks, all deep, costs little: the frozen ones before them are "
        "remembered. Some seconds buy many of these.",
        "Thaw the last five, at the usual rate, and run about a hundred steps.",
    ),
)
def beat_the_default(lab: Any, challenge: BeatTheDefault, board: Scoreboard) -> str:
    """Do better than head only, in a limited time of computing."""
    result, seen = judged(challenge, lab)
    said = result.sentence
    if result.passed:
        return (
            f"{said} Besides the head, {named(seen.learned) or 'nothing'} learned. One run, and "
            f"one seed: reset with another before you believe it. {noted(board, challenge, result)}"
        )
    if session_seconds(lab) > challenge.seconds:
        per_step = session_seconds(lab) / max(seen.step, 1)
        raise wrong(
            "over-time",
            f"{said} {steps(seen.step)} at {per_step:.2f} s each, with {named(seen.learned)} "
            "thawed. Fewer thawed blocks, or only towards the end, make each step cheaper.",
        )
    if not seen.learned:
        raise wrong(
            "head-only",
            f"{said} Only the head has learned, as in the default, which did it for "
            f"{challenge.default_steps} steps. What could you thaw for the seconds that are left?",
        )
    not_wrecked(seen, said)
    not_drifting(seen, said)
    _not_slow(seen, said)
    if result.score > 0:
        raise wrong(
            "not-enough",
            f"{said} Ahead, but one image is {100 / challenge.settings.test:g} points, and some "
            "images more or less may be luck. Use the rest of the time.",
        )
    if seen.everything:
        raise wrong(
            "everything",
            f"{said} With all blocks thawed the seconds buy few steps, so far {seen.step}, and "
            "nothing is remembered. Spend them deeper, or let the head learn first.",
        )
    raise wrong(
        "behind",
        f"{said} {steps(seen.step)} so far, with {named(seen.learned)} thawed. Thawing costs at "
        "first; does the curve still rise?",
    )


def session_seconds(lab: Any) -> float:
    """Seconds of computing of the current run."""
    return float(session_of(lab).snapshot()["compute_seconds"])


__all__ = ["beat_the_default", "fewest_parameters", "rescue", "which_drifted"]
