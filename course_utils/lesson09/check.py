"""Exercises of lesson 09, the live lab: its challenges, with their own targets and scores."""

from __future__ import annotations

from functools import partial
from typing import Any

from course_utils.exercises.exercise import exercise
from course_utils.lesson09.challenges import BeatTheDefault, FewestParameters, Rescue
from course_utils.lesson09.riddle_proof import which_drifted
from course_utils.lesson09.run_summary import MISTAKES, judged, noted, untouched
from course_utils.lesson09.scoreboard import Scoreboard

__all__ = ["beat_the_default", "fewest_parameters", "rescue", "which_drifted"]

DEEP = 11  # from this block on, training does not reach the target of 9.1: see `lab_challenges`
TIMID = 3e-3  # rates below it leave a shuffled block far from repaired after all steps of 9.2

challenge_exercise = partial(
    exercise,
    wanted="the lab of this challenge, after some training",
    given=("challenge", "board"),
    untouched=untouched,
    begin="Train in the panel above, and run this cell again.",
    seconds=300,
)


@challenge_exercise(
    "9.1",
    hints=(
        "Which way does the grain run? That is seen at every spot of the image. Do you need a "
        "block that knows whole objects?",
        "The probes by depth of lesson 07 tell where the direction of a grain is known best. The "
        "blocks in the first half are small, too.",
        "Thaw two or three neighbours among features.3 to features.10, keep the rest frozen with "
        "batch norm in eval mode, and give them some 80 steps. Then try with fewer.",
    ),
    mistakes=MISTAKES
    | {
        "head-only": (
            "{said} Only the head has learned, and it reads the deepest features: those of "
            "objects. What it needs for a direction was thrown away on the way there."
        ),
        "everything": (
            "{said} All blocks were thawed: the highest score possible, slow steps, and "
            "{trained:,} parameters for a few hundred images. Which of them know directions?"
        ),
        "too-deep": (
            "{said} Only deep blocks have learned ({learned}), and they get what the frozen ones "
            "before them let through. Look further towards the input."
        ),
        "not-there-yet": (
            "{said} {steps} so far, with {learned} thawed. If the curve still rises, go on; if "
            "not, thaw a neighbour."
        ),
    },
)
def fewest_parameters(lab: Any, challenge: FewestParameters, board: Scoreboard) -> str:
    """Reach the target with as few trained parameters as possible."""
    result, run = judged(challenge, lab)
    if result.passed:
        share = run.trained / run.total
        rest = f"{share:.1%} of all parameters have learned"
        if share > 0.1:
            rest += ". Were all of these blocks needed? Reset, and leave some frozen"
        return f"{run.said} {rest}. {noted(board, challenge, result)}"
    if not run.moved:
        raise run.mistake("head-only")
    run.check_wrecked()
    if run.everything:
        raise run.mistake("everything", trained=run.trained)
    if run.first >= DEEP:
        raise run.mistake("too-deep")
    run.check_slow()
    run.check_drifting()
    raise run.mistake("not-there-yet")


@challenge_exercise(
    "9.2",
    hints=(
        "Thaw one block, or a few neighbours, and let it learn for twenty steps. Reset, and try "
        "others. Where does the accuracy rise most?",
        "Only one block is damaged. The others are good: a frozen block cannot be spoilt.",
        "Halve the search: blocks 0 to 9 or 10 to 18, and so on. And the block that you find has "
        "to go a long way: ten times the usual rate of the backbone is not too much for it.",
    ),
    mistakes=MISTAKES
    | {
        "too-many-steps": (
            "{said} What you have learned about the block is not lost: begin the new run with it."
        ),
        "head-only": (
            "{said} Only the head has learned. What the shuffled block lost on the way, no head "
            "can read."
        ),
        "everything": (
            "{said} All blocks were thawed: {images} images pull at the good ones as well as at "
            "the bad one, and each step takes longest."
        ),
        "another-block": (
            "{said} What has learned ({learned}) is not what is damaged: it learns to live with "
            "the damage. Reset, and try blocks elsewhere."
        ),
        "rate-too-small": (
            "{said} The damaged block is among those that learn, but the farthest of them has "
            "moved by {far:.0%} only, at a rate of {rate:g}. That is for weights that are nearly "
            "right; shuffled ones have farther to go."
        ),
        "not-there-yet": (
            "{said} The damaged block is among {learned}. Go on while steps are left; else reset, "
            "and thaw fewer of the others."
        ),
    },
)
def rescue(lab: Any, challenge: Rescue, board: Scoreboard) -> str:
    """Find the damaged block and mend it, within the steps."""
    result, run = judged(challenge, lab)
    if result.passed:
        return (
            f"{run.said} Thawed were {run.learned or 'no blocks'}; what was whole stayed as it "
            f"was. {noted(board, challenge, result)}"
        )
    if run.step > challenge.steps:
        raise run.mistake("too-many-steps")
    if not run.moved:
        raise run.mistake("head-only")
    run.check_wrecked()
    if run.everything:
        raise run.mistake("everything", images=challenge.settings.train)
    if not challenge.build.damages(run.moved):
        raise run.mistake("another-block")
    if run.backbone_rate < TIMID:
        far = max(run.moved.values())
        raise run.mistake("rate-too-small", far=far, rate=run.backbone_rate)
    run.check_drifting()
    raise run.mistake("not-there-yet")


@challenge_exercise(
    "9.4",
    hints=(
        "The default has stopped rising with the head alone. More steps of the same give nothing.",
        "A step with few thawed blocks, all deep, costs little: the frozen ones before them are "
        "remembered. Some seconds buy many of these.",
        "Thaw the last five, at the usual rate, and run about a hundred steps.",
    ),
    mistakes=MISTAKES
    | {
        "over-time": (
            "{said} {steps} at {per_step:.2f} s each, with {learned} thawed. Fewer thawed blocks, "
            "or only towards the end, make each step cheaper."
        ),
        "head-only": (
            "{said} Only the head has learned, as in the default, which did it for {default} "
            "steps. What could you thaw for the seconds that are left?"
        ),
        "not-enough": (
            "{said} Ahead, but one image is {points:g} points, and some images more or less may "
            "be luck. Use the rest of the time."
        ),
        "everything": (
            "{said} With all blocks thawed the seconds buy few steps, so far {step}, and nothing "
            "is remembered. Spend them deeper, or let the head learn first."
        ),
        "behind": (
            "{said} {steps} so far, with {learned} thawed. Thawing costs at first; does the curve "
            "still rise?"
        ),
    },
)
def beat_the_default(lab: Any, challenge: BeatTheDefault, board: Scoreboard) -> str:
    """Do better than head only, in a limited time of computing."""
    result, run = judged(challenge, lab)
    if result.passed:
        return (
            f"{run.said} Besides the head, {run.learned or 'nothing'} learned. One run, and "
            f"one seed: reset with another before you believe it. {noted(board, challenge, result)}"
        )
    if run.seconds > challenge.seconds:
        raise run.mistake("over-time", per_step=run.seconds / max(run.step, 1))
    if not run.moved:
        raise run.mistake("head-only", default=challenge.default_steps)
    run.check_wrecked()
    run.check_drifting()
    run.check_slow()
    if result.score > 0:
        raise run.mistake("not-enough", points=100 / challenge.settings.test)
    if run.everything:
        raise run.mistake("everything", step=run.step)
    raise run.mistake("behind")
