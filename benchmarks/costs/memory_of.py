"""Memory of running processes, with what they share told apart (Linux)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def one(pid: int) -> dict[str, float]:
    """Memory of a process in 10**6 bytes.

    Returns
    -------
    resident : all pages that it uses
    pss : its share, where several processes use the same page
    unique : pages that nobody else uses; this much comes back when it ends
    peak : the most that was resident since it began
    """
    found: dict[str, float] = {}
    lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()[1:]
    lines += [
        line for line in Path("/proc", str(pid), "status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]  # fmt: skip
    for line in lines:
        name, kilobytes = line.split(":")
        found[name] = int(kilobytes.split()[0]) * 1024 / 1e6
    return {
        "resident_mb": found["Rss"],
        "pss_mb": found["Pss"],
        "unique_mb": found["Private_Clean"] + found["Private_Dirty"],
        "peak_mb": found["VmHWM"],
    }


def servers(count: int, seconds: float = 90) -> list[dict[str, Any]]:
    """Memory of so many JupyterLab servers, running at once, each asked for its page once."""
    ports = [_free_port() for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        own = {f"JUPYTER_{kind}_DIR": folder for kind in ("CONFIG", "DATA", "RUNTIME")}
        options = ["--no-browser", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
                   f"--ServerApp.root_dir={folder}"]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--allow-root")
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", *options],
                env={**os.environ, **own},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for port in ports
        ]
        try:
            for port in ports:
                _wait(f"http://127.0.0.1:{port}/lab", seconds)
            return [{"what": "server", "students": count, **one(p.pid)} for p in started]
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, seconds: float) -> None:
    """Wait until a page comes; raises TimeoutError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    raise TimeoutError(f"{url} did not answer within {seconds:.0f} s")
