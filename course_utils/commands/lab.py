"""``python -m course_utils lab``: JupyterLab, on this computer only, at the first lesson."""

import argparse
import importlib.util
import os
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from urllib.parse import quote

HELP = "start JupyterLab at the first lesson"

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).resolve().parents[1] / "lab_settings"
FIRST_LESSON = "lessons/00_start_here.ipynb"
HOST = "127.0.0.1"  # nobody else on the network gets in
PORTS = range(8888, 8988)


class LabError(Exception):
    """JupyterLab cannot start; the message says why and what to do."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments to ``parser``."""
    parser.add_argument(
        "notebook",
        nargs="?",
        default=FIRST_LESSON,
        metavar="NOTEBOOK",
        help=f"what to open, seen from the course's folder (default: {FIRST_LESSON})",
    )
    parser.add_argument(
        "--port", type=int, help=f"default: the first free one from {PORTS.start} on"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="FOLDER", help="serve a copy of the course"
    )


def main(args: argparse.Namespace) -> int:
    """Run JupyterLab until it is stopped; return its exit status."""
    try:
        if importlib.util.find_spec("jupyterlab") is None:
            raise LabError(
                f"JupyterLab is not installed for {sys.executable}. `make lab` installs it, "
                "or with conda: `conda env create -f environment.yml`."
            )
        root = args.root.resolve()
        page = page_of(args.notebook, root)
        port = choose_port(args.port)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    token = secrets.token_hex(24)
    address = f"http://{HOST}:{port}/lab/tree/{quote(page)}?token={token}"
    opens_browser = not args.no_browser and has_display()
    threading.Thread(
        target=announce, args=(address, port, opens_browser, args.no_browser), daemon=True
    ).start()

    from jupyterlab.labapp import LabApp

    # Called here, not as a program of its own: no other user reads the token in a process list.
    LabApp.launch_instance(arguments(root, page, port, token, opens_browser))
    return 0


def page_of(notebook: str, root: Path) -> str:
    """Return a notebook's path below ``root``, as it stands in an address.

    Raises
    ------
    LabError
        If there is no such file below ``root``.
    """
    path = (root / notebook).resolve()
    if not path.is_file() or not path.is_relative_to(root):
        there = sorted(found.relative_to(root).as_posix() for found in root.glob("lessons/*.ipynb"))
        raise LabError(f"No notebook {notebook} in {root}. There are: {', '.join(there) or 'none'}")
    return path.relative_to(root).as_posix()


def choose_port(wanted: int | None) -> int:
    """Return a free port: the wanted one, or the first that is free.

    Raises
    ------
    LabError
        If the wanted port, or every port tried, is taken or not allowed.
    """
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise LabError(f"--port {wanted} is no port: give a number from 1 to 65535.")
        if not _is_free(wanted):
            raise LabError(
                f"Port {wanted} is taken (perhaps the course runs already), or not allowed. "
                "Give another number, or leave --port out to take the first free one."
            )
        return wanted
    for port in PORTS:
        if _is_free(port):
            return port
    raise LabError(f"No free port from {PORTS.start} to {PORTS.stop - 1}. Give one with --port.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # on Windows this option would also admit a port in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def has_display() -> bool:
    """Say whether a browser window can be opened here."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False  # a browser for text may exist, but cannot show JupyterLab
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def arguments(root: Path, page: str, port: int, token: str, opens_browser: bool) -> list[str]:
    """Return JupyterLab's command line."""
    options = [
        f"--ServerApp.root_dir={root}",
        "--ServerApp.contents_manager_class=course_utils.commands.lab_files.LessonsFirst",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.open_browser={opens_browser}",
        "--ServerApp.answer_yes=True",  # Ctrl-C stops at once, without a question
        f"--IdentityProvider.token={token}",
        f"--LabApp.default_url=/lab/tree/{quote(page)}",
        f"--LabApp.app_settings_dir={SETTINGS}",  # no news, no pop-ups
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--log-level=WARN",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")  # containers often run as root
    return options


def announce(address: str, port: int, opens_browser: bool, by_choice: bool) -> None:
    """Print the address as soon as the server answers there."""
    if not _answers(f"http://{HOST}:{port}/api"):
        return  # the server has said why it did not start
    print(f"\nThe course is open at\n\n    {address}\n")
    if opens_browser:
        print("Your browser shows it in a moment.")
    elif by_choice:
        print("Open that address in a browser.")
    else:
        print(
            "There is no display here, so no browser was opened. Open that address in a browser\n"
            "on this computer. If this computer is far away, first run on your own:\n\n"
            f"    ssh -N -L {port}:{HOST}:{port} USER@THIS-COMPUTER\n"
        )
    print("Ctrl-C stops it.", flush=True)


def _answers(url: str, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return True
        except urllib.error.HTTPError:
            return True  # it answers, and asks for the token
        except OSError:
            time.sleep(0.1)
    return False
