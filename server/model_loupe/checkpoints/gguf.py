"""The header of a GGUF file: magic and version, metadata, then name, shape, type and offset of each tensor.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what llama.cpp accepts of it:
``gguf_init_from_reader`` in ``ggml/src/gguf.cpp``. The header has no length: it ends where its last entry
does, so it is read in growing chunks, and what is long and not looked at (a vocabulary's scores) is skipped
without being read. Every rule that a file breaks becomes a named warning; whatever can still be told of it is
told.

The module reads from the top: types, results, ``parse_gguf``, bytes, metadata, tensors, which files belong
together, metadata as a config.
"""

from __future__ import annotations

import re
from math import prod
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, NamedTuple

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Read = Callable[[int, int], bytes]
    Metadata = dict[str, Any]

FIRST_READ = 64 * 1024
"""The first chunk; each further one is twice as large, up to ``MAX_CHUNK``."""

MAX_CHUNK = 1024 * 1024
KEPT_ITEMS = 1024
"""Of an array, so many items are kept: more than any model has layers, fewer than any vocabulary's tokens."""

# The largest headers that are published have some 40 MB (262,144 tokens, 514,906 merges, a tokenizer.json).
_MAX_HEADER_BYTES = 256 * 1024 * 1024
_MAX_STRINGS = 3_000_000
_MAX_NESTED_ARRAYS = 100_000
_MAX_ENTRIES = 65_536
_MAX_TENSORS = 65_536
_MAX_WARNINGS = 20
# Kept of one text (chat templates have some 10 KB), of a text in an array, and of all of them.
_MAX_TEXT_BYTES = 256 * 1024
_MAX_ITEM_BYTES = 1024
_MAX_KEPT_BYTES = 16 * 1024 * 1024
_MAX_KEPT_ITEMS = 64 * KEPT_ITEMS
# "up to 2^16-1 bytes long" (keys, in the specification); tensor names have 64 there.
_MAX_NAME_BYTES = 65_535
_MAX_NAMES_BYTES = 16 * 1024 * 1024
_USUAL_NAME_BYTES = 64
# GGUF_MAX_STRING_LENGTH and GGUF_MAX_ARRAY_ELEMENTS in llama.cpp.
_MAX_LENGTH = 2**30
_MAX_DIMENSIONS = 4
_MAX_READABLE_DIMENSIONS = 16
_MAX_NESTING = 4
_MAX_COUNT = 2**63
_DEFAULT_ALIGNMENT = 32
# Magic, version and the two counts.
_FIXED_BYTES = 24


# --- ggml's element types -------------------------------------------------------------------------------


class GgmlType(NamedTuple):
    """An element type of ggml: ``nbytes`` hold a block of ``block`` weights, with its scales.

    ``dtype`` is what a ``TensorKind`` calls it: PyTorch's name where PyTorch has the type, else ggml's own.
    """

    name: str
    dtype: str
    block: int
    nbytes: int

    @property
    def bits(self) -> float:
        """Bits per weight, scales included."""
        return 8 * self.nbytes / self.block


def _types() -> dict[int, GgmlType]:
    """``enum ggml_type`` in ggml.h; sizes of the blocks: the structs of ggml-common.h."""
    plain = (
        (0, "F32", "float32", 4),
        (1, "F16", "float16", 2),
        (24, "I8", "int8", 1),
        (25, "I16", "int16", 2),
        (26, "I32", "int32", 4),
        (27, "I64", "int64", 8),
        (28, "F64", "float64", 8),
        (30, "BF16", "bfloat16", 2),
    )
    blocks = (
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        # Only ever in memory (of 36 bytes in ggml itself); the size of the gguf package.
        (9, "Q8_1", 32, 40),
        (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292),
        (16, "IQ2_XXS", 256, 66),
        (17, "IQ2_XS", 256, 74),
        (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50),
        (20, "IQ4_NL", 32, 18),
        (21, "IQ3_S", 256, 110),
        (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136),
        (29, "IQ1_M", 256, 56),
        # Q4_0 and IQ4_NL rearranged for some processors: no longer allowed in files (llama.cpp, PR 10446).
        (31, "Q4_0_4_4", 32, 18),
        (32, "Q4_0_4_8", 32, 18),
        (33, "Q4_0_8_8", 32, 18),
        (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66),
        (36, "IQ4_NL_4_4", 32, 18),
        (37, "IQ4_NL_4_8", 32, 18),
        (38, "IQ4_NL_8_8", 32, 18),
        (39, "MXFP4", 32, 17),
        (40, "NVFP4", 64, 36),
        (41, "Q1_0", 128, 18),
        (42, "Q2_0", 64, 18),
    )
    table = {number: GgmlType(name, dtype, 1, nbytes) for number, name, dtype, nbytes in plain}
    table.update({number: GgmlType(name, name, block, nbytes) for number, name, block, nbytes in blocks})
    return table


