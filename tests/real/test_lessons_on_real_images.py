"""Lessons run from top to bottom on a folder of real images with real weights."""

import time
from pathlib import Path

from authoring import notebooks

import pytest
from nbclient import NotebookClient

REQUIRED = ("03", "04", "05")
WANTED = ("00", *REQUIRED, "09")


def sources() -> list[Path]:
    found = {lesson.name[:2]: lesson.source for lesson in notebooks.lessons()}
    return [found[number] for number in WANTED if number in found and found[number].is_file()]


def test_the_lessons_are_there() -> None:
    numbers = {source.name[:2] for source in sources()}
    assert set(REQUIRED) <= numbers


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.stem)
def test_a_lesson_runs_on_real_images(
    source: Path,
    real_world: dict[str, str],
    few_images: Path,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = {"COURSE_DATA": str(few_images), "IPYTHONDIR": str(tmp_path)}
    for name, value in {**real_world, **own}.items():
        monkeypatch.setenv(name, value)  # the kernel inherits them
    notebook = notebooks.read_source(source)
    client = NotebookClient(
        notebook,
        timeout=280,
        kernel_name="python3",
        resources={"metadata": {"path": str(root / "lessons")}},
        store_widget_state=False,
    )
    start = time.perf_counter()
    client.execute()  # raises when a cell fails
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n{source.stem} on real images: {seconds:.0f} s")

    assert notebooks.stored_faults(notebook) == []
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "runs in your own images" in said, "the lesson fell back to another world"
    assert "1000 classes" in said
