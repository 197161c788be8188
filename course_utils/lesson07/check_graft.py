"""Exercise of lesson 07 about grafting: the first k blocks of a network, below fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.networks.batch_norm import batch_norms

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

BLOCKS = 19
K, CLASSES = 7, 10
HALF = 10  # blocks, in the prediction


@exercise(
    "7.2",
    wanted="your guess, a share between 0 and 1, and a function of source, k and classes",
    guessed=True,
    hints=(
        "Try it with k = 1 and k = 2, and see which blocks were copied. Then ask both lines of "
        "lesson 04 about the frozen ones.",
        "features[-1] is the last block. requires_grad on a module does nothing. And frozen means "
        "in eval mode too.",
        "for number in range(k): network.features[number].load_state_dict("
        "source.features[number].state_dict()), then requires_grad_(False) and eval() on it.",
    ),
)
def right_end(guess: Any, graft: Any) -> str:
    """The first k blocks from another network, frozen; all behind them fresh."""
    share = recognise.number(guess, "Your guess")
    if not 0 <= share <= 1:
        raise wrong(
            "no-share",
            f"A share lies between 0 and 1; {share:g} does not. Is it in percent? Divide by 100.",
        )
    function: Callable[..., Any] = recognise.function(graft, "my_graft")
    for k in (K, 0, BLOCKS):
        _try_out(function, k)
    network = mobilenet_v2(num_classes=CLASSES)
    first = sum(p.numel() for p in network.features[:HALF].parameters())
    right = first / sum(p.numel() for p in network.parameters())
    near = "close" if abs(share - right) < 0.05 else "far off"
    return (
        f"The first blocks come along and rest, for k = 0 and k = {BLOCKS} as well. {HALF} of "
        f"{BLOCKS} blocks hold {right:.1%} of the parameters; your guess, {share:.1%}, was {near}: "
        "half of the depth is not half of the network."
    )


def _source() -> nn.Module:
    """A network to copy from, whose every tensor differs from a fresh one's; in train mode."""
    torch.manual_seed(7)
    model = mobilenet_v2(num_classes=30)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.add_(0.1 + 0.01 * torch.rand_like(tensor) if "running" in name else 0.01)
        else:
            tensor.fill_(99)
    return model


def _try_out(function: Callable[..., Any], k: int) -> None:
    """Raise unless the function grafts k blocks."""
    source = _source()
    torch.manual_seed(k)
    network = function(source, k, CLASSES)
    if not isinstance(network, nn.Module):
        raise wrong("no-network", f"The function gave {describe(network)}: is a `return` missing?")
    blocks, theirs = getattr(network, "features", None), source.features
    if not isinstance(blocks, nn.Sequential) or len(blocks) != BLOCKS:
        raise wrong(
            "other-network",
            f"The function gave {describe(network)}; wanted is a MobileNetV2, of {BLOCKS} blocks.",
        )
    assert isinstance(theirs, nn.Sequential)
    _left_alone(network, source)
    _copied(blocks, theirs, k)
    _frozen(network, blocks, k)
    head = [m for m in network.modules() if isinstance(m, nn.Linear)][-1:]
    outputs = head[0].out_features if head else 0
    if outputs != CLASSES:
        raise wrong(
            "wrong-width", f"The head has {outputs} outputs; the function was asked for {CLASSES}."
        )


def _left_alone(network: nn.Module, source: nn.Module) -> None:
    """Raise if the source lends its own tensors, or was itself frozen or put into another mode."""
    theirs = {p.data_ptr() for p in source.parameters()}
    shared = sum(p.data_ptr() in theirs for p in network.parameters())
    if shared:
        raise wrong(
            "shared",
            f"{shared} parameters of your network *are* those of the source, not copies: whoever "
            "trains or freezes one changes both. load_state_dict copies.",
        )
    if not all(p.requires_grad for p in source.parameters()) or not source.training:
        raise wrong(
            "source-changed",
            "The source itself was frozen or put into eval mode. It is only to be read from.",
        )


def _copied(blocks: nn.Sequential, theirs: nn.Sequential, k: int) -> None:
    """Raise unless exactly the first k blocks are those of the source, buffers included."""
    pairs = list(zip(blocks, theirs, strict=True))
    copied = [i for i, (a, b) in enumerate(pairs) if _same(a.parameters(), b.parameters())]
    without = [i for i in copied if not _same(pairs[i][0].buffers(), pairs[i][1].buffers())]
    seen = f"With k = {k} the weights of {recognise.listed(copied)} are those of the source"
    if copied == list(range(k)):
        if without:
            raise wrong(
                "buffers-left",
                f"The parameters of the first {k} blocks were copied, their running statistics "
                "were not: batch norm would use averages of nothing. state_dict() has both.",
            )
        return
    if k in (0, BLOCKS):
        raise wrong("an-end", f"{seen}; for k = {k} that should be {recognise.listed(range(k))}.")
    if not copied:
        raise wrong("nothing-copied", f"With k = {k} no block has the weights of the source.")
    if len(copied) == BLOCKS:
        raise wrong(
            "all-copied",
            f"{seen}: all of them. Only the first {k} are wanted; start from a fresh network.",
        )
    if copied[-1] == BLOCKS - 1:
        raise wrong(
            "from-the-end",
            f"{seen}. That is the end next to the head: negative numbers count from the back, and "
            "features[0] is the block that sees the image.",
        )
    raise wrong("other-blocks", f"{seen}; wanted are {recognise.listed(range(k))}.")


def _same(one: Iterable[Tensor], other: Iterable[Tensor]) -> bool:
    return all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(one, other, strict=True))


def _frozen(network: nn.Module, blocks: nn.Sequential, k: int) -> None:
    """Raise unless exactly the first k blocks are frozen, batch norm included."""
    if any("requires_grad" in vars(m) for m in (network, blocks, *blocks)):
        raise wrong(
            "set-on-module",
            "requires_grad was set on a module: a new attribute that nobody reads. "
            "requires_grad_(False), with the underscore, reaches the parameters.",
        )
    still = [i for i, block in enumerate(blocks) if recognise.is_frozen(block)]
    if not any(p.requires_grad for p in network.parameters()):
        raise wrong("all-frozen", f"With k = {k} nothing can learn, not even the head.")
    if still != list(range(k)):
        raise wrong(
            "other-frozen",
            f"With k = {k}, frozen are {recognise.listed(still)}; wanted are "
            f"{recognise.listed(range(k))}, those that were transferred.",
        )
    awake = [i for i in range(k) if any(norm.training for norm in batch_norms(blocks[i]))]
    if awake:
        raise wrong(
            "batch-norm-awake",
            f"With k = {k} no parameter of the transferred blocks learns, but batch norm is in "
            f"train mode in {recognise.listed(awake)}: its statistics would move. Call eval().",
        )