GGML_TYPES: dict[int, GgmlType] = _types()
"""The number of ``enum ggml_type`` → element type."""

BY_DTYPE: dict[str, GgmlType] = {each.dtype: each for each in GGML_TYPES.values()}
"""What ``TensorKind.dtype`` says → element type."""

_RETIRED = frozenset((31, 32, 33, 36, 37, 38))


# --- what is told ---------------------------------------------------------------------------------------


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


class Gguf(NamedTuple):
    """What can be told of a GGUF file.

    ``version`` is 0 where the file is none. ``metadata`` maps keys to int, float, bool, str or ``Array``; a
    text longer than 256 KiB ends in ``…``. ``tensors`` is in file order, with shapes as PyTorch has them
    (ggml's reversed). ``data_offset`` is the first data byte's offset, 0 where the header is not whole.
    ``complete`` says that every tensor of the header is in ``tensors``.
    """

    version: int
    byte_order: str
    metadata: Metadata
    tensors: dict[str, TensorKind]
    alignment: int
    data_offset: int
    complete: bool
    warnings: list[Warning]


# --- reading a file -------------------------------------------------------------------------------------


class _Stop(Exception):
    """Nothing beyond this can be read, since where it begins is not known."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Ended(Exception):
    """The file ends before its header does."""


class _Findings:
    """What is wrong with a file. Of what is wrong with its parts, some are told and the others counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._warnings: list[Warning] = []
        self._details = 0

    def of_file(self, code: str, message: str) -> None:
        self._warnings.append(Warning(code, message))

    def detail(self, code: str, text: str) -> None:
        self._details += 1
        if self._details <= _MAX_WARNINGS:
            self._warnings.append(Warning(code, f"{self.name}: {text}"))

    @property
    def details(self) -> int:
        return self._details

    def told(self) -> list[Warning]:
        left = self._details - _MAX_WARNINGS
        if left <= 0:
            return self._warnings
        return [*self._warnings, Warning("more-warnings", f"{self.name}: {left:,} more findings like these")]


def parse_gguf(read: Read, size: int, name: str) -> Gguf:
    """Reads the header of a file of ``size`` bytes, of which ``read(offset, length)`` gives a range.

    ``name`` is what warnings call it. Never raises, not even for an OSError of ``read``: a file that is no
    GGUF file gives no tensors and a warning.
    """
    findings = _Findings(name)
    found = _NOTHING
    try:
        found = _parse(_Cursor(read, size), findings)
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or type(error).__name__}"
        findings.of_file("unreadable-file", message)
    except _Ended:
        findings.of_file("incomplete-file", f"{name} became shorter while it was read")
    return found._replace(warnings=findings.told())


_NOTHING = Gguf(0, "little", {}, {}, _DEFAULT_ALIGNMENT, 0, False, [])


def _parse(cursor: _Cursor, findings: _Findings) -> Gguf:
    refused = _refused(cursor, findings.name)
    if refused:
        findings.of_file(*refused)
        return _NOTHING
    cursor.skip(4)
    version = _read_version(cursor, findings)
    if version not in (2, 3):
        return _NOTHING._replace(version=version, byte_order=cursor.byte_order)
    metadata, tensors = _Metadata(cursor, findings), _Tensors(cursor, findings)
    begun = "counts"
    try:
        tensors.expected, metadata.expected = cursor.u64(), cursor.u64()
        begun = "metadata"
        metadata.read()
        begun = "tensor list"
        tensors.read()
    except _Stop as stop:
        findings.of_file(stop.code, f"{findings.name}: {stop}")
    except _Ended:
        message = f"{findings.name} ends inside its header, in the {begun} ({cursor.size:,} bytes): "
        findings.of_file("incomplete-file", message + "half-downloaded or cut off")
    alignment = _alignment(metadata, findings)
    data_offset = _padded(cursor.position, alignment) if tensors.finished else 0
    kinds = tensors.kinds(cursor.size - data_offset, alignment)
    complete = tensors.finished and len(kinds) == tensors.expected
    return Gguf(version, cursor.byte_order, metadata.values, kinds, alignment, data_offset, complete, [])


