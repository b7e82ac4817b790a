"""The header of a safetensors file: 8 bytes of little-endian length, then JSON, then the data.

The format and its rules: https://huggingface.co/docs/safetensors (``validate`` in its Rust source): a
header is at most 100 MB, offsets are contiguous from 0 to the end of the file without holes or overlaps,
and each tensor takes exactly shape × dtype bytes. Every rule that a file breaks becomes a named warning;
whatever can still be told of it is told.
"""

from __future__ import annotations

from math import prod

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.domain import lean_json
from model_loupe.domain.dtypes import BY_NAME, SAFETENSORS
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from typing import Any

MAX_HEADER_BYTES = 100_000_000
FIRST_READ = 16 * 1024
"""Most headers of single-file models end within this; the rest is a second read."""

# Offsets and sizes are 64-bit in the format; a shape whose product is beyond is an overflow there.
_MAX_COUNT = 2**63
# A header that is not in the serializer's own spelling costs some 20 times its size to parse as JSON.
_MAX_JSON_BYTES = 25_000_000
# Beyond this many, the warnings of one file are summed up: a hostile header could hold a million of them.
_MAX_WARNINGS = 20

# What stands between a name and its dtype in the spelling of safetensors' own serializer.
_DTYPE_MARK = '":{"dtype":"'
_SHAPE_MARK = '","shape":['
# Characters that JSON text cannot hold as they are: a name with one of them is json's business.
_NEED_ESCAPES = (*map(chr, range(0x20)), '"', "\\")


class Header(NamedTuple):
    """A safetensors header. ``tensors`` is in file order, ``data_start`` the first data byte's offset."""

    tensors: dict[str, TensorKind]
    metadata: dict[str, str]
    data_start: int
    warnings: list[Warning]


class _Row(NamedTuple):
    """A tensor as a header of any spelling lists it."""

    begin: int
    end: int
    name: str
    kind: TensorKind


def header_length(head: bytes, file_size: int, name: str) -> int | Warning:
    """The length of the JSON from a file's first bytes, or why this can be no safetensors file.

    ``head`` holds the first min(``file_size``, 16 KiB) bytes.
    """
    if file_size == 0:
        return Warning("empty-file", f"{name} is empty (0 bytes): the download or copy did not start")
    real_size = lfs_pointer_size(head)
    if real_size is not None:
        size = f" of {format_bytes(real_size)}" if real_size else ""
        return Warning("lfs-pointer", f"{name} is a Git-LFS pointer, not the file{size}: run `git lfs pull`")
    if file_size < 8:
        return Warning("header-too-small", f"{name} has only {file_size} bytes: no safetensors header")
    other = _other_format(head)
    if other:
        return Warning("not-safetensors", f"{name} is {other}, not a safetensors file")
    length = int.from_bytes(head[:8], "little")
    if length > MAX_HEADER_BYTES:
        return Warning(
            "header-too-large",
            f"{name} claims a header of {length:,} bytes; safetensors allows {MAX_HEADER_BYTES:,}",
        )
    if 8 + length > file_size:
        return Warning(
            "incomplete-file",
            f"{name} ends inside its header ({file_size:,} of {8 + length:,} header bytes): "
            "half-downloaded or cut off",
        )
    return length


def _other_format(head: bytes) -> str | None:
    # These are zero in every length that is allowed, and in no other format. A header of 640 bytes begins
    # as a pickle does.
    if not any(head[4:8]):
        return None
    signatures = (
        (b"PK\x03\x04", "a zip archive (a PyTorch pickle?)"),
        (b"GGUF", "a GGUF file"),
        (b"\x80\x02", "a Python pickle"),
        (b"<!DOCTYPE", "an HTML page"),
        (b"<!doctype", "an HTML page"),
        (b"<html", "an HTML page"),
    )
    return next((what for signature, what in signatures if head.startswith(signature)), None)


def parse_header(raw: bytes, file_size: int, name: str, kinds: KindsByText | None = None) -> Header:
    """Reads the JSON of a header.

    ``raw`` is the JSON alone, ``file_size`` the size of the whole file, ``name`` what warnings call it,
    ``kinds`` what earlier shards of the same model have filled. Never raises: a header that is none gives
    no tensors and a warning.
    """
    data_start = 8 + len(raw)
    data_bytes = file_size - data_start
    warnings: list[Warning] = []
    text = _decode(raw, name, warnings)
    if text is None:
        return Header({}, {}, data_start, warnings)
    canonical = _read_canonical(text, KindsByText() if kinds is None else kinds)
    if canonical:
        tensors, metadata, end = canonical
        _check_end(end, data_bytes, name, warnings)
    else:
        rows, metadata = _rows_of_json(text, name, warnings)
        _check_offsets(rows, data_bytes, name, warnings)
        tensors = {row.name: row.kind for row in rows}
    return Header(tensors, metadata, data_start, _bounded(warnings, name))


