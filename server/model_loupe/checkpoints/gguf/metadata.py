"""The metadata of a GGUF file: keys with typed values, of which long arrays are not kept."""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

from model_loupe.checkpoints.gguf.cursor import MAX_LENGTH, Cursor, check_length
from model_loupe.checkpoints.gguf.findings import Findings, Stop, short

Metadata = dict[str, Any]

KEPT_ITEMS = 1024
"""Of an array, so many items are kept: more than any model has layers, fewer than any vocabulary's tokens."""

_MAX_STRINGS = 3_000_000
_MAX_NESTED_ARRAYS = 100_000
_MAX_ENTRIES = 65_536
# Kept of one text (chat templates have some 10 KB), of a text in an array, and of all of them.
_MAX_TEXT_BYTES = 256 * 1024
_MAX_ITEM_BYTES = 1024
_MAX_KEPT_BYTES = 16 * 1024 * 1024
_MAX_KEPT_ITEMS = 64 * KEPT_ITEMS
_MAX_NESTING = 4

_STRING, _ARRAY = 8, 9
# gguf_metadata_value_type → the specification's name and struct's code.
_SCALARS = {
    0: ("uint8", "B"),
    1: ("int8", "b"),
    2: ("uint16", "H"),
    3: ("int16", "h"),
    4: ("uint32", "I"),
    5: ("int32", "i"),
    6: ("float32", "f"),
    7: ("bool", "?"),
    10: ("uint64", "Q"),
    11: ("int64", "q"),
    12: ("float64", "d"),
}
_VALUE_NAMES = {number: name for number, (name, _) in _SCALARS.items()} | {_STRING: "string", _ARRAY: "array"}


class Array(NamedTuple):
    """An array of the metadata: ``length`` items of type ``item``, of which ``first`` are the first ones.

    ``item`` is the specification's name in lower case (``string``, ``int32`` …). Up to ``KEPT_ITEMS`` are
    kept, so short arrays are whole.
    """

    item: str
    length: int
    first: tuple[Any, ...]

    @property
    def whole(self) -> bool:
        return len(self.first) == self.length


class MetadataReader:
    """Reads keys and values; ``values`` holds what was read even where reading ends early."""

    def __init__(self, cursor: Cursor, findings: Findings) -> None:
        self._cursor = cursor
        self._findings = findings
        self._strings_left = _MAX_STRINGS
        self._arrays_left = _MAX_NESTED_ARRAYS
        self._bytes_left = _MAX_KEPT_BYTES
        self._items_left = _MAX_KEPT_ITEMS
        self.expected = 0
        self.values: Metadata = {}
        self.types: dict[str, str] = {}

    def read(self) -> None:
        if self.expected > _MAX_ENTRIES:
            raise Stop("bad-count", f"claims {self.expected:,} metadata entries: damaged, or no model")
        for _ in range(self.expected):
            self._read_entry()

    def _read_entry(self) -> None:
        key = self._decoded(self._cursor.name("a metadata key"), "a metadata key")
        number = self._cursor.u32()
        value = self._value(number, key, 0)
        if not key:
            self._findings.detail("bad-metadata", "a metadata key is empty")
        elif key in self.values:
            text = f"metadata key {short(key)} stands twice: the first is taken"
            self._findings.detail("duplicate-metadata", text)
        else:
            self.values[key] = value
            self.types[key] = _VALUE_NAMES[number]

    def _decoded(self, raw: bytes, what: str) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self._findings.detail("bad-utf8", f"{what} is not UTF-8 (byte {error.start})")
            return raw.decode("utf-8", "replace")

    def _value(self, number: int, key: str, depth: int) -> Any:
        if number in _SCALARS:
            return self._cursor.unpack(Struct(self._order() + _SCALARS[number][1]))[0]
        if number == _STRING:
            raw, cut = self._text(_MAX_TEXT_BYTES)
            return (
                raw.decode("utf-8", "ignore") + "…"
                if cut
                else self._decoded(raw, f"the value of {short(key)}")
            )
        if number == _ARRAY:
            return self._array(key, depth)
        message = f"the value of {short(key)} has unknown type {number}: nothing beyond it can be read"
        raise Stop("unknown-value-type", message)

    def _order(self) -> str:
        return "<" if self._cursor.byte_order == "little" else ">"

    def _text(self, limit: int) -> tuple[bytes, bool]:
        """The first ``limit`` bytes of a text, and whether there are more."""
        length = self._cursor.u64()
        check_length(length)
        self._cursor.require(length)
        kept = min(length, limit, self._bytes_left)
        self._bytes_left -= kept
        raw = self._cursor.take(kept)
        self._cursor.skip(length - kept)
        return raw, kept < length

    def _array(self, key: str, depth: int) -> Array:
        number, count = self._cursor.u32(), self._cursor.u64()
        if count > MAX_LENGTH:
            raise Stop("bad-count", f"{short(key)} claims {count:,} items: damaged")
        kept = min(count, KEPT_ITEMS, self._items_left)
        self._items_left -= kept
        if number in _SCALARS:
            name, code = _SCALARS[number]
            first = self._numbers(code, count, kept)
        elif number == _STRING:
            name, first = "string", self._texts(count, kept)
        elif number == _ARRAY:
            name, first = "array", self._arrays(key, count, kept, depth + 1)
        else:
            message = f"{short(key)} is an array of unknown type {number}: nothing beyond it can be read"
            raise Stop("unknown-value-type", message)
        return Array(name, count, first)

    def _numbers(self, code: str, count: int, kept: int) -> tuple[Any, ...]:
        size = Struct("<" + code).size
        self._cursor.require(count * size)
        first = self._cursor.unpack(Struct(f"{self._order()}{kept}{code}"))
        self._cursor.skip((count - kept) * size)
        return first

    def _texts(self, count: int, kept: int) -> tuple[str, ...]:
        self._cursor.require(count * 8)
        self._strings_left -= count
        if self._strings_left < 0:
            raise self._too_many(f"{_MAX_STRINGS:,} texts")
        first = []
        for _ in range(kept):
            raw, cut = self._text(_MAX_ITEM_BYTES)
            # Tokens need not be text: byte tokens of some vocabularies are not.
            first.append(raw.decode("utf-8", "replace") + ("…" if cut else ""))
        self._cursor.skip_strings(count - kept)
        return tuple(first)

    def _arrays(self, key: str, count: int, kept: int, depth: int) -> tuple[Array, ...]:
        if depth >= _MAX_NESTING:
            raise Stop("metadata-too-deep", f"{short(key)} is an array nested too deeply: damaged")
        self._cursor.require(count * 12)
        self._arrays_left -= count
        if self._arrays_left < 0:
            raise self._too_many(f"{_MAX_NESTED_ARRAYS:,} nested arrays")
        first = []
        for index in range(count):
            item = self._array(key, depth)
            if index < kept:
                first.append(item)
        return tuple(first)

    def _too_many(self, what: str) -> Stop:
        return Stop("header-too-large", f"metadata of more than {what} is not read: damaged, or no model")