def _refused(cursor: _Cursor, name: str) -> tuple[str, str] | None:
    if cursor.size == 0:
        return ("empty-file", f"{name} is empty (0 bytes): the download or copy did not start")
    head = cursor.head(1024)
    real_size = lfs_pointer_size(head)
    if real_size is not None:
        of_size = f" of {format_bytes(real_size)}" if real_size else ""
        return ("lfs-pointer", f"{name} is a Git-LFS pointer, not the file{of_size}: run `git lfs pull`")
    if head.startswith(b"GGUF"):
        if len(head) < _FIXED_BYTES:
            return ("header-too-small", f"{name} has only {cursor.size} bytes: no GGUF header")
        return None
    what = _other_format(head)
    return ("not-gguf", f"{name} is {what}, not a GGUF file")


def _other_format(head: bytes) -> str:
    signatures = (
        (b"ggml", "a GGML file (before 2023-08: convert it)"),
        (b"lmgg", "a GGML file (before 2023-08: convert it)"),
        (b"fmgg", "a GGMF file (before 2023-08: convert it)"),
        (b"tjgg", "a GGJT file (before 2023-08: convert it)"),
        (b"PK\x03\x04", "a zip archive (a PyTorch pickle?)"),
        (b"\x80\x02", "a Python pickle"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"<!doctype", "an HTML page"),
        (b"<html", "an HTML page"),
        (b"{", "JSON or other text"),
    )
    if head[8:10] == b'{"':
        return "a safetensors file"
    start = head[:16].lstrip().lower()
    found = next((what for mark, what in signatures if head.startswith(mark) or start.startswith(mark)), None)
    if found is None and not any(head):
        return "zeros (a download that was begun?)"
    return found or "of an unknown format"


def _read_version(cursor: _Cursor, findings: _Findings) -> int:
    version = cursor.u32()
    if version and version & 0xFFFF == 0:
        # As in llama.cpp: 3 with its bytes the other way round.
        cursor.turn_big_endian()
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
        message = (
            f"{findings.name} is a big-endian GGUF file: it runs only on machines of that byte order (s390x)"
        )
        findings.of_file("big-endian", message)
    if version not in (2, 3):
        advice = "convert it with llama.cpp" if version == 1 else "2 and 3 are known"
        findings.of_file("unknown-version", f"{findings.name} is of GGUF version {version}: {advice}")
    return version


def _alignment(metadata: _Metadata, findings: _Findings) -> int:
    value = metadata.values.get("general.alignment", _DEFAULT_ALIGNMENT)
    # The specification has a multiple of 8, llama.cpp and the gguf package a uint32 that is a power of two.
    if type(value) is int and 0 < value < 2**32 and value & (value - 1) == 0:
        if metadata.types.get("general.alignment", "uint32") == "uint32":
            return value
        value = f"of type {metadata.types['general.alignment']}"
    findings.detail("bad-alignment", f"general.alignment is {_short(value)}, not a power of two: taken as 32")
    return _DEFAULT_ALIGNMENT


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _short(value: object) -> str:
    text = str(value).replace("\n", " ").replace("\r", " ")
    return text if len(text) <= 80 else text[:77] + "…"


# --- bytes ----------------------------------------------------------------------------------------------

_INTEGERS = {
    "little": (Struct("<I").unpack_from, Struct("<Q").unpack_from),
    "big": (Struct(">I").unpack_from, Struct(">Q").unpack_from),
}


def _check_length(length: int, limit: int = _MAX_LENGTH, what: str = "a text") -> None:
    if length > limit:
        raise _Stop("bad-length", f"{what} of {length:,} bytes: damaged")


class _Cursor:
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
        _check_length(length, _MAX_NAME_BYTES, what)
        self._name_bytes += length
        if self._name_bytes > _MAX_NAMES_BYTES:
            message = (
                f"names of more than {format_bytes(_MAX_NAMES_BYTES)} are not read: damaged, or no model"
            )
            raise _Stop("header-too-large", message)
        return self.take(length)

    def skip(self, length: int) -> None:
        self.require(length)
        self._at += length

    def require(self, length: int) -> None:
        """That the file and the header can hold so many more bytes."""
        end = self.position + length
        if end > self.size:
            raise _Ended
        if end > _MAX_HEADER_BYTES:
            message = f"a header of {format_bytes(end)} or more is not read: damaged, or no model"
            raise _Stop("header-too-large", message)

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
            _check_length(at - len(buffer))
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
            raise _Ended


# --- metadata -------------------------------------------------------------------------------------------

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


