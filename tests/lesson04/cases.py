"""Answers to the exercises of lesson 04."""

from collections.abc import Callable
from typing import Any

from tests.exercises.harness import Cases

import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18


def network(change: Callable[[Any], Any]) -> Callable[[], tuple[nn.Module]]:
    """A new network, changed."""

    def make() -> tuple[nn.Module]:
        model = mobilenet_v2(num_classes=10)
        change(model)
        return (model,)

    return make


def freeze(model: Any, blocks: range) -> None:
    for block in blocks:
        model.features[block].requires_grad_(False)
        model.features[block].eval()


def by_name(model: Any) -> None:
    for name, parameter in model.named_parameters():
        if name.startswith("features.") and int(name.split(".")[1]) < 10:
            parameter.requires_grad = False
    model.features[:10].eval()


def on_the_module(model: Any) -> None:
    for block in model.features[:10]:
        block.requires_grad = False
        block.eval()


def misspelt(model: Any) -> None:
    for parameter in model.features[:10].parameters():
        parameter.require_grad = False
    model.features[:10].eval()


def only_convolutions(model: Any) -> None:
    for layer in model.features[:10].modules():
        if isinstance(layer, nn.Conv2d):
            layer.requires_grad_(False)


def in_parallel() -> tuple[nn.Module]:
    model = mobilenet_v2(num_classes=10)
    freeze(model, range(10))
    return (nn.DataParallel(model),)


def only_some(model: Any) -> None:
    freeze(model, range(2, 8))


def loop(lines: Callable[[Any, Any, int], None], before: Callable[[Any], Any] | None = None) -> Any:
    """A training loop of five epochs."""

    def run(model: Any, train_one_epoch: Any) -> None:
        model.features.requires_grad_(False)
        if before is not None:
            before(model)
        for epoch in range(5):
            lines(model, train_one_epoch, epoch)

    return lambda: (run,)


def mended(model: Any, train: Any, epoch: int) -> None:
    model.train()
    model.features.eval()
    train(model)


def head_only(model: Any, train: Any, epoch: int) -> None:
    model.eval()
    model.classifier.train()
    train(model)


def no_train_at_all(model: Any, train: Any, epoch: int) -> None:
    train(model)


def colleague(model: Any, train: Any, epoch: int) -> None:
    model.train()
    train(model)


def only_at_first(model: Any, train: Any, epoch: int) -> None:
    if epoch:
        model.train()
    train(model)


def all_in_eval(model: Any, train: Any, epoch: int) -> None:
    model.eval()
    train(model)


def learning(model: Any, train: Any, epoch: int) -> None:
    model.requires_grad_(True)
    mended(model, train, epoch)


def with_the_head_alone(model: Any, train: Any, epoch: int) -> None:
    model.train()
    model.features.eval()
    train(model.classifier)


def without_gradients(model: Any, train: Any, epoch: int) -> None:
    with torch.no_grad():
        mended(model, train, epoch)


def eval_too_late(model: Any, train: Any, epoch: int) -> None:
    colleague(model, train, epoch)
    model.features.eval()


def misspelt_switch(model: Any, train_one_epoch: Any) -> None:
    for parameter in model.features.parameters():
        parameter.requires_grads = False
    for epoch in range(5):
        mended(model, train_one_epoch, epoch)


def searching(model: Any, train_one_epoch: Any) -> None:
    model.features.requires_grad_(False)
    for _ in range(5):
        model.train()
        for layer in model.features:
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        train_one_epoch(model)


def head_frozen(model: Any, train: Any, epoch: int) -> None:
    model.requires_grad_(False)
    mended(model, train, epoch)


def one_epoch(model: Any, train: Any, epoch: int) -> None:
    if epoch == 0:
        mended(model, train, epoch)


def numbers(*values: Any) -> Callable[[], tuple[Any, ...]]:
    return lambda: values


CASES = {
    "first_ten": Cases(
        right=(
            network(lambda m: freeze(m, range(10))),
            network(by_name),
            network(lambda m: (m.eval(), m.features[:10].requires_grad_(False))),
            in_parallel,
        ),
        wrong={
            "all-frozen": network(lambda m: m.requires_grad_(False)),
            "nothing-frozen": network(lambda m: m.classifier.requires_grad_(False)),
            "only-eval": network(lambda m: m.features[:10].eval()),
            "partly-frozen": network(only_convolutions),
            "misspelt-switch": network(misspelt),
            "set-on-module": network(on_the_module),
            "from-the-end": network(lambda m: freeze(m, range(9, 19))),
            "wrong-count": network(lambda m: freeze(m, range(11))),
            "other-blocks": network(only_some),
            "batch-norm-awake": network(lambda m: (freeze(m, range(10)), m.train())),
            "other-network": lambda: (resnet18(),),
            "a-class": lambda: (nn.Linear,),
            "a-state-dict": lambda: (resnet18().state_dict(),),
        },
    ),
    "mended_loop": Cases(
        right=(
            loop(mended),
            loop(head_only),
            loop(no_train_at_all, before=lambda m: (m.train(), m.features.eval())),
        ),
        wrong={
            "train-undoes-eval": loop(colleague, before=lambda m: m.features.eval()),
            "only-at-first": loop(only_at_first, before=lambda m: m.features.eval()),
            "no-eval": loop(colleague),
            "eval-too-late": loop(eval_too_late),
            "norms-not-found": lambda: (searching,),
            "not-the-model": loop(with_the_head_alone),
            "no-grad": loop(without_gradients),
            "still-learns": loop(learning),
            "misspelt-switch": lambda: (misspelt_switch,),
            "head-frozen": loop(head_frozen),
            "head-in-eval": loop(all_in_eval),
            "no-epoch": loop(lambda m, train, epoch: m.features.eval()),
            "epochs": loop(one_epoch),
            "not-a-function": lambda: (None,),
        },
    ),
    "share_of_three": Cases(
        right=(numbers(0.3, 0.4019), numbers(0.5, 0.402), numbers(0, 0.40)),
        wrong={
            "percent": numbers(0.3, 40.19),
            "the-rest": numbers(0.3, 0.5981),
            "a-count": numbers(0.3, 898_890),
            "wrong-count-of-blocks": numbers(0.3, 0.0057),
            "another-share": numbers(0.3, 0.9),
            "unfinished": numbers(0.3, ...),
        },
    ),
    "cache_size": Cases(
        right=(numbers(5017.6), numbers(4785.2), numbers(5018)),
        wrong={
            "one-image": numbers(0.1004),
            "a-byte-each": numbers(1254.4),
            "gigabytes": numbers(5.0176),
            "bytes": numbers(32 * 28 * 28 * 4 * 50_000),
            "bits": numbers(40140.8),
            "one-map": numbers(156.8),
            "another-number": numbers(17),
            "not-a-number": numbers("17"),
        },
    ),
}
