"""Bytes of a header that has no length: read forward in growing chunks, and skipped where nobody looks."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Any

from model_loupe.checkpoints.gguf.findings import Ended, Stop
from model_loupe.domain.units import format_bytes

Read = Callable[[int, int], bytes]

FIRST_READ = 64 * 1024
"""The first chunk; each further one is twice as large, up to ``MAX_CHUNK``."""

MAX_CHUNK = 1024 * 1024
# The largest headers that are published have some 40 MB (262,144 tokens, 514,906 merges, a tokenizer.json).
_MAX_HEADER_BYTES = 256 * 1024 * 1024
# "up to 2^16-1 bytes long" (keys, in the specification); tensor names have 64 there.
_MAX_NAME_BYTES = 65_535
_MAX_NAMES_BYTES = 16 * 1024 * 1024
# GGUF_MAX_STRING_LENGTH and GGUF_MAX_ARRAY_ELEMENTS in llama.cpp.
MAX_LENGTH = 2**30

_INTEGERS = {
    "little": (Struct("<I").unpack_from, Struct("<Q").unpack_from),
    "big": (Struct(">I").unpack_from, Struct(">Q").unpack_from),
}


def check_length(length: int, limit: int = MAX_LENGTH, what: str = "a text") -> None:
    if length > limit:
        raise Stop("bad-length", f"{what} of {length:,} bytes: damaged")


class Cursor:
    """A position in a file that moves forward. Holds one chunk; what is skipped beyond it is never read."""

    __slots__ = (
        "_at",
        "_begin",
        "_buffer",
        "_chunk",
        "_name_bytes",
        "_read",
        "_u32",
        "_u64",
        "byte_order",
        "size",
    )

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.size = size
        self._begin = 0
        self._buffer = b""
        self._at = 0
        self._chunk = FIRST_READ
        self._name_bytes = 0
        self.byte_order = "little"
        self._u32, self._u64 = _INTEGERS["little"]

    def turn_big_endian(self) -> None:
        self.byte_order = "big"
        self._u32, self._u64 = _INTEGERS["big"]

    @property
    def position(self) -> int:
        return self._begin + self._at

    def head(self, length: int) -> bytes:
        """At most ``length`` bytes from here, without moving."""
        length = min(length, self.size - self.position)
        self._have(length)
        return self._buffer[self._at : self._at + length]

    def take(self, length: int) -> bytes:
        self._have(length)
        at = self._at
        self._at = at + length
        return self._buffer[at : at + length]

    def name(self, what: str) -> bytes:
        """A length and its bytes, of something that is kept whole."""
        length = self.u64()
        check_length(length, _MAX_NAME_BYTES, what)
        self._name_bytes += length
        if self._name_bytes > _MAX_NAMES_BYTES:
            message = (
                f"names of more than {format_bytes(_MAX_NAMES_BYTES)} are not read: damaged, or no model"
            )
            raise Stop("header-too-large", message)
        return self.take(length)

    def skip(self, length: int) -> None:
        self.require(length)
        self._at += length

    def require(self, length: int) -> None:
        """That the file and the header can hold so many more bytes."""
        end = self.position + length
        if end > self.size:
            raise Ended
        if end > _MAX_HEADER_BYTES:
            message = f"a header of {format_bytes(end)} or more is not read: damaged, or no model"
            raise Stop("header-too-large", message)

    def u32(self) -> int:
        self._have(4)
        value: int = self._u32(self._buffer, self._at)[0]
        self._at += 4
        return value

    def u64(self) -> int:
        self._have(8)
        value: int = self._u64(self._buffer, self._at)[0]
        self._at += 8
        return value

    def unpack(self, layout: Struct) -> tuple[Any, ...]:
        self._have(layout.size)
        values = layout.unpack_from(self._buffer, self._at)
        self._at += layout.size
        return values

    def skip_strings(self, count: int) -> None:
        """Goes past ``count`` texts, each a length and its bytes: a vocabulary, in a loop of its own."""
        unpack = self._u64
        while count:
            # The loop ends by itself at the end of the chunk, where there is no length to unpack.
            self._have(8)
            buffer, at = self._buffer, self._at
            try:
                for left in range(count, 0, -1):  # noqa: B007 (used where the loop breaks off)
                    at += 8 + unpack(buffer, at)[0]
            except (StructError, OverflowError):
                count = left
            else:
                count = 0
            check_length(at - len(buffer))
            self.skip(at - self._at)

    def _have(self, length: int) -> None:
        """Makes sure that the next ``length`` bytes are in the chunk."""
        if len(self._buffer) - self._at < length:
            self._fill(length)

    def _fill(self, length: int) -> None:
        self.require(length)
        held = self._buffer[self._at :]
        start = self.position
        more_at = start + len(held)
        wanted = min(max(self._chunk, length - len(held)), self.size - more_at)
        more = self._read(more_at, wanted)
        self._chunk = min(2 * self._chunk, MAX_CHUNK)
        self._begin, self._buffer, self._at = start, held + more, 0
        if len(self._buffer) < length:
            # The file has become shorter than it was when it was listed.
            raise Ended
