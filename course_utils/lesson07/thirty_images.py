"""Exercise of lesson 07 about thirty images: a training of the reader's own, measured."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

from course_utils import experiments, training
from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.paired_comparison import Lead, lead
from course_utils.exercises.verdict import Mistake
from course_utils.images.datasets import ImageData, load_shapes
from course_utils.lesson07 import strategies
from course_utils.lesson07.tasks import few_classes, load_task
from course_utils.networks.heads import replace_head
from course_utils.world import Course

import pandas as pd
import torch
from torch import Tensor, nn

SEEDS = (0, 1, 2)
CLASSES, EACH = 3, 10
FRESH = 700_001  # seed of test images that no lesson shows
TESTS = 1000  # test images of all classes; three tenths of them are of three classes


@exercise(
    "7.4",
    wanted="a function of model, data, prepare and seed that trains the model and gives it back",
    hints=(
        "What did the record of 7.4 tell about the two strategies with pretrained weights? Begin "
        "with one of these, and change one thing.",
        "train_head and fine_tune of course_utils.training.recipes are iterators: loop over them. "
        "With thirty images choose batch_size=16 at most. Hand the network back in eval mode.",
        "for _ in recipes.train_head(model, data, prepare, count=100, batch_size=16, seed=seed): "
        "pass; then return model.eval()",
    ),
    seconds=300,
    given=("course",),
    mistakes={
        "guessing": "{seen} Guessing is right in {chance:.0%}. Was the rate too large, or are "
        "batch norm's statistics those of too few steps?",
        "behind": "{seen} Behind by {behind:.1f} ± {spread:.1f} points. That is more than the "
        "spread, so a head on frozen features would have been the better choice.",
        "a-generator": "The function gave an iterator and nobody walked through it, so nothing "
        "was trained. Loop over the events inside.",
        "own-prepare": "The function never used the `prepare` that it is given, so it has seen no "
        "image, or none that the check could watch.",
        "test-images-seen": "{count} times an image went into the network that is one of the "
        "lesson's test images. Train and choose by data.train_images alone: with more images it "
        "is no longer thirty.",
        "not-trained": "The network has not changed at all: nothing was trained.",
        "train-mode": "The network comes back in train mode: each answer would depend on the "
        "other images of its batch, and dropout would throw features away. Hand it back in eval "
        "mode.",
        "wrong-width": "The network gives {outputs} scores an image; the task has {classes} "
        "classes.",
        "not-finite": "Its scores are no numbers: the training ran away. Lower the rate.",
    },
)
def thirty_images(training_function: Any, course: Course) -> str:
    """A network for thirty near images, over three draws, against a head on frozen features."""
    function = recognise.function(training_function, "my_training")
    peeked = _lesson_tests(course)
    ours, theirs, classes, tests = {}, {}, 2, 1
    for seed in SEEDS:
        data = _thirty(course, seed)
        classes, tests = len(data.class_names), len(data.test_labels)
        ours[seed] = _accuracy(_trained(function, course, data, seed, peeked), data, course)
        theirs[seed] = _head_on_frozen(course, seed)
    mine, head = pd.Series(ours), pd.Series(theirs)
    gain, seen = lead(mine, head), _seen(mine, head)
    doubt = 100 * math.sqrt(float(head.mean() * (1 - head.mean())) / tests)
    if mine.mean() < 1 / classes + 0.1:
        raise Mistake("guessing", seen=seen, chance=1 / classes)
    if gain.mean < -max(gain.spread, doubt):
        raise Mistake("behind", seen=seen, behind=-gain.mean, spread=gain.spread)
    return f"{seen} {_praise(gain, doubt)} {_record()}"


def _seen(mine: pd.Series[float], head: pd.Series[float]) -> str:
    return (
        "Thirty images, three draws, on test images unseen so far: yours "
        f"{experiments.mean_and_std(mine.tolist())}, a head on frozen features "
        f"{experiments.mean_and_std(head.tolist())}."
    )


def _praise(gain: Lead, doubt: float) -> str:
    if gain.mean > max(gain.spread, doubt):
        return f"Yours is ahead by {gain}: more than the spread, over three draws."
    return f"The difference, {gain}, is within what chance does: level, and that counts."


def _record() -> str:
    """What the strategies of the record reached."""
    rows = pd.DataFrame(experiments.read_record("thirty_images")["rows"])
    near = rows[rows["task"] == "near"].groupby("strategy")["accuracy"]
    best = near.mean().sort_values(ascending=False).index[:2]
    told = "; ".join(
        f"{name} {experiments.mean_and_std(near.get_group(name).tolist())}" for name in best
    )
    return f"The record of the Shapes world, with other test images: {told}."


@cache
def _head_on_frozen(course: Course, seed: int) -> float:
    """Accuracy of a head on frozen features; kept, so that a second try takes half the time."""
    return strategies.head_only(course, _thirty(course, seed), seed=seed).accuracy


@cache
def _thirty(course: Course, seed: int) -> ImageData:
    """Ten images of each of three near classes, drawn by `seed`, and test images of these.

    Where the world is endless, these are test images that nobody has seen.
    """
    names, endless = len(course.data.class_names), course.world == "shapes"
    pool = load_task(course, "near", EACH * names, 10 if endless else TESTS, seed)
    if endless:
        fresh = load_shapes("target", TESTS, 1, seed=FRESH)
        pool = replace(pool, test_images=fresh.train_images, test_labels=fresh.train_labels)
    each = min(EACH, int(pool.train_labels.bincount(minlength=names).min()))
    return few_classes(pool, min(CLASSES, names), each, seed)


def _lesson_tests(course: Course) -> set[bytes]:
    """The test images that the lesson has in hand, to recognise them in a training."""
    if course.world != "shapes":
        return {image.numpy().tobytes() for image in course.data.test_images}
    images = [load_task(course, "near", 10, tests, 0).test_images for tests in (200, 300)]
    return {image.numpy().tobytes() for image in torch.cat([*images, course.data.test_images])}


def _trained(
    function: Any, course: Course, data: ImageData, seed: int, peeked: set[bytes]
) -> nn.Module:
    """The network that the reader's function makes; raises a mistake where the rules are broken."""
    # the reader's function sees training images only, wherever it looks
    images, labels = data.train_images.clone(), data.train_labels.clone()
    open_data = replace(
        data, train_images=images, train_labels=labels, test_images=images, test_labels=labels
    )
    seen = used = 0

    def prepare(images: Tensor) -> Tensor:
        nonlocal seen, used
        used += 1
        seen += sum(image.detach().cpu().numpy().tobytes() in peeked for image in images)
        return course.prepare(images)

    torch.manual_seed(seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = function(model, open_data, prepare, seed)
    if hasattr(result, "__next__"):
        raise Mistake("a-generator")
    network = recognise.network(model if result is None else result)
    if not used:
        raise Mistake("own-prepare")
    if seen:
        raise Mistake("test-images-seen", count=seen)
    after = network.state_dict()
    if after.keys() == before.keys() and all(torch.equal(t, before[n]) for n, t in after.items()):
        raise Mistake("not-trained")
    return network


def _accuracy(network: nn.Module, data: ImageData, course: Course) -> float:
    """Share of right answers on the fresh test images; raises a mistake if it cannot be told."""
    if any(module.training for module in network.modules()):
        raise Mistake("train-mode")
    with torch.no_grad():
        scores = network(course.prepare(data.test_images[:2]))
    wanted = len(data.class_names)
    if scores.shape[-1] != wanted:
        raise Mistake("wrong-width", outputs=scores.shape[-1], classes=wanted)
    if not bool(torch.isfinite(scores).all()):
        raise Mistake("not-finite")
    images, labels = data.test_images, data.test_labels
    return training.evaluate(network, images, labels, course.prepare).accuracy
