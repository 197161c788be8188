"""Three students at a real hub: lessons, shared data, and what they cannot do to each other."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.http_server import Server
from tests.hub.conftest import ROOT, Class, program
from tests.hub.student import DIED, Kernel, Student

import psutil
import pytest

LESSON = "transfer-learning/00_start_here.ipynb"
SCRATCH = "scratch.ipynb"


def together(students: tuple[Student, ...], work: object) -> list[object]:
    """Let all students do the same at the same time; what each got."""
    with ThreadPoolExecutor(len(students)) as pool:
        return list(pool.map(work, students))  # type: ignore[arg-type]


def test_each_student_has_own_lessons_and_keeps_what_is_written(classroom: Class) -> None:
    ann, bo, _ = classroom.students
    names = sorted(path.name for path in (ROOT / "lessons").glob("*.ipynb"))
    for student in classroom.students:
        files = student.files("transfer-learning")
        assert [name for name in files if name.endswith(".ipynb")] == names
        assert not {"solutions", "source", "INSTRUCTORS.md"} & set(files)
        own = classroom.home(student) / "transfer-learning" / names[0]
        assert own.stat().st_uid == classroom.home(student).stat().st_uid, "not the student's own"

    mine = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    ann.write(f"transfer-learning/{names[1]}", mine)
    ann.ask("DELETE", f"contents/transfer-learning/{names[2]}").raise_for_status()
    ann.stop()
    ann.start()
    kept = classroom.home(ann) / "transfer-learning"
    assert (kept / names[1]).read_text() == mine, "the student's work was overwritten"
    assert (kept / names[2]).read_bytes() == (ROOT / "lessons" / names[2]).read_bytes()
    others = classroom.home(bo) / "transfer-learning" / names[1]
    assert others.read_bytes() == (ROOT / "lessons" / names[1]).read_bytes()


def test_all_run_a_lesson_at_once(classroom: Class) -> None:
    def work(student: Student) -> tuple[str, str]:
        cells = [c for c in student.read(LESSON)["cells"] if c["cell_type"] == "code"]
        said = ""
        with student.open(LESSON) as kernel:
            for cell in cells:
                answer = kernel.run(cell["source"])
                said += answer.text
                if answer.error:
                    return said, f"{answer.error} in\n{cell['source']}"
            threads = kernel.run("import torch; print(torch.get_num_threads())").text
            kernel.run(
                "from course_utils.exercises.progress import Progress;"
                " Progress().note('0.1', 'right')"
            )
        assert threads.strip() == "1", "each kernel would take all cores"
        return said, ""

    for said, error in together(classroom.students, work):  # type: ignore[misc]
        assert not error
        assert "runs in the built-in Shapes world" in said
    for student in classroom.students:
        progress = classroom.home(student) / ".transfer-learning" / "exercises.json"
        assert json.loads(progress.read_text())["states"]["0.1"] == "solved"
        assert progress.stat().st_uid == classroom.home(student).stat().st_uid
    assert not list(classroom.data.glob("*.json")), "a student left something in the shared folder"


# The same lines fetch as the instructor and find as a student. The archive is a small one, since
# CIFAR-10 and ImageNet weights are not at hand; the code is the course's own.
FETCH = """
import json, os
os.environ["COURSE_OFFLINE"] = {offline!r}
from course_utils.downloads import cifar10, torchvision_weights
from course_utils.downloads.archives import Archive
archive = Archive(**json.loads({archive!r}))
print(cifar10.fetch(archive=archive, progress=False, retries=0))
print(torchvision_weights.fetch({weights!r}, progress=False, retries=0))
"""


def small_archive(server: Server) -> str:
    content = b"images" * 1000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("small-batches/data")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    url = server.add("small.tar.gz", packed.getvalue())
    return json.dumps(
        {
            "name": "a small stand-in",
            "url": url,
            "checksum": f"md5:{hashlib.md5(packed.getvalue()).hexdigest()}",
            "folder": "small-batches",
            "files": {"data": hashlib.md5(content).hexdigest()},
            "needed_free": 1000,
        }
    )


def test_data_are_fetched_once_for_all(classroom: Class) -> None:
    with Server() as server:
        archive = small_archive(server)
        weights = b"weights" * 1000
        name = f"stand_in-{hashlib.sha256(weights).hexdigest()[:8]}.pth"
        address = server.add(name, weights)
        fetch = FETCH.format(offline="0", archive=archive, weights=address)
        folders = {"COURSE_CACHE": str(classroom.data), "TORCH_HOME": str(classroom.data / "torch")}
        subprocess.run(
            [str(program("python")), "-c", fetch],
            env={**os.environ, **folders},
            cwd=ROOT,
            check=True,
            timeout=100,
        )
        fetched = len(server.requests)
        assert (len(server.gets("small.tar.gz")), len(server.gets(name))) == (1, 1)

        def work(student: Student) -> list[str]:
            found = []
            with student.open(SCRATCH) as kernel:
                # with the network allowed as well: what is on disk must not be asked for again
                for offline in ("1", "0"):
                    code = FETCH.format(offline=offline, archive=archive, weights=address)
                    answer = kernel.run(code)
                    found.append(answer.error or answer.text)
            return found

        expected = f"{classroom.data}\n{classroom.data / 'torch' / 'hub' / 'checkpoints' / name}\n"
        for found in together(classroom.students, work):
            assert found == [expected, expected]
        assert len(server.requests) == fetched, "a student's kernel went to the network"


ATTEMPTS = """
import os, pathlib, signal
def attempt(what, action):
    try:
        action()
    except OSError as error:
        print(what, type(error).__name__)
    else:
        print(what, "DONE")
