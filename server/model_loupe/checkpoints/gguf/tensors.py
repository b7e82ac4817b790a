"""The tensor list of a GGUF file: name, shape, type and place of each, and whether they fit the file."""

from __future__ import annotations

from math import prod
from struct import Struct
from typing import NamedTuple

from model_loupe.checkpoints.gguf.cursor import Cursor
from model_loupe.checkpoints.gguf.findings import Findings, Stop, short
from model_loupe.checkpoints.gguf.types import GGML_TYPES, RETIRED, GgmlType
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes

_MAX_TENSORS = 65_536
_USUAL_NAME_BYTES = 64
_MAX_DIMENSIONS = 4
_MAX_READABLE_DIMENSIONS = 16
MAX_COUNT = 2**63


def padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


class _Row(NamedTuple):
    """A tensor as the header lists it: ``sizes`` in ggml's order, ``offset`` into the data."""

    offset: int
    name: str
    sizes: tuple[int, ...]
    number: int


class TensorReader:
    """Reads the list of tensors; ``rows`` holds what was read even where reading ends early."""

    def __init__(self, cursor: Cursor, findings: Findings) -> None:
        self._cursor = cursor
        self._findings = findings
        self.expected = 0
        self.finished = False
        self.rows: list[_Row] = []

    @property
    def offsets(self) -> dict[str, int]:
        """Where the data of each tensor begins, behind the header; of two of a name the first."""
        return {row.name: row.offset for row in reversed(self.rows)}

    def read(self) -> None:
        if self.expected > _MAX_TENSORS:
            raise Stop("bad-count", f"claims {self.expected:,} tensors: damaged, or no model")
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
            raise Stop("bad-shape", f"tensor {short(name)} has {rank:,} dimensions: damaged")
        *sizes, number, offset = cursor.unpack(layouts[rank])
        return _Row(offset, name, tuple(sizes), number)

    def _decoded(self, raw: bytes) -> str:
        if len(raw) > _USUAL_NAME_BYTES:
            text = f"tensor {short(raw[:60].decode('utf-8', 'replace'))} has a name of {len(raw):,} bytes"
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
        self._findings.detail(code, f"tensor {short(row.name)} {text}")

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
            return kind._replace(nbytes=min(room[row.offset], MAX_COUNT - 1))
        if len(row.sizes) > _MAX_DIMENSIONS:
            self._found("bad-shape", row, f"has {len(row.sizes)} dimensions; ggml allows {_MAX_DIMENSIONS}")
        width = row.sizes[0] if row.sizes else 1
        if width % ggml_type.block:
            text = f"has rows of {width:,}, not a multiple of the {ggml_type.block} of {ggml_type.name}"
            self._found("bad-row-size", row, text)
        if row.number in RETIRED:
            self._found("retired-dtype", row, f"has type {ggml_type.name}, which llama.cpp no longer reads")
        return kind


def _kind(number: int, sizes: tuple[int, ...]) -> TensorKind | tuple[str, str]:
    """What the tensors of one type and shape are, or a warning's code and text."""
    if any(size >= MAX_COUNT for size in sizes):
        return "bad-shape", f"has shape {short(list(reversed(sizes)))}, which 64 bits cannot count"
    elements = prod(sizes)
    ggml_type = GGML_TYPES.get(number) or GgmlType(f"type {number}", f"type {number}", 1, 1)
    nbytes = -(-elements // ggml_type.block) * ggml_type.nbytes
    if max(elements, nbytes) >= MAX_COUNT:
        text = f"has shape {short(list(reversed(sizes)))}: more elements than 64 bits can count"
        return "shape-overflow", text
    return TensorKind(ggml_type.dtype, tuple(reversed(sizes)), elements, nbytes)


def _check_offsets(
    placed: list[tuple[_Row, TensorKind]], data_bytes: int, alignment: int, findings: Findings
) -> None:
    """That tensors follow each other, each at the next multiple of the alignment, to the end of the file."""
    before = findings.details
    position = 0
    for row, kind in sorted(placed, key=lambda pair: pair[0].offset):
        who = f"tensor {short(row.name)}"
        if row.offset >= MAX_COUNT:
            findings.detail("bad-offsets", f"{who} is at byte {row.offset:,}: damaged")
            continue
        if row.offset % alignment:
            findings.detail(
                "misaligned-tensor", f"{who} is at byte {row.offset:,}, no multiple of {alignment}"
            )
        if row.offset < position:
            findings.detail("overlapping-tensors", f"{who} overlaps another")
        elif row.offset > padded(position, alignment):
            text = f"{row.offset - position:,} bytes before {who} belong to none"
            findings.detail("hole-in-data", text)
        position = max(position, row.offset + kind.nbytes)
    offsets = [row.offset for row, _ in placed]
    if findings.details == before and offsets != sorted(offsets):
        text = "tensors are not listed in the order of their data: llama.cpp refuses such a file"
        findings.detail("unordered-tensors", text)
    _check_end(position, data_bytes, alignment, findings)


def _check_end(end: int, data_bytes: int, alignment: int, findings: Findings) -> None:
    name = findings.name
    if end > data_bytes:
        message = (
            f"{name} holds {format_bytes(data_bytes)} of {format_bytes(end)} of tensor data: "
            "half-downloaded or cut off"
        )
        findings.of_file("incomplete-file", message)
    elif data_bytes > padded(end, alignment):
        message = f"{name} has {data_bytes - end:,} bytes after its last tensor that belong to none"
        findings.of_file("trailing-bytes", message)
