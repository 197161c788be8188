"""Answers to the exercises of lesson 07."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from course_utils import world
from course_utils.lesson07.tasks import load_task
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, probes, recipes
from tests.exercises.harness import Cases

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet18

Made = Callable[[], tuple[Any, ...]]


def answer(*values: Any) -> Made:
    return lambda: values


# 7.2 ------------------------------------------------------------------------------------------


def graft(
    numbers: Callable[[int], Any] = range,
    *,
    start: Callable[[Any, int], Any] = lambda source, classes: mobilenet_v2(num_classes=classes),
    copy: Callable[[Any, Any], Any] = lambda new, old: new.load_state_dict(old.state_dict()),
    freeze: Callable[[Any, int], Any] = lambda network, k: freezing.apply(
        network, freezing.freeze_first(network, k)
    ),
) -> Made:
    """A guess and a function that grafts, right but for what is changed."""

    def my_graft(source: Any, k: int, classes: int) -> Any:
        network = start(source, classes)
        for number in numbers(k):
            copy(network.features[number], source.features[number])
        freeze(network, k)
        return network

    return lambda: (0.5, my_graft)


def by_hand(network: Any, k: int) -> None:
    network.features[:k].requires_grad_(False)
    network.eval()


def with_helpers(source: Any, k: int, classes: int) -> Any:
    network = mobilenet_v2(num_classes=classes)
    first = {f"features.{number}." for number in range(k)}
    state = {n: t for n, t in source.state_dict().items() if n[: n.find(".", 9) + 1] in first}
    network.load_state_dict(state, strict=False)
    freezing.apply(network, freezing.freeze_first(network, k))
    return network


def parameters_only(new: Any, old: Any) -> None:
    with torch.no_grad():
        for mine, theirs in zip(new.parameters(), old.parameters(), strict=True):
            mine.copy_(theirs)


def lend(source: Any, k: int, classes: int) -> Any:
    network = mobilenet_v2(num_classes=classes)
    for number in range(k):
        network.features[number] = source.features[number]
    return network


def nothing_returned(source: Any, k: int, classes: int) -> None:
    with_helpers(source, k, classes)


def freeze_source(source: Any, k: int, classes: int) -> Any:
    source.features[:k].requires_grad_(False)
    return with_helpers(source, k, classes)


def on_module(network: Any, k: int) -> None:
    for block in network.features[:k]:
        block.requires_grad = False


def misspelt(network: Any, k: int) -> None:
    for parameter in network.features[:k].parameters():
        parameter.require_grad = False
    network.features[:k].eval()


def with_the_prefix(k: int) -> list[int]:
    """As `name.startswith("features.1")` has it."""
    return [i for i in range(19) if any(str(i).startswith(str(j)) for j in range(k))]


def whole(source: Any, classes: int) -> Any:
    network = mobilenet_v2(num_classes=30)
    network.load_state_dict(source.state_dict())
    replace_head(network, classes)
    return network


def from_the_back(k: int) -> list[int]:
    return [-number for number in range(1, k + 1)]


def last(network: Any, k: int) -> None:
    freezing.apply(network, freezing.thaw_last(network, 20 - k))
    network.features.requires_grad_(True)
    network.features[-k:].requires_grad_(False)


# 7.4 ------------------------------------------------------------------------------------------


@cache
def small_course() -> world.Course:
    return replace(world.choose(7, "shapes", 30, 10), size=32)  # four times as fast


def training(function: Callable[[Any, Any, Any, int], Any]) -> Made:
    return lambda: (function, small_course())


def head_only(model: Any, data: Any, prepare: Any, seed: int) -> Any:
    for _ in recipes.train_head(model, data, prepare, count=30, batch_size=15, seed=seed):
        pass
    return model.eval()


def then(change: Callable[[Any], Any]) -> Made:
    """Train a head, and then change the network."""

    def my_training(model: Any, data: Any, prepare: Any, seed: int) -> Any:
        return change(head_only(model, data, prepare, seed))

    return training(my_training)


def everything(model: Any, data: Any, prepare: Any, seed: int) -> None:
    """Changes the model in place and gives nothing back."""
    head_only(model, data, prepare, seed)
    events = recipes.fine_tune(
        model, data, prepare, count=3, backbone_rate=3e-4, batch_size=15, seed=seed
    )
    for _ in events:
        pass
    model.eval()


class Probed(nn.Module):
    """The last block's features, scaled, and the probe's layer."""

    def __init__(self, model: Any, probe: probes.Probe) -> None:
        super().__init__()
        self.features, self.layer = model.features, probe.layer
        self.mean, self.scale = probe.mean, probe.scale

    def forward(self, x: Tensor) -> Tensor:
        return self.layer((self.features(x).mean((2, 3)) - self.mean) / self.scale)


def probed(model: Any, data: Any, prepare: Any, seed: int) -> Any:
    features = probes.features_by_depth(model, data.train_images, prepare)["features.18"]
    return Probed(model, probes.fit(features, data.train_labels, len(data.class_names))).eval()


def with_lesson_tests(model: Any, data: Any, prepare: Any, seed: int) -> Any:
    tests = load_task(small_course(), "near", 20, 200, 5)
    prepare(tests.test_images[:30])
    return head_only(model, data, prepare, seed)


def untouched(model: Any, data: Any, prepare: Any, seed: int) -> Any:
    prepare(data.train_images)
    return model.eval()


def thirty_outputs(model: Any) -> Any:
    replace_head(model, 30)
    return model.eval()


def scrambled(model: Any) -> Any:
    with torch.no_grad():
        model.classifier[1].weight.zero_()
        model.classifier[1].bias.copy_(torch.tensor([1.0, 0, 0]))
    return model


def run_away(model: Any) -> Any:
    with torch.no_grad():
        model.classifier[1].bias.fill_(float("inf"))
    return model


def two_of_three(model: Any) -> Any:
    """Never answers with the last class."""
    with torch.no_grad():
        model.classifier[1].bias[2] = -1000
    return model


HEAD, REST = "head only", "everything"
SMALL, EARLY, PART = "scratch, small network", "earlier block", "first blocks frozen"

CASES = {
    "where_to_cut": Cases(
        right=(answer(5, 7, 19), answer("features.4", 7.0, 19), answer(6, torch.tensor(7), 19)),
        wrong={
            "no-such-block": answer(19, 7, 19),
            "last-block": answer(18, 7, 19),
            "the-near-task": answer(15, 7, 19),
            "too-shallow": answer(1, 7, 19),
            "too-deep": answer(9, 7, 19),
            "from-the-end": answer(5, 12, 19),
            "not-measured": answer(5, 25, 19),
            "nothing-transferred": answer(5, 0, 19),
            "too-many": answer(5, 14, 19),
            "too-few": answer(5, 7, 7),
            "not-a-number": answer("early", 7, 19),
        },
    ),
    "right_end": Cases(
        right=(
            graft(),
            answer(0.08, with_helpers),
            graft(lambda k: reversed(range(k)), freeze=by_hand),
        ),
        wrong={
            "no-share": answer(50, with_helpers),
            "no-network": answer(0.5, nothing_returned),
            "other-network": answer(0.5, lambda source, k, classes: resnet18()),
            "shared": answer(0.5, lend),
            "source-changed": answer(0.5, freeze_source),
            "from-the-end": graft(from_the_back),
            "nothing-copied": graft(lambda k: ()),
            "all-copied": graft(start=whole),
            "other-blocks": graft(lambda k: range(1, k + 1)),
            "an-end": graft(lambda k: range(k or 1)),
            "by-prefix": graft(with_the_prefix),
            "misspelt-switch": graft(freeze=misspelt),
            "buffers-left": graft(copy=parameters_only),
            "set-on-module": graft(freeze=on_module),
            "all-frozen": graft(freeze=lambda network, k: network.requires_grad_(False)),
            "other-frozen": graft(freeze=last),
            "batch-norm-awake": graft(
                freeze=lambda network, k: network.features[:k].requires_grad_(False)
            ),
            "wrong-width": graft(start=lambda source, classes: mobilenet_v2(num_classes=30)),
            "not-a-function": answer(0.5, 7),
        },
    ),
    "four_cases": Cases(
        right=(
            answer(REST, EARLY, REST, SMALL),
            answer(REST, REST, REST, SMALL),
            answer("Everything ", EARLY, "EVERYTHING", SMALL),
        ),
        wrong={
            "unknown-strategy": answer("fine-tune everything", EARLY, REST, SMALL),
            "features-thrown-away": answer("scratch", EARLY, REST, SMALL),
            "too-little-for-scratch": answer(REST, SMALL, REST, SMALL),
            "large-from-scratch": answer(REST, EARLY, REST, "scratch"),
            "deep-features": answer(REST, HEAD, REST, SMALL),
            "frozen-too-deep": answer(REST, PART, REST, SMALL),
            "levels-off": answer(REST, EARLY, HEAD, SMALL),
            "the-rule-alone": answer(HEAD, EARLY, REST, SMALL),
        },
    ),
    "thirty_images": Cases(
        right=(training(head_only), training(everything), training(probed)),
        wrong={
            "a-generator": training(
                lambda model, data, prepare, seed: recipes.train_head(model, data, prepare, count=1)
            ),
            "own-prepare": training(lambda model, data, prepare, seed: model.eval()),
            "test-images-seen": training(with_lesson_tests),
            "not-trained": training(untouched),
            "train-mode": then(lambda model: model.train()),
            "wrong-width": then(thirty_outputs),
            "not-finite": then(run_away),
            "guessing": then(scrambled),
            "behind": then(two_of_three),
            "a-state-dict": then(lambda model: model.state_dict()),
        },
    ),
}