data, course = pathlib.Path(os.environ["COURSE_CACHE"]), pathlib.Path({course!r})
other, pid, port = pathlib.Path({home!r}), {pid}, {pid}
attempt("write data", lambda: (data / "x").write_text("x"))
attempt("write weights", lambda: (data / "torch" / "x").write_text("x"))
attempt("remove data", lambda: os.rename(data / "torch", data / "gone"))
attempt("change rights", lambda: data.chmod(0o777))
attempt("write a lesson", lambda: open(course / "lessons" / "00_start_here.ipynb", "a"))
attempt("write code", lambda: (course / "course_utils" / "x.py").write_text("x"))
attempt("write the hub's settings", lambda: open(course / "hub" / "jupyterhub_config.py", "a"))
attempt("list a home", lambda: os.listdir(other))
attempt("read work", lambda: (other / "transfer-learning" / "00_start_here.ipynb").read_text())
attempt("read progress", lambda: (other / ".transfer-learning" / "exercises.json").read_text())
attempt("read a token", lambda: pathlib.Path("/proc", str(pid), "environ").read_text())
attempt("end a kernel", lambda: os.kill(pid, signal.SIGTERM))
attempt("leave the group", lambda: open("/sys/fs/cgroup/memory/cgroup.procs", "w"))
"""


def test_nobody_writes_what_is_shared_or_reads_what_is_not(classroom: Class) -> None:
    ann, bo, cy = classroom.students
    with bo.open(SCRATCH) as victim:
        pid = int(victim.run("import os; print(os.getpid())").text)
        code = ATTEMPTS.format(course=str(ROOT), home=str(classroom.home(bo)), pid=pid)
        with ann.open(SCRATCH) as kernel:
            answer = kernel.run(code)
            user = kernel.run("import os; print(os.getuid())").text
        assert int(user) == classroom.home(ann).stat().st_uid
        assert not answer.error
        results = dict(line.rsplit(" ", 1) for line in answer.text.splitlines())
        assert len(results) == 13
        assert {what for what, result in results.items() if result == "DONE"} == set()
        denied = {what for what, result in results.items() if result == "PermissionError"}
        assert set(results) - denied <= {"leave the group"}, "refused for another reason"
        assert victim.run("print('alive')").text == "alive\n"

    for path in ("contents/transfer-learning", "kernels", "sessions", "terminals"):
        assert ann.ask("GET", path, of=bo.name).status_code in {403, 404}, path
    assert ann.hub.api("DELETE", f"users/{bo.name}/server", ann.token).status_code in {403, 404}
    assert ann.hub.api("POST", f"users/{cy.name}/tokens", ann.token).status_code in {403, 404}
    assert ann.hub.api("GET", "users", ann.token).status_code == 403
    stranger = ann.hub.api("POST", f"users/{bo.name}/server", "0" * 32)
    assert stranger.status_code == 403


def test_a_cell_that_asks_for_too_much_is_told_and_the_kernel_lives(classroom: Class) -> None:
    ann, bo, _ = classroom.students
    with ann.open(SCRATCH) as kernel, bo.open(SCRATCH) as other:
        other.run("kept = 7")
        kernel.run("kept = 6")
        numpy = kernel.run("import numpy; numpy.ones(4 * 10**8)")  # 3.2 GB
        assert numpy.error.startswith("MemoryError: Unable to allocate"), numpy
        torch = kernel.run("import torch; torch.ones(8 * 10**8)")
        assert "not enough memory" in torch.error or "can't allocate memory" in torch.error, torch
        python = kernel.run("x = bytearray(3 * 10**9)")
        assert python.error.startswith("MemoryError"), python
        assert kernel.run("print(kept)").text == "6\n"
        assert other.run("print(kept)").text == "7\n"


GRAB = "import numpy; mine = numpy.ones({bytes} // 8); print('have it')"


def test_at_the_hard_limit_one_kernel_ends_and_everybody_else_goes_on(classroom: Class) -> None:
    if not classroom.limited:
        pytest.skip("no memory group can be made here, so the hard limit is not tried")
    ann, bo, _ = classroom.students
    most = 1_400_000_000  # below the cap of one process, above half of the limit of all
    with bo.open(SCRATCH) as other, ann.open("first.ipynb") as first:
        other.run("kept = 7")
        assert first.run(GRAB.format(bytes=most)).text == "have it\n"
        with ann.open("second.ipynb") as second:
            answer = second.run(GRAB.format(bytes=most))
            survivors = [k for k in (first, second) if alive(k)]
        assert answer.error == DIED or len(survivors) == 1, answer
        assert ann.files("transfer-learning"), "the student's own server ended as well"
        with ann.open("third.ipynb") as third:
            assert third.run("print('again')").text == "again\n"
        assert other.run("print(kept)").text == "7\n"


def alive(kernel: Kernel) -> bool:
    return kernel.run("print('mine' in dir())").text == "True\n"


def test_what_a_student_s_server_costs(classroom: Class) -> None:
    """No limit of its own: the figure is for the reader of the test's output."""
    for student in classroom.students:
        uid = classroom.home(student).stat().st_uid
        mine = [p for p in psutil.process_iter(["uids"]) if p.info["uids"].real == uid]
        servers = [p for p in mine if "jupyterhub-singleuser" in " ".join(p.cmdline())]
        assert len(servers) == 1, [p.cmdline() for p in mine]
        smaps = Path("/proc", str(servers[0].pid), "smaps_rollup").read_text()
        pss = next(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:"))
        print(f"{student.name}: server {pss / 1000:.0f} MB")
        assert pss < 400_000, "a server takes more than the page reckons with"
