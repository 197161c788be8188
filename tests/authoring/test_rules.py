"""What of a cell a slide shows."""

from authoring.slides import rules

import nbformat
import pytest
from nbformat import NotebookNode


def code(source: str, *, printed: str = "", **metadata: object) -> NotebookNode:
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata)


@pytest.mark.parametrize(
    "source",
    [
        "my_guess = ...  # a number",
        "my_guess = ...",
        "my_guess_frozen, my_guess_thawed = ..., ...",
        'import sys\nif "google.colab" in sys.modules:\n    pass',
        "import torch\ncourse = course_utils.begin(lesson=4)",
    ],
)
def test_guesses_and_imports_are_skipped(source: str) -> None:
    assert rules.choose(code(source, printed="hello"), "4.1").slide_type == "skip"


def test_a_guess_in_front_of_code_is_left_out_and_in_an_exercise_it_stays() -> None:
    assert rules.without_guess('my_guess = ...  # "a"\n\nlab.run(20)') == "lab.run(20)"
    exercise = "my_guess = ...\nmy_share = ...\ncheck.share(my_guess, my_share)"
    assert rules.without_guess(exercise) == exercise


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("loss.backward()", True),
        ("model = mobilenet_v2()\nprint(model)", True),
        ("runs = experiments.repeat(train, seeds=[0, 1, 2])\nprint(runs)", True),
        ("with torch.no_grad():\n    print(1)", True),
        ("for name, group in runs.groupby('run'):\n    print(name, group['a'].mean())", False),
        ("record = experiments.read_record('x')\nplots.show(plots.lines(record), alt='a')", False),
        ("plots.show(favourites('features.1'), alt='some words')", False),
        ("print(f'{sum(counts):,}')", False),
    ],
)
def test_code_that_only_arranges_or_draws_is_not_shown(source: str, shown: bool) -> None:
    choice = rules.choose(code(source, printed="1"), "4.1")
    assert (choice.code, choice.output) == (shown, True)


def test_a_lessons_own_drawing_function_counts_as_drawing() -> None:
    define = "def show(group):\n    plots.show(figures_11.effects(group), alt='x')"
    train = "def train(model):\n    model.train()"
    assert rules.showing_functions(f"{define}\n\n\n{train}") == {"show"}
    assert rules.choose(code(define), "11.2").slide_type == "skip"
    assert rules.choose(code(train), "11.2").code
    assert not rules.choose(code("show(everything)", printed="1"), "11.3", {"show"}).code
    assert rules.choose(code("show(everything)", printed="1"), "11.3").code


def test_the_end_of_a_cell_that_draws_is_left_out_and_it_says_so() -> None:
    source = "runs = repeat(train)\nruns['run'] = 1\nplots.show(\n    plots.dots(runs), alt='x'\n)"
    first, last = rules.without_drawing(source).splitlines()
    assert first == "runs = repeat(train)"
    assert last.startswith("#")
    assert rules.without_drawing("runs = repeat(train)\nprint(1)").endswith("print(1)")


def test_an_exercise_shows_its_blank_and_never_the_verdict() -> None:
    cell = code("# Your code here\nmy_share = ...\ncheck.share(my_share)", printed="right!")
    assert rules.choose(cell, "Exercises") == rules.Choice("-", True, False)


@pytest.mark.parametrize("section", ["What you saw", "What was measured"])
def test_at_the_end_only_numbers_are_shown(section: str) -> None:
    assert rules.choose(code("x = train(model)", printed="1"), section) == rules.Choice(
        "-", False, True
    )


def test_metadata_overrules() -> None:
    loop, table = "loss.backward()", "print(1)"
    assert rules.choose(code(loop, slideshow={"slide_type": "skip"}), "").slide_type == "skip"
    assert rules.choose(code(loop, slideshow={"slide_type": "slide"}), "").slide_type == "slide"
    assert rules.choose(code(table, printed="1", tags=["slide-code"]), "").code
    assert not rules.choose(code(loop, printed="1", tags=["slide-no-code"]), "").code
    assert not rules.choose(code(loop, printed="1", tags=["slide-no-output"]), "").output
    banner = code("course_utils.begin(lesson=0)", printed="1", slideshow={"slide_type": "subslide"})
    assert rules.choose(banner, "") == rules.Choice("subslide", False, True)


def test_an_unknown_slide_type_is_named() -> None:
    with pytest.raises(ValueError, match="no slide type 'sub-slide'"):
        rules.choose(code("1", slideshow={"slide_type": "sub-slide"}), "")
