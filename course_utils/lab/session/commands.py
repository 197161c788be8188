"""What a reader can ask for while the model trains.

Each command is a plain function from controls to controls, which checks what it is given: one that
raises has changed nothing.  `Commands` gives them their names as methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from course_utils.lab.session.errors import LabError
from course_utils.lab.session.settings import (
    OPTIMIZERS,
    Controls,
    check_choice,
    check_rate,
    preset_blocks,
)


def _switch(now: Controls, blocks: Sequence[str], name: Any, frozen: bool | None) -> Controls:
    """Freeze a block (True), thaw it (False), or the other of what it is (None).

    Raises LabError for unknown blocks, and for the last block that still learns.
    """
    if name not in blocks:
        raise LabError(f"there is no block {name!r}; the blocks are: {', '.join(blocks)}")
    if frozen is None:
        frozen = name not in now.plan.frozen
    wanted = now.plan.frozen | {name} if frozen else now.plan.frozen - {name}
    if len(wanted) == len(blocks):
        raise LabError(
            f"{name} is the only block that learns: with it frozen too, nothing could learn; "
            f"thaw another block first"
        )
    return replace(now, plan=replace(now.plan, frozen=wanted))


def _preset(now: Controls, blocks: list[str], name: Any, n: Any) -> Controls:
    """Freeze just the blocks of a preset."""
    return replace(now, plan=replace(now.plan, frozen=preset_blocks(name, n, blocks)))


def _batch_norm(now: Controls, mode: Any) -> Controls:
    """Change what batch norm does in frozen blocks."""
    check_choice("batch_norm", mode, ("eval", "train"))
    return replace(now, plan=replace(now.plan, batch_norm=mode))


def _rates(now: Controls, head: Any, backbone: Any) -> Controls:
    """Change one learning rate or both.

    Raises LabError unless at least one is given, and each is above 0 and not absurd.
    """
    if head is None and backbone is None:
        raise LabError("no learning rate was given: set head, backbone or both")
    return replace(
        now,
        head_rate=now.head_rate if head is None else check_rate("the head's rate", head),
        backbone_rate=(
            now.backbone_rate if backbone is None else check_rate("the backbone's rate", backbone)
        ),
    )


def _optimizer(now: Controls, name: Any) -> Controls:
    """Change the optimizer."""
    check_choice("optimizer", name, OPTIMIZERS)
    return replace(now, optimizer=name)


class Commands(ABC):
    """The commands of a session: each is checked at once, and followed from the next step on."""

    @abstractmethod
    def _wish(self, change: Callable[[Controls, list[str]], Controls]) -> None:
        """Replace the wished controls by what `change` makes of them and the blocks' names."""

    def freeze(self, name: str) -> None:
        """Freeze a block from the next step on."""
        self._wish(lambda now, blocks: _switch(now, blocks, name, frozen=True))

    def thaw(self, name: str) -> None:
        """Let a block learn from the next step on."""
        self._wish(lambda now, blocks: _switch(now, blocks, name, frozen=False))

    def toggle(self, name: str) -> None:
        """Freeze a block that learns, or is wished to; thaw one that is frozen."""
        self._wish(lambda now, blocks: _switch(now, blocks, name, frozen=None))

    def preset(self, name: str, n: int | None = None) -> None:
        """Freeze just the blocks that a preset names (see `settings.PRESETS`)."""
        self._wish(lambda now, blocks: _preset(now, blocks, name, n))

    def set_batch_norm(self, mode: str) -> None:
        """Mode of batch norm in frozen blocks: "eval" or "train"."""
        self._wish(lambda now, blocks: _batch_norm(now, mode))

    def set_rates(self, head: float | None = None, backbone: float | None = None) -> None:
        """Learning rates of head and backbone; None leaves one as it is."""
        self._wish(lambda now, blocks: _rates(now, head, backbone))

    def set_optimizer(self, name: str) -> None:
        """Go on with a new optimizer, which knows nothing of the steps before."""
        self._wish(lambda now, blocks: _optimizer(now, name))
