"""What server and worker say to each other: frames of JSON over a pipe. Imported by both sides.

A frame is the length of its body (4 bytes, big endian) and the body, a JSON object in UTF-8. A request is
``{"id", "method", "params"}``; its answer ``{"id", "result"}`` or ``{"id", "error": {"code", "message"}}``,
before which there may be any number of ``{"id", "partial"}``. ``{"cancel": id}`` gives a request up; it is
answered all the same.
The worker begins with ``MARK`` and the mark that it was started with: what an interpreter's start-up hooks
have printed before that is none of ours. From then on libraries print to stderr.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

MARK = b"\0model-loupe:"
MAX_FRAME = 256 * 2**20
"""Bytes of a body: far above the tree of any model, far below what would fill the memory."""

_LENGTH = struct.Struct(">I")
_MAX_GARBAGE = 2**20


class BrokenStream(Exception):
    """The other side has sent what is no frame."""


def write_frame(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Sends one message; OSError if the other side is gone."""
    body = json.dumps(message, separators=(",", ":")).encode()
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the end of the stream. Raises BrokenStream."""
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else MAX_FRAME + 1
    if length > MAX_FRAME:
        raise BrokenStream("not a frame")
    body = stream.read(length)
    if len(body) < length:
        return None
    try:
        message = json.loads(body)
    except ValueError as error:
        raise BrokenStream("a frame that is not JSON") from error
    if not isinstance(message, dict):
        raise BrokenStream("a frame that is no object")
    return message


def skip_to(stream: BinaryIO, mark: bytes) -> bool:
    """Reads on until behind ``MARK + mark``; False if the stream ends, or says too much, before it."""
    wanted = MARK + mark
    seen = b""
    for _ in range(_MAX_GARBAGE):
        byte = stream.read(1)
        if not byte:
            return False
        seen = (seen + byte)[-len(wanted) :]
        if seen == wanted:
            return True
    return False
