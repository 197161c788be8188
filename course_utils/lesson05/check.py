"""Exercises of lesson 05, fine-tuning."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from course_utils import experiments, training
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson05.backbone_epochs import BackboneEpochs
from course_utils.networks.heads import replace_head
from course_utils.training import recipes
from course_utils.world import Course

import pandas as pd
import torch
from torch import nn
from torchvision.models import mobilenet_v2

RATES = {"shallow": 1e-4, "deep": 1e-3, "head": 3e-3}
SEEDS = (0, 1, 2)
EPOCHS = 5


@exercise(
    "5.1",
    wanted="a model and an AdamW optimizer over its parameters",
    hints=(
        "An optimizer takes a list of groups; each is a dictionary with params and lr.",
        "model.features[:14].parameters(), model.features[14:].parameters() and "
        "model.classifier.parameters() share all parameters among them.",
        'torch.optim.AdamW([{"params": model.features[:14].parameters(), "lr": 1e-4}, ...])',
    ),
    mistakes={
        "no-optimizer": "This is {seen}; wanted is an optimizer.",
        "other-network": "This is {seen}; wanted is fresh_model().",
        "another-model": "The optimizer holds no parameter of this model: it was built for "
        "another one, or before the model was made anew.",
        "stale-parameters": "The optimizer holds {count} parameters that the model no longer has: "
        "was the head replaced after the optimizer was built?",
        "no-head": "The head is in no group, so it would never learn.",
        "some-missing": "Parameters that are in no group: {gaps}. They never move.",
        "one-rate": "All parameters have the rate {rate:g}.",
        "wrong-boundary": "The {part} part has several rates, {rates}: blocks 0 to 13 are "
        "features[:14].",
        "upside-down": "Rates: {seen}. That is upside down: the head is new and moves fastest, "
        "shallow blocks know most and move least.",
        "wrong-rates": "Rates: {seen}. Wanted: shallow 0.0001, deep 0.001, head 0.003.",
        "other-optimizer": "The rates are right; wanted is AdamW, this is {seen}.",
    },
)
def three_rates(network: Any, optimizer: Any) -> str:
    """Discriminative rates: 1e-4 for blocks 0 to 13, 1e-3 for the others, 3e-3 for the head."""
    model = recognise.network(network, example="my_model")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise Mistake("no-optimizer", seen=describe(optimizer))
    parts = _parts(model)
    held = recognise.rates(optimizer)
    _all_held(model, parts, held)
    found = {name: sorted({held[id(p)] for p in ps}) for name, ps in parts.items()}
    if len({rate for rates in found.values() for rate in rates}) == 1:
        raise Mistake("one-rate", rate=found["head"][0])
    for name, rates in found.items():
        if len(rates) > 1:
            raise Mistake("wrong-boundary", part=name, rates=", ".join(f"{r:g}" for r in rates))
    seen = ", ".join(f"{name} {rate:g}" for name, (rate,) in found.items())
    if found["shallow"] > found["head"]:
        raise Mistake("upside-down", seen=seen)
    if not all(math.isclose(found[name][0], RATES[name]) for name in RATES):
        raise Mistake("wrong-rates", seen=seen)
    if not isinstance(optimizer, torch.optim.AdamW):
        raise Mistake("other-optimizer", seen=describe(optimizer))
    return "Three rates, and each parameter in exactly one group: the shallower, the slower."


def _parts(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Parameters of blocks 0 to 13, of the other blocks, and of the head."""
    features, head = getattr(model, "features", None), getattr(model, "classifier", None)
    if (
        not isinstance(features, nn.Sequential)
        or len(features) < 15
        or not isinstance(head, nn.Module)
    ):
        raise Mistake("other-network", seen=describe(model))
    return {
        "shallow": list(features[:14].parameters()),
        "deep": list(features[14:].parameters()),
        "head": list(head.parameters()),
    }


def _all_held(
    model: nn.Module, parts: dict[str, list[nn.Parameter]], held: dict[int, float]
) -> None:
    """Raise unless the optimizer holds every parameter of the model."""
    strangers = held.keys() - {id(p) for p in model.parameters()}
    if held and len(strangers) == len(held):
        raise Mistake("another-model")
    if strangers:
        raise Mistake("stale-parameters", count=len(strangers))
    missing = {name: sum(id(p) not in held for p in ps) for name, ps in parts.items()}
    if missing["head"] == len(parts["head"]):
        raise Mistake("no-head")
    if gaps := ", ".join(f"{count} of {name}" for name, count in missing.items() if count):
        raise Mistake("some-missing", gaps=gaps)


