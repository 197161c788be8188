"""Exercises of lesson 05, fine-tuning."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from course_utils import experiments, training
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import Wrong, describe
from course_utils.networks.heads import replace_head
from course_utils.training import recipes
from course_utils.world import Course

import pandas as pd
import torch
from torch import Tensor, nn
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
)
def three_rates(network: Any, optimizer: Any) -> str:
    """Discriminative rates: 1e-4 for blocks 0 to 13, 1e-3 for the others, 3e-3 for the head."""
    model = recognise.network(network, example="my_model")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise wrong("no-optimizer", f"This is {describe(optimizer)}; wanted is an optimizer.")
    parts = _parts(model)
    held = {id(p): float(g["lr"]) for g in optimizer.param_groups for p in g["params"]}
    own = {id(p) for p in model.parameters()}
    if held and not own & set(held):
        raise wrong(
            "another-model",
            "The optimizer holds no parameter of this model: it was built for another one, or "
            "before the model was made anew.",
        )
    _all_held(parts, held, len(set(held) - own))
    _rates_right({name: {held[id(p)] for p in ps} for name, ps in parts.items()})
    if not isinstance(optimizer, torch.optim.AdamW):
        raise wrong(
            "other-optimizer",
            f"The rates are right; wanted is AdamW, this is {describe(optimizer)}.",
        )
    return "Three rates, and each parameter in exactly one group: the shallower, the slower."


def _parts(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Parameters of blocks 0 to 13, of the other blocks, and of the head."""
    features, head = getattr(model, "features", None), getattr(model, "classifier", None)
    if (
        not isinstance(features, nn.Sequential)
        or len(features) < 15
        or not isinstance(head, nn.Module)
    ):
        raise wrong("other-network", f"This is {describe(model)}; wanted is fresh_model().")
    return {
        "shallow": list(features[:14].parameters()),
        "deep": list(features[14:].parameters()),
        "head": list(head.parameters()),
    }


def _all_held(parts: dict[str, list[nn.Parameter]], held: dict[int, float], strangers: int) -> None:
    """Raise unless the optimizer holds every parameter of the model."""
    if strangers:
        raise wrong(
            "stale-parameters",
            f"The optimizer holds {strangers} parameters that the model no longer has: was the "
            "head replaced after the optimizer was built?",
        )
    missing = {name: sum(id(p) not in held for p in ps) for name, ps in parts.items()}
    if missing["head"] == len(parts["head"]):
        raise wrong("no-head", "The head is in no group, so it would never learn.")
    if sum(missing.values()):
        gaps = ", ".join(f"{count} of {name}" for name, count in missing.items() if count)
        raise wrong("some-missing", f"Parameters that are in no group: {gaps}. They never move.")


def _rates_right(found: dict[str, set[float]]) -> None:
    """Raise unless each part has one rate, and the right one."""
    if len(set().union(*found.values())) == 1:
        raise wrong("one-rate", f"All parameters have the rate {next(iter(found['head'])):g}.")
    for name, rates in found.items():
        if len(rates) > 1:
            raise wrong(
                "wrong-boundary",
                f"The {name} part has several rates, {', '.join(f'{r:g}' for r in sorted(rates))}: "
                "blocks 0 to 13 are features[:14].",
            )
    one = {name: next(iter(values)) for name, values in found.items()}
    if all(math.isclose(one[name], RATES[name]) for name in RATES):
        return
    seen = ", ".join(f"{name} {rate:g}" for name, rate in one.items())
    if one["shallow"] > one["head"]:
        raise wrong(
            "upside-down",
            f"Rates: {seen}. That is upside down: the head is new and moves fastest, shallow "
            "blocks know most and move least.",
        )
    raise wrong("wrong-rates", f"Rates: {seen}. Wanted: shallow 0.0001, deep 0.001, head 0.003.")


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
        raise wrong("no-optimizer", f"thaw() gave {describe(returned)}; wanted is an optimizer.")
    learns = [p.requires_grad for p in model.features.parameters()]
    held = {id(p): float(g["lr"]) for g in optimizer.param_groups for p in g["params"]}
    inside = [id(p) in held for p in model.features.parameters()]
    _thawed(learns, inside)
    if any(id(p) not in held for p in model.classifier.parameters()):
        raise wrong(
            "head-lost", "The new optimizer holds the backbone alone: the head has stopped."
        )
    head = {held[id(p)] for p in model.classifier.parameters()}
    backbone = {held[id(p)] for p in model.features.parameters()}
    _a_tenth(max(backbone), min(head))
    return (
        "Now the backbone has gradients and somebody who uses them. requires_grad alone computes "
        "gradients that nobody takes: a slower run, and the same network."
    )


def _thawed(learns: list[bool], inside: list[bool]) -> None:
    """Raise unless the backbone has gradients and the optimizer holds it."""
    if not any(inside):
        raise wrong(
            "not-in-optimizer",
            "The backbone may learn, but no optimizer holds its parameters."
            if all(learns)
            else "The backbone is still frozen, and no optimizer holds its parameters.",
        )
    if not all(inside):
        raise wrong("only-some", f"{inside.count(False)} of the backbone's parameters are missing.")
    if not any(learns):
        raise wrong(
            "still-frozen",
            "The optimizer holds the backbone, but requires_grad is still False: without a "
            "gradient it moves nothing.",
        )