def _bounded(warnings: list[Warning], name: str) -> list[Warning]:
    if len(warnings) <= _MAX_WARNINGS:
        return warnings
    left = len(warnings) - _MAX_WARNINGS
    return [*warnings[:_MAX_WARNINGS], Warning("more-warnings", f"{name}: {left:,} more findings like these")]


def _decode(raw: bytes, name: str, warnings: list[Warning]) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        warnings.append(Warning("header-not-utf8", f"{name}: header is not UTF-8 (byte {error.start})"))
        return None


# --- the usual spelling -------------------------------------------------------------------------------


class _NotCanonical(Exception):
    pass


class KindsByText(dict[str, TensorKind]):
    """The text ``BF16","shape":[2,3`` → kind: each is looked at once, and the shards of a model share it."""

    def __missing__(self, text: str) -> TensorKind:
        code, _, shape_text = text.partition(_SHAPE_MARK)
        dtype = SAFETENSORS.get(code)
        parts = shape_text.split(",") if shape_text else []
        # Whatever is odd is left to the careful reader.
        if dtype is None or not all(map(_is_canonical_size, parts)):
            raise _NotCanonical
        kind = _kind(dtype.name, dtype.bits, list(map(int, parts)))
        if kind is None:
            raise _NotCanonical
        self[text] = kind
        return kind


