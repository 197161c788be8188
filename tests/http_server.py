"""A small HTTP server on 127.0.0.1 that misbehaves on request.

    with Server() as server:
        url = server.add("data.bin", content, Answer(cut_after=1000))

The first request for the file is cut after 1000 bytes, the next ones are served well. The server
knows ranges, and remembers every request.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """How to answer one request.

    Positions count the bytes of this answer's body. `silent`: accept, and never say a word.
    `cut_after`: close the connection there (`reset`: rudely). `stall_after`: say no more.
    `dribble`: send so many bytes at a time, `pause` seconds apart; `call` runs after the third.
    """

    status: int = 200
    body: bytes | None = None
    silent: bool = False
    cut_after: int | None = None
    reset: bool = False
    stall_after: int | None = None
    dribble: int | None = None
    pause: float = 0.01
    call: Callable[[], Any] | None = None
    ranges: bool = True
    length: bool = True


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int | None:
        """The first byte of the asked range, None without one."""
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked else None


@dataclass
class Served:
    """A file on the server, what to do for the next requests, and what to do after those."""

    content: bytes
    planned: list[Answer] = field(default_factory=list)
    always: Answer = Answer()


class Server:
    """Serves files from memory; a context manager."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []
        self.closing = threading.Event()
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Server:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)

    def add(self, name: str, content: bytes, *planned: Answer, always: Answer | None = None) -> str:
        """Serve `content` as `name`; return its address."""
        self.files[f"/{name}"] = Served(content, list(planned), always or Answer())
        return f"{self.address}/{name}"

    def gets(self, name: str) -> list[Request]:
        """The GET requests for a file so far, in order."""
        return [r for r in self.requests if r.method == "GET" and r.path == f"/{name}"]


class _Handler(BaseHTTPRequestHandler):
    server_owner: Server

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        self.reply(with_body=False)

    def do_GET(self) -> None:
        self.reply(with_body=True)

    def reply(self, with_body: bool) -> None:
        owner = self.server_owner
        owner.requests.append(Request(self.command, self.path, dict(self.headers.items())))
        served = owner.files.get(self.path)
        if served is None:
            self.send_error(404)
            return
        answer = served.planned.pop(0) if served.planned and with_body else served.always
        if answer.silent:
            owner.closing.wait(20)
            self.close_connection = True
            return
        body = served.content if answer.body is None else answer.body
        start = self.granted(answer)
        if start is not None and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start is not None else answer.status)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        if answer.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            try:
                self.send_body(body, answer)
            except OSError:  # the client has gone, as some tests want it to
                self.close_connection = True

    def granted(self, answer: Answer) -> int | None:
        """The first byte to send when a range was asked for and may be had, else None."""
        asked = Request(self.command, self.path, dict(self.headers.items())).start
        return asked if answer.ranges and answer.status == 200 else None

    def send_body(self, body: bytes, answer: Answer) -> None:
        stops = [stop for stop in (answer.cut_after, answer.stall_after) if stop is not None]
        sent = body[: min(stops)] if stops else body
        step = answer.dribble or max(len(sent), 1)
        for position in range(0, len(sent), step):
            self.wfile.write(sent[position : position + step])
            self.wfile.flush()
            if position == 2 * step and answer.call is not None:
                answer.call()
            if answer.dribble and self.server_owner.closing.wait(answer.pause):
                return
        if answer.stall_after is not None:
            self.server_owner.closing.wait(20)
        if stops:
            self.close_connection = True
            if answer.reset:
                linger = struct.pack("ii", 1, 0)  # on, for 0 seconds: close by a reset
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
