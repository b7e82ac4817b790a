"""The header of a GGUF file: magic and version, metadata, then name, shape, type and offset of each tensor.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what llama.cpp accepts of it:
``gguf_init_from_reader`` in ``ggml/src/gguf.cpp``. The header has no length: it ends where its last entry
does, so it is read in growing chunks, and what is long and not looked at (a vocabulary's scores) is skipped
without being read. Every rule that a file breaks becomes a named warning; whatever can still be told of it is
told.
"""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.checkpoints.gguf.cursor import Cursor, Read
from model_loupe.checkpoints.gguf.findings import Ended, Findings, Stop, short
from model_loupe.checkpoints.gguf.metadata import Metadata, MetadataReader
from model_loupe.checkpoints.gguf.tensors import TensorReader, padded
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes
from model_loupe.domain.warnings import Warning

_DEFAULT_ALIGNMENT = 32
# Magic, version and the two counts.
_FIXED_BYTES = 24


class Gguf(NamedTuple):
    """What can be told of a GGUF file.

    ``version`` is 0 where the file is none. ``metadata`` maps keys to int, float, bool, str or ``Array``; a
    text longer than 256 KiB ends in ``…``. ``tensors`` is in file order, with shapes as PyTorch has them
    (ggml's reversed). ``data_offset`` is the first data byte's offset, 0 where the header is not whole.
    ``offsets`` are those of the tensors' data behind it. ``complete`` says that every tensor of the header is
    in ``tensors``.
    """

    version: int
    byte_order: str
    metadata: Metadata
    tensors: dict[str, TensorKind]
    offsets: dict[str, int]
    alignment: int
    data_offset: int
    complete: bool
    warnings: list[Warning]


def parse_gguf(read: Read, size: int, name: str) -> Gguf:
    """Reads the header of a file of ``size`` bytes, of which ``read(offset, length)`` gives a range.

    ``name`` is what warnings call it. Never raises, not even for an OSError of ``read``: a file that is no
    GGUF file gives no tensors and a warning.
    """
    findings = Findings(name)
    found = _NOTHING
    try:
        found = _parse(Cursor(read, size), findings)
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or type(error).__name__}"
        findings.of_file("unreadable-file", message)
    except Ended:
        findings.of_file("incomplete-file", f"{name} became shorter while it was read")
    return found._replace(warnings=findings.told())


_NOTHING = Gguf(0, "little", {}, {}, {}, _DEFAULT_ALIGNMENT, 0, False, [])


def _parse(cursor: Cursor, findings: Findings) -> Gguf:
    refused = _refused(cursor, findings.name)
    if refused:
        findings.of_file(*refused)
        return _NOTHING
    cursor.skip(4)
    version = _read_version(cursor, findings)
    if version not in (2, 3):
        return _NOTHING._replace(version=version, byte_order=cursor.byte_order)
    metadata, tensors = MetadataReader(cursor, findings), TensorReader(cursor, findings)
    begun = "counts"
    try:
        tensors.expected, metadata.expected = cursor.u64(), cursor.u64()
        begun = "metadata"
        metadata.read()
        begun = "tensor list"
        tensors.read()
    except Stop as stop:
        findings.of_file(stop.code, f"{findings.name}: {stop}")
    except Ended:
        message = f"{findings.name} ends inside its header, in the {begun} ({cursor.size:,} bytes): "
        findings.of_file("incomplete-file", message + "half-downloaded or cut off")
    alignment = _alignment(metadata, findings)
    data_offset = padded(cursor.position, alignment) if tensors.finished else 0
    kinds = tensors.kinds(cursor.size - data_offset, alignment)
    complete = tensors.finished and len(kinds) == tensors.expected
    return Gguf(
        version,
        cursor.byte_order,
        metadata.values,
        kinds,
        tensors.offsets,
        alignment,
        data_offset,
        complete,
        [],
    )


def _refused(cursor: Cursor, name: str) -> tuple[str, str] | None:
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


def _read_version(cursor: Cursor, findings: Findings) -> int:
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


def _alignment(metadata: MetadataReader, findings: Findings) -> int:
    value = metadata.values.get("general.alignment", _DEFAULT_ALIGNMENT)
    # The specification has a multiple of 8, llama.cpp and the gguf package a uint32 that is a power of two.
    if type(value) is int and 0 < value < 2**32 and value & (value - 1) == 0:
        if metadata.types.get("general.alignment", "uint32") == "uint32":
            return value
        value = f"of type {metadata.types['general.alignment']}"
    findings.detail("bad-alignment", f"general.alignment is {short(value)}, not a power of two: taken as 32")
    return _DEFAULT_ALIGNMENT
