"""One file over a bad network: every failure tells cause and next step and leaves no half file."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_utils.downloads import fetching, network
from course_utils.downloads.disk import DownloadError
from course_utils.downloads.fetching import fetch_file
from tests.http_server import Answer, Server

import pytest

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
CHECKSUM = f"md5:{MD5}"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "data.bin"


@pytest.fixture(autouse=True)
def _plain_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the reader's, no proxy, and short pauses between attempts."""
    for name in ("COURSE_MIRROR", "COURSE_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "BACKOFF", 0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The file to fetch, in a folder with a bystander that no failure may touch."""
    (tmp_path / "bystander").write_bytes(b"precious")
    return tmp_path / NAME


def left(target: Path) -> set[str]:
    """Names beside the target, without the bystander (checked) and lock files."""
    assert (target.parent / "bystander").read_bytes() == b"precious"
    names = {path.name for path in target.parent.iterdir()}
    return {name for name in names if name != "bystander" and not name.endswith(".lock")}


def refused(url: Any, target: Path, *words: str, **options: Any) -> str:
    """Fetch, expect a DownloadError that holds all `words` and a next step, no file; its text."""
    with pytest.raises(DownloadError) as caught:
        fetch_file(
            url, target, **{"checksum": CHECKSUM, "progress": False, "retries": 1, **options}
        )
    text = str(caught.value)
    for word in (*words, "What to do:"):
        assert word in text
    assert not target.exists()
    return text


def test_fetched_once_then_reused_without_a_request(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT)
    for _ in range(2):
        path = fetch_file(url, target, checksum=f"sha256:{SHA256}", progress=False)
        assert path == target
        assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert left(target) == {NAME}


def test_makes_the_folder_and_shows_a_bar(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch_file(server.add(NAME, CONTENT), tmp_path / "a" / "b" / NAME)
    assert NAME in capfd.readouterr().err


def test_slow_server_makes_progress(server: Server, target: Path) -> None:
    # In all this takes longer than `timeout`, which counts only silence.
    url = server.add(NAME, CONTENT, Answer(dribble=10_000, pause=0.04))
    fetch_file(url, target, checksum=CHECKSUM, timeout=1.0, progress=False)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_stall_is_given_up_and_what_came_is_kept(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT, always=Answer(stall_after=50_000))
    began = time.monotonic()
    refused(url, target, "no data for 0.3 s", "goes on from there", timeout=0.3, retries=0)
    assert time.monotonic() - began < 5
    assert (target.parent / f"{NAME}.part").read_bytes() == CONTENT[:50_000]
    assert left(target) == {f"{NAME}.part"}


def test_server_that_never_answers(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT, always=Answer(silent=True))
    refused(url, target, "no answer within 0.3 s", url, timeout=0.3)
    deadline = time.monotonic() + 5  # a busy server notices the second one late
    while len(server.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(server.requests) == 2  # retried once
    assert left(target) == set()


@pytest.mark.parametrize("reset", [False, True])
def test_cut_is_resumed_by_range(server: Server, target: Path, reset: bool) -> None:
    # The pause lets the client read what was sent before a reset throws it away.
    cut = Answer(cut_after=80_000, reset=reset, dribble=80_000, pause=0.2)
    url = server.add(NAME, CONTENT, cut)
    fetch_file(url, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert [request.start for request in server.gets(NAME)] == [None, 80_000]


def test_later_call_resumes_what_an_earlier_one_left(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT, Answer(cut_after=80_000))
    refused(url, target, "cut after 80000 bytes of 0.3 MB", retries=0)
    fetch_file(url, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert [request.start for request in server.gets(NAME)] == [None, 80_000]
    assert left(target) == {NAME}


def test_many_cuts_with_good_progress_do_not_exhaust_the_retries(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "GOOD_PROGRESS", 30_000)
    url = server.add(NAME, CONTENT, always=Answer(cut_after=40_000))
    fetch_file(url, target, checksum=CHECKSUM, retries=1, progress=False)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 8


def test_server_without_ranges_sends_all_again(server: Server, target: Path) -> None:
    whole = Answer(ranges=False)
    url = server.add(NAME, CONTENT, Answer(cut_after=80_000, ranges=False), always=whole)
    fetch_file(url, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert server.gets(NAME)[1].start == 80_000  # asked for, and not granted


def test_cut_for_ever_without_ranges_ends(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "GOOD_PROGRESS", 30_000)  # the same bytes again are no progress
    url = server.add(NAME, CONTENT, always=Answer(cut_after=80_000, ranges=False))
    refused(url, target, "cut after", retries=2)
    assert len(server.requests) == 4  # the first brought something, and three more did not


@pytest.mark.parametrize("checksum", [CHECKSUM, None])
def test_file_changed_between_the_pieces(
    server: Server, target: Path, checksum: str | None
) -> None:
    old = Answer(body=bytes(len(CONTENT)), cut_after=80_000)
    url = server.add(NAME, CONTENT, old)
    fetch_file(url, target, checksum=checksum, progress=False)
    assert target.read_bytes() == CONTENT


def test_part_without_proof_is_not_trusted(server: Server, target: Path) -> None:
    (target.parent / f"{NAME}.part").write_bytes(b"from who knows where")
    fetch_file(server.add(NAME, CONTENT), target, progress=False)
    assert target.read_bytes() == CONTENT
    assert server.gets(NAME)[0].start is None


def test_spoilt_part_is_found_out_and_fetched_clean(server: Server, target: Path) -> None:
    (target.parent / f"{NAME}.part").write_bytes(bytes(80_000))
    fetch_file(server.add(NAME, CONTENT), target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert [request.start for request in server.gets(NAME)] == [80_000, None]


def test_part_too_long_starts_anew(server: Server, target: Path) -> None:
    (target.parent / f"{NAME}.part").write_bytes(CONTENT + b"more")
    fetch_file(server.add(NAME, CONTENT), target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT


def test_complete_part_needs_no_request(server: Server, target: Path) -> None:
    (target.parent / f"{NAME}.part").write_bytes(CONTENT)
    fetch_file(server.add(NAME, CONTENT), target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert server.requests == []


def test_wrong_checksum_is_deleted_and_said(server: Server, target: Path) -> None:
    wrong = CONTENT[:-1] + b"?"
    url = server.add(NAME, wrong)
    got = hashlib.md5(wrong).hexdigest()
    refused(url, target, url, MD5, got, "deleted", "COURSE_MIRROR")
    assert left(target) == set()
    assert len(server.requests) == 1  # the same address would send the same bytes


def test_sign_in_page_is_recognised(server: Server, target: Path) -> None:
    url = server.add(NAME, b"<!DOCTYPE html><title>Welcome to our wifi</title>")
    refused(url, target, "sign-in page")


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 2), (429, 2)])
def test_refusals_of_the_server(server: Server, target: Path, status: int, requests: int) -> None:
    url = server.add(NAME, b"", always=Answer(status=status))
    refused(url, target, f"answered {status}", url, "Check the network")
    assert len(server.requests) == requests
    assert left(target) == set()


def test_error_500_then_success(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.add(NAME, CONTENT, Answer(status=500))
    fetch_file(url, target, checksum=CHECKSUM)
    assert target.read_bytes() == CONTENT
    assert "answered 500" in capsys.readouterr().out


@pytest.mark.parametrize("mirrored", [None, CONTENT[::-1], CONTENT])
def test_the_mirror_goes_first_and_the_official_address_helps_out(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, mirrored: bytes | None
) -> None:
    if mirrored:
        server.add(f"class/{NAME}", mirrored)
    official = server.add(f"far/{NAME}?x=1", CONTENT)
    monkeypatch.setenv("COURSE_MIRROR", f"{server.address}/class/")
    fetch_file(official, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    asked = [request.path for request in server.requests]
    assert asked == [f"/class/{NAME}", *([] if mirrored == CONTENT else [f"/far/{NAME}?x=1"])]


def test_every_address_is_told_of_with_its_fault(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_MIRROR", f"{server.address}/class")
    official = server.add(NAME, CONTENT[::-1])
    text = refused(official, target, "answered 404", "its md5 is")
    assert text.index(f"{server.address}/class/{NAME}") < text.index(official)


def test_course_mirror_may_be_a_folder_even_offline(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "usb stick"
    stick.mkdir()
    (stick / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("COURSE_MIRROR", str(stick))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    fetch_file(f"https://example.invalid/{NAME}", target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    target.unlink()
    (stick / NAME).unlink()
    refused(f"https://example.invalid/{NAME}", target, "no such file")


def test_offline_makes_no_request_and_moves_nothing(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    url = server.add(NAME, CONTENT)
    refused(url, target, "COURSE_OFFLINE=1", NAME)
    target.write_bytes(b"wrong")
    with pytest.raises(DownloadError, match="COURSE_OFFLINE"):
        fetch_file(url, target, checksum=CHECKSUM)
    assert target.read_bytes() == b"wrong"
    target.write_bytes(CONTENT)
    assert fetch_file(url, target, checksum=CHECKSUM) == target
    assert server.requests == []


def test_no_network_at_all(target: Path) -> None:
    with socket.socket() as closed:  # bound and not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{NAME}"
        refused(url, target, "nothing answers", url, "COURSE_DATA=shapes")
    assert left(target) == set()


def test_name_lookup_fails(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refused(f"http://data.example.invalid/{NAME}", target, "looked up", "no network")


def test_address_of_another_kind(target: Path) -> None:
    refused(f"ftp://example.invalid/{NAME}", target, "ftp://", "https://")


def test_wrong_file_is_moved_aside(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        target.write_bytes(f"mine {number}".encode())
        fetch_file(server.add(NAME, CONTENT), target, checksum=CHECKSUM, progress=False)
        assert target.read_bytes() == CONTENT
    assert (target.parent / f"{NAME}.bad").read_bytes() == b"mine 0"
    assert (target.parent / f"{NAME}.bad2").read_bytes() == b"mine 1"
    said = capsys.readouterr().out
    assert f"{NAME}.bad2" in said
    assert MD5 in said


def test_folder_is_a_file(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT)
    refused(url, target.parent / "bystander" / "sub" / NAME, "bystander", "COURSE_CACHE")
    assert server.requests == []
    assert left(target) == set()


def test_no_permission_as_reported_by_the_system(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target.parent))

    monkeypatch.setattr(Path, "open", forbidden)
    text = refused(server.add(NAME, CONTENT), target, "No permission", "COURSE_CACHE")
    assert str(target.parent) in text


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permission bits are a POSIX matter")
def test_no_permission_for_real(server: Server) -> None:
    url = server.add(NAME, CONTENT)
    # pytest's own folder is closed to others, and it is the last step that shall fail.
    folder = Path(tempfile.mkdtemp())
    (folder / "bystander").write_bytes(b"precious")
    target = folder / NAME
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # permission bits do not bind root: become nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(DownloadError, match="No permission") as caught:
            fetch_file(url, target, checksum=CHECKSUM, progress=False)
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
    assert "COURSE_CACHE" in str(caught.value)
    assert str(folder) in str(caught.value)
    assert left(target) == set()
    shutil.rmtree(folder)


class _FullDisk:
    """A file on a disk with room for 100,000 bytes."""

    def __init__(self, file: Any) -> None:
        self.file, self.room = file, 100_000

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.file.write(data))

    def __enter__(self) -> _FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_disk_full_while_writing(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Path.open

    def open_on_full_disk(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        file = really(self, mode, *rest, **options)
        return _FullDisk(file) if self.suffix == ".part" and "b" in mode[1:] else file

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    refused(server.add(NAME, CONTENT), target, "disk is full", "Free some space")
    assert left(target) == set()


def test_disk_full_for_real(server: Server, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk can be mounted only by root; its stand-in has run")
    try:
        target = disk / NAME
        (disk / "bystander").write_bytes(b"precious")
        # Without a length nobody can foresee that it will not fit.
        url = server.add(NAME, CONTENT, always=Answer(length=False))
        refused(url, target, "disk is full", "Free some space")
        assert left(target) == set()
        refused(server.add(NAME, CONTENT), target, "Not enough space", "0.3 MB")
        assert left(target) == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_interrupt_keeps_the_part(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = Answer(dribble=50_000, pause=0.1, call=lambda: signal.raise_signal(signal.SIGINT))
    url = server.add(NAME, CONTENT, stop)
    # A shell that starts the tests in the background makes them deaf to interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_file(url, target, checksum=CHECKSUM, progress=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert left(target) == {f"{NAME}.part"}
    assert "next call" in capsys.readouterr().out
    kept = (target.parent / f"{NAME}.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    fetch_file(url, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert server.gets(NAME)[1].start == kept


def _process(url: str, target: Path) -> subprocess.Popen[bytes]:
    """Another Python that fetches the same file."""
    code = (
        "import sys; from pathlib import Path\n"
        "from course_utils.downloads.fetching import fetch_file\n"
        f"fetch_file(sys.argv[1], Path(sys.argv[2]), checksum={CHECKSUM!r}, progress=False)"
    )
    here = Path(fetching.__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", code, url, str(target)], cwd=here)


def test_two_processes_make_one_download(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT, always=Answer(dribble=30_000, pause=0.2))
    both = [_process(url, target) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert left(target) == {NAME}


def test_killed_process_blocks_nobody_and_loses_nothing(server: Server, target: Path) -> None:
    url = server.add(NAME, CONTENT, Answer(stall_after=200_000))
    process = _process(url, target)
    part = target.parent / f"{NAME}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait(10)
    kept = part.stat().st_size
    assert not target.exists()
    fetch_file(url, target, checksum=CHECKSUM, progress=False)
    assert target.read_bytes() == CONTENT
    assert server.gets(NAME)[1].start == kept > 0


def test_answers_tells_what_can_be_had(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    good = server.add(NAME, CONTENT)
    assert network.answers(good)
    assert not network.answers(f"{server.address}/missing")
    assert network.answers(server.add("no_head", b"", always=Answer(status=405)))
    assert {request.method for request in server.requests} == {"HEAD"}
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    before = len(server.requests)
    assert not network.answers(good)
    assert len(server.requests) == before


@pytest.mark.parametrize("late", ["server", "lookup"])
def test_answers_in_time(server: Server, monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    url = server.add(NAME, CONTENT, always=Answer(silent=True))
    release = threading.Event()
    if late == "lookup":
        really = socket.getaddrinfo

        def hang(*arguments: Any, **options: Any) -> Any:
            release.wait(20)
            return really(*arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    try:
        assert not network.answers(url, timeout=0.3)
        assert time.monotonic() - began < 2
    finally:
        release.set()