class _Metadata:
    """Reads keys and values; ``values`` holds what was read even where reading ends early."""

    def __init__(self, cursor: _Cursor, findings: _Findings) -> None:
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
            raise _Stop("bad-count", f"claims {self.expected:,} metadata entries: damaged, or no model")
        for _ in range(self.expected):
            self._read_entry()

    def _read_entry(self) -> None:
        key = self._decoded(self._cursor.name("a metadata key"), "a metadata key")
        number = self._cursor.u32()
        value = self._value(number, key, 0)
        if not key:
            self._findings.detail("bad-metadata", "a metadata key is empty")
        elif key in self.values:
            text = f"metadata key {_short(key)} stands twice: the first is taken"
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
                else self._decoded(raw, f"the value of {_short(key)}")
            )
        if number == _ARRAY:
            return self._array(key, depth)
        message = f"the value of {_short(key)} has unknown type {number}: nothing beyond it can be read"
        raise _Stop("unknown-value-type", message)

    def _order(self) -> str:
        return "<" if self._cursor.byte_order == "little" else ">"

    def _text(self, limit: int) -> tuple[bytes, bool]:
        """The first ``limit`` bytes of a text, and whether there are more."""
        length = self._cursor.u64()
        _check_length(length)
        self._cursor.require(length)
        kept = min(length, limit, self._bytes_left)
        self._bytes_left -= kept
        raw = self._cursor.take(kept)
        self._cursor.skip(length - kept)
        return raw, kept < length

    def _array(self, key: str, depth: int) -> Array:
        number, count = self._cursor.u32(), self._cursor.u64()
        if count > _MAX_LENGTH:
            raise _Stop("bad-count", f"{_short(key)} claims {count:,} items: damaged")
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
            message = f"{_short(key)} is an array of unknown type {number}: nothing beyond it can be read"
            raise _Stop("unknown-value-type", message)
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
            raise _Stop("metadata-too-deep", f"{_short(key)} is an array nested too deeply: damaged")
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

    def _too_many(self, what: str) -> _Stop:
        return _Stop("header-too-large", f"metadata of more than {what} is not read: damaged, or no model")


# --- tensors --------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A tensor as the header lists it: ``sizes`` in ggml's order, ``offset`` into the data."""

    offset: int
    name: str
    sizes: tuple[int, ...]
    number: int


class _Tensors:
    """Reads the list of tensors; ``rows`` holds what was read even where reading ends early."""

    def __init__(self, cursor: _Cursor, findings: _Findings) -> None:
        self._cursor = cursor
        self._findings = findings
        self.expected = 0
        self.finished = False
        self.rows: list[_Row] = []

    def read(self) -> None:
        if self.expected > _MAX_TENSORS:
            raise _Stop("bad-count", f"claims {self.expected:,} tensors: damaged, or no model")
        order = "<" if self._cursor.byte_order == "little" else ">"
        layouts = [Struct(f"{order}{rank}QIQ") for rank in range(_MAX_READABLE_DIMENSIONS + 1)]
        for _ in range(self.expected):
            self.rows.append(self._read_row(layouts))
        self.finished = True

    def _read_row(self, layouts: list[Struct]) -> _Row:
        cursor = self._cursor
        name = self._decoded(cursor.name("a tensor's name"))
        rank = cursor.u32()
        if rank > _MAX_READABLE_DIMENSIONS:
            raise _Stop("bad-shape", f"tensor {_short(name)} has {rank:,} dimensions: damaged")
        *sizes, number, offset = cursor.unpack(layouts[rank])
        return _Row(offset, name, tuple(sizes), number)

    def _decoded(self, raw: bytes) -> str:
        if len(raw) > _USUAL_NAME_BYTES:
            text = f"tensor {_short(raw[:60].decode('utf-8', 'replace'))} has a name of {len(raw):,} bytes"
            self._findings.detail("long-name", f"{text}; ggml allows {_USUAL_NAME_BYTES}")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            text = f"the name of tensor {len(self.rows)} is not UTF-8 (byte {error.start})"
            self._findings.detail("bad-utf8", text)
            return raw.decode("utf-8", "backslashreplace")

    def kinds(self, data_bytes: int, alignment: int) -> dict[str, TensorKind]:
        """What was read, by name; whatever is wrong with it becomes a finding."""
        tensors: dict[str, TensorKind] = {}
        placed: list[tuple[_Row, TensorKind]] = []
        shared: dict[tuple[int, tuple[int, ...]], TensorKind | tuple[str, str]] = {}
        room = self._room(data_bytes)
        for row in self.rows:
            spec = row.number, row.sizes
            kind = shared.get(spec)
            if kind is None:
                kind = shared[spec] = _kind(row.number, row.sizes)
            if not isinstance(kind, TensorKind):
                self._found(kind[0], row, kind[1])
                continue
            if row.name in tensors:
                self._found("duplicate-key", row, "is listed twice: the first is taken")
                continue
            kind = self._checked(row, kind, room)
            tensors[row.name] = kind
            placed.append((row, kind))
        if self.finished and len(placed) == self.expected:
            _check_offsets(placed, max(data_bytes, 0), alignment, self._findings)
        return tensors

    def _found(self, code: str, row: _Row, text: str) -> None:
        self._findings.detail(code, f"tensor {_short(row.name)} {text}")

    def _room(self, data_bytes: int) -> dict[int, int]:
        """For the tensors whose type is unknown: offset → bytes as far as the next tensor."""
        if all(row.number in GGML_TYPES for row in self.rows):
            return {}
        offsets = sorted({row.offset for row in self.rows})
        ends = [*offsets[1:], max(data_bytes, offsets[-1])]
        return {begin: end - begin for begin, end in zip(offsets, ends, strict=True)}

    def _checked(self, row: _Row, kind: TensorKind, room: dict[int, int]) -> TensorKind:
        """Says what is odd about a tensor that can be told all the same."""
        ggml_type = GGML_TYPES.get(row.number)
        if ggml_type is None:
            self._found(
                "unknown-dtype", row, f"has unknown type {row.number}: its bytes are taken from offsets"
            )
            return kind._replace(nbytes=min(room[row.offset], _MAX_COUNT - 1))
        if len(row.sizes) > _MAX_DIMENSIONS:
            self._found("bad-shape", row, f"has {len(row.sizes)} dimensions; ggml allows {_MAX_DIMENSIONS}")
        width = row.sizes[0] if row.sizes else 1
        if width % ggml_type.block:
            text = f"has rows of {width:,}, not a multiple of the {ggml_type.block} of {ggml_type.name}"
            self._found("bad-row-size", row, text)
        if row.number in _RETIRED:
            self._found("retired-dtype", row, f"has type {ggml_type.name}, which llama.cpp no longer reads")
        return kind


