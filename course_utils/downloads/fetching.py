"""Fetch one file over a bad network: retried, resumed, verified, whole or absent."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.downloads.disk import (
    DownloadError,
    Expected,
    beside,
    disk_errors_explained,
    is_disk_full,
    megabytes,
    one_at_a_time,
    require_space,
    set_aside,
)
from course_utils.downloads.network import (
    HEADERS,
    Fault,
    addresses,
    explained,
    patient_opener,
    web_page_hint,
)

from tqdm.auto import tqdm

BACKOFF = 0.5  # seconds before the first retry; doubled before each further one
CHUNK = 1 << 16  # bytes per read: small enough that the bar moves on a slow line
GOOD_PROGRESS = 1 << 20  # an attempt that brought this many bytes does not count as a failure
RETRIED = {408, 425, 429, 500, 502, 503, 504}  # answers that a little patience may cure

AGAIN = "Check the network connection and run this again. "
GO_ON = f"{AGAIN}What has arrived is kept and the download goes on from there. "
ELSEWHERE = (
    "To use a copy from elsewhere, set COURSE_MIRROR to the address or folder that holds it. "
    "COURSE_DATA=shapes needs no download at all."
)


def fetch_file(
    urls: str | Sequence[str],
    destination: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    timeout: float = 10.0,
    retries: int = 3,
    stall: float = 30.0,
    progress: bool = True,
    needed_free: int | None = None,
) -> Path:
    """Download a file unless it is there already; it appears under its name only when whole.

    The bytes go to `NAME.part` beside the destination. A broken transfer is resumed, also by a
    later call when a checksum can prove the joined file right. A file that is there but fails
    the checks is kept as `NAME.bad` and fetched anew. Several processes may call this at once.

    Parameters
    ----------
    urls
        One address, or several that hold the same file (mirrors), tried in order. COURSE_MIRROR,
        when set, goes before them.
    destination
        The file to make; its folder is made too.
    sha256, md5, size
        What the file must match: hexadecimal digests (or their first digits) and bytes.
    timeout, stall
        Seconds to wait for an answer, and for the next bytes once they flow.
    retries
        Further attempts per address after one that brought next to nothing.
    progress
        Show a bar and say when an attempt failed.
    needed_free
        Bytes that must be free before starting, for instance to unpack the file afterwards.

    Returns
    -------
    Path
        `destination`.

    Raises
    ------
    DownloadError
        With the cause per address and the next step. No file is left under the final name.
    KeyboardInterrupt
        Passed on; what has arrived is kept for the next call.
    """
    expected = Expected(sha256, md5, size)
    destination = Path(destination).expanduser()
    with disk_errors_explained(destination):
        # Before any lock: a good file in a folder where nobody may write is still a good file.
        if destination.is_file() and expected.complaint(destination) is None:
            return destination
        candidates = addresses(urls)
        if not candidates:
            raise DownloadError(
                f"{destination} is not there or not right, and COURSE_OFFLINE=1 forbids "
                "downloading it.",
                "Unset COURSE_OFFLINE, or set COURSE_MIRROR to a folder that holds the file.",
            )
        destination.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(destination):
            if destination.exists():
                complaint = expected.complaint(destination) if destination.is_file() else "a folder"
                if complaint is None:  # the process we waited for has fetched it
                    return destination
                set_aside(destination, complaint)
            if needed_free is not None:
                require_space(destination.parent, needed_free, destination.name)
            transfer = _Transfer(destination, expected, timeout, retries, stall, progress)
            transfer.run(candidates)
            transfer.part.replace(destination)
    return destination


class _Transfer:
    """The way of one file into its `.part`, over several attempts and addresses."""

    def __init__(
        self,
        destination: Path,
        expected: Expected,
        timeout: float,
        retries: int,
        stall: float,
        progress: bool,
    ) -> None:
        self.name = destination.name
        self.part = beside(destination, ".part")
        self.expected = expected
        self.timeout, self.retries, self.stall = timeout, retries, stall
        self.progress = progress
        self.opener = patient_opener(stall)
        self.version: tuple[str, str] | None = None  # (address, its ETag or date) of the .part
        self.pieced = False  # whether the .part was joined from more than one answer

    def arrived(self) -> int:
        """Bytes in the `.part`."""
        return self.part.stat().st_size if self.part.exists() else 0

    def run(self, candidates: list[str]) -> None:
        """Fill the `.part` from the first address that can; raise DownloadError when none can."""
        if self._part_is_complete():
            return
        faults: list[str] = []
        try:
            for url in candidates:
                try:
                    self._from(url)
                    return
                except Fault as fault:
                    faults.append(f"  {url}: {fault}")
        except KeyboardInterrupt:
            kept = f" {megabytes(self.arrived())} are kept; the next call goes on from there."
            print(f"Stopped fetching {self.name}.{kept if self._can_go_on() else ''}")
            raise
        except OSError as error:
            if is_disk_full(error):  # a disk filled to the brim with half a file helps nobody
                self.part.unlink(missing_ok=True)
            raise
        again = GO_ON if self._can_go_on() else AGAIN
        raise DownloadError(
            "\n".join([f"{self.name} could not be downloaded.", *faults]), again + ELSEWHERE
        )

    def _can_go_on(self) -> bool:
        """Whether the `.part` is worth going on from later: only a checksum proves the joints."""
        return self.arrived() > 0 and self.expected.has_checksum

    def _part_is_complete(self) -> bool:
        """Judge what an earlier call left; remove it where it is no use."""
        if not self._can_go_on():
            return False
        if self.expected.complaint(self.part) is None:
            return True
        if self.expected.size is not None and self.arrived() >= self.expected.size:
            self.part.unlink()
        return False

    def _from(self, url: str) -> None:
        """Attempts at one address until the `.part` is whole and right, or a Fault is final."""
        failures, started_clean = 0, False
        best = self.arrived()
        while True:
            try:
                self._attempt(url)
                complaint = self.expected.complaint(self.part)
                if complaint is None:
                    return
                what = web_page_hint(self.part)
                self.part.unlink()
                if not self.pieced or started_clean:
                    raise Fault(
                        f"what arrived is wrong: {complaint}.{what} It was deleted.", lasting=True
                    )
                # The beginning may stem from another version of the file: once more from zero.
                started_clean, best = True, 0
                self._say(f"The pieces of {self.name} do not fit together; starting from zero.")
                continue
            except Fault as fault:
                gained = self.arrived() - best
                best = max(best, self.arrived())
                failures = 0 if gained >= GOOD_PROGRESS else failures + 1
                if fault.lasting or failures > self.retries:
                    raise
                pause = BACKOFF * 2 ** max(failures - 1, 0)
                self._say(f"{self.name}: {fault}. Trying again in {pause:.1f} s.")
                time.sleep(pause)

    def _attempt(self, url: str) -> None:
        """One request; its bytes are added to the `.part`."""
        offset = self.arrived()
        known = self.version[1] if self.version and self.version[0] == url else None
        if offset and not (self.expected.has_checksum or known):
            offset = 0
        headers = dict(HEADERS)
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if known:
                headers["If-Range"] = known
        try:
            answer = self.opener.open(
                urllib.request.Request(url, headers=headers), timeout=self.timeout
            )
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                self.part.unlink()
                raise Fault("the server has no more bytes than we do") from error
            raise Fault(
                f"the server answered {error.code} {error.reason}",
                lasting=error.code not in RETRIED,
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise explained(error, f"no answer within {self.timeout:g} s") from error
        with answer:
            self._receive(answer, url, offset)

    def _receive(self, answer: Any, url: str, offset: int) -> None:
        """Write the body of an answer to the `.part`, from `offset` or, if not granted, from 0."""
        granted = answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        if offset and not (answer.status == http.client.PARTIAL_CONTENT and granted):
            if answer.status == http.client.PARTIAL_CONTENT:
                self.part.unlink()
                raise Fault("the server sent another part of the file than asked for")
            offset = 0  # it does not know ranges, or its file has changed: it sends the whole
        self.pieced = offset > 0
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        # A weak tag (W/) promises the same meaning, not the same bytes.
        self.version = (url, tag) if tag and not tag.startswith("W/") else None

        length = answer.headers.get("Content-Length")
        total = offset + int(length) if length and length.isdigit() else None
        wanted = self.expected.size
        if total is not None and wanted is not None and total != wanted:
            raise Fault(f"it offers {total} bytes, expected {wanted}", lasting=True)
        if total is not None:
            require_space(self.part.parent, total - offset, self.name)
        with (
            self.part.open("ab" if offset else "wb") as file,
            tqdm(
                desc=self.name,
                total=total,
                initial=offset,
                unit="B",
                unit_scale=True,
                disable=not self.progress,
            ) as bar,
        ):
            while chunk := self._read(answer):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave a whole name on hollow bytes
        if total is not None and self.arrived() < total:
            raise Fault(
                f"the connection was cut after {megabytes(self.arrived())} of {megabytes(total)}"
            )

    def _read(self, answer: Any) -> bytes:
        """The next bytes; kept apart from writing, so that network and disk errors never mix."""
        try:
            # read1 returns what is there; read would wait until the whole chunk has come.
            return bytes(answer.read1(CHUNK))
        except (OSError, http.client.HTTPException) as error:
            raise explained(error, f"no data for {self.stall:g} s") from error

    def _say(self, sentence: str) -> None:
        if self.progress:
            print(sentence)
