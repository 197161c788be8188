"""Which part of a cell a slide shows: rules, and the metadata by which a cell overrules them.

A lesson is written to be read and run; a slide is looked at while somebody speaks. The rules:

- a heading begins a slide, and a prediction has one of its own, before the figure that answers it;
- the first cell, the imports and the blank guesses are skipped;
- code that does something with a network is shown, code that only arranges or draws is not, and
  neither are the last lines of a cell that draw what came out;
- an exercise shows its blank cell, and never what the check says;
- in the recap and in the account of what was measured only the output is shown.

A cell that fares badly by them says so in its metadata: ``slide_type`` may be ``skip`` (left out),
``slide`` or ``subslide`` (begins a page), ``fragment`` (stays on the page, and appears at a key
press), or ``notes`` (its text goes to the speaker). Three tags choose what is seen of a code cell:
``slide-code``, ``slide-no-code`` and ``slide-no-output``.
"""

import ast
import builtins
import re
from collections.abc import Set
from dataclasses import dataclass

from nbformat import NotebookNode

SLIDE_TYPES = ("slide", "subslide", "fragment", "skip", "notes")
TAGS = ("slide-code", "slide-no-code", "slide-no-output")
OUTPUT_ONLY = re.compile(r"what you saw|what was measured|recap", re.IGNORECASE)

# Modules that show things; whatever else a cell calls may be what the lesson is about.
_SHOWING = re.compile(r"plots|pd|figures_\d\d|re|math|claims|report|progress|json|textwrap")
_DISPLAY = {"display", "Markdown", "HTML"}
_SHOWING_CALLS = {
    "experiments.mean_and_std", "experiments.cite", "experiments.read_record",
    "experiments.summary",
}  # fmt: skip
# Methods of tables, texts, lists and axes: arranging, not computing.
_ARRANGING = re.compile(
    "agg|aggregate|annotate|append|apply|assign|astype|axhline|axvline|bar|bar_label|barh|"
    "concat|contains|copy|corr|count|cumsum|describe|diff|drop|droplevel|drop_duplicates|dropna|endswith|eq|"
    "extend|fill_between|fillna|first|format|ge|get|get_level_values|groupby|gt|head|hist|idxmax|"
    "idxmin|insert|invert_yaxis|isin|items|itertuples|join|keys|last|le|legend|ljust|loc|"
    "lower|lt|map|max|mean|median|melt|merge|min|ne|nlargest|nsmallest|nunique|partition|"
    "pivot|pivot_table|plot|pop|query|rank|rename|rename_axis|replace|reset_index|rjust|"
    "round|rpartition|scatter|set|set_index|set_title|set_xlabel|set_xlim|set_xscale|"
    "set_xticks|set_ylabel|set_ylim|set_yscale|set_yticks|size|sort|sort_index|sort_values|"
    "split|stack|startswith|std|strip|sum|table|tail|text|tick_params|title|to_dict|"
    "to_frame|to_numpy|to_string|tolist|transform|unique|unstack|update|upper|value_counts|"
    "values"
)


@dataclass(frozen=True)
class Choice:
    """What a slide shows of one cell.

    Parameters
    ----------
    slide_type : str
        One of `SLIDE_TYPES`, or ``"-"``: wherever there is room.
    code, output : bool
        Whether the code and its output are shown; for text, `code` says so.
    """

    slide_type: str
    code: bool
    output: bool


def choose(cell: NotebookNode, section: str, helpers: Set[str] = frozenset()) -> Choice:
    """Say what is shown of a cell that stands below the heading `section`.

    `helpers` are functions of the lesson itself that only show things (`showing_functions`).

    Raises
    ------
    ValueError
        If the cell asks for a slide type that there is not.
    """
    asked = cell.metadata.get("slideshow", {}).get("slide_type", "-")
    if asked not in (*SLIDE_TYPES, "-"):
        raise ValueError(f"no slide type {asked!r}: there are {', '.join(SLIDE_TYPES)}")
    if asked == "skip":
        return Choice(asked, False, False)
    if cell.cell_type != "code":
        return Choice(asked, True, False)
    tags = set(cell.metadata.get("tags", []))
    code, output = _by_rule(cell, section, asked, helpers)
    if "slide-code" in tags:
        code = True
    if "slide-no-code" in tags:
        code = False
    if "slide-no-output" in tags:
        output = False
    return Choice(asked, code, output) if code or output else Choice("skip", False, False)


