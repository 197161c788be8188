"""Exercise 10.3: YOLOv5's `--freeze`, checked by what it does to a network of 24 modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake

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


_NAMES = [name for name, _ in _Toy().named_parameters()]
Reading = Callable[[Sequence[int]], set[str]]  # from an option to the names that it freezes


def _wanted(option: Sequence[int]) -> list[int]:
    return list(range(option[0])) if len(option) == 1 else list(option)


def _by_marks(mark: Callable[[int], str]) -> Reading:
    """Names that contain the mark of one of the modules wanted."""
    return lambda option: {name for name in _NAMES if any(mark(n) in name for n in _wanted(option))}


def _modules(choose: Callable[[Sequence[int]], Iterable[int]]) -> Reading:
    """All names of the modules that a reading of the option chooses."""
    return lambda option: {n for n in _NAMES if int(n.split(".")[1]) in set(choose(option))}


_RIGHT = _by_marks(lambda n: f"model.{n}.")
_READINGS: dict[str, Reading] = {
    "no-dot": _by_marks(lambda n: f"model.{n}"),
    "no-prefix": _by_marks(lambda n: f"{n}."),
    "one-too-many": _modules(lambda o: range(o[0] + 1) if len(o) == 1 else o),
    "a-number-is-a-module": _modules(lambda o: o),
    "from-the-end": _modules(lambda o: range(MODULES - o[0], MODULES) if len(o) == 1 else o),
    "up-to-the-largest": _modules(lambda o: range(o[0] if len(o) == 1 else max(o))),
    "only-the-first-number": _modules(lambda o: range(o[0])),
    "upside-down": lambda option: set(_NAMES) - _RIGHT(option),
    "all-frozen": lambda option: set(_NAMES),
    "nothing-frozen": lambda option: set(),
}
FREEZES = "--freeze {option} freezes {found}. "


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
    mistakes={
        "meant-not-done": "Module 2 is what was meant. Which other names begin so?",
        "two-forgotten": "Module 2 itself is called model.2. as well.",
        "any-two": "{seen}: model.12 has a 2, but not directly behind the point: it stays.",
        "an-option": "{seen}: these are marks of names, not the option --freeze.",
        "beyond-the-end": "{seen}: the network has modules 0 to 23 only.",
        "other-modules": "{seen}: try it with Toy(24), freeze_by_name and a print.",
        "cannot-be-called": "my_freeze(network, {given}) raised {error}. It gets a network and a "
        "list of numbers.",
        "eval-added": "With --freeze {option} some modules came out in another mode. To rest batch "
        "norm may be wise, but it is not what YOLOv5 does; who compares with its results must do "
        "as it does.",
        "never-thaws": "On a new network it is right. On one whose parameters were all frozen "
        "before, --freeze {option} leaves all 24 modules frozen: YOLOv5 gives True to each "
        "parameter that it does not freeze.",
        "no-dot": FREEZES + "The dot behind the number is missing: model.1 is in model.10 as well.",
        "no-prefix": FREEZES + "A mark such as '1.' is in model.11. too, and in the number within "
        "a module.",
        "one-too-many": FREEZES + "One number N means the first N modules, 0 to N - 1; here module "
        "N was taken as well.",
        "a-number-is-a-module": FREEZES + "One number alone means the first so many modules, not "
        "the module of that number.",
        "from-the-end": FREEZES + "The modules were counted from the end. Module 0 sees the image.",
        "up-to-the-largest": FREEZES + "Several numbers mean just these modules, not all up to the "
        "largest.",
        "only-the-first-number": FREEZES + "Only the first number was read. Several numbers mean "
        "just these modules.",
        "upside-down": FREEZES + "What should be frozen learns, and what should learn is frozen: "
        "requires_grad is True for what may learn.",
        "all-frozen": FREEZES + "Every parameter is frozen, whatever the numbers say. Go through "
        "the names, one by one.",
        "nothing-frozen": FREEZES + "No parameter was frozen. Does the loop set requires_grad on "
        "the parameters themselves, and do the marks occur in their names?",
        "part-of-a-module": FREEZES + "But not all parameters of these.",
        "other-names": FREEZES + "Wanted: {wanted}.",
    },
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
            raise Mistake("never-thaws", option=_written(option))
    return (
        "Numbers, names and the dot: and whatever was frozen before is forgotten. Batch norm of "
        "the frozen modules stays in train mode, because nobody says eval()."
    )


def _written(option: Sequence[int]) -> str:
    return " ".join(map(str, option))


def _without_dot(modules: Any) -> None:
    """Raise unless these are the modules that the mark "model.2" freezes."""
    given = recognise.items(modules, 99, "The first answer")
    found = {recognise.number(n, "A module") for n in given}
    right = {n for n in range(MODULES) if "model.2" in f"model.{n}."}
    if found == right:
        return
    reasons = {
        "meant-not-done": found == {2},
        "two-forgotten": found == right - {2},
        "any-two": found == {n for n in range(MODULES) if "2" in str(n)},
        "an-option": found in ({0, 1}, {0, 1, 2}),
        "beyond-the-end": right < found <= right | set(range(MODULES, 30)),
    }
    code = next((code for code, fits in reasons.items() if fits), "other-modules")
    raise Mistake(code, seen=", ".join(f"{n:g}" for n in sorted(found)))


def _after(freeze: Any, option: Sequence[int], *, fresh: bool) -> set[str]:
    """Names of the frozen parameters after a call, on a network that was all free or all frozen."""
    toy = _Toy()
    toy.requires_grad_(fresh)
    modes = [m.training for m in toy.modules()]
    try:
        freeze(toy, list(option))
    except (TypeError, IndexError, AttributeError, ValueError, KeyError) as error:
        said = f"{type(error).__name__}: {error}"
        raise Mistake("cannot-be-called", given=list(option), error=said) from error
    recognise.switched_by_parameters(toy)
    if modes != [m.training for m in toy.modules()]:
        raise Mistake("eval-added", option=_written(option))
    return {name for name, p in toy.named_parameters() if not p.requires_grad}


def _misread(results: dict[tuple[int, ...], set[str]]) -> None:
    """Raise what is wrong with what was frozen."""
    option = next(o for o in results if results[o] != _RIGHT(o))
    found, wanted = results[option], _RIGHT(option)
    known = (
        code
        for code, reading in _READINGS.items()
        if all(some == reading(given) for given, some in results.items())
    )
    otherwise = "part-of-a-module" if found and found < wanted else "other-names"
    raise Mistake(
        next(known, otherwise),
        option=_written(option),
        found=_listed(int(n.split(".")[1]) for n in found),
        wanted=_listed(_wanted(option)),
    )


def _listed(modules: Iterable[int]) -> str:
    """Numbers of modules in words."""
    said = recognise.listed(set(modules), "module", "modules")
    return said.replace("no module", "nothing")