def _is_canonical_size(text: str) -> bool:
    """Whether it is ``0`` or digits without leading zeros, few enough for 64 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= 19 and (text[0] != "0" or text == "0")


def _read_canonical(
    text: str, kinds: KindsByText
) -> tuple[dict[str, TensorKind], dict[str, str], int] | None:
    """Tensors, metadata and the end of the data of a header that is just what the serializer writes.

    That is compact JSON with the fields in a fixed order, and tensors that follow each other without gaps.
    So nothing but names and kinds needs to be read: what must follow each of them is known, and a header
    that differs anywhere is None here and left to json, which takes three times as long.
    """
    body = text.rstrip(" ")
    if not body.endswith("]}}"):
        return None
    try:
        start, metadata = _leading_metadata(body)
        # With "," for the last brace, every entry ends in the same way, and no name follows the last.
        opening, *entries = f'{body[start:-1]},"'.split(_DTYPE_MARK)
        before, name = opening[:2], opening[2:]
        if before != (',"' if start else '{"'):
            return None
        tensors: dict[str, TensorKind] = {}
        end, end_text = 0, "0"
        for entry in entries:
            spec, _, rest = entry.partition("]")
            kind = tensors[name] = kinds[spec]
            end += kind.nbytes
            begin_text, end_text = end_text, str(end)
            name = rest.removeprefix(f',"data_offsets":[{begin_text},{end_text}]}},"')
            if name == rest:
                return None
    except (_NotCanonical, ValueError, RecursionError):
        return None
    if not tensors or name or len(tensors) < len(entries) or end >= _MAX_COUNT:
        return None
    if "__metadata__" in tensors or any(map("".join(tensors).__contains__, _NEED_ESCAPES)):
        return None
    return tensors, metadata, end


def _leading_metadata(body: str) -> tuple[int, dict[str, str]]:
    opening = '{"__metadata__":'
    if not body.startswith(opening):
        return 0, {}
    metadata, end = lean_json.raw_decode(body, len(opening))
    if not _is_text_map(metadata):
        raise _NotCanonical
    return end, metadata


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


# --- any other JSON -----------------------------------------------------------------------------------


def _load_json(text: str, name: str, warnings: list[Warning]) -> dict[str, Any] | None:
    import json

    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs) and len(duplicates) < _MAX_WARNINGS:
            repeats = dict.fromkeys(result, -1)
            for key, _ in pairs:
                repeats[key] += 1
            duplicates.extend(key for key, count in repeats.items() if count)
        return result

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError:
        warnings.append(Warning("header-too-deep", f"{name}: header is nested too deeply"))
        return None
    except ValueError as error:
        warnings.append(Warning("header-not-json", f"{name}: header is not JSON ({_short(error)})"))
        return None
    warnings.extend(
        Warning("duplicate-key", f"{name}: {_short(key)} stands twice in the header") for key in duplicates
    )
    if not isinstance(document, dict):
        kind = type(document).__name__
        warnings.append(Warning("header-not-object", f"{name}: header is a JSON {kind}, not an object"))
        return None
    return document


def _rows_of_json(text: str, name: str, warnings: list[Warning]) -> tuple[list[_Row], dict[str, str]]:
    if len(text) > _MAX_JSON_BYTES:
        message = f"{name}: header of {len(text):,} bytes is not in the usual form: not read"
        warnings.append(Warning("header-too-large", message))
        return [], {}
    document = _load_json(text, name, warnings)
    if document is None:
        return [], {}
    metadata = document.pop("__metadata__", {})
    if not _is_text_map(metadata):
        warnings.append(Warning("bad-metadata", f"{name}: __metadata__ does not map text to text"))
        metadata = {}
    rows: list[_Row] = []
    shared: dict[TensorKind, TensorKind] = {}
    for tensor, entry in document.items():
        try:
            kind, begin, end = _entry(entry)
        except _BadEntry as error:
            warnings.append(Warning(error.code, f"{name}: tensor {_short(tensor)}: {error}"))
            continue
        if kind.dtype not in BY_NAME:
            message = f"{name}: tensor {_short(tensor)} has unknown dtype {_short(kind.dtype)}"
            warnings.append(Warning("unknown-dtype", message))
        rows.append(_Row(begin, end, tensor, shared.setdefault(kind, kind)))
    return rows, metadata


class _BadEntry(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _entry(entry: Any) -> tuple[TensorKind, int, int]:
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise _BadEntry("bad-entry", "needs dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str):
        raise _BadEntry("bad-entry", "dtype is not text")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise _BadEntry("bad-offsets", f"data_offsets {_short(offsets)} are not two byte positions")
    begin, end = offsets
    if begin > end:
        raise _BadEntry("bad-offsets", f"data_offsets {_short(offsets)} end before they begin")
    if not isinstance(shape, list) or not all(map(_is_count, shape)):
        raise _BadEntry("bad-shape", f"shape {_short(shape)} is not a list of sizes")
    dtype = SAFETENSORS.get(code)
    if dtype is None:
        # Its size can only be what the offsets say.
        return TensorKind(code, tuple(shape), prod(shape), end - begin), begin, end
    kind = _kind(dtype.name, dtype.bits, shape)
    if kind is None:
        raise _BadEntry("shape-overflow", f"shape {_short(shape)} has more elements than 64 bits can count")
    return kind, begin, end


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_COUNT


def _kind(dtype: str, bits: int, shape: list[int]) -> TensorKind | None:
    elements = prod(shape)
    if elements * bits >= _MAX_COUNT * 8:
        return None
    return TensorKind(dtype, tuple(shape), elements, (elements * bits + 7) // 8)


# --- the rules about offsets --------------------------------------------------------------------------


def _check_offsets(rows: list[_Row], data_bytes: int, name: str, warnings: list[Warning]) -> None:
    if not rows and warnings:
        # Whose bytes they are cannot be told of a header that could not be read.
        return
    position = 0
    for begin, end, tensor, kind in sorted(rows):
        if end - begin != kind.nbytes:
            message = (
                f"{name}: tensor {_short(tensor)} takes {end - begin:,} bytes, but shape {list(kind.shape)} "
                f"of {kind.dtype} needs {kind.nbytes:,}"
            )
            warnings.append(Warning("size-mismatch", message))
        if begin < position:
            warnings.append(
                Warning("overlapping-tensors", f"{name}: tensor {_short(tensor)} overlaps another")
            )
        elif begin > position:
            message = f"{name}: {begin - position:,} bytes before tensor {_short(tensor)} belong to none"
            warnings.append(Warning("hole-in-data", message))
        position = max(position, end)
    _check_end(position, data_bytes, name, warnings)


def _check_end(end: int, data_bytes: int, name: str, warnings: list[Warning]) -> None:
    if end > data_bytes:
        message = (
            f"{name} holds {format_bytes(max(data_bytes, 0))} of {format_bytes(end)} of tensor data: "
            "half-downloaded or cut off"
        )
        warnings.append(Warning("incomplete-file", message))
    elif end < data_bytes:
        warnings.append(_trailing(name, data_bytes - end))


def _trailing(name: str, count: int) -> Warning:
    return Warning("trailing-bytes", f"{name} has {count:,} bytes after its last tensor that belong to none")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"
