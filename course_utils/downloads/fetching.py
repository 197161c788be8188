"""Fetch one file over a bad network: retried, resumed, verified, whole or absent."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.downloads.disk import (
    DownloadError,
    complaint,
    disk_errors_explained,
    is_disk_full,
    megabytes,
    one_at_a_time,
    require_space,
    set_aside,
)
from course_utils.downloads.network import HEADERS, Fault, addresses, explained, web_page_hint

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
    url: str,
    destination: Path,
    *,
    checksum: str | None = None,
    timeout: float = 15.0,
    retries: int = 3,
    progress: bool = True,
) -> Path:
    """Download a file unless it is there already; it appears under its name only when whole.

    The bytes go to `NAME.part` beside the destination. With a checksum a broken transfer is
    resumed, also by a later call: only a checksum proves that the pieces fit. A file that is there
    but fails the check is kept as `NAME.bad` and fetched anew. Several processes may call this at
    once.

    Parameters
    ----------
    url : str
        The file's address. COURSE_MIRROR, when set, goes before it.
    destination : Path
        The file to make; its folder is made too.
    checksum : str, optional
        What the file must match, such as `"md5:0f35..."`; the first digits alone will do.
    timeout : float, optional
        Seconds of silence after which an attempt is given up.
    retries : int, optional
        Further attempts per address after one that brought next to nothing.
    progress : bool, optional
        Show a bar and say when an attempt failed.

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
    destination = Path(destination).expanduser()
    with disk_errors_explained(destination):
        # Before any lock: a good file in a folder where nobody may write is still a good file.
        if destination.is_file() and complaint(destination, checksum) is None:
            return destination
        candidates = addresses(url)
        if not candidates:
            raise DownloadError(
                f"{destination} is not there or not right, and COURSE_OFFLINE=1 forbids "
                "downloading it.",
                "Unset COURSE_OFFLINE, or set COURSE_MIRROR to a folder that holds the file.",
            )
        destination.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(destination):
            if destination.exists():
                wrong = complaint(destination, checksum) if destination.is_file() else "a folder"
                if wrong is None:  # the process we waited for has fetched it
                    return destination
                set_aside(destination, wrong)
            part = destination.with_name(f"{destination.name}.part")
            transfer = _Transfer(destination.name, part, checksum, timeout, retries, progress)
            transfer.from_any_of(candidates)
            part.replace(destination)
    return destination


@dataclass
class _Transfer:
    """The way of one file into its `.part`, over several attempts and addresses."""

    name: str
    part: Path
    checksum: str | None
    timeout: float
    retries: int
    progress: bool

    def arrived(self) -> int:
        """Bytes in the `.part`."""
        return self.part.stat().st_size if self.part.exists() else 0

    def can_go_on(self) -> bool:
        """Whether the `.part` is worth going on from."""
        return self.arrived() > 0 and self.checksum is not None

    def from_any_of(self, candidates: list[str]) -> None:
        """Fill the `.part` from the first address that can; raise DownloadError when none can."""
        if self.can_go_on() and complaint(self.part, self.checksum) is None:
            return  # an earlier call was stopped just before its last step
        faults: list[str] = []
        try:
            for url in candidates:
                try:
                    self.from_one(url)
                    return
                except Fault as fault:
                    faults.append(f"  {url}: {fault}")
        except KeyboardInterrupt:
            kept = f" {megabytes(self.arrived())} are kept; the next call goes on from there."
            print(f"Stopped fetching {self.name}.{kept if self.can_go_on() else ''}")
            raise
        except OSError as error:
            if is_disk_full(error):  # a disk filled to the brim with half a file helps nobody
                self.part.unlink(missing_ok=True)
            raise
        again = GO_ON if self.can_go_on() else AGAIN
        raise DownloadError(
            "\n".join([f"{self.name} could not be downloaded.", *faults]), again + ELSEWHERE
        )

    def from_one(self, url: str) -> None:
        """Attempts at one address until the `.part` is whole and right, or a Fault is final."""
        failures, started_clean = 0, False
        best = self.arrived()
        while True:
            try:
                joined = self.attempt(url)
                wrong = complaint(self.part, self.checksum)
                if wrong is None:
                    return
                hint = web_page_hint(self.part)
                self.part.unlink()
                if not joined or started_clean:
                    raise Fault(
                        f"what arrived is wrong: {wrong}.{hint} It was deleted.", lasting=True
                    )
                # The beginning may stem from another version of the file: once more from zero.
                started_clean, best = True, 0
                self.say(f"The pieces of {self.name} do not fit together; starting from zero.")
            except Fault as fault:
                gained = self.arrived() - best
                best = max(best, self.arrived())
                failures = 0 if gained >= GOOD_PROGRESS else failures + 1
                if fault.lasting or failures > self.retries:
                    raise
                pause = BACKOFF * 2 ** max(failures - 1, 0)
                self.say(f"{self.name}: {fault}. Trying again in {pause:.1f} s.")
                time.sleep(pause)

    def attempt(self, url: str) -> bool:
        """Add the bytes of one request to the `.part`; return whether they joined earlier ones."""
        offset = self.arrived() if self.can_go_on() else 0
        headers = HEADERS | ({"Range": f"bytes={offset}-"} if offset else {})
        try:
            answer = urllib.request.urlopen(
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
            if answer.status != http.client.PARTIAL_CONTENT:
                offset = 0  # it does not know ranges: it sends the whole
            self.receive(answer, offset)
        return offset > 0

    def receive(self, answer: Any, offset: int) -> None:
        """Write the body of an answer to the `.part`, from `offset` on."""
        length = answer.headers.get("Content-Length")
        total = offset + int(length) if length and length.isdigit() else None
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
            while chunk := self.read(answer):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave a whole name on hollow bytes
        if total is not None and self.arrived() < total:
            raise Fault(
                f"the connection was cut after {megabytes(self.arrived())} of {megabytes(total)}"
            )

    def read(self, answer: Any) -> bytes:
        """The next bytes; kept apart from writing, so that network and disk errors never mix."""
        try:
            # read1 returns what is there; read would wait until the whole chunk has come.
            return bytes(answer.read1(CHUNK))
        except (OSError, http.client.HTTPException) as error:
            raise explained(error, f"no data for {self.timeout:g} s") from error

    def say(self, sentence: str) -> None:
        """Print a sentence, unless progress is to be silent."""
        if self.progress:
            print(sentence)