@exercise(
    "5.2",
    wanted="a function thaw(model, optimizer) that gives an optimizer",
    hints=(
        "Which parameters does an optimizer move? Those that it was given when it was built.",
        "Switch requires_grad on, and give the backbone to the optimizer: add_param_group, or a "
        "new optimizer. Return it.",
        'optimizer.add_param_group({"params": model.features.parameters(), "lr": ...}) with a '
        "tenth of the head's rate, optimizer.param_groups[0]['lr'].",
    ),
    mistakes={
        "no-optimizer": "thaw() gave {seen}; wanted is an optimizer.",
        "not-in-optimizer": "The backbone {state}, and no optimizer holds its parameters.",
        "only-some": "The optimizer lacks {count} of the backbone's parameters.",
        "still-frozen": "The optimizer holds the backbone, but requires_grad is still False for "
        "{count} of its parameters: without a gradient it moves nothing.",
        "head-lost": "The new optimizer holds the backbone alone: the head has stopped.",
        "head-frozen": "The backbone learns, but the head was frozen on the way: its parameters "
        "have requires_grad = False now.",
        "not-lowered": "Backbone and head both have the rate {head:g}.",
        "wrong-group": "The backbone has the rate {backbone:g}, ten times the head's {head:g}: it "
        "is the backbone that is to move at a tenth.",
        "not-a-tenth": "Backbone {backbone:g}, head {head:g}: not a tenth of it.",
    },
)
def thaw_that_works(function: Any) -> str:
    """Thaw the backbone so that it learns, at a tenth of the head's rate."""
    thaw = recognise.function(function, "my_thaw")
    model = mobilenet_v2(num_classes=10)
    model.features.requires_grad_(False)
    old = torch.optim.Adam(model.classifier.parameters(), lr=1e-3)
    returned = thaw(model, old)
    optimizer = old if returned is None else returned
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise Mistake("no-optimizer", seen=describe(returned))
    held = recognise.rates(optimizer)
    backbone, head = list(model.features.parameters()), list(model.classifier.parameters())
    frozen, missing = (
        sum(not p.requires_grad for p in backbone),
        sum(id(p) not in held for p in backbone),
    )
    if frozen:
        recognise.switched_by_parameters(model)
    if missing == len(backbone):
        state = "is still frozen" if frozen else "may learn"
        raise Mistake("not-in-optimizer", state=state)
    if missing:
        raise Mistake("only-some", count=missing)
    if frozen:
        raise Mistake("still-frozen", count=f"{frozen} of {len(backbone)}")
    if any(id(p) not in held for p in head):
        raise Mistake("head-lost")
    if not all(p.requires_grad for p in head):
        raise Mistake("head-frozen")
    rates = {
        "backbone": max(held[id(p)] for p in backbone),
        "head": min(held[id(p)] for p in head),
    }
    share = rates["backbone"] / rates["head"] if rates["head"] else math.inf
    recognise.number(
        share, "The share", right=0.1, near={"not-lowered": 1.0, "wrong-group": 10.0},
        otherwise="not-a-tenth", tolerance=0.01, **rates,
    )  # fmt: skip
    return (
        "Now the backbone has gradients and somebody who uses them. requires_grad alone computes "
        "gradients that nobody takes: a slower run, and the same network."
    )


@exercise(
    "5.3",
    wanted="two rates of the record: the best one, and the list of those that end below head only",
    hints=(
        "Read the record's curve against its dashed line.",
        'sweep.groupby("rate")["accuracy"].mean() gives the curve, head_only the line.',
        "Too large a rate destroys; too small a one moves batch norm's statistics all the same.",
    ),
    mistakes={
        "not-tried": "{value:g} is not among the rates of the record: {known}.",
        "too-small": "{value:g} ends at {ends:.1%}; a larger rate ends at {top:.1%}. Which?",
        "too-large": "{value:g} ends at {ends:.1%}; a smaller rate ends at {top:.1%}. Which?",
        "not-below": "{named}: not a rate of the record that ends below {line:.1%}.",
        "only-small": "Those are below the line. Look at the right end of the curve too.",
        "only-large": "Those are below the line. Look at the left end too: at tiny rates the "
        "weights hardly move, but the statistics do.",
        "some-left": "{count} more of the rates end below {line:.1%}.",
    },
)
def rates_to_choose(best: Any, below: Any) -> str:
    """The best single rate of the record, and the rates that are worse than not thawing at all."""
    rows = pd.DataFrame(experiments.read_record("fine_tuning_rates")["rows"])
    means = {float(rate): mean for rate, mean in rows.groupby("rate")["accuracy"].mean().items()}
    line, top = rows["head_only"].mean(), max(means, key=means.__getitem__)

    def of_record(answer: Any, what: str) -> float:
        value = recognise.number(answer, what)
        return next((rate for rate in means if recognise.fits(value, rate, 1e-4)), value)

    chosen = of_record(best, "The best rate")
    if chosen not in means:
        raise Mistake("not-tried", value=chosen, known=", ".join(f"{rate:g}" for rate in means))
    if chosen != top:
        code = "too-small" if chosen < top else "too-large"
        raise Mistake(code, value=chosen, ends=means[chosen], top=means[top])
    right = {rate for rate, mean in means.items() if mean < line}
    given = {of_record(rate, "A rate") for rate in recognise.items(below, len(means), "The list")}
    if extra := given - right:
        raise Mistake("not-below", named=", ".join(f"{r:g}" for r in sorted(extra)), line=line)
    if given != right:
        side = "only-small" if max(given) < top else "only-large" if min(given) > top else None
        raise Mistake(side or "some-left", count=len(right - given), line=line)
    return (
        f"{chosen:g} is best, and {len(right)} of {len(means)} rates are worse than leaving "
        "the backbone frozen. A tiny rate is no safe choice: the statistics move with any."
    )


