"""Plant faults one at a time, and see whether the tests notice: `make mutants`.

    python -m tests.mutants                    all of them
    python -m tests.mutants 'checksum*' ...    those whose names match
    python -m tests.mutants --tree DIR --faults FILE --python PYTHON    another tree

`faults.toml` lists them. Nothing is changed in place: every worker has its own copy of the tree.
Before any fault is planted, all the named tests must pass: else "caught" would mean nothing.
"""

import argparse
import fnmatch
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECONDS = 240  # for the tests of one fault


@dataclass(frozen=True)
class Fault:
    """One fault: in `file`, `find` (which stands there once) becomes `replace`."""

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]


def read(path: Path) -> list[Fault]:
    """The faults of a list; their names differ."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
    faults = [Fault(**{**row, "tests": tuple(row["tests"])}) for row in rows]
    assert len({fault.name for fault in faults}) == len(faults), "two faults of one name"
    return faults


def copy(tree: Path, to: Path) -> Path:
    """A copy of what git tracks in a tree, as it lies there now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=tree, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (tree / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, to / name)
    return to


def passes(
    tests: list[str], tree: Path, args: argparse.Namespace, seconds: float, loud: bool = False
) -> bool | None:
    """Whether the tests pass in a tree; None where they did not even begin, or took too long."""
    shared = os.environ.get("COURSE_SHARED") or args.tree.resolve().parent / "shared"
    environment = {
        **os.environ,
        "COURSE_SHARED": str(shared),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # a fault of equal length must not meet the old bytecode
        "PYTHONPATH": str(tree),
    }
    command = [args.python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    with tempfile.TemporaryFile("w+") as output:
        running = subprocess.Popen(
            command, cwd=tree, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = running.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGINT)  # pytest then stops the servers that it started
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
            status = -1
        if status not in (0, 1) or (loud and status):
            output.seek(0)
            print(output.read()[-3000:], flush=True)
    return {0: True, 1: False}.get(status)


def try_out(fault: Fault, tree: Path, args: argparse.Namespace) -> tuple[str, float]:
    """Plant one fault in a copy, run its tests, and take it out again."""
    begun, path = time.monotonic(), tree / fault.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(fault.find) != 1:
        return "NOT FOUND", 0.0
    path.write_text(text.replace(fault.find, fault.replace), encoding="utf-8")
    try:
        fine = passes(list(fault.tests), tree, args, SECONDS)
    finally:
        path.write_text(text, encoding="utf-8")
    found = {True: "MISSED", False: "caught", None: "NOT TESTED"}[fine]
    return found, time.monotonic() - begun


def main() -> int:
    """Try all faults; 0 if every one was planted and caught."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these; patterns as in a shell")
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--faults", type=Path, default=HERE / "faults.toml")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    faults = [
        fault
        for fault in read(args.faults)
        if not args.names or any(fnmatch.fnmatch(fault.name, name) for name in args.names)
    ]
    with tempfile.TemporaryDirectory() as folder:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(args.jobs):
            trees.put(copy(args.tree, Path(folder) / str(number) / "course"))
        tree = trees.get()
        every = sorted({test for fault in faults for test in fault.tests})
        if passes(every, tree, args, SECONDS * args.jobs, loud=True) is not True:
            print("The tests fail without any fault.")
            return 2
        trees.put(tree)

        def run(fault: Fault) -> str:
            tree = trees.get()
            found, seconds = try_out(fault, tree, args)
            trees.put(tree)
            print(f"{found:10} {seconds:5.0f} s  {fault.name}", flush=True)
            return found

        with ThreadPoolExecutor(args.jobs) as pool:
            results = list(pool.map(run, faults))
    caught = results.count("caught")
    print(f"{caught} of {len(faults)} faults were caught.")
    return int(caught < len(faults))


if __name__ == "__main__":
    sys.exit(main())
