"""Exercise 10.3: YOLOv5's `--freeze`, checked by what it does to a network of 24 modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import Wrong

from torch import nn

MODULES = 24
OPTIONS = ([0], [1], [3], [12], [3, 11], [2, 1])


class _Toy(nn.Module):
    """A network whose parameters are named as YOLOv5's: `model.0.0.weight` and so on."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)) for _ in range(MODULES))
        )


def _wanted(option: Sequence[int]) -> list[int]:
    return list(range(option[0])) if len(option) == 1 else list(option)


def _contains(text: str, marks: Sequence[str]) -> bool:
    return any(mark in text for mark in marks)


def _by_marks(mark: Callable[[int], str]) -> Callable[[Sequence[int]], set[str]]:
    """Names that contain the mark of one of the modules wanted."""

    def freeze(option: Sequence[int]) -> set[str]:
        marks = [mark(n) for n in _wanted(option)]
        return {name for name in _NAMES if _contains(name, marks)}

    return freeze


def _modules(choose: Callable[[Sequence[int]], Sequence[int]]) -> Callable[..., set[str]]:
    """All names of the modules that a reading of the option chooses."""
    return lambda option: {n for n in _NAMES if int(n.split(".")[1]) in choose(option)}


_NAMES = [name for name, _ in _Toy().named_parameters()]
_RIGHT = _by_marks(lambda n: f"model.{n}.")
_READINGS: dict[str, tuple[Callable[[Sequence[int]], set[str]], str]] = {
    "no-dot": (
        _by_marks(lambda n: f"model.{n}"),
        "The dot behind the number is missing: model.1 is in model.10 as well.",
    ),
    "no-prefix": (
        _by_marks(lambda n: f"{n}."),
        "A mark such as '1.' is in model.11. too, and in the number within a module.",
    ),
    "one-too-many": (
        _modules(lambda o: range(o[0] + 1) if len(o) == 1 else o),
        "One number N means the first N modules, 0 to N - 1; here module N was taken as well.",
    ),
    "a-number-is-a-module": (
        _modules(lambda o: o),
        "One number alone means the first so many modules, not the module of that number.",
    ),
    "from-the-end": (
        _modules(lambda o: range(MODULES - o[0], MODULES) if len(o) == 1 else o),
        "The modules were counted from the end. Module 0 sees the image.",
    ),
    "up-to-the-largest": (
        _modules(lambda o: range(o[0]) if len(o) == 1 else range(max(o))),
        "Several numbers mean just these modules, not all up to the largest.",
    ),
    "only-the-first-number": (
        _modules(lambda o: range(o[0])),
        "Only the first number was read. Several numbers mean just these modules.",
    ),
    "upside-down": (
        lambda option: set(_NAMES) - _RIGHT(option),
        "What should be frozen learns, and what should learn is frozen: requires_grad is True for "
        "what may learn.",
    ),
    "all-frozen": (
        lambda option: set(_NAMES),
        "Every parameter is frozen, whatever the numbers say. Go through the names, one by one.",
    ),
    "nothing-frozen": (
        lambda option: set(),
        "No parameter was frozen. Does the loop set requires_grad on the parameters themselves, "
        "and do the marks occur in their names?",
    ),
}


@exercise(
    "10.3",
    wanted="a list of modules, and a function of a network and a list of numbers",
    guessed=True,
    hints=(
        "For the list: which numbers from 0 to 23, written out, begin with a 2?",
        "For the function: one number means range(N), several mean themselves. A mark is "
        '"model.", the number, and a dot.',
        "parameter.requires_grad = not any(mark in name for mark in marks), for every parameter.",
    ),
)
def freeze_option(modules: Any, function: Any) -> str:
    """What a mark without its dot freezes, and `--freeze` as YOLOv5 means it."""
    _without_dot(modules)
    freeze = recognise.function(function, "my_freeze")
    results = {tuple(option): _after(freeze, option, fresh=True) for option in OPTIONS}
    if any(found != _RIGHT(option) for option, found in results.items()):
        _misread(results)
    for option in OPTIONS:
        if _after(freeze, option, fresh=False) != _RIGHT(option):
            raise wrong(
                "never-thaws",
                f"On a new network it is right. On one whose parameters were all frozen before, "
                f"--freeze {' '.join(map(str, option))} leaves all {MODULES} modules frozen: "
                "YOLOv5 gives True to each parameter that it does not freeze.",
            )
    return (
        "Numbers, names and the dot: and whatever was frozen before is forgotten. Batch norm of "
        "the frozen modules stays in train mode, because nobody says eval()."
    )


