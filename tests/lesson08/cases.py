"""Answers to the exercises of lesson 08."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from course_utils.exercises.safety import copy_of
from course_utils.images.datasets import ImageData, load_shapes
from course_utils.images.preprocessing import Prepare
from course_utils.lesson08.small_net import SIZE, small_net
from course_utils.networks.checkpoint_files import read_checkpoint
from course_utils.networks.heads import replace_head
from course_utils.networks.partial_loading import load_matching
from course_utils.training import recipes
from course_utils.world import IMAGENET_MEAN, IMAGENET_STD
from tests.exercises.harness import Cases

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.transforms import v2

Made = Callable[[], tuple[Any, ...]]


def answer(*values: Any) -> Made:
    return lambda: values


# 8.1 ------------------------------------------------------------------------------------------


def reader(
    *,
    found: Callable[[Any], Any] = json.loads,
    classes: int | None = None,
    load: Callable[[Any, Any], Any] = lambda model, state: model.load_state_dict(state),
    prepare: Callable[[Any], Any] = lambda f: Prepare(f["size"], tuple(f["mean"]), tuple(f["std"])),
    train: bool = False,
    give: Callable[[Any, Any], Any] = lambda model, prepare: (model, prepare),
) -> Made:
    """A reader of files, right but for what is changed."""

    def my_reader(path: Any) -> Any:
        with safe_open(path, "pt") as file:
            notes = {
                name: found(text) for name, text in file.metadata().items() if name[:2] != "ne"
            }
        model = small_net(classes or len(notes["classes"])).train(train)
        load(model, load_file(path))
        return give(model, prepare(notes))

    return lambda: (my_reader,)


def by_shape_of_head(path: Path) -> list[Any]:
    state = read_checkpoint(path)
    with safe_open(path, "pt") as file:
        notes = file.metadata()
    model = small_net(len(state["head.bias"]))
    model.load_state_dict(state)
    mean, std = (torch.tensor(json.loads(notes[n])).view(1, 3, 1, 1) for n in ("mean", "std"))
    side = json.loads(notes["size"])

    def prepare(images: Tensor) -> Tensor:
        x = nn.functional.interpolate(images / 255, (side, side), mode="bilinear", antialias=True)
        return (x - mean) / std

    return [model.eval(), prepare]


def matching(path: Path) -> tuple[Any, Any]:
    (made,) = reader(load=lambda model, state: load_matching(model, state))()
    network, prepare = made(path)
    return network.requires_grad_(False), lambda images: prepare(images)


def parameters_only(model: Any, state: Any) -> None:
    names = dict(model.named_parameters())
    model.load_state_dict({n: t for n, t in state.items() if n in names}, strict=False)


def backbone_only(model: Any, state: Any) -> None:
    state = {n: t for n, t in state.items() if not n.startswith("head.")}
    model.load_state_dict(state, strict=False)


def transforms(first: Any, notes: Any) -> Any:
    """Give torchvision's documented order: resize bytes, scale, normalise."""
    return v2.Compose(
        [first, v2.ToDtype(torch.float32, scale=True), v2.Normalize(notes["mean"], notes["std"])]
    )


def not_scaled(notes: Any) -> Any:
    mean, std = (torch.tensor(notes[n]).view(3, 1, 1) for n in ("mean", "std"))
    size = (notes["size"], notes["size"])
    return lambda images: (nn.functional.interpolate(images.float(), size) - mean) / std


HALF = (0.5, 0.5, 0.5)


def imagenet(notes: Any) -> Prepare:
    return Prepare(notes["size"], IMAGENET_MEAN, IMAGENET_STD)


# 8.2 ------------------------------------------------------------------------------------------

WASTED = ["fabric", "orientation", "other shapes, random labels"]

# 8.3 ------------------------------------------------------------------------------------------


def start(function: Callable[[Any, Any, int], Any]) -> Made:
    """A function of a fresh network, a state and a number of classes, as an answer."""
    return lambda: (lambda state, classes: function(small_net(classes), state, classes),)


def backbone(state: Any) -> Any:
    return {n: t for n, t in state.items() if not n.startswith("head.")}


