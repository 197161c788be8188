"""What can be changed while the model trains, and the commands that change it.

A command is a change from controls to controls which checks what it is given: one that raises has
changed nothing.  `Commands` gives the session and the lab with a panel the same methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from course_utils.lab.session.errors import LabError
from course_utils.lab.session.settings import (
    BATCH_NORM_MODES,
    OPTIMIZERS,
    PRESETS,
    OptimizerName,
    Settings,
    check_choice,
    check_rate,
    parse_preset,
)
from course_utils.training.freezing import FreezePlan


@dataclass(frozen=True)
class Controls:
    """Everything that can be changed while the model trains, as one value.

    Commands replace the value as a whole, and training takes it over as a whole between two steps:
    that is why no half of a wish is ever followed.
    """

    plan: FreezePlan
    optimizer: OptimizerName
    head_rate: float
    backbone_rate: float

    @classmethod
    def at_start(cls, settings: Settings, blocks: Sequence[str]) -> Controls:
        """Return the controls that settings mean for a network of these blocks."""
        plan = FreezePlan(preset_blocks(settings.preset, None, blocks), settings.batch_norm)
        return cls(plan, settings.optimizer, settings.head_rate, settings.backbone_rate)

    def put_into(self, settings: Settings) -> Settings:
        """Return settings with the values that the reader has chosen since."""
        return replace(
            settings,
            optimizer=self.optimizer,
            head_rate=self.head_rate,
            backbone_rate=self.backbone_rate,
            batch_norm=self.plan.batch_norm,
        )

    def with_frozen(self, frozen: frozenset[str]) -> Controls:
        """Return the same controls with just these blocks frozen."""
        return replace(self, plan=replace(self.plan, frozen=frozen))


ChangeControls = Callable[[Controls, list[str]], Controls]


class Commands(ABC):
    """The reader's commands: each is checked at once, and followed from the next step on."""

    @abstractmethod
    def change_controls(self, change: ChangeControls) -> None:
        """Replace the wished controls by what `change` makes of them and the blocks' names."""

    def freeze(self, name: str) -> None:
        """Freeze a block from the next step on."""
        self.change_controls(lambda now, blocks: _switch(now, blocks, name, frozen=True))

    def thaw(self, name: str) -> None:
        """Let a block learn from the next step on."""
        self.change_controls(lambda now, blocks: _switch(now, blocks, name, frozen=False))

    def toggle(self, name: str) -> None:
        """Freeze a block that learns, or is wished to; thaw one that is frozen."""
        self.change_controls(lambda now, blocks: _switch(now, blocks, name, frozen=None))

    def preset(self, name: str, n: int | None = None) -> None:
        """Freeze just the blocks that a preset names (see `settings.PRESETS`)."""
        self.change_controls(lambda now, blocks: now.with_frozen(preset_blocks(name, n, blocks)))

    def set_batch_norm(self, mode: str) -> None:
        """Choose the mode of batch norm in frozen blocks, "eval" or "train"."""
        check_choice("batch_norm", mode, BATCH_NORM_MODES)
        self.change_controls(
            lambda now, _: replace(now, plan=FreezePlan(now.plan.frozen, mode))  # type: ignore[arg-type]
        )

    def set_rates(self, head: float | None = None, backbone: float | None = None) -> None:
        """Choose the learning rates of head and backbone; None leaves one as it is."""
        if head is None and backbone is None:
            raise LabError("no learning rate was given: set head, backbone or both")
        rates = {}
        if head is not None:
            rates["head_rate"] = check_rate("the head's rate", head)
        if backbone is not None:
            rates["backbone_rate"] = check_rate("the backbone's rate", backbone)
        self.change_controls(lambda now, _: replace(now, **rates))  # type: ignore[arg-type]

    def set_optimizer(self, name: str) -> None:
        """Go on with a new optimizer, which knows nothing of the steps before."""
        check_choice("optimizer", name, OPTIMIZERS)
        self.change_controls(lambda now, _: replace(now, optimizer=name))  # type: ignore[arg-type]


def _switch(now: Controls, blocks: Sequence[str], name: str, frozen: bool | None) -> Controls:
    """Freeze a block (True), thaw it (False), or the other of what it is (None).

    Raises
    ------
    LabError
        If there is no such block, or it is the last one that still learns.
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
    return now.with_frozen(wanted)


def preset_blocks(name: object, n: object, blocks: Sequence[str]) -> frozenset[str]:
    """The blocks that a preset freezes.

    Raises
    ------
    LabError
        As `parse_preset` does, and for an N that would freeze the head too.
    """
    text, number = parse_preset(name, n)
    backbone = len(blocks) - 1
    learning = PRESETS[text]
    if learning is not None:
        number = int(max(0, backbone - learning))
    assert number is not None, "parse_preset gives 'first N' its number"
    if not 0 <= number <= backbone:
        raise LabError(
            f"cannot freeze the first {number} blocks: there are {len(blocks)}, and the last "
            f"one, the new head, must learn; choose a number from 0 to {backbone}"
        )
    return frozenset(blocks[:number])


def preset_of(frozen: frozenset[str], blocks: Sequence[str]) -> str | None:
    """The preset that freezes just these blocks, in the reader's words; None if there is none."""
    for name in ("head only", "all", "last block", "last five"):
        if preset_blocks(name, None, blocks) == frozen:
            return name
    return f"first {len(frozen)}" if frozenset(blocks[: len(frozen)]) == frozen else None
