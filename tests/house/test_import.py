"""Importing the package is cheap, and makes torchvision importable."""

import os
import subprocess
import sys
from pathlib import Path

import course_utils

import pytest


def python(code: str, **environment: str) -> list[str]:
    """Run code in a fresh interpreter, warnings being errors; the lines that it prints."""
    kept = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(course_utils.__file__).parents[1],
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout.split()


def test_importing_loads_nothing_heavy_and_settles_how_threads_wait():
    heavy = ("torch", "matplotlib", "numpy", "pandas", "torchvision")
    lines = python(
        "import sys, os, course_utils\n"
        f"print([name for name in {heavy!r} if name in sys.modules] == [])\n"
        "print(os.environ['OMP_WAIT_POLICY'])\n"
    )
    assert lines == ["True", "PASSIVE"]


def test_a_reader_may_choose_another_waiting_policy():
    lines = python(
        "import os, course_utils\nprint(os.environ['OMP_WAIT_POLICY'])", OMP_WAIT_POLICY="ACTIVE"
    )
    assert lines == ["ACTIVE"]


def test_torchvision_works_afterwards_and_the_finder_is_gone():
    lines = python(
        "import sys, course_utils\n"
        "from course_utils import _torchvision_fix as fix\n"
        "print(sys.meta_path.count(fix._finder))\n"
        "fix.install()\n"
        "print(sys.meta_path.count(fix._finder))\n"
        "import torchvision, torch\n"
        "print(sys.meta_path.count(fix._finder))\n"
        "fix.install()\n"  # too late to be of use: torchvision is there
        "print(sys.meta_path.count(fix._finder))\n"
        "import torchvision.transforms.v2, torchvision.datasets\n"
        "print(len(torchvision.models.resnet18(num_classes=3)(torch.zeros(2, 3, 32, 32))))\n"
        "loaded = torch.ops.torchvision.nms is not None\n"
        "print(loaded, fix.why_declared() is None or len(fix.why_declared()) > 10)\n"
    )
    assert lines == ["1", "1", "0", "0", "2", "True", "True"]


def test_operators_are_declared_only_where_the_compiled_library_does_not_load():
    lines = python(
        "import course_utils, torch\n"
        "from course_utils import _torchvision_fix as fix\n"
        "def refuse(path): raise OSError('libcudart.so: cannot open\\nsecond line')\n"
        "torch.ops.load_library = refuse\n"
        "import torchvision\n"
        "print(fix.why_declared().replace(' ', '_'))\n"
        "print(torch.ops.torchvision.nms.default._schema.name)\n"
    )
    # one build has a compiled library that is refused here, another comes without any
    assert lines[0] in {
        "libcudart.so:_cannot_open",
        "torchvision_came_without_its_compiled_library",
    }
    assert lines[1] == "torchvision::nms"


def test_begin_is_found_on_the_package_and_other_names_are_not():
    assert callable(course_utils.begin)
    with pytest.raises(AttributeError, match="no attribute 'start'"):
        _ = course_utils.start