def _a_tenth(backbone: float, head: float) -> None:
    """Raise unless the backbone's rate is a tenth of the head's."""
    if math.isclose(backbone, head):
        raise wrong("not-lowered", f"Backbone and head both have the rate {head:g}.")
    if math.isclose(head, backbone / 10):
        raise wrong(
            "wrong-group", f"The head's rate was lowered to {head:g} instead of the backbone's."
        )
    if not math.isclose(backbone, head / 10, rel_tol=0.01):
        raise wrong("not-a-tenth", f"Backbone {backbone:g}, head {head:g}: not a tenth of it.")


@exercise(
    "5.3",
    wanted="two rates of the record: the best one, and the list of those that end below head only",
    hints=(
        "Read the record's curve against its dashed line.",
        'sweep.groupby("rate")["accuracy"].mean() gives the curve, head_only the line.',
        "Too large a rate destroys; too small a one moves batch norm's statistics all the same.",
    ),
)
def rates_to_choose(best: Any, below: Any) -> str:
    """The best single rate of the record, and the rates that are worse than not thawing at all."""
    rows = pd.DataFrame(experiments.read_record("fine_tuning_rates")["rows"])
    means = rows.groupby("rate")["accuracy"].mean()
    line = rows["head_only"].mean()
    right = {float(rate) for rate, mean in means.items() if mean < line}
    chosen = recognise.number(best, "The best rate")
    _best_rate(chosen, means)
    given = {
        recognise.number(rate, "A rate") for rate in recognise.items(below, len(means), "The list")
    }
    if given == right:
        return (
            f"{chosen:g} is best, and {len(right)} of {len(means)} rates are worse than leaving "
            "the backbone frozen. A tiny rate is no safe choice: the statistics move with any."
        )
    if extra := given - right:
        named = ", ".join(f"{rate:g}" for rate in sorted(extra))
        raise wrong("not-below", f"{named}: not a rate of the record that ends below {line:.1%}.")
    if max(given) < float(means.idxmax()):
        raise wrong(
            "only-small", "Those are below the line. Look at the right end of the curve too."
        )
    if min(given) > float(means.idxmax()):
        raise wrong(
            "only-large",
            "Those are below the line. Look at the left end too: at tiny rates the weights hardly "
            "move, but the statistics do.",
        )
    raise wrong("some-left", f"{len(right - given)} more of the rates end below {line:.1%}.")


def _best_rate(chosen: float, means: pd.Series[float]) -> None:
    """Raise unless this is the rate with the highest mean."""
    top = float(means.idxmax())
    near = [float(rate) for rate in means.index if math.isclose(rate, chosen, rel_tol=1e-6)]
    if not near:
        known = ", ".join(f"{rate:g}" for rate in means.index)
        raise wrong("not-tried", f"{chosen:g} is not among the rates of the record: {known}.")
    if math.isclose(chosen, top, rel_tol=1e-6):
        return
    side = "too-small" if chosen < top else "too-large"
    text = f"{chosen:g} ends at {means[near[0]]:.1%}; another rate ends at {means.max():.1%}."
    raise Wrong(side, f"{text} Which?")


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
)
def beat_the_recipe(recipe: Any, course: Course) -> str:
    """Beat the classic recipe on validation images, over three seeds, within five thawed epochs."""
    function = recognise.function(recipe, "my_recipe")
    # Two fifths are held out: what is left to train on is as much as the lesson has.
    wide = course if course.train is None else replace(course, train=course.train * 5 // 3)
    rows = [_one_seed(function, wide, seed) for seed in SEEDS]
    gains = pd.Series([own - theirs for own, theirs in rows])
    seen = (
        f"Yours: {experiments.mean_and_std([own for own, _ in rows])}; the classic recipe: "
        f"{experiments.mean_and_std([theirs for _, theirs in rows])}."
    )
    if gains.mean() <= 0:
        raise wrong("not-better", f"{seen} On average it is not ahead.")
    uncertainty = 1.5 * gains.std() / math.sqrt(len(gains))
    if gains.mean() <= uncertainty:
        raise wrong(
            "within-the-spread",
            f"{seen} It is ahead by {100 * gains.mean():.1f} points, but that is within the "
            f"uncertainty of a mean of three ({100 * uncertainty:.1f}): luck would do as much.",
        )
    return f"{seen} Three seeds are few: before you believe it for good, try ten others."


def _one_seed(function: Any, course: Course, seed: int) -> tuple[float, float]:
    """Validation accuracy of the reader's recipe and of the course's, on the same images."""
    pool = course.draw(seed)
    split = pool.hold_out(len(pool.train_images) * 2 // 5, seed=seed)
    # the reader's function sees training images only, wherever it looks
    open_data = replace(split, test_images=split.train_images, test_labels=split.train_labels)
    seen = 0

    def prepare(images: Tensor) -> Tensor:
        nonlocal seen
        seen += len(images) if torch.is_grad_enabled() else 0
        return course.prepare(images)

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
    result = function(model, open_data, prepare, seed)
    if hasattr(result, "__next__"):
        raise wrong(
            "a-generator",
            "The function gave an iterator and nobody walked through it, so nothing was trained. "
            "Loop over the events inside.",
        )
    if all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)):
        raise wrong("not-trained", "The model that it was given has not changed at all.")
    if seen > (EPOCHS + 0.5) * len(split.train_images):
        epochs = seen / len(split.train_images)
        raise wrong(
            "over-budget", f"It took {epochs:.1f} passes through the images; five are allowed."
        )
    own, model = score(model), fresh()
    for _ in recipes.classic(model, split, course.prepare, seed=seed, batch_size=32, watch=False):
        pass
    return own, score(model)