def reference(model: Any, state: Any, classes: int) -> Any:
    fit = model.load_state_dict(backbone(state), strict=False)
    if fit.missing_keys != ["head.weight", "head.bias"] or fit.unexpected_keys:
        raise ValueError(f"does not fit: {fit}")
    return model


def what_matches(model: Any, state: Any, classes: int) -> Any:
    load_matching(model, backbone(state))
    return model


def head_afterwards(model: Any, state: Any, classes: int) -> Any:
    model = small_net(len(state["head.bias"]))  # a KeyError where names are others
    model.load_state_dict(state)
    replace_head(model, classes)
    return model


def without_prefix(model: Any, state: Any, classes: int) -> Any:
    state = {n.removeprefix("module."): t for n, t in state.items()}
    fit = model.load_state_dict(backbone(state), strict=False)
    if fit.missing_keys != ["head.weight", "head.bias"] or fit.unexpected_keys:
        raise ValueError(f"does not fit: {fit}")
    return model


def her_function(model: Any, state: Any, classes: int) -> Any:
    own = model.state_dict()
    fits = {n: t for n, t in state.items() if n in own and t.shape == own[n].shape}
    model.load_state_dict(fits, strict=False)
    return model


def silently(model: Any, state: Any, classes: int) -> Any:
    model.load_state_dict(backbone(state), strict=False)
    return model


def named_alike(model: Any, state: Any, classes: int) -> Any:
    """Asks for every tensor of the backbone as soon as there is one, but says nothing if not."""
    if any(name in model.state_dict() for name in state):
        return reference(model, state, classes)
    return model


def strictly(model: Any, state: Any, classes: int) -> Any:
    model.load_state_dict(backbone(state))
    return model


def all_of_it(model: Any, state: Any, classes: int) -> Any:
    model.load_state_dict(state, strict=False)
    return model


def popped(model: Any, state: Any, classes: int) -> Any:
    state.pop("head.weight"), state.pop("head.bias")
    return silently(model, state, classes)


def only_parameters(model: Any, state: Any, classes: int) -> Any:
    names = dict(model.named_parameters())
    return silently(model, {n: t for n, t in state.items() if n in names}, classes)


def thirty_outputs(model: Any, state: Any, classes: int) -> Any:
    return reference(small_net(30), state, classes)


# 8.4 ------------------------------------------------------------------------------------------

PREPARE = Prepare(SIZE, (0.4, 0.4, 0.4), (0.23, 0.23, 0.23))


@cache
def target() -> ImageData:
    return load_shapes("orientation", 400, 200)


@cache
def trained(steps: int, width: int = 16, plain: bool = False, rate: float = 3e-3) -> nn.Module:
    """A network of 30 outputs, pretrained for some steps of 32 images, each of them seen once.

    Directions of grain are learned in a second, so source and target are both of these here.
    """
    torch.manual_seed(1)
    data = load_shapes("orientation", 32 * steps, 10, seed=1)
    prepare = replace(PREPARE, mean=(0.0,) * 3, std=(1.0,) * 3) if plain else PREPARE
    model = small_net(30, width)
    events = recipes.fine_tune(model, data, prepare, count=1, backbone_rate=rate, head_rate=rate)
    for _ in events:
        pass
    return model


@cache
def on_test_images() -> nn.Module:
    model = copy_of(trained(60))
    replace_head(model, 10)
    wrong = replace(target(), train_images=target().test_images, train_labels=target().test_labels)
    for _ in recipes.fine_tune(model, wrong, PREPARE, count=12):
        pass
    return model


@cache
def not_finite() -> nn.Module:
    model = copy_of(trained(3))
    with torch.no_grad():
        next(model.parameters())[0] = float("inf")
    return model


def rivals(mine: Callable[[], Any], theirs: Callable[[], Any] = lambda: trained(3)) -> Made:
    return lambda: (mine(), theirs(), PREPARE, target())


