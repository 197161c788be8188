"""Where to look on the network, whether it answers, and its errors in plain words."""

from __future__ import annotations

import http.client
import os
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from course_utils.downloads.disk import DownloadError

HEADERS = {"User-Agent": "course-utils", "Accept-Encoding": "identity"}
_HEAD_REFUSED = {http.client.METHOD_NOT_ALLOWED, http.client.NOT_IMPLEMENTED}


class Fault(Exception):
    """Why one attempt failed.

    Parameters
    ----------
    cause : str
        What happened, in words.
    lasting : bool, optional
        Whether trying the same address again is no use.
    """

    def __init__(self, cause: str, *, lasting: bool = False) -> None:
        super().__init__(cause)
        self.lasting = lasting


def offline() -> bool:
    """Whether the reader forbade the network with COURSE_OFFLINE=1."""
    return os.environ.get("COURSE_OFFLINE", "").strip().lower() not in {"", "0", "no", "false"}


def addresses(url: str) -> list[str]:
    """The addresses to try for a file, in order: the mirror in COURSE_MIRROR, then `url`.

    COURSE_MIRROR is a base address (`http://...`) or simply a folder, such as one on a USB
    stick. With COURSE_OFFLINE=1 only folders remain.

    Raises
    ------
    DownloadError
        When one of them is no address of a kind that can be fetched.
    """
    candidates = [url]
    if mirror := os.environ.get("COURSE_MIRROR", "").strip():
        base = mirror if "://" in mirror else Path(mirror).expanduser().resolve().as_uri()
        candidates.insert(0, f"{base.rstrip('/')}/{file_name(url)}")
    for candidate in candidates:
        if urllib.parse.urlsplit(candidate).scheme not in {"http", "https", "file"}:
            raise DownloadError(
                f"{candidate!r} is not an address to download from.",
                "Give one that starts with http://, https:// or file://, or for COURSE_MIRROR "
                "the path of a folder.",
            )
    return [url for url in candidates if not offline() or url.startswith("file:")]


def file_name(url: str) -> str:
    """The last part of an address, without what may follow a question mark."""
    return Path(urllib.parse.urlsplit(url).path).name


def answers(url: str, timeout: float = 3.0) -> bool:
    """Whether a file, or the mirror's copy, can be had: asked by HEAD, decided within `timeout`.

    Each address is asked in a thread of its own, left behind when it is late: no socket option
    limits the time that looking up a name takes.

    Parameters
    ----------
    url : str
        As for `fetch_file`. COURSE_OFFLINE=1 leaves only a mirror that is a folder.
    timeout : float, optional
        Seconds.
    """
    verdicts: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask(candidate: str) -> None:
        try:
            request = urllib.request.Request(candidate, headers=HEADERS, method="HEAD")
            with urllib.request.urlopen(request, timeout=timeout):
                verdicts.put(True)
        except urllib.error.HTTPError as error:
            error.close()
            verdicts.put(error.code in _HEAD_REFUSED)  # alive, and only HEAD is not allowed
        except (OSError, http.client.HTTPException, ValueError):
            verdicts.put(False)

    candidates = addresses(url)
    deadline = time.monotonic() + timeout
    for candidate in candidates:
        threading.Thread(target=ask, args=(candidate,), daemon=True).start()
    try:
        return any(verdicts.get(timeout=max(0.0, deadline - time.monotonic())) for _ in candidates)
    except queue.Empty:
        return False


def explained(error: BaseException, silence: str) -> Fault:
    """Put a network error in words; `silence` is how to say that a wait ran out."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Fault(
            f"the server's certificate cannot be trusted ({reason.verify_message}): is the clock "
            "right, does a proxy stand between?",
            lasting=True,
        )
    if isinstance(reason, socket.gaierror):
        return Fault("its name cannot be looked up: no network, or a mistyped address")
    if isinstance(reason, TimeoutError):
        return Fault(silence)
    if isinstance(reason, ConnectionRefusedError):
        return Fault("nothing answers there (connection refused)")
    if isinstance(reason, FileNotFoundError):
        return Fault("there is no such file", lasting=True)
    if isinstance(reason, (ConnectionError, http.client.HTTPException)):
        return Fault("the connection was cut")
    return Fault(str(reason) or type(reason).__name__)


def web_page_hint(path: Path) -> str:
    """A sentence for the commonest reason of a wrong checksum on a campus or in a hotel."""
    with path.open("rb") as file:
        start = file.read(200).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return " It is a web page: perhaps the sign-in page of this network or a proxy's refusal."
    return ""
