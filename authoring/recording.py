"""Execute a lesson from its text and store it with its outputs, or not at all."""

import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from authoring import notebooks
from authoring.peak_memory import PeakMemory

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

# The world in which lessons are recorded and tested: no network, nothing to download.
OFFLINE = {"COURSE_DATA": "shapes", "COURSE_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}

_COLOURS = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Recording:
    """What the execution of one lesson cost.

    Parameters
    ----------
    seconds : float
        Wall time, with the start of the kernel.
    peak_mb : float
        Largest resident memory of the kernel and its children, in MB (10**6 bytes).
    """

    seconds: float
    peak_mb: float


def execute(notebook: NotebookNode, folder: Path, timeout: int = 300) -> Recording:
    """Execute a notebook in place, from top to bottom, in the offline world.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook; its outputs and execution counts are replaced.
    folder : Path
        Working folder of the kernel.
    timeout : int
        Longest time for one cell, in seconds.

    Raises
    ------
    LessonError
        If a cell fails, takes too long, or the kernel dies.
    """
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    start = time.perf_counter()
    # Folders of its own keep out what belongs to whoever records: start-up files, history,
    # downloads, scores and solved exercises.
    with tempfile.TemporaryDirectory() as fresh, PeakMemory() as memory:
        try:
            own = {
                "IPYTHONDIR": f"{fresh}/ipython",
                "COURSE_CACHE": f"{fresh}/cache",
                "COURSE_RECORDING": "1",
            }
            client.execute(env={**os.environ, **OFFLINE, **own})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise notebooks.LessonError(
                f"execution stopped: {_COLOURS.sub('', str(error))}"
            ) from error
    return Recording(time.perf_counter() - start, memory.peak / 1e6)


def record(lesson: notebooks.Lesson, timeout: int = 300) -> Recording:
    """Make a lesson's notebook from its text, with outputs. On failure the old one stays.

    Raises
    ------
    LessonError
        If the text is unreadable, a cell fails, or the result is not fit to be read.
    """
    notebook = notebooks.read_source(lesson.source)
    recording = execute(notebook, lesson.notebook.parent, timeout)
    if faults := notebooks.stored_faults(notebook):
        raise notebooks.LessonError("not stored: " + "; ".join(faults))
    notebooks.write_whole(notebooks.as_text(notebooks.strip(notebook)), lesson.notebook)
    return recording


def carry_over(lesson: notebooks.Lesson) -> None:
    """Bring edited text and cell metadata into a stored notebook, and keep its outputs.

    For a change of words, links, tags or slide types it would be a waste to execute a lesson
    again. It is only allowed where not one line of code differs from the stored one.

    Raises
    ------
    LessonError
        If text or notebook is unreadable, or a code cell was changed, added, removed or moved.
    """
    fresh = notebooks.read_source(lesson.source)
    stored = notebooks.read_notebook(lesson.notebook)
    ours, theirs = notebooks.code_cells(fresh), notebooks.code_cells(stored)
    if [cell.source for cell in ours] != [cell.source for cell in theirs]:
        raise notebooks.LessonError("code was changed: its outputs must be made anew, by `record`")
    for new, old in zip(ours, theirs, strict=True):
        new.outputs, new.execution_count = old.outputs, old.execution_count
    if faults := notebooks.stored_faults(fresh):
        raise notebooks.LessonError("not stored: " + "; ".join(faults))
    notebooks.write_whole(notebooks.as_text(notebooks.strip(fresh)), lesson.notebook)
