"""Exercises of lesson 06, changing the architecture; 6.1 and 6.3 have files of their own."""

from __future__ import annotations

from functools import cache
from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake
from course_utils.lesson06 import surgery
from course_utils.lesson06.careful_loading import careful_load
from course_utils.lesson06.wider_block import wider_and_same
from course_utils.networks.partial_loading import compare_with_checkpoint

import pandas as pd
import torch
from torchvision.models import mobilenet_v2

__all__ = ["careful_load", "one_more_at_15", "unfair_report", "wider_and_same"]

PLACE = 15


@cache
def _tally(place: int) -> dict[str, int]:
    """Count what happens to tensors when a block is inserted and no key is shifted.

    `wanted` by the new network, in the `file`, `named` alike, `matched` by name and shape, and of
    these in the `placed` rightly. The meta device needs no memory and no dice.
    """
    with torch.device("meta"):
        old, new = mobilenet_v2(num_classes=30), mobilenet_v2(num_classes=30)
        surgery.insert_block(new, place)
    state = old.state_dict()
    shifted = surgery.shift_blocks(state, place)
    matched = compare_with_checkpoint(new, state).matched
    return {
        "wanted": len(new.state_dict()),
        "file": len(state),
        "named": len(new.state_dict().keys() & state.keys()),
        "matched": len(matched),
        "placed": sum(shifted.get(name) is state[name] for name in matched),
    }


@exercise(
    "6.2",
    wanted="three numbers: your guess, the tensors matched, and those of them in the right place",
    guessed=True,
    hints=(
        "Blocks 0 to 14 keep their numbers. What is called features.15 in the file, and what is it "
        "in the new network?",
        "surgery.insert_block(model, 15) changes the network; load_matching(model, state) "
        "gives a report. 6.4 shows how to tell the right places: with shifted keys.",
        "shifted = surgery.shift_blocks(state, 15); count the names in report.matched for which "
        "shifted.get(name) is state[name].",
    ),
    mistakes={
        "all-wanted": "{value:.0f} are all tensors of the new network. Some found nothing that "
        "fits.",
        "keys-shifted": "{value:.0f} are all tensors of the file: so many match when the keys are "
        "shifted. Here they are left as they are.",
        "names-only": "{value:.0f} have a name in common; some of these have another shape and "
        "cannot be loaded.",
        "block-five": "{value:.0f} is the number for a block inserted at 5, as in 6.4. Deeper, "
        "fewer tensors change their place.",
        "right-for-matched": "{value:.0f} are in the right place. More than these are matched: "
        "that is the trap.",
        "another-match": "You say {value:g} are matched. The network wants {wanted}, the file has "
        "{file}; count those with the same name and the same shape.",
        "all-in-place": "{value:.0f} is the number of all that matched. features.15 of the file "
        "is the old block 15; in the new network that place belongs to the new block.",
        "wrong-ones": "{value:.0f} are in a wrong place; wanted are the others.",
        "head-forgotten": "{value:.0f} are those of blocks 0 to 14. The head's two tensors are "
        "called classifier.1 in both networks: they are right as well.",
        "one-block-off": "{value:.0f} would be right with the new block one place further on or "
        "back. The blocks before features[15] are 0 to 14.",
        "place-five": "{value:.0f} is the number for a block inserted at 5, of 6.4.",
        "another-place": "You say {value:g} of {matched} are in the right place. Compare with "
        "surgery.shift_blocks(state, 15): right is what both loadings put there.",
    },
)
def one_more_at_15(guess: Any, matched: Any, right: Any) -> str:
    """Tensors that match, and that are right, when a block is inserted at 15."""
    guessed = recognise.number(guess, "Your guess")
    truth, five = _tally(PLACE), _tally(5)
    recognise.number(
        matched,
        "The number of matched tensors",
        right=truth["matched"],
        tolerance=0,
        near={
            "all-wanted": truth["wanted"],
            "keys-shifted": truth["file"],
            "names-only": truth["named"],
            "block-five": five["matched"],
            "right-for-matched": truth["placed"],
        },
        otherwise="another-match",
        **truth,
    )
    recognise.number(
        right,
        "The number in the right place",
        right=truth["placed"],
        tolerance=0,
        near={
            "all-in-place": truth["matched"],
            "wrong-ones": truth["matched"] - truth["placed"],
            "head-forgotten": truth["placed"] - 2,
            "one-block-off": [_tally(PLACE - 1)["placed"], _tally(PLACE + 1)["placed"]],
            "place-five": five["placed"],
        },
        otherwise="another-place",
        **truth,
    )
    return (
        f"{truth['matched']} of {truth['wanted']} match, {truth['placed']} of them in the right "
        f"place (you guessed {guessed:g}). The other {truth['matched'] - truth['placed']} went to "
        "the next block's place, and no report by name and shape sees that. Most tensors matched "
        "says little."
    )