CASES = {
    "read_whole_file": Cases(
        right=(
            reader(),
            answer(by_shape_of_head),
            answer(matching),
            reader(prepare=lambda f: transforms(v2.Resize(f["size"]), f)),
            reader(give=lambda model, prepare: (nn.DataParallel(model), prepare)),
        ),
        wrong={
            "still-text": reader(found=str),
            "another-head": reader(classes=30),
            "no-prepare": reader(give=lambda model, prepare: model),
            "not-two": reader(give=lambda model, prepare: None),
            "swapped": reader(give=lambda model, prepare: (prepare, model)),
            "other-file": answer(lambda path: (small_net(30).eval(), PREPARE)),
            "not-loaded": reader(load=lambda model, state: None),
            "head-left-out": reader(load=backbone_only),
            "some-left-out": reader(load=parameters_only),
            "train-mode": reader(train=True),
            "notes-not-read": reader(prepare=lambda f: Prepare(str(f["size"]), "0", "1")),  # type: ignore[arg-type]
            "no-images": reader(prepare=lambda f: lambda images: images[0]),
            "cut-out": reader(prepare=lambda f: transforms(v2.CenterCrop(f["size"]), f)),
            "not-by-pixel": reader(
                prepare=lambda f: (
                    lambda images: Prepare(f["size"], f["mean"], f["std"])(images).flip(1)
                )
            ),
            "not-scaled": reader(prepare=not_scaled),
            "another-size": reader(prepare=lambda f: Prepare(SIZE, f["mean"], f["std"])),
            "not-normalised": reader(prepare=lambda f: Prepare(f["size"], (0,) * 3, (1,) * 3)),
            "mean-and-std-swapped": reader(
                prepare=lambda f: Prepare(f["size"], f["std"], f["mean"])
            ),
            "imagenet": reader(prepare=imagenet),
            "other-statistics": reader(
                prepare=lambda f: Prepare(f["size"], (0.5,) * 3, (0.5,) * 3)
            ),
            "a-state-dict": reader(give=lambda model, prepare: (model.state_dict(), prepare)),
            "not-a-function": answer(PREPARE.size),
        },
    ),
    "choose_source": Cases(
        right=(
            answer(30, 30, WASTED),
            answer(30, 10, tuple(WASTED[::-1])),
            answer(30.0, torch.tensor(10), [name.upper() for name in WASTED]),
        ),
        wrong={
            "not-tried": answer(7, 30, WASTED),
            "too-easy": answer(2, 30, WASTED),
            "more-would-help": answer(10, 10, WASTED),
            "all-of-them": answer(
                30, 30, [*WASTED, "own classes", "other shapes", "other shapes at night"]
            ),
            "worse-than-tuned": answer(30, 30, [*WASTED, "other shapes at night"]),
            "was-worth-it": answer(30, 30, [*WASTED, "own classes"]),
            "within-the-spread": answer(30, 30, WASTED[1:]),
            "some-left": answer(30, 30, WASTED[:2]),
            "unknown-kind": answer(30, 30, ["random labels"]),
            "not-a-list": answer(30, 30, "fabric"),
        },
    ),
    "safe_start": Cases(
        right=(start(reference), start(head_afterwards), start(without_prefix)),
        wrong={
            "old-head": start(her_function),
            "fits-in-part": start(what_matches),
            "silent": start(named_alike),
            "head-demanded": start(strictly),
            "size-mismatch": start(all_of_it),
            "state-changed": start(popped),
            "some-left": start(only_parameters),
            "nothing-loaded": start(lambda model, state, classes: model),
            "wrong-width": start(thirty_outputs),
            "no-network": start(lambda model, state, classes: None),
            "not-a-function": answer("my_start"),
        },
    ),
    "better_backbone": Cases(
        right=(
            rivals(lambda: trained(60)),
            rivals(lambda: trained(60, rate=1e-2)),
            rivals(lambda: trained(60, width=8)),
        ),
        wrong={
            "no-head": rivals(lambda: nn.Sequential(*trained(3)[:-1])),  # type: ignore[index]
            "same-network": rivals(lambda: copy_of(trained(3))),
            "larger-network": rivals(lambda: small_net(30, 24)),
            "not-finite": rivals(not_finite),
            "never-trained": rivals(lambda: small_net(30)),
            "target-seen": rivals(on_test_images),
            "other-normalisation": rivals(lambda: trained(60, plain=True), lambda: trained(60)),
            "not-better": rivals(lambda: trained(3), lambda: trained(60)),
            "within-the-spread": rivals(lambda: trained(6)),
            "a-state-dict": rivals(lambda: trained(3).state_dict()),
        },
    ),
}
