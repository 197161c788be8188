"""One voice: docstrings have NumPy's sections, and a parameter has its type beside its name."""

import ast
import re
from collections.abc import Iterator

from tests.house.test_layout import OURS, dotted

import pytest

HEADING = re.compile(r"^([A-Z]\w+(?: \w+)?)\n-{3,}\n", re.MULTILINE)
ENTRY = re.compile(r"\*{1,2}\w+(?: : \S.*)?|\w+(?:, \*{0,2}\w+)* : \S.*")
LOOSE = re.compile(
    r"^(?:\w+(?:, \w+)* : |Raises? [A-Z]\w+(?:Error|Interrupt|Diverged)\b)", re.MULTILINE
)
# Files that still have the older style; nothing may be added.
NOT_YET: set[str] = {
    "authoring.site.measured",
    "authoring.site.pages",
    "authoring.solving",
    "benchmarks.costs.class_of_students",
    "benchmarks.costs.instructors_tables",
    "benchmarks.lesson02.gradients",
    "benchmarks.lesson02.residual_twins",
    "benchmarks.lesson06.partial_loading",
    "benchmarks.lesson08.source_pairs",
    "benchmarks.lesson09.lab_challenges",
    "benchmarks.marked",
    "benchmarks.pictures.readme_thumbnails",
    "benchmarks.races.contenders",
    "benchmarks.races.fastai_loop",
    "course_utils.exercises.exercise",
    "course_utils.experiments",
    "course_utils.lab.session.settings",
    "course_utils.lesson07.figures",
    "course_utils.lesson07.tasks",
    "course_utils.networks.blocks",
    "course_utils.plots",
    "course_utils.training.checkpoints",
    "course_utils.training.feature_cache",
    "course_utils.training.freezing",
    "course_utils.training.loop",
    "course_utils.training.optimizers",
    "course_utils.training.probes",
    "course_utils.training.recipes",
}


def faults(doc: str) -> Iterator[str]:
    """Lines of a docstring that are not as NumPy has them."""
    prose, *parts = HEADING.split(doc)
    yield from (match[0] for match in LOOSE.finditer(prose))
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in ("Parameters", "Attributes"):
            lines = [line for line in body.splitlines() if line and not line.startswith(" ")]
            yield from (line for line in lines if not ENTRY.fullmatch(line))


def documented(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Public functions and classes, with what they say of themselves."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in ast.walk(tree):
        if not isinstance(node, kinds) or node.name.startswith("_"):
            continue
        if doc := ast.get_docstring(node):
            yield node.name, doc


def test_docstrings_are_numpys() -> None:
    wrong = [
        f"{dotted(path)}.{name}: {fault}"
        for path in OURS
        if dotted(path) not in NOT_YET
        for name, doc in documented(ast.parse(path.read_text(encoding="utf-8")))
        for fault in faults(doc)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("doc", "count"),
    [
        ("Say it.\n\nParameters\n----------\nx, y : int\n    Both.\n**more\n    The rest.", 0),
        ("Say it.\n\nRaises\n------\nValueError\n    When it is wrong.", 0),
        ("Say it.\n\nParameters\n----------\nx :\n    Without a type.", 1),
        ("Say it.\n\nParameters\n----------\nx\n    Without a type.", 1),
        ("Say it.\n\nx : what it is", 1),
        ("Say it.\n\nRaises ValueError if it is wrong.", 1),
    ],
)
def test_the_older_style_is_seen(doc: str, count: int) -> None:
    assert len(list(faults(doc))) == count
