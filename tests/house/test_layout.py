"""The house: who imports whom, how large files and folders are, how few helpers lessons name.

Everything here is read from imports and definitions; nothing is executed.
"""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

import pytest

# From the ground up: a file imports from its own floor or from floors below it, never from above.
FLOORS = (
    ("_torchvision_fix", "environment", "packages"),
    ("colab", "plots", "experiments", "downloads"),
    ("images", "networks"),
    ("training",),
    ("world",),
    ("lab", "exercises"),
    ("lesson",),
    ("commands", "__main__"),
    ("authoring",),
    ("benchmarks",),
)
MOST_FILES = 14  # in one folder: about a dozen
MOST_LINES = 300
MOST_LINES_OF_TESTS = 450
LONGER = {"tests.browser.test_live_lab", "tests.downloads.test_fetching"}  # none may be added
MOST_HELPERS = 60
OWN = {"course_utils", "authoring", "benchmarks"}
BEGIN = {"course_utils", "course_utils.begin"}  # the package itself, and what its root offers


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


OURS = files("course_utils", "authoring", "benchmarks")


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(map(dotted, OURS))


def imports(path: Path) -> set[str]:
    """Our own modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules() else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {
        name for name in found if name.split(".")[0] in {"course_utils", "authoring", "benchmarks"}
    }


def floor(module: str) -> int:
    """The floor of a module; rooms of lessons share one."""
    first, _, rest = module.partition(".")
    room = rest.split(".")[0] if first == "course_utils" else first
    room = "lesson" if re.fullmatch(r"lesson\d\d", room) else room
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{module} is on no floor: add its room to FLOORS")


def test_imports_go_down_only() -> None:
    wrong = [
        f"{dotted(path)} imports {other}"
        for path in OURS
        for other in imports(path) - BEGIN
        if dotted(path) != "course_utils" and floor(other) > floor(dotted(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_lesson_needs_another_lessons_room() -> None:
    wrong = [
        f"{dotted(path)} imports {other}"
        for path in files("course_utils")
        if (own := re.match(r"course_utils\.lesson\d\d", dotted(path)))
        for other in imports(path)
        if re.match(r"course_utils\.lesson\d\d", other) and not other.startswith(own[0])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle() -> None:
    graph = {dotted(path): imports(path) & modules() for path in OURS}
    graph = {name: others - BEGIN - {name} for name, others in graph.items()}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) != 1, " -> ".join([*trail[trail.index(name) :], name])
        if name in state:
            return
        state[name] = 1
        for other in graph.get(name, ()):
            visit(other, (*trail, name))
        state[name] = 2

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", OURS, ids=dotted)
def test_a_file_is_small_and_imports_absolutely(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    relative = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative, f"line {relative[0].lineno}"


def test_a_file_of_tests_is_no_book() -> None:
    long = [
        dotted(path)
        for path in files("tests")
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES_OF_TESTS
    ]
    assert set(long) <= LONGER, long


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    count: dict[Path, int] = defaultdict(int)
    for path in files("course_utils", "authoring", "benchmarks", "tests"):
        count[path.parent] += path.name != "__init__.py"
    full = {str(f.relative_to(ROOT)): n for f, n in count.items() if n > MOST_FILES}
    assert not full, full


def helpers_named(lesson: Path) -> set[str]:
    """Helpers of the general rooms that a lesson names, as `module.name`."""
    tree = ast.parse(lesson.read_text(encoding="utf-8"))
    bound: dict[str, str] = {}
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_room = full in modules()
                bound[alias.asname or alias.name] = full
                if not is_room:
                    named.add(full)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            source = bound.get(node.value.id)
            if source in modules():
                named.add(f"{source}.{node.attr}")
    return {name for name in named if not re.match(r"course_utils\.lesson\d\d", name)}


def test_lessons_name_few_helpers() -> None:
    """What a student must know by name, over all lessons; a lesson's own room is not counted."""
    named = set().union(*map(helpers_named, (ROOT / "lessons" / "source").glob("*.py")))
    assert len(named) <= MOST_HELPERS, f"{len(named)}: {sorted(named)}"


def test_course_and_lessons_know_nothing_of_the_workshop() -> None:
    for path in files("course_utils", "lessons/source"):
        assert not any(name.startswith(("authoring", "benchmarks")) for name in imports(path)), path