def _by_rule(cell: NotebookNode, section: str, asked: str, helpers: Set[str]) -> tuple[bool, bool]:
    source = cell.source
    if "google.colab" in source or is_guess(source):
        return False, False
    if re.search(r"\bcourse_utils\.begin\(", source):
        return False, asked != "-"  # the banner, where a cell asks for it
    if is_exercise(source):
        return True, False
    if OUTPUT_ONLY.search(section):
        return False, True
    has_output = bool(cell.get("outputs"))
    arranges = has_output or "read_record(" in source  # what comes of it is shown
    return not only_shows(source, helpers, functions=not arranges), has_output


def is_guess(source: str) -> bool:
    """Say whether a cell is the blank for a prediction: ``my_guess = ...`` and nothing else."""
    return not without_guess(source).strip()


def without_guess(source: str) -> str:
    """Return code without the blank for a prediction; the slide before has asked for it.

    In an exercise the guess is part of the answer, and stays.
    """
    if is_exercise(source):
        return source
    return re.sub(r"^[\w, ]*guess[\w, ]*= \.\.\.[., ]*(#.*)?\n*", "", source, flags=re.MULTILINE)


def is_exercise(source: str) -> bool:
    """Say whether a cell is the blank of an exercise."""
    return bool(
        re.search(r"^# Your |^my_(?!guess)\w+ = \.\.\.|^check\.\w+\(", source, re.MULTILINE)
    )


def only_shows(source: str, helpers: Set[str] = frozenset(), functions: bool = False) -> bool:
    """Say whether code only arranges numbers and draws or prints them.

    Every call must be a built-in, one of the `helpers`, a function of a module that shows, or a
    method that arranges. With `functions` the code must be made of such helpers, and imports.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    if functions:
        names = showing_functions(source, helpers)
        return bool(names) and all(getattr(part, "name", None) in names for part in tree.body)
    return _only_shows(tree, helpers)


def showing_functions(source: str, helpers: Set[str] = frozenset()) -> set[str]:
    """Return the functions defined by a cell that do nothing but show what they are given."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    return _showing(tree, helpers)


def _showing(tree: ast.Module, helpers: Set[str]) -> set[str]:
    return {
        part.name
        for part in tree.body
        if isinstance(part, ast.FunctionDef)
        and all(_only_shows(line, helpers) for line in part.body)
    }


def without_drawing(source: str, helpers: Set[str] = frozenset()) -> str:
    """Return code without its last statements that only arrange and draw the result.

    A comment says that something is missing. Code whose end draws nothing stays as it is.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    kept = len(tree.body)
    while kept > 1 and _only_shows(tree.body[kept - 1], helpers):
        kept -= 1
    dropped = tree.body[kept:]
    names = {node.id for part in dropped for node in ast.walk(part) if isinstance(node, ast.Name)}
    if not any(re.fullmatch(r"plots|figures_\d\d|figure|ax(is|es)?", name) for name in names):
        return source
    lines = source.splitlines()[: tree.body[kept - 1].end_lineno]
    return "\n".join([*lines, "# (here the lesson draws the figure that follows)"])


def _only_shows(tree: ast.AST, helpers: Set[str]) -> bool:
    if isinstance(tree, ast.Module):
        helpers = helpers | _showing(tree, helpers)
        parts = [part for part in tree.body if getattr(part, "name", None) not in helpers]
        return all(_only_shows(part, helpers) for part in parts)
    if isinstance(tree, ast.Expr) and ast.unparse(tree).startswith("plots.show("):
        return True  # whatever it draws
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.With | ast.While | ast.Try):
            return False
        if isinstance(node, ast.Call) and not _shows(node.func, helpers):
            return False
    return True


def _shows(called: ast.expr, helpers: Set[str]) -> bool:
    if isinstance(called, ast.Name):
        return hasattr(builtins, called.id) or called.id in _DISPLAY | helpers
    if not isinstance(called, ast.Attribute):
        return False
    if isinstance(called.value, ast.Name):
        if _SHOWING.fullmatch(called.value.id) or hasattr(builtins, called.value.id):
            return True
        if f"{called.value.id}.{called.attr}" in _SHOWING_CALLS:
            return True
        if called.value.id == "experiments":
            return False
    return bool(_ARRANGING.fullmatch(called.attr))
