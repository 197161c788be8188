"""The machinery around the lessons, on small lessons of its own."""

from collections.abc import Callable
from pathlib import Path

from authoring import notebooks, recording
from course_utils.lesson09.scoreboard import Scoreboard

import nbformat
import pytest
from nbformat import NotebookNode

TEXT = """\
# %% [markdown] slideshow={"slide_type": "slide"}
# # A small lesson

# %% tags=["shown"]
print("one")

# %% cellView="form" jupyter={"source_hidden": true}
6 * 7
"""


@pytest.fixture
def lesson(tmp_path: Path) -> notebooks.Lesson:
    """Return a lesson whose notebook agrees with its text, as if it had been executed."""
    source = tmp_path / "lessons" / "source" / "01_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(TEXT, encoding="utf-8")
    [found] = notebooks.lessons(tmp_path)
    notebook = notebooks.read_source(source)
    for count, cell in enumerate(notebooks.code_cells(notebook), 1):
        cell.execution_count = count
    notebooks.write_whole(notebooks.as_text(notebook), found.notebook)
    return found


def edit(lesson: notebooks.Lesson, change: Callable[[NotebookNode], object]) -> None:
    notebook = notebooks.read_notebook(lesson.notebook)
    change(notebook)
    notebooks.write_whole(notebooks.as_text(notebook), lesson.notebook)


def test_a_pair_that_agrees_passes(lesson: notebooks.Lesson) -> None:
    assert notebooks.check(lesson) == []


def to_raw(notebook: NotebookNode) -> None:
    cell = notebook.cells[0]
    notebook.cells[0] = nbformat.v4.new_raw_cell(cell.source, id=cell.id, metadata=cell.metadata)


def new_output(**fields: object) -> Callable[[NotebookNode], object]:
    return lambda notebook: notebook.cells[1].outputs.append(nbformat.v4.new_output(**fields))


DAMAGE: dict[str, tuple[Callable[[NotebookNode], object], str]] = {
    "source": (lambda nb: nb.cells[2].update(source="6 * 8"), "cell 3: source '6 * 7'"),
    "cell type": (to_raw, "cell 1: type 'markdown'"),
    "tag": (lambda nb: nb.cells[1].metadata.update(tags=[]), "cell 2: tags ['shown']"),
    "slide type": (
        lambda nb: nb.cells[0].metadata.clear(),
        "cell 1: slideshow {'slide_type': 'slide'}",
    ),
    "fold": (lambda nb: nb.cells[2].metadata.clear(), "cell 3: cellView 'form'"),
    "order": (lambda nb: nb.cells.append(nb.cells.pop(1)), "cell 2: source"),
    "missing cell": (lambda nb: nb.cells.pop(), "the text has 3 cells, the notebook 2"),
    "never run": (lambda nb: nb.cells[2].update(execution_count=None), "never executed"),
    "run twice": (lambda nb: nb.cells[2].update(execution_count=5), "execution count 5"),
    "error": (
        new_output(output_type="error", ename="ValueError", evalue="no", traceback=[]),
        "ends in ValueError: no",
    ),
    "stderr": (new_output(output_type="stream", name="stderr", text="Warning!"), "writes to"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_seen(lesson: notebooks.Lesson, kind: str) -> None:
    change, message = DAMAGE[kind]
    edit(lesson, change)
    before = lesson.notebook.read_bytes()
    findings = notebooks.check(lesson)
    assert any(message in finding for finding in findings), findings
    assert lesson.notebook.read_bytes() == before, "a check must not repair"


def test_damage_to_a_real_lesson_is_seen(tmp_path: Path) -> None:
    real = notebooks.lessons()[0]
    copy = notebooks.Lesson(real.source, tmp_path / "copy.ipynb")
    copy.notebook.write_bytes(real.notebook.read_bytes())
    before = notebooks.check(copy)
    edit(copy, lambda nb: notebooks.code_cells(nb)[-1].update(source="damaged()"))
    [finding] = set(notebooks.check(copy)) - set(before)
    assert "'damaged()' in the notebook" in finding


@pytest.mark.parametrize("half", ["source", "notebook"])
def test_half_a_pair_is_seen(lesson: notebooks.Lesson, half: str) -> None:
    getattr(lesson, half).unlink()
    assert notebooks.lessons(lesson.notebook.parents[1]) == [lesson]
    [finding] = notebooks.check(lesson)
    assert "is missing" in finding


def test_recording_executes_and_stores(lesson: notebooks.Lesson) -> None:
    lesson.source.write_text(
        TEXT + "\n# %%\nimport os\nprint(os.getcwd(), os.environ['COURSE_DATA'])\n"
    )
    cost = recording.record(lesson)
    assert notebooks.check(lesson) == []
    outputs = [c.outputs for c in notebooks.code_cells(notebooks.read_notebook(lesson.notebook))]
    assert outputs[0][0].text == "one\n"
    assert outputs[1][0].data == {"text/plain": "42"}
    assert outputs[2][0].text == f"{lesson.notebook.parent} shapes\n"
    assert cost.seconds > 0
    assert cost.peak_mb > 10

    first = lesson.notebook.read_bytes()
    recording.record(lesson)
    assert lesson.notebook.read_bytes() == first, "a second recording must not differ"


def test_nothing_of_whoever_records_gets_into_a_lesson(
    lesson: notebooks.Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "mine"))
    Scoreboard().add("a challenge", 3, "points")
    cell = "from course_utils.lesson09.scoreboard import Scoreboard\nScoreboard().table().empty"
    lesson.source.write_text(f"{TEXT}\n# %%\n{cell}\n")
    recording.record(lesson)
    last = notebooks.code_cells(notebooks.read_notebook(lesson.notebook))[-1]
    assert last.outputs[0].data == {"text/plain": "True"}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nprint('careful', file=sys.stderr)", "writes to stderr"),
        ("import time\ntime.sleep(60)", "timed out"),
        ("import os\nos._exit(1)", "died"),
    ],
)
def test_a_failed_recording_leaves_the_old_notebook(
    lesson: notebooks.Lesson, cell: str, message: str
) -> None:
    before = lesson.notebook.read_bytes()
    lesson.source.write_text(f"{TEXT}\n# %%\n{cell}\n")
    with pytest.raises(notebooks.LessonError, match=message):
        recording.record(lesson, timeout=3)
    assert lesson.notebook.read_bytes() == before
    assert [path.name for path in lesson.notebook.parent.iterdir() if path.is_file()] == [
        lesson.notebook.name
    ]


