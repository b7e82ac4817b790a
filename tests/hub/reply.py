"""An answer before it is sent, so that a fault can change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class FileRange(NamedTuple):
    """Bytes of a file, sent without being read as a whole."""

    path: Path
    start: int
    length: int


class Reply(NamedTuple):
    """``body`` is sent as it is; the rest says how.

    ``length`` is the Content-Length if it is to lie, ``cut`` the number of body bytes after which the
    connection is closed (-1: before anything is sent), ``pause`` the seconds before each 1,000 bytes,
    ``stalls`` whether the answer never comes, ``drips`` the seconds before each byte of headers that never
    end.
    """

    status: int
    headers: dict[str, str]
    body: bytes | FileRange = b""
    length: int | None = None
    cut: int | None = None
    pause: float = 0.0
    stalls: bool = False
    drips: float = 0.0

    @property
    def nbytes(self) -> int:
        return self.body.length if isinstance(self.body, FileRange) else len(self.body)


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)


def error_reply(status: int, message: str, code: str | None = None) -> Reply:
    """An error as the Hub words it: in headers and as JSON."""
    headers = {"X-Error-Message": message}
    if code:
        headers["X-Error-Code"] = code
    return json_reply({"error": message}, status, headers)
