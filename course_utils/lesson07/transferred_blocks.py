"""Exercise of lesson 07 about transfer: the first k blocks of a network, below fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

BLOCKS = 19
K, CLASSES = 7, 10
HALF = 10  # blocks, in the prediction
COPIED = "With k = {k} the weights of {blocks} are those of the source"


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
    mistakes={
        "no-share": "A share lies between 0 and 1; {value:g} does not. Is it in percent? Divide "
        "by 100.",
        "no-network": "The function gave {seen}: is a `return` missing?",
        "other-network": "The function gave {seen}; wanted is a MobileNetV2, of 19 blocks.",
        "shared": "{count} parameters of your network *are* those of the source, not copies: "
        "whoever trains or freezes one changes both. load_state_dict copies.",
        "source-changed": "The source itself was frozen or put into eval mode. It is only to be "
        "read from.",
        "buffers-left": "The parameters of the first {k} blocks were copied, their running "
        "statistics were not: batch norm would use averages of nothing. state_dict() has both.",
        "an-end": COPIED + "; for k = {k} that should be {wanted}.",
        "nothing-copied": "With k = {k} no block has the weights of the source.",
        "all-copied": COPIED + ": all of them. Only the first {k} are wanted; start from a fresh "
        "network.",
        "from-the-end": COPIED + ". That is the end next to the head, and features[0] is the "
        "block that sees the image. (Negative numbers count from the back.)",
        "by-prefix": "With k = {k}, {what} are {blocks}; wanted are {wanted}. The name of block "
        "10 begins with that of block 1: close the prefix with a dot, `features.1.`, or compare "
        "numbers.",
        "other-blocks": COPIED + "; wanted are {wanted}.",
        "all-frozen": "With k = {k} nothing can learn, not even the head.",
        "other-frozen": "With k = {k}, frozen are {blocks}; wanted are {wanted}, those that were "
        "transferred.",
        "batch-norm-awake": "With k = {k} no parameter of the transferred blocks learns, but "
        "batch norm is in train mode in {blocks}: its statistics would move. Call eval().",
        "wrong-width": "The head has {outputs} outputs; the function was asked for {classes}.",
    },
)
def right_end(guess: Any, graft: Any) -> str:
    """The first k blocks from another network, frozen; all behind them fresh."""
    share = recognise.number(guess, "Your guess", right=(0.0, 1.0), otherwise="no-share")
    function = recognise.function(graft, "my_graft")
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
    """Raise unless the function transfers k blocks."""
    source = _source()
    torch.manual_seed(k)
    made = function(source, k, CLASSES)
    if not isinstance(made, nn.Module):
        raise Mistake("no-network", seen=describe(made))
    network = recognise.unwrapped(made)
    blocks = getattr(network, "features", None)
    if not isinstance(blocks, nn.Sequential) or len(blocks) != BLOCKS:
        raise Mistake("other-network", seen=describe(network))
    _left_alone(network, source)
    _copied(list(blocks), list(source.get_submodule("features").children()), k)
    _frozen(network, list(blocks), k)
    head = [m for m in network.modules() if isinstance(m, nn.Linear)][-1:]
    outputs = head[0].out_features if head else 0
    if outputs != CLASSES:
        raise Mistake("wrong-width", outputs=outputs, classes=CLASSES)


def _left_alone(network: nn.Module, source: nn.Module) -> None:
    """Raise if the source lends its own tensors, or was itself frozen or put into another mode."""
    theirs = {p.data_ptr() for p in source.parameters()}
    if shared := sum(p.data_ptr() in theirs for p in network.parameters()):
        raise Mistake("shared", count=shared)
    if not all(p.requires_grad for p in source.parameters()) or not source.training:
        raise Mistake("source-changed")


def _copied(blocks: list[nn.Module], theirs: list[nn.Module], k: int) -> None:
    """Raise unless exactly the first k blocks are those of the source, buffers included."""
    pairs = list(zip(blocks, theirs, strict=True))
    copied = [i for i, (a, b) in enumerate(pairs) if _same(a.parameters(), b.parameters())]
    wanted = list(range(k))
    if copied == wanted:
        if not all(_same(a.buffers(), b.buffers()) for a, b in pairs[:k]):
            raise Mistake("buffers-left", k=k)
        return
    reasons = {
        "an-end": k in (0, BLOCKS),
        "nothing-copied": not copied,
        "all-copied": len(copied) == BLOCKS,
        "from-the-end": copied == list(range(BLOCKS - k, BLOCKS)),
        "by-prefix": copied == _by_prefix(k),
        "other-blocks": True,
    }
    code = next(code for code, so in reasons.items() if so)
    seen, right = recognise.listed(copied), recognise.listed(wanted)
    raise Mistake(code, k=k, blocks=seen, wanted=right, what="copied")


def _by_prefix(k: int) -> list[int]:
    """Blocks whose numbers begin with a number below k, as in `startswith("features.1")`."""
    return [i for i in range(BLOCKS) if str(i).startswith(tuple(map(str, range(k))))]


def _same(one: Iterable[Tensor], other: Iterable[Tensor]) -> bool:
    return all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(one, other, strict=True))


def _frozen(network: nn.Module, blocks: list[nn.Module], k: int) -> None:
    """Raise unless exactly the first k blocks are frozen, batch norm included."""
    if recognise.is_frozen(network):
        raise Mistake("all-frozen", k=k)
    still, wanted = recognise.frozen_blocks(blocks), list(range(k))
    if still != wanted:
        recognise.switched_by_parameters(network)
        code = "by-prefix" if still == _by_prefix(k) else "other-frozen"
        seen, right = recognise.listed(still), recognise.listed(wanted)
        raise Mistake(code, k=k, blocks=seen, wanted=right, what="frozen")
    if awake := recognise.awake_blocks(blocks[:k]):
        raise Mistake("batch-norm-awake", k=k, blocks=recognise.listed(awake))