def _kind(number: int, sizes: tuple[int, ...]) -> TensorKind | tuple[str, str]:
    """What the tensors of one type and shape are, or a warning's code and text."""
    if any(size >= _MAX_COUNT for size in sizes):
        return "bad-shape", f"has shape {_short(list(reversed(sizes)))}, which 64 bits cannot count"
    elements = prod(sizes)
    ggml_type = GGML_TYPES.get(number) or GgmlType(f"type {number}", f"type {number}", 1, 1)
    nbytes = -(-elements // ggml_type.block) * ggml_type.nbytes
    if max(elements, nbytes) >= _MAX_COUNT:
        text = f"has shape {_short(list(reversed(sizes)))}: more elements than 64 bits can count"
        return "shape-overflow", text
    return TensorKind(ggml_type.dtype, tuple(reversed(sizes)), elements, nbytes)


def _check_offsets(
    placed: list[tuple[_Row, TensorKind]], data_bytes: int, alignment: int, findings: _Findings
) -> None:
    """That tensors follow each other, each at the next multiple of the alignment, to the end of the file."""
    before = findings.details
    position = 0
    for row, kind in sorted(placed, key=lambda pair: pair[0].offset):
        who = f"tensor {_short(row.name)}"
        if row.offset >= _MAX_COUNT:
            findings.detail("bad-offsets", f"{who} is at byte {row.offset:,}: damaged")
            continue
        if row.offset % alignment:
            findings.detail(
                "misaligned-tensor", f"{who} is at byte {row.offset:,}, no multiple of {alignment}"
            )
        if row.offset < position:
            findings.detail("overlapping-tensors", f"{who} overlaps another")
        elif row.offset > _padded(position, alignment):
            text = f"{row.offset - position:,} bytes before {who} belong to none"
            findings.detail("hole-in-data", text)
        position = max(position, row.offset + kind.nbytes)
    offsets = [row.offset for row, _ in placed]
    if findings.details == before and offsets != sorted(offsets):
        text = "tensors are not listed in the order of their data: llama.cpp refuses such a file"
        findings.detail("unordered-tensors", text)
    _check_end(position, data_bytes, alignment, findings)


def _check_end(end: int, data_bytes: int, alignment: int, findings: _Findings) -> None:
    name = findings.name
    if end > data_bytes:
        message = (
            f"{name} holds {format_bytes(data_bytes)} of {format_bytes(end)} of tensor data: "
            "half-downloaded or cut off"
        )
        findings.of_file("incomplete-file", message)
    elif data_bytes > _padded(end, alignment):
        message = f"{name} has {data_bytes - end:,} bytes after its last tensor that belong to none"
        findings.of_file("trailing-bytes", message)


# --- which files belong together ------------------------------------------------------------------------

_SPLIT = re.compile(r"(?i)^(.+)-(\d{5})-of-(\d{5})(\.gguf)$")
# As the naming convention of gguf.md has it: the encoding of most tensors, after a dash or a dot. "UD-" and
# the sizes XL to XS are what publishers add to it.
_QUANT = re.compile(
    r"(?i)(?:^|[-._/])("
    r"(?:UD-)?(?:IQ[1-4]|TQ[12]|Q[1-8])_(?:[01K]|XXS|XS|NL|S|M)(?:_(?:XXL|XL|L|M|S|XS|XXS))?(?:_[48]_[48])?"
    r"|(?:UD-)?(?:MXFP4|NVFP4)(?:_MOE)?|BF16|FP?16|FP?32|F64)(?=$|[-._])"
)
_ROLES = ("mmproj", "imatrix", "lora", "vocab")
_MAX_PARTS = 1_000


class GgufSet(NamedTuple):
    """Files that are one model: a file alone, or all the numbered parts of one.

    ``label`` is the encoding that the names claim (``Q4_K_M``; what the tensors are, their headers say), else
    the name without its ending. ``role`` is ``model``, ``mmproj`` (the vision or audio part beside a model),
    ``imatrix``, ``lora`` or ``vocab``. ``files`` are in order; ``missing`` those of them that are not there.
    """

    label: str
    role: str
    files: tuple[str, ...]
    missing: tuple[str, ...]


def split_files(names: Iterable[str]) -> list[GgufSet]:
    """Groups a repository's GGUF files; the sets of one role are alternatives, not parts of one model.

    Parts are named as ``gguf-split`` names them, ``-00001-of-00003.gguf``. Other files are left out.
    """
    present = sorted({name for name in names if name.lower().endswith(".gguf")})
    sets: dict[tuple[str, str, str], set[str]] = {}
    alone: list[GgufSet] = []
    for name in present:
        match = _SPLIT.match(name)
        if match and 1 <= int(match[2]) <= int(match[3]) <= _MAX_PARTS:
            sets.setdefault((match[1], match[3], match[4]), set()).add(name)
        else:
            alone.append(GgufSet(_label(name[:-5]), _role(name), (name,), ()))
    for (stem, total, ending), there in sets.items():
        files = tuple(f"{stem}-{number:05d}-of-{total}{ending}" for number in range(1, int(total) + 1))
        missing = tuple(name for name in files if name not in there)
        alone.append(GgufSet(_label(stem), _role(stem), files, missing))
    return sorted(alone, key=lambda each: each.files)


def _label(stem: str) -> str:
    """The last encoding that a name or, if it has none, its folder names."""
    folder, _, base = stem.rpartition("/")
    found = _QUANT.findall(base) or _QUANT.findall(folder)
    return found[-1] if found else base


def _role(name: str) -> str:
    base = name.rpartition("/")[2].lower()
    words = re.split(r"[-._]", base)
    return next((role for role in _ROLES if role in words), "model")


# --- metadata as a config -------------------------------------------------------------------------------

# Keys after the architecture's name ("llama.block_count") → names in transformers' configs, as its own
# loader has them (GGUF_CONFIG_MAPPING in integrations/ggml.py).
_SIZES = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.indexer.key_length": "index_head_dim",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.layer_norm_epsilon": "layer_norm_eps",
    "rope.freq_base": "rope_theta",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_shared_count": "n_shared_experts",
    "expert_feed_forward_length": "moe_intermediate_size",
    "leading_dense_block_count": "first_k_dense_replace",
    "ssm.state_size": "ssm_state_size",
    "ssm.conv_kernel": "conv_kernel",
    "vocab_size": "vocab_size",
}
_TOKENS = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.eos_token_id": "eos_token_id",
    "tokenizer.ggml.unknown_token_id": "unk_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}
