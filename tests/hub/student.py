"""A student at the hub, as a program: starts a server, opens a kernel, runs cells."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import requests
import websocket

DIED = "the kernel died"


@dataclass(frozen=True)
class Hub:
    """A running hub, and the token of its teacher."""

    url: str
    token: str

    def api(self, method: str, path: str, token: str = "", **options: Any) -> requests.Response:
        """Ask the hub, as the teacher unless another token is given."""
        headers = {"Authorization": f"token {token or self.token}"}
        address = f"{self.url}/hub/api/{path}"
        return requests.request(method, address, headers=headers, timeout=60, **options)


@dataclass(frozen=True)
class Answer:
    """What a cell gave: all that it printed or showed as text, and its error, if any."""

    text: str
    error: str


class Student:
    """One student.

    Parameters
    ----------
    hub : where
    name : Unix user and hub user alike
    """

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        hub.api("POST", f"users/{name}")
        self.token: str = hub.api("POST", f"users/{name}/tokens").json()["token"]

    def start(self, seconds: float = 180) -> None:
        """Start the server and wait for it."""
        self.hub.api("POST", f"users/{self.name}/server", self.token).raise_for_status()
        self._wait(lambda server: bool(server and server.get("ready")), seconds)

    def stop(self, seconds: float = 60) -> None:
        """Stop the server and wait until it is gone."""
        self.hub.api("DELETE", f"users/{self.name}/server", self.token).raise_for_status()
        self._wait(lambda server: server is None, seconds)

    def _wait(self, done: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            servers = self.hub.api("GET", f"users/{self.name}").json()["servers"]
            if done(servers.get("")):
                return
            time.sleep(0.3)
        raise TimeoutError(f"{self.name}'s server: {servers}")

    def ask(self, method: str, path: str, *, of: str = "", **options: Any) -> requests.Response:
        """Ask one's own server, or (`of`) the server of somebody else."""
        headers = {"Authorization": f"token {self.token}"}
        address = f"{self.hub.url}/user/{of or self.name}/api/{path}"
        return requests.request(
            method, address, headers=headers, timeout=60, allow_redirects=False, **options
        )

    def files(self, folder: str = "") -> list[str]:
        """Names in a folder of the home."""
        answer = self.ask("GET", f"contents/{folder}")
        answer.raise_for_status()
        return sorted(entry["name"] for entry in answer.json()["content"])

    def read(self, path: str) -> Any:
        """A file of the home: text, or a notebook as JSON."""
        answer = self.ask("GET", f"contents/{path}")
        answer.raise_for_status()
        return answer.json()["content"]

    def write(self, path: str, text: str) -> None:
        """Save a text file."""
        body = {"type": "file", "format": "text", "content": text}
        self.ask("PUT", f"contents/{path}", json=body).raise_for_status()

    def open(self, notebook: str) -> Kernel:
        """Start a kernel for a notebook, as JupyterLab does."""
        body = {"path": notebook, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        answer = self.ask("POST", "sessions", json=body)
        answer.raise_for_status()
        return Kernel(self, answer.json()["kernel"]["id"])


class Kernel:
    """A kernel in a student's server; a context manager."""

    def __init__(self, student: Student, number: str) -> None:
        self.student, self.number = student, number
        where = student.hub.url.replace("http://", "ws://")
        self.socket = websocket.create_connection(
            f"{where}/user/{student.name}/api/kernels/{number}/channels",
            header=[f"Authorization: token {student.token}"],
            timeout=60,
        )

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.student.ask("DELETE", f"kernels/{self.number}")

    def run(self, code: str, seconds: float = 300) -> Answer:
        """Run a cell and wait for its end."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "username": "",
                  "session": uuid.uuid4().hex, "date": "", "version": "5.3"}  # fmt: skip
        content = {"code": code, "silent": False, "store_history": True,
                   "allow_stdin": False, "stop_on_error": False}  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self.socket.send(json.dumps({**message, "channel": "shell", "buffers": []}))
        texts, error = [], ""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                received = json.loads(self.socket.recv())
            except websocket.WebSocketTimeoutException:
                continue
            kind, content = received["msg_type"], received["content"]
            if kind == "status" and content["execution_state"] in {"restarting", "dead"}:
                return Answer("".join(texts), DIED)
            if received["parent_header"].get("msg_id") != number:
                continue
            if kind == "stream":
                texts.append(content["text"])
            elif kind in {"execute_result", "display_data"}:
                texts.append(content["data"].get("text/plain", "") + "\n")
            elif kind == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return Answer("".join(texts), error)
        raise TimeoutError(f"no answer after {seconds:.0f} s to {code[:80]!r}")