FAULTS = ("start", "images", "rate", "seeds", "size")
ALIKE, LEFTOVERS = "pretrained alike", "what fits of A's"


@exercise(
    "6.4",
    wanted='a fault, C minus A in points under the fair protocol, and "yes" or "no"',
    hints=(
        "Go through the list of 6.10. On which point do the two sides of his comparison differ?",
        'fair[fair["start"] == "pretrained alike"] has both networks with the same pretraining, '
        "one row a seed.",
        '100 * (average["pretrained alike", "C"] - average["pretrained alike", "A"]). For the last '
        "answer put the accuracies of A beside those of C.",
    ),
    mistakes={
        "rate": "Each side has a rate of its own, A {rate_a:g} and C {rate_c:g}, chosen with equal "
        "effort on images used for nothing else. On that point he was fair.",
        "seeds": "Both have {runs} seeds, and his {his:+.1f} points are far more than their "
        "spread. More seeds would only repeat it: the number is real, and answers another "
        "question.",
        "images": "Both sides have the same: {data}. Look on.",
        "size": "C has {size_c:,} parameters and A {size_a:,}. That must be told, but it does not "
        "explain the drop: the same two networks are {truth:+.1f} points apart with the same "
        "pretraining, and {his:+.1f} in his report.",
        "his-own-number": "{value:+.1f} is the number of his report: A with its weights against C "
        'without. The fair rows of both have "pretrained alike" as their start.',
        "a-fraction": "{value:.3f} is a fraction; in points it is 100 times that.",
        "sign": "Asked is C minus A. {value:+.1f} is A minus C.",
        "no-weights": "{value:+.1f} is the gap without weights for anybody. That is fair too, and "
        "answers who learns more from few images. His question was about transfer.",
        "the-deeper-one": "{value:+.1f} is B, the deeper network. Asked is C.",
        "another-gap": "{value:+.1f} is not it. Take the mean over seeds of C and of A, both with "
        'the start "pretrained alike".',
        "overlap": "{seen}. The clouds overlap: one seed of C has {best:.1%}, and the seeds of A "
        "lie between {low:.1%} and {high:.1%}. {value:+.1f} points between two means of {runs} "
        "are not a difference that was shown.",
    },
)
def unfair_report(fault: Any, gap: Any, shown: Any) -> str:
    """What is wrong with a comparison, and what the record says when it is made fairly."""
    record = experiments.read_record("fair_comparison")
    fair = pd.DataFrame(record["rows"])
    mean = (100 * fair.groupby(["start", "architecture"])["accuracy"].mean()).to_dict()
    truth = mean[ALIKE, "C"] - mean[ALIKE, "A"]
    his = mean[LEFTOVERS, "C"] - mean[ALIKE, "A"]
    loaded = fair[(fair["start"] == LEFTOVERS) & (fair["architecture"] == "C")]
    whole = fair[(fair["start"] == ALIKE) & (fair["architecture"] == "A")]
    runs = len(whole)
    chosen = recognise.choice(fault, FAULTS)
    recognise.number(gap, "The gap")
    said = recognise.choice(shown, ("yes", "no"))
    if chosen != "start":
        raise Mistake(
            chosen, data=record["data"], runs=runs, his=his, truth=truth,
            rate_a=whole["rate"].iloc[0], rate_c=loaded["rate"].iloc[0],
            size_a=whole["parameters"].iloc[0], size_c=loaded["parameters"].iloc[0],
        )  # fmt: skip
    points = recognise.number(
        gap,
        "The gap",
        right=_about(truth),
        near={
            "his-own-number": _about(his),
            "a-fraction": _about(truth / 100, 0.0015),
            "sign": _about(-truth),
            "no-weights": _about(mean["scratch", "C"] - mean["scratch", "A"]),
            "the-deeper-one": _about(mean[ALIKE, "B"] - mean[ALIKE, "A"]),
        },
        otherwise="another-gap",
    )
    a, c = (
        fair[(fair["start"] == ALIKE) & (fair["architecture"] == who)]["accuracy"].tolist()
        for who in "AC"
    )
    seen = f"A {experiments.mean_and_std(a)}, C {experiments.mean_and_std(c)}"
    if said == "yes":  # by the record the clouds of A and C overlap
        best = max(c) if truth < 0 else min(c)
        raise Mistake(
            "overlap", seen=seen, best=best, low=min(a), high=max(a), value=points, runs=runs
        )
    return (
        f"His C had {loaded['tensors_matched'].iloc[0]} of {loaded['tensors_total'].iloc[0]} "
        f"tensors, and A all of its own: {his:+.1f} points. Pretrained alike: {seen}, so "
        f"{points:+.1f}, and no difference was shown. What he measured is the price of losing the "
        "weights."
    )


def _about(points: float, by: float = 0.15) -> tuple[float, float]:
    return points - by, points + by