# general.architecture → model_type and class, where one architecture of llama.cpp is one of transformers.
_CLASSES = {
    "llama": ("llama", "LlamaForCausalLM"),
    "mistral3": ("mistral", "MistralForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "qwen2moe": ("qwen2_moe", "Qwen2MoeForCausalLM"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "qwen3moe": ("qwen3_moe", "Qwen3MoeForCausalLM"),
    "qwen3next": ("qwen3_next", "Qwen3NextForCausalLM"),
    "gemma": ("gemma", "GemmaForCausalLM"),
    "gemma2": ("gemma2", "Gemma2ForCausalLM"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM"),
    "gemma3n": ("gemma3n_text", "Gemma3nForCausalLM"),
    "gemma-embedding": ("gemma3_text", "Gemma3TextModel"),
    "phi2": ("phi", "PhiForCausalLM"),
    "phi3": ("phi3", "Phi3ForCausalLM"),
    "phimoe": ("phimoe", "PhimoeForCausalLM"),
    "falcon": ("falcon", "FalconForCausalLM"),
    "gpt2": ("gpt2", "GPT2LMHeadModel"),
    "gptj": ("gptj", "GPTJForCausalLM"),
    "gptneox": ("gpt_neox", "GPTNeoXForCausalLM"),
    "gpt-oss": ("gpt_oss", "GptOssForCausalLM"),
    "bloom": ("bloom", "BloomForCausalLM"),
    "mpt": ("mpt", "MptForCausalLM"),
    "starcoder": ("gpt_bigcode", "GPTBigCodeForCausalLM"),
    "starcoder2": ("starcoder2", "Starcoder2ForCausalLM"),
    "stablelm": ("stablelm", "StableLmForCausalLM"),
    "command-r": ("cohere", "CohereForCausalLM"),
    "cohere2": ("cohere2", "Cohere2ForCausalLM"),
    "dbrx": ("dbrx", "DbrxForCausalLM"),
    "olmo": ("olmo", "OlmoForCausalLM"),
    "olmo2": ("olmo2", "Olmo2ForCausalLM"),
    "olmoe": ("olmoe", "OlmoeForCausalLM"),
    "granite": ("granite", "GraniteForCausalLM"),
    "granitemoe": ("granitemoe", "GraniteMoeForCausalLM"),
    "smollm3": ("smollm3", "SmolLM3ForCausalLM"),
    "nemotron_h": ("nemotron_h", "NemotronHForCausalLM"),
    "nemotron_h_moe": ("nemotron_h", "NemotronHForCausalLM"),
    "nemotron": ("nemotron", "NemotronForCausalLM"),
    "exaone4": ("exaone4", "Exaone4ForCausalLM"),
    "glm4": ("glm4", "Glm4ForCausalLM"),
    "glm4moe": ("glm4_moe", "Glm4MoeForCausalLM"),
    "deepseek2": ("deepseek_v2", "DeepseekV2ForCausalLM"),
    "lfm2": ("lfm2", "Lfm2ForCausalLM"),
    "mamba": ("mamba", "MambaForCausalLM"),
    "mamba2": ("mamba2", "Mamba2ForCausalLM"),
    "jamba": ("jamba", "JambaForCausalLM"),
    "bert": ("bert", "BertModel"),
    "nomic-bert": ("nomic_bert", "NomicBertModel"),
    "modern-bert": ("modernbert", "ModernBertModel"),
    "t5": ("t5", "T5ForConditionalGeneration"),
    "t5encoder": ("t5", "T5EncoderModel"),
}
# Every so many layers one attends to all tokens, the others to a window: what llama.cpp's loaders set for
# models whose files do not say it (set_swa_pattern in src/llama-model.cpp).
_WINDOW_PERIODS = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma-embedding": 6,
    "gpt-oss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "olmo2": 4,
}
# These have a window that llama.cpp does not apply.
_NO_WINDOW = ("phi3", "phimoe")
_SIGMOID = 2


def config_of(metadata: Metadata) -> dict[str, Any]:
    """The metadata under the names of transformers' ``config.json``, as far as it has them.

    A value by layer (``attention.head_count_kv`` of hybrid models) is given where it is one for all layers
    that have it; ``layer_types`` then says what the others are. Where layers differ in a way that a config
    of transformers has no word for, their types are named by what differs.
    """
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return {}
    part = {
        key[len(architecture) + 1 :]: value
        for key, value in metadata.items()
        if key.startswith(architecture + ".")
    }
    config: dict[str, Any] = _class_of(architecture, part)
    for key, field in _SIZES.items():
        value = _uniform(part.get(key))
        if value is not None:
            config[field] = value
    for key, field in _TOKENS.items():
        if type(metadata.get(key)) is int:
            config[field] = metadata[key]
    tokens = metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in config and isinstance(tokens, Array):
        config["vocab_size"] = tokens.length
    config.update(_head_sizes(part))
    layers = _layers(part)
    if layers:
        config["num_hidden_layers"] = layers
        config.update(_layer_kinds(architecture, part, layers))
    return config


def _class_of(architecture: str, part: Metadata) -> dict[str, Any]:
    known = _CLASSES.get(architecture)
    if architecture == "llama" and _whole(part.get("expert_count")):
        known = "mixtral", "MixtralForCausalLM"
    if architecture == "deepseek2" and part.get("expert_gating_func") == _SIGMOID:
        known = "deepseek_v3", "DeepseekV3ForCausalLM"
    return {"model_type": known[0], "architectures": [known[1]]} if known else {"model_type": architecture}


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**53 else None


def _uniform(value: Any) -> int | float | None:
    """A number, or the one number that an array has for all layers that have any."""
    if isinstance(value, Array):
        different = {item for item in value.first if type(item) is int and item > 0}
        return different.pop() if value.whole and len(different) == 1 else None
    if type(value) is float:
        # What was 1e-06 as a float32 is to be 1e-06 again; NaN and infinity are no numbers of a config.
        return float(f"{value:.7g}") if abs(value) < 1e38 else None
    return value if type(value) is int else None


def _layers(part: Metadata) -> int | None:
    """The layers that generate: not those behind them that predict further tokens (MTP)."""
    layers = _whole(part.get("block_count"))
    extra = _whole(part.get("nextn_predict_layers")) or 0
    return layers - extra if layers and extra < layers else layers


def _head_sizes(part: Metadata) -> dict[str, Any]:
    if _whole(part.get("attention.kv_lora_rank")):
        rope = _whole(part.get("rope.dimension_count"))
        return {"qk_rope_head_dim": rope} if rope else {}
    head = _whole(part.get("attention.key_length"))
    return {"head_dim": head} if head else {}


def _layer_kinds(architecture: str, part: Metadata, layers: int) -> dict[str, Any]:
    """What transformers calls ``layer_types``; nothing where all layers are of full attention."""
    if layers > KEPT_ITEMS:
        return {}
    kv_heads = _by_layer(part.get("attention.head_count_kv"), layers)
    windowed = _windowed(architecture, part, layers)
    if kv_heads is None:
        kv_heads = [1] * layers
    if architecture.startswith("nemotron_h"):
        return {"hybrid_override_pattern": _nemotron_pattern(part, kv_heads, layers)}
    interval = _whole(part.get("full_attention_interval"))
    heads_differ = len({count for count in kv_heads if count}) > 1
    types = []
    for layer, count in enumerate(kv_heads):
        if count == 0:
            types.append(_without_attention(part))
        elif interval and (layer + 1) % interval:
            types.append("linear_attention")
        elif windowed is None:
            types.append("attention_with_or_without_window")
        else:
            sizes = _odd_sizes(part, windowed[layer])
            odd = f"_of_{count}_kv_heads" if heads_differ else ""
            types.append(("sliding_attention" if windowed[layer] else "full_attention") + odd + sizes)
    return {} if set(types) == {"full_attention"} else {"layer_types": types}


def _by_layer(value: Any, layers: int) -> list[int] | None:
    if type(value) is int:
        return [value] * layers
    if isinstance(value, Array) and value.length >= layers:
        items = value.first[:layers]
        return [int(item) for item in items] if all(isinstance(item, int) for item in items) else None
    return None


def _windowed(architecture: str, part: Metadata, layers: int) -> list[bool] | None:
    """For each layer whether it has a window; None where some have and it is not known which."""
    if not _uniform(part.get("attention.sliding_window")) or architecture in _NO_WINDOW:
        return [False] * layers
    pattern = part.get("attention.sliding_window_pattern")
    if isinstance(pattern, Array):
        flags = _by_layer(pattern, layers)
        return [bool(flag) for flag in flags] if flags else None
    period = _whole(pattern) or _WINDOW_PERIODS.get(architecture)
    return [layer % period < period - 1 for layer in range(layers)] if period else None


def _without_attention(part: Metadata) -> str:
    if "shortconv.l_cache" in part:
        return "conv"
    return "mamba" if any(key.startswith("ssm.") for key in part) else "no_attention"


def _odd_sizes(part: Metadata, windowed: bool) -> str:
    """Keys and values of sizes that one ``head_dim`` cannot say; "" for the usual ones."""
    if _whole(part.get("attention.kv_lora_rank")):
        return ""
    usual = part.get("attention.key_length")
    suffix = "_swa" if windowed else ""
    key = part.get(f"attention.key_length{suffix}", usual)
    value = part.get(f"attention.value_length{suffix}", part.get("attention.value_length", key))
    return "" if key == value == usual else f"_of_{key}_and_{value}"


def _nemotron_pattern(part: Metadata, kv_heads: list[int], layers: int) -> str:
    """Nemotron-H: ``*`` attention, ``-`` feed-forward alone, ``M`` Mamba, as its own config has it."""
    feed_forward = _by_layer(part.get("feed_forward_length"), layers) or [0] * layers
    return "".join(
        "*" if heads else "-" if wide else "M" for heads, wide in zip(kv_heads, feed_forward, strict=True)
    )


# llama_ftype in llama.h: what most of a file's matrices are said to be.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
    36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip


def file_type(metadata: Metadata) -> str | None:
    """The encoding that ``general.file_type`` claims (``Q4_K_M``); the tensors may be of several others."""
    number = metadata.get("general.file_type")
    return _FILE_TYPES.get(number) if type(number) is int else None
