"""The directory of a zip archive (PKWARE's APPNOTE), read from the archive's end."""

from __future__ import annotations

from struct import Struct, unpack_from
from struct import error as StructError
from typing import NamedTuple

from model_loupe.checkpoints.pytorch.source import Source
from model_loupe.domain.units import format_bytes

_MAX_DIRECTORY_BYTES = 32 * 1024 * 1024
_MAX_ENTRIES = 200_000


_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_FIELDS = Struct("<4H2LH")
_END64_FIELDS = Struct("<Q2H2L4Q")
_CENTRAL_FIELDS = Struct("<4s6H3L5H2L")
LOCAL_FIELDS = Struct("<4s5H3L2H")
STORED, DEFLATED = 0, 8


class Entry(NamedTuple):
    """An entry of a zip directory. ``packed`` are its bytes in the archive."""

    name: str
    flags: int
    method: int
    packed: int
    size: int
    offset: int


class BadZip(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_directory(source: Source) -> tuple[list[Entry], int]:
    """The entries, and where the directory begins."""
    tail = source.tail()
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise BadZip("incomplete-file", "has no zip directory at its end: half-downloaded or cut off")
    *_, count, length, offset, _ = _END_FIELDS.unpack_from(tail, at + 4)
    if at >= 20 and tail.startswith(_END64_LOCATOR, at - 20):
        (place,) = unpack_from("<Q", tail, at - 12)
        record = source.read(place, 56) if place < source.size else b""
        if len(record) < 56 or not record.startswith(_END64):
            raise BadZip("bad-zip", "has a zip directory that is not where its end says")
        *_, count, length, offset = _END64_FIELDS.unpack_from(record, 4)
    if offset + length > source.size or count * _CENTRAL_FIELDS.size > length:
        raise BadZip("bad-zip", "has a zip directory that cannot be where its end says")
    if length > _MAX_DIRECTORY_BYTES or count > _MAX_ENTRIES:
        raise BadZip("zip-too-large", f"lists {count:,} files in {format_bytes(length)}: not read")
    raw = source.read(offset, length)
    try:
        return _entries_of(raw, count), offset
    except StructError:
        raise BadZip("bad-zip", "has a zip directory that breaks off") from None


def _entries_of(raw: bytes, count: int) -> list[Entry]:
    entries: list[Entry] = []
    position = 0
    for _ in range(count):
        fields = _CENTRAL_FIELDS.unpack_from(raw, position)
        if fields[0] != b"PK\x01\x02":
            raise BadZip("bad-zip", "has a zip directory with something else in it")
        flags, method = fields[3], fields[4]
        sizes = [fields[8], fields[9], fields[16]]
        name_end = position + _CENTRAL_FIELDS.size + fields[10]
        end = name_end + fields[11]
        if 0xFFFFFFFF in sizes:
            sizes = _zip64_sizes(raw[name_end:end], sizes)
        name = raw[position + _CENTRAL_FIELDS.size : name_end].decode("utf-8", "replace")
        packed, size, offset = sizes
        entries.append(Entry(name, flags, method, packed, size, offset))
        position = end + fields[12]
    return entries


def _zip64_sizes(extra: bytes, sizes: list[int]) -> list[int]:
    """The 64-bit values (size, packed size, offset: only those that are needed) of extra field 1."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = unpack_from("<2H", extra, position)
        if kind == 1:
            packed, size, offset = sizes
            values = list(unpack_from(f"<{length // 8}Q", extra, position + 4))
            wide = [value == 0xFFFFFFFF for value in (size, packed, offset)]
            taken = [
                values.pop(0) if is_wide and values else old
                for is_wide, old in zip(wide, (size, packed, offset), strict=True)
            ]
            return [taken[1], taken[0], taken[2]]
        position += 4 + length
    return sizes


def root_of(entries: list[Entry]) -> str:
    """The folder that torch takes everything from, with its slash: that of the first entry."""
    root = entries[0].name.partition("/")[0] if entries and "/" in entries[0].name else ""
    return f"{root}/" if root else ""


def start_of(source: Source, entry: Entry) -> int:
    """Where an entry's bytes begin: behind a local header, whose length the directory does not tell."""
    header = source.read(entry.offset, LOCAL_FIELDS.size)
    if len(header) < LOCAL_FIELDS.size or not header.startswith(b"PK\x03\x04"):
        raise BadZip("bad-zip", "is not where the zip directory says")
    *_, name_length, extra_length = LOCAL_FIELDS.unpack(header)
    return int(entry.offset + LOCAL_FIELDS.size + name_length + extra_length)
