"""Exercises of lesson 06, changing the architecture."""

from __future__ import annotations

from functools import cache
from typing import Any

from course_utils import experiments
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import Wrong
from course_utils.lesson06 import surgery
from course_utils.lesson06.check_loading import careful_load
from course_utils.lesson06.check_wider import wider_and_same
from course_utils.networks.partial_loading import compare_with_checkpoint

import pandas as pd
import torch
from torchvision.models import mobilenet_v2

PLACE = 15


@cache
def _tally(place: int) -> dict[str, int]:
    """What happens to the tensors when a block is inserted and no key is shifted.

    `wanted` by the new network, in the `file`, `named` alike, `matched` by name and shape, and of
    these in the `right` place.  The meta device needs no memory and no dice.
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
        "right": sum(shifted.get(name) is state[name] for name in matched),
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
)
def one_more_at_15(guess: Any, matched: Any, right: Any) -> str:
    """Tensors that match, and that are right, when a block is inserted at 15."""
    guessed = recognise.number(guess, "Your guess")
    given = recognise.number(matched, "The number of matched tensors")
    placed = recognise.number(right, "The number in the right place")
    truth = _tally(PLACE)
    _matched(given, truth)
    _in_place(placed, truth)
    lost = truth["matched"] - truth["right"]
    return (
        f"{truth['matched']} of {truth['wanted']} match, {truth['right']} of them in the right "
        f"place (you guessed {guessed:g}). The other {lost} went to the next block's place, "
        "and no report by name and shape sees that. Most tensors matched says little."
    )


def _matched(value: float, truth: dict[str, int]) -> None:
    """Raise unless this is the number of tensors that match by name and shape."""
    if value == truth["matched"]:
        return
    if value == truth["wanted"]:
        raise wrong(
            "all-wanted",
            f"{value:.0f} are all tensors of the new network. Some found nothing that fits.",
        )
    if value == truth["file"]:
        raise wrong(
            "keys-shifted",
            f"{value:.0f} are all tensors of the file: so many match when the keys are shifted. "
            "Here they are left as they are.",
        )
    if value == truth["named"]:
        raise wrong(
            "names-only",
            f"{value:.0f} have a name in common; {truth['named'] - truth['matched']} of these have "
            "another shape and cannot be loaded.",
        )
    if value == _tally(5)["matched"]:
        raise wrong(
            "block-five",
            f"{value:.0f} is the number for a block inserted at 5, as in 6.4. Deeper, fewer "
            "tensors change their place.",
        )
    if value == truth["right"]:
        raise wrong(
            "right-for-matched",
            f"{value:.0f} are in the right place. More than these are matched: that is the trap.",
        )
    raise wrong(
        "another-match",
        f"You say {value:g} are matched. The network wants {truth['wanted']}, the file has "
        f"{truth['file']}; count those with the same name and the same shape.",
    )


def _in_place(value: float, truth: dict[str, int]) -> None:
    """Raise unless this is the number of matched tensors that are in the right place."""
    if value == truth["right"]:
        return
    if value == truth["matched"]:
        raise wrong(
            "all-in-place",
            f"{value:.0f} is the number of all that matched. features.15 of the file is the old "
            "block 15; in the new network that place belongs to the new block.",
        )
    if value == truth["matched"] - truth["right"]:
        raise wrong("wrong-ones", f"{value:.0f} are in a wrong place; wanted are the others.")
    if value == truth["right"] - 2:
        raise wrong(
            "head-forgotten",
            f"{value:.0f} are those of blocks 0 to 14. The head's two tensors are called "
            "classifier.1 in both networks: they are right as well.",
        )
    if value in (_tally(PLACE - 1)["right"], _tally(PLACE + 1)["right"]):
        raise wrong(
            "one-block-off",
            f"{value:.0f} would be right with the new block one place further on or back. The "
            "blocks before features[15] are 0 to 14.",
        )
    if value == _tally(5)["right"]:
        raise wrong("place-five", f"{value:.0f} is the number for a block inserted at 5, of 6.4.")
    raise wrong(
        "another-place",
        f"You say {value:g} of {truth['matched']} are in the right place. Compare "
        "with surgery.shift_blocks(state, 15): right is what both loadings put there.",
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
        "answer put the three accuracies of A beside the three of C.",
    ),
)
def unfair_report(fault: Any, gap: Any, shown: Any) -> str:
    """What is wrong with a comparison, and what the record says when it is made fairly."""
    fair = pd.DataFrame(experiments.read_record("fair_comparison")["rows"])
    scores = fair.groupby(["start", "architecture"])["accuracy"].apply(list).to_dict()
    chosen = recognise.choice(fault, FAULTS)
    points = recognise.number(gap, "The gap")
    said = recognise.choice(shown, ("yes", "no"))
    if chosen != "start":
        _not_the_fault(chosen, fair, scores)
    _fair_gap(points, scores)
    a, c = scores[ALIKE, "A"], scores[ALIKE, "C"]
    overlap = max(min(a), min(c)) <= min(max(a), max(c))
    seen = f"A {experiments.mean_and_std(a)}, C {experiments.mean_and_std(c)}"
    if overlap and said == "yes":
        best = max(c) if _mean(c) < _mean(a) else min(c)
        raise wrong(
            "overlap",
            f"{seen}. The clouds overlap: one seed of C has {best:.1%}, and the seeds of A lie "
            f"between {min(a):.1%} and {max(a):.1%}. {points:+.1f} points between two means of "
            "three are not a difference that was shown.",
        )
    if not overlap and said == "no":
        raise Wrong("apart", f"{seen}. No seed of one lies among those of the other.")
    loaded = fair[(fair["start"] == LEFTOVERS) & (fair["architecture"] == "C")].iloc[0]
    return (
        f"His C had {loaded['tensors_matched']} of {loaded['tensors_total']} tensors, and A all of "
        f"its own: {_points(scores, LEFTOVERS):+.1f} points. Pretrained alike: {seen}, so "
        f"{points:+.1f}, and {'no difference was shown' if overlap else 'the clouds are apart'}. "
        "What he measured is the price of losing the weights."
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _points(
    scores: dict[tuple[str, str], list[float]], start: str, who: str = "C", other: str = ALIKE
) -> float:
    """Points of one architecture and start less those of A with another start."""
    return 100 * (_mean(scores[start, who]) - _mean(scores[other, "A"]))


def _not_the_fault(
    chosen: str, fair: pd.DataFrame, scores: dict[tuple[str, str], list[float]]
) -> None:
    """Raise with what the record says about a point on which the comparison was fair."""
    his = fair[(fair["start"] == LEFTOVERS) & (fair["architecture"] == "C")]
    hers = fair[(fair["start"] == ALIKE) & (fair["architecture"] == "A")]
    if chosen == "rate":
        raise wrong(
            "rates-were-tuned",
            f"Each side has a rate of its own, A {hers['rate'].iloc[0]:g} and C "
            f"{his['rate'].iloc[0]:g}, chosen with equal effort on images used for nothing else. "
            "On that point he was fair.",
        )
    if chosen == "seeds":
        raise wrong(
            "enough-seeds",
            f"Both have {his['seed'].nunique()} seeds, and his {_points(scores, LEFTOVERS):+.1f} "
            "points are far more than their spread. More seeds would only repeat it: the number "
            "is real, and answers another question.",
        )
    if chosen == "images":
        data = experiments.read_record("fair_comparison")["data"]
        raise wrong("same-images", f"Both sides have the same: {data}. Look on.")
    c, a = int(his["parameters"].iloc[0]), int(hers["parameters"].iloc[0])
    raise wrong(
        "size-is-no-excuse",
        f"C has {c:,} parameters and A {a:,}. That must be told, but it does not explain the drop: "
        f"the same two networks are {_points(scores, ALIKE):+.1f} points apart with the same "
        f"pretraining, and {_points(scores, LEFTOVERS):+.1f} in his report.",
    )


def _fair_gap(points: float, scores: dict[tuple[str, str], list[float]]) -> None:
    """Raise unless this is C minus A with the same pretraining."""

    def near(wanted: float) -> bool:
        return abs(points - wanted) <= 0.15

    truth = _points(scores, ALIKE)
    if near(truth):
        return
    if near(_points(scores, LEFTOVERS)):
        raise wrong(
            "his-own-number",
            f"{points:+.1f} is the number of his report: A with its weights against C without. "
            'The fair rows of both have "pretrained alike" as their start.',
        )
    if abs(points - truth / 100) <= 0.0015:
        raise wrong("a-fraction", f"{points:.3f} is a fraction; in points it is 100 times that.")
    if near(-truth):
        raise wrong("sign", f"Asked is C minus A. {points:+.1f} is A minus C.")
    if near(_points(scores, "scratch", other="scratch")):
        raise wrong(
            "no-weights",
            f"{points:+.1f} is the gap without weights for anybody. That is fair too, and answers "
            "who learns more from few images. His question was about transfer.",
        )
    if near(_points(scores, ALIKE, "B")):
        raise wrong("the-deeper-one", f"{points:+.1f} is B, the deeper network. Asked is C.")
    raise wrong(
        "another-gap",
        f"{points:+.1f} is not it. Take the mean over seeds of C and of A, both with the start "
        '"pretrained alike".',
    )


__all__ = ["careful_load", "one_more_at_15", "unfair_report", "wider_and_same"]
