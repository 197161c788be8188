"""Answers to the exercises of lesson 06."""

import copy
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from course_utils import experiments
from course_utils.lesson06 import surgery
from course_utils.networks.checkpoint_files import CheckpointError
from course_utils.networks.heads import replace_head
from course_utils.networks.mobilenet import load_mobilenet_v2
from course_utils.networks.partial_loading import load_matching
from tests.exercises.harness import Cases
from tests.lesson04.cases import numbers

import pandas as pd
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet18

State = dict[str, Tensor]


def load(function: Callable[[Any, State], Any]) -> Callable[[], tuple[Any, ...]]:
    return lambda: (function,)


def fitting(model: Any, state: State) -> State:
    own = model.state_dict()
    return {n: t for n, t in state.items() if n in own and t.shape == own[n].shape}


def careful(model: Any, state: State) -> None:
    fits = fitting(model, state)
    lost = [n for n in model.state_dict() if n not in fits and not n.startswith("classifier.")]
    if lost:
        raise ValueError(f"{len(lost)} tensors of the backbone found no weights: {lost[:3]}")
    model.load_state_dict(fits, strict=False)


def load_then_look(model: Any, state: State) -> Any:
    result = model.load_state_dict(fitting(model, state), strict=False)
    assert all(name.startswith("classifier.") for name in result.missing_keys), result.missing_keys
    return result


def strip_and_load(model: Any, state: State) -> None:
    careful(model, {name.removeprefix("module."): tensor for name, tensor in state.items()})


