"""The bare wire: for what a proper client would never send, and for the process itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .editor import SECONDS, SERVE, server_environment


class Wire:
    """A server process, its pipes, and nothing in between."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.shown: list[str] = []
        self.said = b""
        assert process.stdin and process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout

    def send(self, **message: Any) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_bytes(self, body: bytes) -> None:
        self._stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stdin.flush()

    def receive(self) -> dict[str, Any]:
        headers = {}
        while line := self._stdout.readline().strip():
            name, _, value = line.partition(b":")
            headers[name] = value
        body = self._stdout.read(int(headers[b"Content-Length"]))
        self.said += body
        message: dict[str, Any] = json.loads(body)
        return message

    def answer(self, identifier: int) -> dict[str, Any]:
        """The answer to a request, past whatever the server says of its own accord."""
        while True:
            message = self.receive()
            if message.get("id") == identifier and "method" not in message:
                return message
            if message.get("method") == "window/showMessage":
                self.shown.append(message["params"]["message"])

    def error(self, method: str, params: object) -> dict[str, Any]:
        """The error that a request is answered with."""
        self.send(id=1, method=method, params=params)
        error: dict[str, Any] = self.answer(1)["error"]
        return error

    def initialize(self, **params: Any) -> dict[str, Any]:
        self.send(
            id=0,
            method="initialize",
            params={"processId": None, "rootUri": None, "capabilities": {}, **params},
        )
        answer = self.answer(0)
        self.send(method="initialized", params={})
        return answer

    def open(self, uri: str, text: str) -> None:
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": item})

    def hover(self, identifier: int, uri: str, line: int, character: int) -> dict[str, Any]:
        position = {"line": line, "character": character}
        params = {"textDocument": {"uri": uri}, "position": position}
        self.send(id=identifier, method="textDocument/hover", params=params)
        return self.answer(identifier)

    def end(self) -> int:
        """Shut down as the specification says; the exit code."""
        self.send(id=9999, method="shutdown")
        self.answer(9999)
        self.send(method="exit")
        return self.process.wait(SECONDS)

    @property
    def log(self) -> str:
        """What the process has written to stderr."""
        return self._log.read_text()


@contextmanager
def wire(
    home: Path, command: tuple[str, ...] = SERVE, environment: Mapping[str, str] | None = None
) -> Iterator[Wire]:
    """A server process; killed at the end if it is still there."""
    log = home / "stderr.txt"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=home,
            env={**server_environment(home), **(environment or {})},
        ) as process,
    ):
        try:
            yield Wire(process, log)
        finally:
            process.kill()
