"""The tables of hub/README.md: made of the records, whatever these hold."""

import json
from pathlib import Path
from types import ModuleType

from course_utils import experiments

import pytest

SHARED = {"command": "python x.py", "hardware": "a machine", "cores": 2, "steps": 5}
TIMES = [
    {"students": k, "threads": 1, "step_seconds": k * 0.1, "answer_seconds": k * 1.0,
     "slowest_answer_seconds": k * 1.5, "run": run}
    for k in (1, 4) for run in range(3)
]  # fmt: skip
MEMORY = [
    {"what": what, "students": 2, "pss_mb": pss, "unique_mb": pss - 50, "peak_mb": pss + 100,
     "resident_mb": pss + 60}
    for what, pss in (("steps", 500), ("04_freezing", 700), ("04_freezing", 800), ("server", 100))
]  # fmt: skip


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with records of its own."""
    from benchmarks.costs import class_page

    read = experiments.read_record
    monkeypatch.setattr(experiments, "read_record", lambda name: read(name, tmp_path))
    lessons = {**SHARED, "medians": [{"peak_mb": 900.0}, {"peak_mb": 650.0}]}
    (tmp_path / "lesson_costs.json").write_text(json.dumps(lessons))
    return class_page


def keep(folder: Path, name: str, rows: list[dict]) -> None:
    (folder / f"{name}.json").write_text(json.dumps({**SHARED, "rows": rows}))


def test_without_records_it_says_what_to_run(page: ModuleType) -> None:
    text = page.block()
    assert text.count("not been measured yet") == 2
    assert "--only memory" in text
    assert "--only times" in text


def test_machines_are_filled_by_the_hungriest_lesson_and_by_resting_kernels(
    page: ModuleType, tmp_path: Path
) -> None:
    keep(tmp_path, "class_of_students_memory", MEMORY)
    text = page.block()
    assert "| a kernel after lesson 04, idle | 750 | 700 | 850 |" in text
    assert "a student takes 1000 MB, and 850 MB while the kernel rests" in text
    assert "| 8 GB | 6 | 7 |" in text  # (8000 - 1500) / 1000 and / 850, rounded down
    assert "`python x.py`: a machine" in text


def test_times_are_compared_with_a_lone_student_s(page: ModuleType, tmp_path: Path) -> None:
    keep(tmp_path, "class_of_students", TIMES)
    text = page.block()
    assert "| 1 | 1 | 100 ms | 1.0 | 1.0 s | 1.5 s |" in text
    assert "| 4 | 1 | 400 ms | 4.0 | 4.0 s | 6.0 s |" in text


def test_only_the_block_is_replaced_and_there_must_be_one(page: ModuleType) -> None:
    made = page.replaced(f"before\n{page.START}\nold\n{page.END}\nafter\n")
    assert made == f"before\n{page.block()}\nafter\n"
    assert page.replaced(made) == made
    with pytest.raises(ValueError, match="needs one"):
        page.replaced("no block")