def only_the_backbone(model: Any, state: State) -> None:
    prefix = "features."
    model.features.load_state_dict(
        {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
    )


def by_report(model: Any, state: State) -> None:
    report = load_matching(model, state)
    if any(n.startswith("features.") for n in [*report.missing, *report.reshaped]):
        raise CheckpointError(str(report))


def refuse(model: Any, state: State) -> None:
    raise ValueError("strict!")


def in_a_copy(model: Any, state: State) -> Any:
    model = copy.deepcopy(model)
    careful(model, state)
    return model


def with_its_own_head(model: Any, state: State) -> None:
    model.classifier[1] = nn.Linear(model.last_channel, len(state["classifier.1.bias"]))
    model.load_state_dict(state)


def all_must_fit(model: Any, state: State) -> None:
    if fitting(model, state).keys() != model.state_dict().keys():
        raise ValueError("something does not fit")
    model.load_state_dict(state)


def all_or_nothing(model: Any, state: State) -> None:
    own = model.state_dict()
    if all(n in own and own[n].shape == t.shape for n, t in state.items()):
        model.load_state_dict(state)


def own_shape_first(model: Any, state: State) -> None:
    own = model.state_dict()
    model.load_state_dict({n: t for n, t in state.items() if t.shape == own[n].shape}, False)


def asks_and_refuses(model: Any, state: State) -> None:
    """Raises a KeyError on purpose."""
    own = model.state_dict()
    for name in state:
        if name not in own:
            raise KeyError(f"the network has no tensor called {name}")
    careful(model, state)


def silent(model: Any, state: State) -> None:
    model.load_state_dict(fitting(model, state), strict=False)


def prints(model: Any, state: State) -> None:
    print(model.load_state_dict(fitting(model, state), strict=False))


def warns(model: Any, state: State) -> None:
    prints(model, state)
    warnings.warn("some tensors are missing", stacklevel=1)


def nothing_left_over(model: Any, state: State) -> None:
    """Looks at unexpected names only."""
    if unexpected := model.load_state_dict(fitting(model, state), strict=False).unexpected_keys:
        raise ValueError(unexpected)
    if state.keys() - model.state_dict().keys():
        raise ValueError("names that the network does not know")


def names_alone(model: Any, state: State) -> None:
    """Looks at names on both sides, and drops other shapes."""
    if model.state_dict().keys() != state.keys():
        raise ValueError("other names")
    model.load_state_dict(fitting(model, state), strict=False)


@cache
def original() -> Any:
    """The course's own pretrained network, on which the lesson works too."""
    folder = Path(__file__).resolve().parents[2] / "data"
    return load_mobilenet_v2(folder / "mobilenet_v2-shapes.safetensors").eval()


def wider(
    *changes: Callable[[Any], Any], place: int = 14, factor: float = 2.0, filled: bool = True
) -> Callable[[], tuple[Any, ...]]:
    """A network with a wider block, the old weights in its corners, and changes to that block."""

    def make() -> tuple[Any, ...]:
        model = mobilenet_v2(num_classes=30)
        surgery.widen_block(model, place, factor)
        state = original().state_dict()
        if filled:
            state, _ = surgery.copy_overlap(model, state)
        load_matching(model, state)
        with torch.no_grad():
            for change in changes:
                change(model.features[place].conv)
        return model, original()

    return make


def quiet(conv: Any) -> None:
    conv[2].weight.data[:, 576:] = 0


def copied() -> tuple[Any, ...]:
    model = mobilenet_v2(num_classes=30)
    surgery.widen_block(model, 14)
    model.load_state_dict(surgery.widen_weights(original().state_dict(), 14, 1152))
    return model, original()


def in_train_mode() -> tuple[Any, ...]:
    model = wider(quiet)()[0].requires_grad_(False)
    return model.train(), original()


def not_loaded() -> tuple[Any, ...]:
    model = mobilenet_v2(num_classes=30)
    surgery.widen_block(model, 14)
    quiet(model.features[14].conv)
    return model, original()


def with_head(classes: int) -> tuple[Any, ...]:
    model = wider(quiet)()[0]
    replace_head(model, classes)
    return model, original()


def silent_channels(conv: Any) -> None:
    conv[0][0].weight[576:] = 0


def other_norms(conv: Any) -> None:
    conv[1][1].running_mean[:576] += 1


def without_blocks() -> nn.Module:
    model = mobilenet_v2(num_classes=30)
    model.features = model.features[:5]
    return model


def points(start: str, who: str = "C", other: str = "pretrained alike") -> float:
    """Points of one network less those of A, by the record."""
    fair = pd.DataFrame(experiments.read_record("fair_comparison")["rows"])
    means = fair.groupby(["start", "architecture"])["accuracy"].mean()
    return float(100 * (means[start, who] - means[other, "A"]))


GAP = points("pretrained alike")

CASES = {
    "careful_load": Cases(
        right=(
            load(careful),
            load(load_then_look),
            load(strip_and_load),
            load(only_the_backbone),
            load(by_report),
            load(asks_and_refuses),
        ),
        wrong={
            "refuses-what-fits": load(refuse),
            "not-loaded": load(in_a_copy),
            "strict-about-the-head": load(lambda model, state: model.load_state_dict(state)),
            "refuses-a-new-head": load(all_must_fit),
            "backbone-left-out": load(all_or_nothing),
            "head-changed": load(with_its_own_head),
            "stops-by-accident": load(own_shape_first),
            "only-says-so": load(prints),
            "loads-nothing": load(silent),
            "half-is-enough": load(nothing_left_over),
            "drops-other-shapes": load(names_alone),
            "not-a-function": lambda: ({"features.0.0.weight": torch.zeros(1)},),
        },
    ),
    "one_more_at_15": Cases(
        right=(
            numbers(200, 303, 254),
            numbers(1, 303.0, torch.tensor(254)),
            numbers(314, torch.tensor(303), 254.0),
        ),
        wrong={
            "all-wanted": numbers(200, 332, 254),
            "keys-shifted": numbers(200, 314, 254),
            "names-only": numbers(200, 308, 254),
            "block-five": numbers(200, 255, 74),
            "right-for-matched": numbers(200, 254, 254),
            "another-match": numbers(200, 100, 254),
            "all-in-place": numbers(200, 303, 303),
            "wrong-ones": numbers(200, 303, 49),
            "head-forgotten": numbers(200, 303, 252),
            "one-block-off": numbers(200, 303, 236),
            "place-five": numbers(200, 303, 74),
            "another-place": numbers(200, 303, 7),
        },
    ),
    "wider_and_same": Cases(
        right=(wider(quiet), copied, in_train_mode),
        wrong={
            "other-network": lambda: (resnet18(), original()),
            "no-such-block": lambda: (without_blocks(), original()),
            "other-head": lambda: with_head(10),
            "other-block": wider(place=13),
            "not-wider": lambda: (copy.deepcopy(original()), original()),
            "other-width": wider(quiet, factor=1.5),
            "weights-missing": not_loaded,
            "corner-missing": wider(quiet, filled=False),
            "norm-zeroed": wider(lambda conv: nn.init.zeros_(conv[3].weight)),
            "all-zeroed": wider(lambda conv: nn.init.zeros_(conv[2].weight)),
            "wrong-half": wider(lambda conv: conv[2].weight[:, :576].zero_()),
            "takes-random-channels": wider(lambda conv: conv[2].weight[576:].zero_()),
            "old-part-changed": wider(quiet, lambda conv: conv[2].weight.mul_(0.5)),
            "norms-differ": wider(quiet, other_norms),
            "dead-channels": wider(quiet, silent_channels),
            "a-state-dict": lambda: (copied()[0].state_dict(), original()),
        },
    ),
    "unfair_report": Cases(
        right=(
            numbers("start", GAP, "no"),
            numbers(" Start", round(GAP, 1), "No"),
            numbers("start", torch.tensor(GAP), "no"),
        ),
        wrong={
            "rate": numbers("rate", GAP, "no"),
            "seeds": numbers("seeds", GAP, "no"),
            "images": numbers("images", GAP, "no"),
            "size": numbers("size", GAP, "no"),
            "his-own-number": numbers("start", points("what fits of A's"), "no"),
            "a-fraction": numbers("start", GAP / 100, "no"),
            "sign": numbers("start", -GAP, "no"),
            "no-weights": numbers("start", points("scratch", other="scratch"), "no"),
            "the-deeper-one": numbers("start", points("pretrained alike", "B"), "no"),
            "another-gap": numbers("start", -25, "no"),
            "overlap": numbers("start", GAP, "yes"),
            "not-a-choice": numbers("attention", GAP, "no"),
        },
    ),
}
