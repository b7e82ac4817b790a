"""The bytes that are known of a repository's files at one commit. They never change, only grow in number."""

from __future__ import annotations

import json
import threading
import zlib
from bisect import bisect_right

# More is read anew from the Hub: the entry on disk is a convenience.
_MAX_PACKED = 24 * 1024 * 1024
_MAX_UNPACKED = 256 * 1024 * 1024


class Segments:
    """Pieces of one file, in order and without overlaps."""

    __slots__ = ("_pieces", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._pieces: list[bytes] = []

    def get(self, start: int, length: int) -> bytes | None:
        """``length`` bytes from ``start``; None if they are not all known."""
        if self.known_from(start) < length:
            return None
        found = []
        index = self._before(start)
        while length > 0:
            at = start - self._starts[index]
            part = self._pieces[index][at : at + length]
            found.append(part)
            start, length, index = start + len(part), length - len(part), index + 1
        return found[0] if len(found) == 1 else b"".join(found)

    def known_from(self, start: int) -> int:
        """How many bytes from ``start`` on are known without a gap."""
        index, end = max(0, self._before(start)), start
        while index < len(self._starts) and self._starts[index] <= end:
            end = max(end, self._starts[index] + len(self._pieces[index]))
            index += 1
        return end - start

    def add(self, start: int, data: bytes) -> None:
        """A further piece; of what is known already nothing is taken."""
        while data:
            known = self.known_from(start)
            start, data = start + known, data[known:]
            index = self._before(start) + 1
            room = self._starts[index] - start if index < len(self._starts) else len(data)
            if data[:room]:
                self._starts.insert(index, start)
                self._pieces.insert(index, data[:room])
            start, data = start + room, data[room:]

    def _before(self, start: int) -> int:
        """The last piece that begins at ``start`` or before; -1 if there is none."""
        return bisect_right(self._starts, start) - 1

    def pieces(self) -> list[tuple[int, bytes]]:
        """Start and bytes of each piece."""
        return list(zip(self._starts, self._pieces, strict=True))


class Contents:
    """What is known of each file. Thread-safe; ``lock`` is held by who fetches of a file."""

    def __init__(self) -> None:
        self._files: dict[str, Segments] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self.changed = False
        self.nbytes = 0

    def lock(self, name: str) -> threading.Lock:
        """The lock of one file: whoever waits for it finds the bytes there."""
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())

    def get(self, name: str, start: int, length: int) -> bytes | None:
        """As ``Segments.get``."""
        with self._guard:
            known = self._files.get(name)
            return known.get(start, length) if known else None

    def known_from(self, name: str, start: int) -> int:
        """As ``Segments.known_from``."""
        with self._guard:
            known = self._files.get(name)
            return known.known_from(start) if known else 0

    def add(self, name: str, start: int, data: bytes) -> None:
        """As ``Segments.add``."""
        with self._guard:
            self._files.setdefault(name, Segments()).add(start, data)
            self.changed = True
            self.nbytes += len(data)

    def pack(self) -> bytes | None:
        """All of it for the disk; None if that is too much."""
        with self._guard:
            pieces = [
                (name, start, piece) for name, known in self._files.items() for start, piece in known.pieces()
            ]
            self.changed = False
        listing = json.dumps([(name, start, len(piece)) for name, start, piece in pieces]).encode()
        packer = zlib.compressobj(1)
        packed = b"".join([*(packer.compress(each) for each in (listing, b"\n", *(p for *_, p in pieces)))])
        packed += packer.flush()
        return packed if len(packed) <= _MAX_PACKED else None

    def unpack(self, raw: bytes) -> None:
        """Adds what ``pack`` made; anything else is left."""
        try:
            unpacker = zlib.decompressobj()
            whole = unpacker.decompress(raw, _MAX_UNPACKED)
            listing, _, data = whole.partition(b"\n")
            entries = json.loads(listing)
            ends = sum(length for _, _, length in entries)
        except (zlib.error, ValueError, TypeError):
            return
        if not unpacker.eof or ends != len(data):
            return
        at = 0
        for name, start, length in entries:
            self.add(name, start, data[at : at + length])
            at += length
        self.changed = False
