"""Exercises of lesson 08, pretrain your own; 8.1 and 8.3 have files of their own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from course_utils import experiments, training
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.paired_comparison import lead, unbeaten
from course_utils.exercises.safety import copy_of
from course_utils.exercises.verdict import Mistake, describe
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.file_with_notes import read_whole_file
from course_utils.lesson08.start_from_file import safe_start
from course_utils.networks.batch_norm import batch_norms
from course_utils.networks.heads import find_head, replace_head
from course_utils.training import recipes

import pandas as pd
import torch
from torch import nn

__all__ = ["better_backbone", "choose_source", "read_whole_file", "safe_start"]

SEEDS = (0, 1, 2)
FEW = 320  # target images a run, as in the lesson
KNOWN = 0.9  # share of a new head's accuracy at which the head that came along knows the target


def _sources() -> pd.DataFrame:
    """The rows of the record whose learning rate was chosen."""
    return pd.DataFrame(experiments.read_record("source_tasks")["rows"]).query("chosen")


AHEAD = "{treatment}, {chosen:g} classes reach {level:.1%} on the target and {best} classes "
BEHIND = AHEAD + "{best_level:.1%}: behind by {behind.mean:.1f} ± {behind.spread:.1f} points. "


@exercise(
    "8.2",
    wanted="two numbers of classes, and a list of kinds of source such as 'fabric'",
    hints=(
        "The tables and figures of 8.6 and 8.7 show all of it. Which column is the frozen one?",
        "For the list compare each circle of 8.7 with the dotted line and its band.",
        "runs.query(\"source == 'other shapes' and source_images == 5120\") has the first two; "
        "`kinds` and `scratch` have the third.",
    ),
    mistakes={
        "not-tried": "{chosen:g} classes are not in the record: it has {known}.",
        "too-easy": BEHIND + "At home that network is right in {home:.0%}, since its question is "
        "easy; an easy question needs few features.",
        "more-would-help": BEHIND + "That is more than the spread.",
        "unknown-kind": "{seen} is no kind of 8.7; they are {known}.",
        "all-of-them": "All six kinds? Then no circle would lie right of the band.",
        "worse-than-tuned": "{kind}: frozen it is far behind its own fine-tuned square, but {gain} "
        "against training from scratch. Wasted would mean: no better than the dotted line.",
        "was-worth-it": "{kind}, frozen, is at {gain} against training from scratch: the record "
        "shows that it helps, so it does not belong on the list.",
        "within-the-spread": "What about {kind}? Against training from scratch, seed by seed: "
        "{gain}. A difference that is no larger than its spread shows nothing: it belongs on the "
        "list.",
        "some-left": "{given}: yes, but there is more. '{kind}', for one, is at {gain} against "
        "training from scratch.",
    },
)
def choose_source(if_frozen: Any, if_tuned: Any, not_to_freeze: Any) -> str:
    """How many classes to spread 5,120 images over, and which kinds not to freeze."""
    runs = _sources()
    frozen = _enough_classes(runs, if_frozen, "frozen")
    tuned = _enough_classes(runs, if_tuned, "fine-tuned")
    _wasted_if_frozen(runs, not_to_freeze)
    return (
        f"Frozen, the record leaves only {_words(frozen)} classes; fine-tuned it cannot tell "
        f"{_words(tuned)} apart, so each of these is right. Three seeds are few: a record that "
        "cannot tell two things apart has not shown that they are equal."
    )


def _words(names: list[Any]) -> str:
    return " and ".join(map(str, names))


def _enough_classes(runs: pd.DataFrame, answer: Any, treatment: str) -> list[Any]:
    """Raise unless the record knows nothing better; else all answers that are as good."""
    chosen = recognise.number(answer, f"The number of classes if {treatment}")
    mine = runs[(runs["source"] == "other shapes") & (runs["source_images"] == 5120)]
    mine = mine[mine["treatment"] == treatment]
    table = mine.pivot(index="seed", columns="source_classes", values="accuracy")
    good = unbeaten(table)
    if chosen in good:
        return sorted(good)
    if chosen not in table:
        raise Mistake("not-tried", chosen=chosen, known=", ".join(map(str, table)))
    home = mine.groupby("source_classes")["source_accuracy"].mean()[chosen]
    raise Mistake(
        "too-easy" if home > 0.9 else "more-would-help",
        treatment=treatment.capitalize(),
        chosen=chosen,
        level=table[chosen].mean(),
        best=good[0],
        best_level=table[good[0]].mean(),
        behind=lead(table[good[0]], table[chosen]),
        home=home,
    )


def _wasted_if_frozen(runs: pd.DataFrame, answer: Any) -> None:
    """Raise unless these are the kinds not shown to be better than scratch when frozen."""
    kinds = runs[(runs["source_images"] == 5120) & (runs["source_classes"] == 10)]
    frozen = kinds[kinds["treatment"] == "frozen"]
    table = frozen.pivot(index="seed", columns="source", values="accuracy")
    scratch = runs[runs["treatment"] == "scratch"].set_index("seed")["accuracy"]
    ahead = {str(name): lead(table[name], scratch) for name in table}
    right = {name for name, gain in ahead.items() if not (gain.clear and gain.mean > 0)}
    given = set()
    for name in recognise.items(answer, 2 * len(ahead), "Your answer on kinds"):
        kind = name.strip().lower() if isinstance(name, str) else name
        if kind not in ahead:
            known = ", ".join(repr(one) for one in ahead)
            raise Mistake("unknown-kind", seen=describe(name), known=known)
        given.add(kind)
    if given == right:
        return
    if given == set(ahead):
        raise Mistake("all-of-them")
    if extra := sorted(given - right):
        levels = kinds[kinds["source"] == extra[0]].groupby("treatment")["accuracy"].mean()
        far_behind = levels["frozen"] < levels["fine-tuned"] - 0.1
        code = "worse-than-tuned" if far_behind else "was-worth-it"
        raise Mistake(code, kind=extra[0], gain=ahead[extra[0]])
    left = max(right - given, key=lambda name: ahead[name].mean)
    code = "some-left" if ahead[left].clear else "within-the-spread"
    raise Mistake(code, kind=left, gain=ahead[left], given=_words(sorted(given)))


SCORES = (
    "Frozen, with a new head for {few} target images, three draws: yours {ours}, the lesson's "
    "{theirs}. "
)


@exercise(
    "8.4",
    wanted="a small_net that you have pretrained on source images, normalised by `prepare`",
    hints=(
        "What limits the lesson's pretraining: images, classes, steps, or variety? 8.6 has a hint.",
        "With as many images as the lesson, walk through them more often; recipes.fine_tune can "
        "also mirror them: augment=Augment(), from course_utils.images.augmentation. Or "
        "draw more images, and take more steps.",
        "load_shapes('source', 20480, 500) draws more; recipes.fine_tune(model, data, prepare, "
        "count=2, backbone_rate=3e-3, batch_size=64) trains 640 steps on these.",
    ),
    seconds=120,
    given=("network", "prepare", "target"),
    mistakes={
        "no-head": "{error}. Is this a part of a network?",
        "same-network": "This is the lesson's own network: it cannot be better than itself.",
        "larger-network": "Below its head your network has {size:,} parameters, the lesson's has "
        "{most:,}. Then size and pretraining would both differ, and nobody could tell which one "
        "helped.",
        "not-finite": "Some of its weights are no longer numbers: the training ran away. Try a "
        "smaller rate.",
        "never-trained": "Its batch norms have not met a single batch: these are random weights. "
        "An iterator of events does nothing until somebody walks through it.",
        "target-seen": "With the head that it came with, your network is right on {known:.1%} of "
        "the target's test images: it was trained on the target. Then this measures no transfer.",
        "other-normalisation": "With images that are not normalised yours would do better, by "
        "{gain}. Was it trained on such? The check feeds it what `prepare` gives, as the lesson's "
        "network.",
        "not-better": SCORES + "On average yours is not ahead.",
        "within-the-spread": SCORES + "Ahead by {gain}, and an accuracy on {tests} test images is "
        "uncertain by {doubt:.1f} points itself: luck would do as much.",
    },
)
def better_backbone(mine: Any, network: nn.Module, prepare: Prepare, target: ImageData) -> str:
    """A backbone that is worth more on the target, frozen, than the lesson's own."""
    model = recognise.network(mine, example="my_network")
    _a_fair_rival(model, network)
    ours, theirs = _worth(model, prepare, target), _worth(network, prepare, target)
    _target_unseen(model, prepare, target, float(ours.mean()))
    share, tests = float(theirs.mean()), len(target.test_labels)
    doubt = 100 * math.sqrt(share * (1 - share) / tests)  # of an accuracy on so many images
    gain = lead(ours, theirs)
    said = {
        "few": min(FEW, len(target.train_images)),
        "ours": experiments.mean_and_std(ours.tolist()),
        "theirs": experiments.mean_and_std(theirs.tolist()),
    }
    if gain.mean <= max(gain.spread, doubt):
        plain = replace(prepare, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        unnormalised = lead(_worth(model, plain, target), ours)
        if unnormalised.clear and unnormalised.mean > 3:
            raise Mistake("other-normalisation", gain=unnormalised)
        code = "not-better" if gain.mean <= 0 else "within-the-spread"
        raise Mistake(code, gain=gain, tests=tests, doubt=doubt, **said)
    return (
        f"{SCORES.format(**said)}Ahead by {gain}. The spread is that of the target images alone: "
        "there is one pretraining on each side, and another seed of it may do otherwise."
    )


def _a_fair_rival(model: nn.Module, network: nn.Module) -> None:
    """Raise unless this is another network of the same build that has been trained."""
    try:
        _, head = find_head(model)
    except ValueError as error:
        raise Mistake("no-head", error=error) from error
    if model is network or recognise.same_state(model, network):
        raise Mistake("same-network")
    size, most = (
        sum(p.numel() for p in one.parameters()) - sum(p.numel() for p in top.parameters())
        for one, top in ((model, head), (network, find_head(network)[1]))
    )
    if size > most:
        raise Mistake("larger-network", size=size, most=most)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise Mistake("not-finite")
    norms = batch_norms(model)
    if norms and not any(int(n.num_batches_tracked or 0) for n in norms):
        raise Mistake("never-trained")


def _worth(model: nn.Module, prepare: Prepare, target: ImageData) -> pd.Series[float]:
    """Test accuracy with a new head on the frozen backbone, for each draw of target images."""
    found = {}
    few = min(FEW, len(target.train_images))
    for seed in SEEDS:
        data = target.subset(train=few, seed=seed)
        torch.manual_seed(seed)
        trial = copy_of(model)
        replace_head(trial, len(data.class_names))
        for _ in recipes.train_head(trial, data, prepare, count=12, seed=seed):
            pass
        found[seed] = _accuracy(trial, prepare, data)
    return pd.Series(found)


def _accuracy(model: nn.Module, prepare: Prepare, data: ImageData) -> float:
    return training.evaluate(model, data.test_images, data.test_labels, prepare).accuracy


def _target_unseen(model: nn.Module, prepare: Prepare, target: ImageData, worth: float) -> None:
    """Raise if the head that came along already knows the target's classes."""
    if find_head(model)[1].out_features != len(target.class_names):
        return
    known = _accuracy(copy_of(model), prepare, target)
    if known > KNOWN * worth and known > 2 / len(target.class_names):
        raise Mistake("target-seen", known=known)
