"""The instructor's guide: its numbers are those of notes and records, and all it names exists."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from authoring import notebooks
from authoring.notebooks import ROOT
from benchmarks.costs.instructors_tables import PLANS, Part, clock, filled, minutes
from course_utils.exercises import solutions

import nbformat
import pytest

PAGE = ROOT / "lessons" / "INSTRUCTORS.md"
GUIDE = PAGE.read_text(encoding="utf-8")
# Hours of class, breaks included.
LONGEST = {"half-day": 4 * 60, "two-days": 7 * 60, "six-weeks": 3 * 60}


def exercises() -> dict[str, str]:
    """Number of every exercise in the lessons' text -> its lesson."""
    return {
        number: lesson.name
        for lesson in notebooks.lessons()
        for number in re.findall(
            r"^# ### Exercise (\d+\.\d+)", lesson.source.read_text(encoding="utf-8"), re.MULTILINE
        )
    }


def mentioned() -> Iterator[str]:
    """Yield every number that the guide calls an exercise."""
    for words in re.findall(r"[Ee]xercises? ((?:\d+\.\d+(?:, | and )?)+)", GUIDE):
        yield from re.findall(r"\d+\.\d+", words)


def test_the_tables_are_those_of_notes_and_record() -> None:
    assert filled(GUIDE) == GUIDE, "run `python -m benchmarks.costs.instructors_tables`"


def test_a_record_that_is_not_there_is_not_made_up() -> None:
    rows = [line for line in GUIDE.splitlines() if re.match(r"\| \[\d\d · .*\| \d+ \| ", line)]
    costs = [line for line in rows if line.count("|") == 7]
    assert len(costs) == 12
    assert all(line.endswith("| no record |") for line in costs), "no GPU has been recorded"


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_fits_its_time(plan: str) -> None:
    for name, parts in PLANS[plan]:
        total = sum(minutes(part) for part in parts)
        assert 0.8 * LONGEST[plan] < total <= LONGEST[plan], f"{name}: {clock(total)}"
    taught = [part.lesson for _, parts in PLANS[plan] for part in parts if part.lesson]
    assert len(set(taught)) == len(taught), "a lesson is taught twice"


def test_six_weeks_teach_every_lesson() -> None:
    taught = {part.lesson for _, parts in PLANS["six-weeks"] for part in parts if part.lesson}
    assert taught == {lesson.name[:2] for lesson in notebooks.lessons()}


def test_parts_are_added_up_and_unknown_ones_refused() -> None:
    whole, without = minutes(Part("04")), minutes(Part("04", without=("Exercises",)))
    assert 0 < minutes(Part("04", only=("4.1",))) < without < whole
    with pytest.raises(ValueError, match=r"lesson 04 has no part '4\.99'"):
        minutes(Part("04", only=("4.99",)))


def test_every_exercise_that_is_named_exists() -> None:
    named = set(mentioned())
    assert len(named) > 20
    assert named <= set(exercises()), named - set(exercises())


def test_every_misconception_has_an_exercise() -> None:
    table = GUIDE.partition("## What students get wrong")[2].partition("## To discuss")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 12
    for row in rows:
        assert re.fullmatch(r" Exercises? \d+\.\d+( and \d+\.\d+)? ", row[2]), row[1]


def test_every_question_to_examine_has_points_an_answer_and_a_source() -> None:
    part = GUIDE.partition("## To examine")[2].partition("\n## ")[0]
    questions = re.split(r"^\*\*\d+\.\*\* ", part, flags=re.MULTILINE)[1:]
    assert len(questions) >= 10
    for question in questions:
        text = " ".join(question.split())
        assert re.match(r"\*\(\d points\)\*", text), text
        assert "**Answer.**" in text
        assert re.search(r"\((?:Lessons?|.*[Rr]ecord) [^()]*\)$", text), f"no source: {text[-60:]}"


def test_records_parts_and_links_exist() -> None:
    for words in re.findall(r"records? ((?:`\w+`(?:, | and )?)+)", GUIDE):
        for name in re.findall(r"`(\w+)`", words):
            assert list((ROOT / "data" / "records").glob(f"*/{name}.json")), name
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (PAGE.parent / target).exists(), target
    headings = "\n".join(
        cell.source
        for lesson in notebooks.lessons()
        for cell in notebooks.read_source(lesson.source).cells
        if cell.cell_type == "markdown"
    )
    for number in re.findall(r"\((?:Lesson \d\d, )?(\d+\.\d+)[),]", GUIDE):
        assert re.search(rf"^## {re.escape(number)} ", headings, re.MULTILINE), number


def test_the_readme_leads_here(root: Path) -> None:
    assert "(lessons/INSTRUCTORS.md)" in (root / "README.md").read_text(encoding="utf-8")


def test_the_blank_copy_is_blank_and_the_lesson_stays(tmp_path: Path) -> None:
    [command] = re.findall(r"^jupyter (nbconvert .*)$", GUIDE, re.MULTILINE)
    lesson = notebooks.lessons()[9]
    copy = tmp_path / lesson.notebook.name
    copy.write_bytes(lesson.notebook.read_bytes())
    words = command.replace("lessons/[01]*.ipynb", copy.name).split()
    environment = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1"}
    command_line = [sys.executable, "-m", "jupyter", *words]
    subprocess.run(command_line, cwd=tmp_path, check=True, capture_output=True, env=environment)
    made = nbformat.read(tmp_path / "blank" / copy.name, as_version=4)
    assert not any(cell.get("outputs") for cell in made.cells)
    assert len(made.cells) == len(notebooks.read_notebook(lesson.notebook).cells)
    assert copy.read_bytes() == lesson.notebook.read_bytes()


def test_without_the_folder_there_is_no_solution(tmp_path: Path) -> None:
    assert solutions.FOLDER == ROOT / "lessons" / "solutions"
    assert solutions.of(4), "the whole copy has them"
    assert solutions.of(4, tmp_path) == {}
