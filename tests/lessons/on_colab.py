"""A lesson as Colab opens it: alone, in an empty folder, on an old kernel, with nothing beside it.

The stand-in for Colab is a package ``google.colab`` with what the course and anywidget touch, and a
start-up file of IPython that imports it before the first cell, as Colab's own kernel does.
"""

import os
import shutil
import subprocess
from pathlib import Path

from authoring import notebooks

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

STAND_IN = {
    "google/__init__.py": "",
    "google/colab/__init__.py": "from google.colab import output\n",
    "google/colab/output.py": """\
import types

enabled = []  # one entry for each time the custom widget manager was enabled
_widgets = types.SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager():
    enabled.append(True)
    _widgets._installed_url = "https://colab.example/widgets"
""",
}
# What every lesson must have come to, printed by a last cell of its own.
REPORT = """
import json, os, sys
import course_utils, google.colab, ipykernel, ipywidgets
from course_utils.lab import Lab
labs = [value for name, value in globals().items() if name[0] != "_" and isinstance(value, Lab)]
print(json.dumps({
    "folder": os.getcwd(), "package": course_utils.__file__, "enabled": google.colab.output.enabled,
    "ipykernel": ipykernel.__version__, "ipywidgets": ipywidgets.__version__,
    "weights": str(course.weights.path), "drivers": [lab._driver.name for lab in labs],
}))
"""


def repository(root: Path, folder: Path) -> str:
    """Make a git repository of the course as it is now; return its address."""
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "cache")
    for name in ("course_utils", "lessons", "data"):
        shutil.copytree(root / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(root / name, folder)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder.as_uri()


def open_alone(
    lesson: str, address: str, folder: Path, kernel_path: str = "", cells: int | None = None
) -> NotebookNode:
    """Execute a published lesson in an empty folder; raises when a cell fails.

    lesson : its name, such as "04_freezing"
    address : of the repository, which the lesson has as its published address
    folder : empty; takes the reader's home and the folder that the lesson lies in
    kernel_path : a folder with another ipykernel and other widgets
    cells : only so many code cells
    """
    notebook = notebooks.read_source(notebooks.ROOT / f"lessons/source/{lesson}.py")
    first, *others = notebooks.code_cells(notebook)
    first.source = notebooks.first_cell(address)
    notebook.cells = [*[first, *others][:cells], nbformat.v4.new_code_cell(REPORT)]
    places = {name: folder / name for name in ("home", "alone", "stand-in", "ipython")}
    for place in places.values():
        place.mkdir()
    for name, text in STAND_IN.items():
        (places["stand-in"] / name).parent.mkdir(parents=True, exist_ok=True)
        (places["stand-in"] / name).write_text(text, encoding="utf-8")
    startup = places["ipython"] / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab\n", encoding="utf-8")
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("COURSE_")},
        "HOME": str(places["home"]),
        "USERPROFILE": str(places["home"]),
        "IPYTHONDIR": str(places["ipython"]),
        "PYTHONPATH": os.pathsep.join(filter(None, (kernel_path, str(places["stand-in"])))),
        "COURSE_DATA": "shapes",
        "COURSE_OFFLINE": "1",
    }
    client = NotebookClient(
        notebook,
        timeout=280,
        kernel_name="python3",
        resources={"metadata": {"path": str(places["alone"])}},
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.execute(env=environment)
    assert list(places["alone"].iterdir()) == [], "the folder it was opened in stays empty"
    return notebook