def test_words_are_carried_over_and_outputs_kept(lesson: notebooks.Lesson) -> None:
    recording.record(lesson)
    before = notebooks.code_cells(notebooks.read_notebook(lesson.notebook))
    edited = TEXT.replace("A small lesson", "Renamed").replace(
        '# %% tags=["shown"]', '# %% tags=["other"] slideshow={"slide_type": "skip"}'
    )
    lesson.source.write_text(f"{edited}\n# %% [markdown]\n# A last word.\n")
    assert notebooks.check(lesson), "the edit must show"
    recording.carry_over(lesson)
    assert notebooks.check(lesson) == []
    after = notebooks.read_notebook(lesson.notebook)
    assert [cell.outputs for cell in notebooks.code_cells(after)] == [c.outputs for c in before]
    assert after.cells[0].source == "# Renamed"
    assert after.cells[1].metadata["slideshow"] == {"slide_type": "skip"}
    assert after.cells[-1].source == "A last word."


@pytest.mark.parametrize(
    "edited",
    [TEXT.replace("6 * 7", "6 * 8"), TEXT + "\n# %%\n2\n", TEXT.replace('print("one")', "")],
    ids=["changed", "added", "removed"],
)
def test_code_is_never_carried_over(lesson: notebooks.Lesson, edited: str) -> None:
    before = lesson.notebook.read_bytes()
    lesson.source.write_text(edited)
    with pytest.raises(notebooks.LessonError, match="code was changed"):
        recording.carry_over(lesson)
    assert lesson.notebook.read_bytes() == before


def test_a_notebook_that_never_ran_is_not_made_to_look_as_if(lesson: notebooks.Lesson) -> None:
    edit(lesson, lambda nb: nb.cells[2].update(execution_count=None))
    with pytest.raises(notebooks.LessonError, match="never executed"):
        recording.carry_over(lesson)


def test_an_edit_changes_no_other_id(lesson: notebooks.Lesson) -> None:
    before = notebooks.read_source(lesson.source)
    lesson.source.write_text(TEXT.replace('"one"', '"two"') + "\n# %%\n6 * 7\n")
    after = notebooks.read_source(lesson.source)
    changed = [a.id != b.id for a, b in zip(before.cells, after.cells, strict=False)]
    assert changed == [False, True, False]
    assert len({cell.id for cell in after.cells}) == 4, "two equal cells need two ids"


def test_stripping_keeps_descriptions_and_drops_the_rest() -> None:
    alt = {"image/png": {"alt": "a curve that rises"}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "slider"}
    cell = nbformat.v4.new_code_cell(
        "plot()",
        metadata={"tags": ["shown"], "execution": {"iopub.status.idle": "now"}},
        outputs=[
            nbformat.v4.new_output("display_data", {"image/png": "AAAA"}, metadata=alt),
            nbformat.v4.new_output("display_data", view),
        ],
    )
    notebook = nbformat.v4.new_notebook(
        cells=[cell], metadata={"widgets": {}, "language_info": {"name": "python"}}
    )
    notebooks.strip(notebook)
    assert set(notebook.metadata) == {"jupytext", "kernelspec"}
    assert cell.metadata == {"tags": ["shown"]}
    assert cell.outputs[0].metadata == alt
    assert cell.outputs[1].data == {"text/plain": "slider"}


@pytest.mark.parametrize(("text", "message"), [("print(1)\n", "has no cells"), (None, "missing")])
def test_unusable_text_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "01_x.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(notebooks.LessonError, match=message):
        notebooks.read_source(path)


def test_a_torn_notebook_is_named(lesson: notebooks.Lesson) -> None:
    lesson.notebook.write_text("{")
    [finding] = notebooks.check(lesson)
    assert "not a readable notebook" in finding


def test_lessons_are_chosen_by_number(lesson: notebooks.Lesson) -> None:
    assert (
        notebooks.choose([lesson], [])
        == notebooks.choose([lesson], ["1"])
        == notebooks.choose([lesson], ["01"])
        == [lesson]
    )
    with pytest.raises(notebooks.LessonError, match=r"No lesson 07\. There are: 01"):
        notebooks.choose([lesson], ["7"])
    with pytest.raises(notebooks.LessonError, match="No lessons found"):
        notebooks.choose([], [])


def test_an_empty_code_cell_is_a_fault() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    assert notebooks.stored_faults(notebook) == ["cell 1 is an empty code cell"]
