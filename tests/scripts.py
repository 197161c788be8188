"""Run one of the benchmarks' scripts as a reader would, at whatever size a test asks for."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(script: str, *arguments: str, cwd: Path, seconds: float = 250) -> str:
    """Run `python -m benchmarks.SCRIPT`, such as "lesson05.fine_tuning"; what it printed."""
    result = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{script}", *arguments],
        cwd=cwd,
        env={
            **os.environ,
            "COURSE_OFFLINE": "1",
            "COURSE_DATA": "shapes",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
