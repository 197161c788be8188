"""Lessons opened alone, on the kernel and the widgets that Colab has (see tests/colab-pins.txt).

COURSE_KERNEL_PATH names the folder that holds these; .ci/run makes it.  COURSE_ALONE=all executes
every lesson to its end, which takes ten minutes or so.
"""

import json
import os
from pathlib import Path

from tests.lessons import on_colab

import pytest
from nbformat import NotebookNode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("COURSE_KERNEL_PATH" not in os.environ, reason="no kernel as on Colab"),
]
WHOLE = os.environ.get("COURSE_ALONE") == "all"
LESSONS = [lesson.name for lesson in on_colab.notebooks.lessons()]
BEGINNINGS = ["00_start_here", "04_freezing", "10_other_models"]  # the last one with other weights
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, root: Path) -> str:
    """Return the address of a git repository that holds this course."""
    return on_colab.repository(root, tmp_path_factory.mktemp("remote"))


def alone(lesson: str, address: str, folder: Path, cells: int | None = None) -> NotebookNode:
    return on_colab.open_alone(lesson, address, folder, os.environ["COURSE_KERNEL_PATH"], cells)


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def check(notebook: NotebookNode, folder: Path, root: Path) -> dict:
    """Check what every lesson must have come to; return its report."""
    assert not [o for o in outputs(notebook) if o.get("name") == "stderr"]
    report = json.loads(outputs(notebook)[-1]["text"])
    course = folder / "home" / "transfer-learning"
    assert Path(report["folder"]) == course / "lessons"
    assert Path(report["package"]) == course / "course_utils" / "__init__.py"
    assert Path(report["weights"]).is_relative_to(course)
    pins = (root / "tests" / "colab-pins.txt").read_text(encoding="utf-8")
    for name in ("ipykernel", "ipywidgets"):
        assert f"{name}=={report[name]}\n" in pins
    return report


@pytest.mark.parametrize("lesson", LESSONS if WHOLE else BEGINNINGS)
def test_a_lesson_opened_alone_fetches_the_course(
    lesson: str, address: str, tmp_path: Path, root: Path
) -> None:
    notebook = alone(lesson, address, tmp_path, cells=None if WHOLE else 2)
    check(notebook, tmp_path, root)
    banner = notebook.cells[1].outputs[0]["text"]
    assert banner.startswith(f"Lesson {lesson[:2]} runs in the built-in Shapes world")


def test_the_live_lab_runs_alone_to_its_end_and_enables_its_widgets(
    address: str, tmp_path: Path, root: Path
) -> None:
    notebook = alone("09_the_live_lab", address, tmp_path)
    report = check(notebook, tmp_path, root)
    assert report["enabled"] == [True], "once, or Colab shows nothing"
    assert report["drivers"] == ["foreground"] * 4, "Colab draws what answers its page"
    shown = [o for o in outputs(notebook) if WIDGET in o.get("data", {})]
    assert len(shown) == 4
    for output in shown:
        assert "image/png" in output["data"]
        assert output["metadata"][WIDGET]["colab"]["custom_widget_manager"]["url"]