@exercise(
    "5.4",
    wanted="a function of model, data, prepare and seed that trains the model",
    hints=(
        "Which of the faults of 5.3 would you mend first? The record of 5.6 tells what each costs.",
        "The classic recipe thaws three epochs at a tiny rate; you may take five at a better one.",
        "recipes.train_head for an epoch, then recipes.fine_tune for five.",
    ),
    seconds=300,
    given=("course",),
    mistakes={
        "a-generator": "The function gave an iterator and nobody walked through it, so nothing was "
        "trained. Loop over the events inside.",
        "not-trained": "The model that it was given has not changed at all.",
        "over-budget": "Blocks below the head learned for {epochs:.1f} epochs; {most} are allowed.",
        "not-better": "{seen} On average it is not ahead.",
        "within-the-spread": "{seen} It is ahead by {gain:.1f} points, but that is within the "
        "uncertainty of a mean of three ({uncertainty:.1f}): luck would do as much.",
    },
)
def beat_the_recipe(recipe: Any, course: Course) -> str:
    """Beat the classic recipe on validation images, over three seeds, within five thawed epochs."""
    function = recognise.function(recipe, "my_recipe")
    # Two fifths are held out: what is left to train on is as much as the lesson has.
    wide = course if course.train is None else replace(course, train=course.train * 5 // 3)
    rows = [_one_seed(function, wide, seed) for seed in SEEDS]
    gains = 100 * pd.Series([own - theirs for own, theirs in rows])
    seen = (
        f"Yours: {experiments.mean_and_std([own for own, _ in rows])}; the classic recipe: "
        f"{experiments.mean_and_std([theirs for _, theirs in rows])}."
    )
    if gains.mean() <= 0:
        raise Mistake("not-better", seen=seen)
    uncertainty = 1.5 * gains.std() / math.sqrt(len(gains))
    if gains.mean() <= uncertainty:
        raise Mistake("within-the-spread", seen=seen, gain=gains.mean(), uncertainty=uncertainty)
    return f"{seen} Three seeds are few: before you believe it for good, try ten others."


def _one_seed(function: Any, course: Course, seed: int) -> tuple[float, float]:
    """Validation accuracy of the reader's recipe and of the course's, on the same images."""
    pool = course.draw(seed)
    split = pool.hold_out(len(pool.train_images) * 2 // 5, seed=seed)
    # the reader's function sees training images only, wherever it looks
    open_data = replace(split, test_images=split.train_images, test_labels=split.train_labels)

    def fresh() -> nn.Module:
        torch.manual_seed(seed)
        model = course.pretrained()
        replace_head(model, len(split.class_names))
        return model

    def score(model: nn.Module) -> float:
        images, labels = split.test_images, split.test_labels
        return training.evaluate(model, images, labels, course.prepare).accuracy

    model = fresh()
    before = [p.detach().clone() for p in model.parameters()]
    watch = BackboneEpochs(model, len(split.train_images))
    result = function(model, open_data, course.prepare, seed)
    if hasattr(result, "__next__"):
        raise Mistake("a-generator")
    if all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)):
        raise Mistake("not-trained")
    epochs = watch.count()
    if epochs > EPOCHS + 0.5:
        raise Mistake("over-budget", epochs=epochs, most=EPOCHS)
    own, model = score(model), fresh()
    for _ in recipes.classic(model, split, course.prepare, seed=seed, batch_size=32, watch=False):
        pass
    return own, score(model)