def _without_dot(modules: Any) -> None:
    """Raise unless these are the modules that the mark "model.2" freezes."""
    found = {
        recognise.number(n, "A module") for n in recognise.items(modules, 99, "The first answer")
    }
    right = {n for n in range(MODULES) if "model.2" in f"model.{n}."}
    if found == right:
        return
    seen = ", ".join(f"{n:g}" for n in sorted(found))
    if found == {2}:
        raise wrong("meant-not-done", "Module 2 is what was meant. Which other names begin so?")
    if found == right - {2}:
        raise wrong("two-forgotten", "Module 2 itself is called model.2. as well.")
    if found == {n for n in range(MODULES) if "2" in str(n)}:
        raise wrong(
            "any-two", f"{seen}: model.12 has a 2, but not directly behind the point: it stays."
        )
    if found == {0, 1} or found == {0, 1, 2}:
        raise wrong("an-option", f"{seen}: these are marks of names, not the option --freeze.")
    if found - right <= {24.0, 25.0, 26.0, 27.0, 28.0, 29.0} and right <= found:
        raise wrong("beyond-the-end", f"{seen}: the network has modules 0 to {MODULES - 1} only.")
    raise wrong("other-modules", f"{seen}: try it with Toy({MODULES}), freeze_by_name and a print.")


def _after(freeze: Any, option: Sequence[int], *, fresh: bool) -> set[str]:
    """Names of the frozen parameters after a call, on a network that was all free or all frozen."""
    toy = _Toy()
    toy.requires_grad_(fresh)
    modes = [m.training for m in toy.modules()]
    said = f"--freeze {' '.join(map(str, option))}"
    try:
        freeze(toy, list(option))
    except (TypeError, IndexError, AttributeError, ValueError, KeyError) as error:
        raise wrong(
            "cannot-be-called",
            f"my_freeze(network, {list(option)}) raised {type(error).__name__}: {error}. It gets a "
            "network and a list of numbers.",
        ) from error
    if any("requires_grad" in vars(m) for m in toy.modules()):
        raise wrong(
            "set-on-module",
            "requires_grad was set on a module, where nobody reads it. It belongs to parameters.",
        )
    if modes != [m.training for m in toy.modules()]:
        raise wrong(
            "eval-added",
            f"With {said} some modules came out in another mode. To rest batch norm may be wise, "
            "but it is not what YOLOv5 does; who compares with its results must do as it does.",
        )
    return {name for name, p in toy.named_parameters() if not p.requires_grad}


def _misread(results: dict[tuple[int, ...], set[str]]) -> None:
    """Raise what is wrong with what was frozen."""
    option = next(o for o in results if results[o] != _RIGHT(o))
    found = sorted({int(n.split(".")[1]) for n in results[option]})
    seen = f"--freeze {' '.join(map(str, option))} freezes {_listed(found)}."
    for code, (reading, why) in _READINGS.items():
        if all(found == reading(option) for option, found in results.items()):
            raise Wrong(code, f"{seen} {why}")
    part = results[option] & _RIGHT(option)
    if part and part != _RIGHT(option) and results[option] <= _RIGHT(option):
        raise wrong("part-of-a-module", f"{seen} But not all parameters of these.")
    raise wrong("other-names", f"{seen} Wanted: {_listed(_wanted(option))}.")


def _listed(modules: Sequence[int]) -> str:
    """Numbers of modules in words."""
    if len(modules) == 1:
        return f"module {modules[0]}"
    return recognise.listed(modules).replace("blocks", "modules").replace("no block", "nothing")
