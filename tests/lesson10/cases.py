"""Answers to the exercises of lesson 10."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from course_utils.images.preprocessing import Prepare
from course_utils.lesson10 import small_networks
from course_utils.lesson10.freeze_conventions import yolov5_freeze
from course_utils.world import IMAGENET_MEAN, IMAGENET_STD
from tests.exercises.harness import Cases

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import efficientnet_b0, efficientnet_b1, swin_t

Make = Callable[[], tuple[Any, ...]]
RIGHT_MODULES = [2, 20, 21, 22, 23]
NO_STATISTICS = ["VGG-16", "ViT-B/16"]


def meta(inputs: int, outputs: int = 7) -> nn.Linear:
    return nn.Linear(inputs, outputs, device="meta")


def heads(
    change: Callable[[Any, Any], Any] = lambda e, s: None,
    *,
    first: Callable[[], Any] = lambda: meta(1280),
    second: Callable[[], Any] = lambda: meta(768),
) -> Make:
    def make() -> tuple[Any, ...]:
        with torch.device("meta"):
            one, other = efficientnet_b0(), swin_t()
        one.classifier[1], other.head = first(), second()
        change(one, other)
        return one, other

    return make


def whole_classifier() -> tuple[Any, ...]:
    one, other = heads()()
    one.classifier = meta(1280)
    other.head = nn.Sequential(nn.Dropout(0.2), meta(768))
    return one, other


def on_meta(build: Callable[..., nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build(num_classes=7)


def under_the_device() -> tuple[Any, ...]:
    return on_meta(efficientnet_b0), on_meta(swin_t)


@cache
def own() -> Any:
    return small_networks.weights("resnet18_slim")


def prepare(
    after: Callable[[Tensor], Any] = lambda x: x,
    *,
    scale: float = 255,
    size: int | None = 64,
    mean: Sequence[float] = (0.40, 0.40, 0.40),
    std: Sequence[float] = (0.23, 0.23, 0.23),
) -> Make:
    def my_prepare(images: Tensor) -> Any:
        x = images.float() / scale
        if size:
            x = F.interpolate(x, size=(size, size))
        m, s = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
        return after((x - m) / s)

    return lambda: (my_prepare, own())


def of_the_course() -> tuple[Any, ...]:
    return Prepare(own().size, own().mean, own().std), own()


def channel_by_channel() -> tuple[Any, ...]:
    def my_prepare(images: Tensor) -> Tensor:
        x = F.interpolate(images.double(), size=64, mode="bilinear")
        return torch.stack([(x[:, c] / 255 - own().mean[c]) / own().std[c] for c in range(3)], 1)

    return my_prepare, own()


def by_batch(images: Tensor) -> Tensor:
    x = F.interpolate(images.float() / 255, size=64)
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def padded(x: Tensor) -> Tensor:
    return F.pad(x[..., 1:-1, 1:-1], (1, 1, 1, 1), value=0.1)


def option(freeze: Callable[[Any, Any], Any], modules: Any = RIGHT_MODULES) -> Make:
    return lambda: (modules, freeze)


def marked(
    marks: Callable[[Any], Sequence[str]], *, thaws: bool = True, inside: bool = True
) -> Make:
    """A function that freezes by the marks it makes of the option."""

    def my_freeze(network: nn.Module, numbers: Any) -> None:
        chosen = marks(numbers)
        for name, parameter in network.named_parameters():
            hit = any(mark in name if inside else name.startswith(mark) for mark in chosen)
            if hit or thaws:
                parameter.requires_grad = not hit

    return option(my_freeze)


def wanted(numbers: Any) -> Any:
    return range(numbers[0]) if len(numbers) == 1 else numbers


def dotted(choose: Callable[[Any], Any]) -> Make:
    return marked(lambda numbers: [f"model.{n}." for n in choose(numbers)])


def also_eval(network: Any, numbers: Any) -> None:
    yolov5_freeze(network, numbers)
    for n in wanted(numbers):
        network.model[n].eval()


def on_modules(network: Any, numbers: Any) -> None:
    for n, module in enumerate(network.model):
        module.requires_grad_(n not in wanted(numbers))


def attribute(network: Any, numbers: Any) -> None:
    for n in wanted(numbers):
        network.model[n].requires_grad = False


def only_weights(network: Any, numbers: Any) -> None:
    for name, p in network.named_parameters():
        p.requires_grad = not (
            any(name.startswith(f"model.{n}.") for n in wanted(numbers)) and "weight" in name
        )


def inverted(network: Any, numbers: Any) -> None:
    for name, p in network.named_parameters():
        p.requires_grad = any(name.startswith(f"model.{n}.") for n in wanted(numbers))


def list_only(modules: Any) -> Make:
    return option(yolov5_freeze, modules)


def frozen(
    learns: Callable[[str, nn.Module], bool],
    *,
    head: bool = True,
    train: bool = True,
    networks: Any = NO_STATISTICS,
) -> Make:
    """A function that lets some modules learn, by name and kind."""

    def my_frozen(model: Any) -> Any:
        model.train(train).requires_grad_(False)
        for name, module in model.named_modules():
            if not list(module.children()) and learns(name, module):
                module.requires_grad_(True)
        model.fc.requires_grad_(head)
        return model

    return lambda: (my_frozen, networks)


def is_norm(name: str, module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm2d)


def by_size(model: Any) -> None:
    for name, p in model.named_parameters():  # norms have vectors, convolutions do not
        p.requires_grad = p.ndim == 1 or name.startswith("fc.")


def asked(networks: Any) -> Make:
    return frozen(is_norm, networks=networks)


CASES = {
    "two_heads": Cases(
        right=(heads(), whole_classifier, under_the_device),
        wrong={
            "not-replaced": heads(first=lambda: meta(1280, 1000)),
            "other-name": heads(
                lambda e, s: s.add_module("heads", meta(768)), second=lambda: meta(768, 1000)
            ),
            "only-the-number": heads(
                lambda e, s: setattr(s.head, "out_features", 7), second=lambda: meta(768, 1000)
            ),
            "wrong-inputs": heads(second=lambda: meta(1280)),
            "wrong-width": heads(first=lambda: meta(1280, 10)),
            "two-devices": heads(first=lambda: nn.Linear(1280, 7)),
            "not-on-meta": lambda: (efficientnet_b0(num_classes=7), swin_t(num_classes=7)),
            "softmax-in-head": heads(second=lambda: nn.Sequential(meta(768), nn.LogSoftmax(1))),
            "head-frozen": heads(lambda e, s: e.requires_grad_(False)),
            "other-size": lambda: (on_meta(efficientnet_b1), on_meta(swin_t)),
            "other-network": lambda: heads()()[::-1],
            "a-class": lambda: (efficientnet_b0(num_classes=7).__class__, None),
        },
    ),
    "by_hand": Cases(
        right=(prepare(), of_the_course, channel_by_channel),
        wrong={
            "not-a-function": lambda: (torch.zeros(2, 3, 64, 64), own()),
            "no-tensor": prepare(lambda x: x.numpy()),
            "whole-numbers": prepare(lambda x: x.int()),
            "triple-in-a-row": lambda: (
                lambda images: (images / 255 - torch.tensor(own().mean)) / torch.tensor(own().std),
                own(),
            ),
            "not-resized": prepare(size=None),
            "wrong-size": prepare(size=224),
            "channels-last": prepare(lambda x: x.permute(0, 2, 3, 1)),
            "wrong-shape": prepare(lambda x: x[0]),
            "no-normalisation": prepare(mean=(0, 0, 0), std=(1, 1, 1)),
            "still-bytes": prepare(mean=(0, 0, 0), std=(1, 1, 1), scale=1),
            "not-scaled": prepare(scale=1),
            "imagenet": prepare(mean=IMAGENET_MEAN, std=IMAGENET_STD),
            "half": prepare(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            "only-shifted": prepare(std=(1, 1, 1)),
            "only-divided": prepare(mean=(0, 0, 0)),
            "multiplied": prepare(std=(1 / 0.23,) * 3),
            "exchanged": prepare(mean=(0.23,) * 3, std=(0.4,) * 3),
            "mean-added": prepare(mean=(-0.4,) * 3),
            "own-statistics": lambda: (by_batch, own()),
            "channels-reversed": prepare(lambda x: x.flip(1)),
            "divided-by-256": prepare(scale=256),
            "other-numbers": prepare(mean=(0.1,) * 3),
            "not-flat": prepare(padded),
        },
    ),
    "freeze_option": Cases(
        right=(
            option(yolov5_freeze),
            option(on_modules),
            marked(lambda n: [f"model.{i}." for i in wanted(n)], inside=False),
            option(yolov5_freeze, {2, *range(20, 24)}),
        ),
        wrong={
            "meant-not-done": list_only([2]),
            "two-forgotten": list_only([20, 21, 22, 23]),
            "any-two": list_only([2, 12, 20, 21, 22, 23]),
            "an-option": list_only([0, 1]),
            "beyond-the-end": list_only([2, *range(20, 30)]),
            "other-modules": list_only([2, 3]),
            "not-a-list": list_only("2"),
            "not-a-function": lambda: (RIGHT_MODULES, ["model.2."]),
            "no-dot": marked(lambda n: [f"model.{i}" for i in wanted(n)]),
            "no-prefix": marked(lambda n: [f"{i}." for i in wanted(n)]),
            "one-too-many": dotted(lambda n: range(n[0] + 1) if len(n) == 1 else n),
            "a-number-is-a-module": dotted(lambda n: n),
            "from-the-end": dotted(lambda n: range(24 - n[0], 24) if len(n) == 1 else n),
            "up-to-the-largest": dotted(lambda n: range(n[0]) if len(n) == 1 else range(max(n))),
            "only-the-first-number": dotted(lambda n: range(n[0])),
            "upside-down": option(inverted),
            "nothing-frozen": marked(lambda n: [f"features.{i}." for i in wanted(n)]),
            "all-frozen": option(lambda network, numbers: network.requires_grad_(False)),
            "never-thaws": marked(lambda n: [f"model.{i}." for i in wanted(n)], thaws=False),
            "set-on-module": option(attribute),
            "eval-added": option(also_eval),
            "cannot-be-called": option(lambda network, n: yolov5_freeze(network, range(n))),
            "part-of-a-module": option(only_weights),
            "other-names": dotted(lambda n: [5]),
        },
    ),
    "as_fastai": Cases(
        right=(
            frozen(is_norm),
            lambda: (by_size, tuple(NO_STATISTICS)),
            frozen(is_norm, networks={"ViT-B/16", "VGG-16"}),
        ),
        wrong={
            "no-network": lambda: (lambda model: 3, NO_STATISTICS),
            "all-frozen": frozen(lambda n, m: False, head=False),
            "head-frozen": frozen(is_norm, head=False),
            "not-frozen": frozen(lambda n, m: True),
            "norms-exchanged": frozen(lambda n, m: not is_norm(n, m)),
            "tutorial": frozen(lambda n, m: False),
            "keras": frozen(lambda n, m: False, train=False),
            "norms-in-eval": frozen(is_norm, train=False),
            "downsample-missed": frozen(lambda n, m: "bn" in n),
            "some-norms": frozen(lambda n, m: n == "bn1" or "downsample.1" in n),
            "unknown-network": asked(["vgg"]),
            "the-others": asked(["MobileNetV2", "ResNet-18"]),
            "has-statistics": asked(["VGG-16", "ViT-B/16", "ResNet-18"]),
            "one-missing": asked(["VGG-16"]),
            "not-a-list": asked("VGG-16"),
            "not-a-function": lambda: ("bn", NO_STATISTICS),
        },
    ),
}
