"""The Hub as two HTTP servers on loopback: the Hub itself and the host that its large files come from."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any, Self

from tests.hub.answers import answer, cdn_answer
from tests.hub.faults import Fault
from tests.hub.reply import FileRange, Reply
from tests.hub.repository import HubFile, Repository

_CHUNK = 64 * 1024
_COMPRESSED = ("application/json",)


class Request:
    """A request that came: ``host`` is ``hub`` or ``cdn``, ``nbytes`` what its body took on the wire."""

    def __init__(self, host: str, method: str, target: str, headers: dict[str, str], reply: Reply) -> None:
        self.host = host
        self.method = method
        self.target = target
        self.headers = headers
        self.status = reply.status
        self.nbytes = 0


class _Rule:
    def __init__(self, fault: Fault, where: str, times: int | None) -> None:
        self.fault = fault
        self.where = re.compile(where)
        self.left = times


class LocalHub:
    """A Hub that runs from ``with`` on. What it serves and how can be changed at any time.

    ``latency`` passes before each answer, in seconds. ``redirects``: large files come from the second host.
    ``resolve_cache``: small files are redirected to a path on the same host first, as the Hub does by now.
    ``compresses``: JSON goes out as gzip to those who take it. ``tokens`` are the valid ones.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.cdn_files: dict[str, HubFile] = {}
        self.tokens: set[str] = set()
        self.latency = 0.0
        self.redirects = True
        self.resolve_cache = False
        self.compresses = True
        self.log: list[Request] = []
        self.closing = threading.Event()
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._hub = _Server(self, "hub")
        self._cdn = _Server(self, "cdn")
        self.endpoint = self._hub.address
        self.cdn_endpoint = self._cdn.address

    def __enter__(self) -> Self:
        for server in (self._hub, self._cdn):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all answers, also those that stall, and both servers."""
        self.closing.set()
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    # What it serves

    def add(self, repo_id: str, folder: Path, **options: Any) -> Repository:
        """A repository with the files of ``folder``; ``options`` are those of ``Repository``."""
        repository = self.repositories[repo_id] = Repository(repo_id, **options)
        repository.commit(folder)
        return repository

    def fail(self, fault: Fault, where: str = "", times: int | None = None) -> None:
        """Answers to targets that ``where`` (a regular expression) matches get a fault, so many times."""
        with self._lock:
            self._rules.append(_Rule(fault, where, times))

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._rules.clear()

    def fault_for(self, target: str) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if rule.left != 0 and rule.where.search(target):
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.fault
        return None

    # What it saw

    def count(self, host: str | None = None) -> int:
        """How many requests came (to one host)."""
        return sum(host in (None, request.host) for request in tuple(self.log))

    def nbytes(self, host: str | None = None) -> int:
        """How many bytes of bodies went out (from one host)."""
        return sum(request.nbytes for request in tuple(self.log) if host in (None, request.host))

    def targets(self) -> list[str]:
        """Method and target of each request, in the order of their ends."""
        return [f"{request.method} {request.target}" for request in tuple(self.log)]

    def forget(self) -> None:
        """Starts counting anew."""
        self.log.clear()

    @property
    def open_connections(self) -> int:
        """How many clients' connections are open now."""
        return len(self._connections)

    def opened(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The default of 5 refuses connections of a client that opens sixteen at once.
    request_queue_size = 256

    def __init__(self, hub: LocalHub, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.name = name
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out together.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.hub.opened(self.connection)

    def finish(self) -> None:
        self.server.hub.closed(self.connection)
        try:
            super().finish()
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        """The log is kept as data."""

    def do_GET(self) -> None:
        hub = self.server.hub
        if hub.latency:
            time.sleep(hub.latency)
        reply = self._reply()
        fault = hub.fault_for(self.path)
        if fault:
            reply = fault(reply)
        # In the log before its answer is out: who has the answer may look at the log.
        request = Request(self.server.name, self.command, self.path, dict(self.headers.items()), reply)
        hub.log.append(request)
        self._send(reply, request)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def _reply(self) -> Reply:
        if self.server.name == "cdn":
            return cdn_answer(self.server.hub, self.path, self.headers)
        return self._compressed(answer(self.server.hub, self.command, self.path, self.headers))

    def _compressed(self, reply: Reply) -> Reply:
        wanted = "gzip" in self.headers.get("Accept-Encoding", "") and "Range" not in self.headers
        if (
            not wanted
            or not self.server.hub.compresses
            or reply.headers.get("Content-Type", "").split(";")[0] not in _COMPRESSED
        ):
            return reply
        body = reply.body
        if isinstance(body, FileRange):
            body = body.path.read_bytes()
        packed = gzip.compress(body, 5)
        return reply._replace(body=packed, headers={**reply.headers, "Content-Encoding": "gzip"})

    def _send(self, reply: Reply, request: Request) -> None:
        if reply.stalls:
            self.server.hub.closing.wait()
        if reply.stalls or reply.cut == -1:
            self.close_connection = True
            return
        if reply.drips:
            self._drip(reply.drips)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = reply.nbytes if reply.length is None else reply.length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            self.wfile.flush()
            return
        limit = length if reply.cut is None else min(reply.cut, length)
        request.nbytes = min(limit, reply.nbytes)
        request.nbytes = self._send_body(reply, limit)
        if request.nbytes < length:
            self.close_connection = True

    def _drip(self, seconds: float) -> None:
        self.close_connection = True
        for byte in chain(b"HTTP/1.1 200 OK\r\nX-Long: ", repeat(ord("a"))):
            if self.server.hub.closing.wait(seconds):
                return
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:
                return

    def _send_body(self, reply: Reply, limit: int) -> int:
        sent = 0
        for chunk in _chunks(reply, limit, 1000 if reply.pause else _CHUNK):
            if reply.pause and self.server.hub.closing.wait(reply.pause):
                break
            try:
                self.wfile.write(chunk)
                self.wfile.flush()
            except OSError:
                break
            sent += len(chunk)
        return sent


def _chunks(reply: Reply, limit: int, size: int) -> Iterator[bytes]:
    if isinstance(reply.body, bytes):
        # A body that is to be longer than it is comes again and again.
        for start in count(0, size) if reply.body else ():
            at = start % len(reply.body)
            chunk = reply.body[at : at + min(size, limit)]
            limit -= len(chunk)
            if not chunk or (start and not at and reply.length is None):
                return
            yield chunk
        return
    with reply.body.path.open("rb") as file:
        file.seek(reply.body.start)
        while limit > 0 and (chunk := file.read(min(size, limit))):
            limit -= len(chunk)
            yield chunk
