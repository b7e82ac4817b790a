"""Reads a PyTorch file of any kind: looks at how it begins and hands it to who knows its container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.checkpoints.pickle_opcodes import follow
from model_loupe.checkpoints.pytorch.archive import read_zip
from model_loupe.checkpoints.pytorch.legacy import read_pickles
from model_loupe.checkpoints.pytorch.results import MAX_WARNINGS, PyTorchFile, nothing_told
from model_loupe.checkpoints.pytorch.source import Source
from model_loupe.domain.units import format_bytes
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from model_loupe.checkpoints.pytorch.source import Read

_PICKLE_STARTS = (b"\x80", b"L119547037146038801333356L\n")


_SIGNATURES = (
    (b"GGUF", "a GGUF file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "JSON or other text"),
)


def read_pytorch(read: Read, size: int, name: str) -> PyTorchFile:
    """Reads a file of ``size`` bytes, of which ``read(offset, length)`` gives a range (or raises OSError).

    ``name`` is what warnings call it. Never raises: a file that is none gives no tensors and warnings.
    """
    warnings: list[Warning] = []
    try:
        found = _read(Source(read, size), name, warnings)
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or type(error).__name__}"
        return nothing_told("not-a-pickle", "", [*warnings, Warning("unreadable-file", message)])
    return found._replace(warnings=_bounded(found.warnings, name))


def _read(source: Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    head = source.head
    refused = _refused(head, source.size, name)
    if refused:
        return nothing_told("not-a-pickle", "", [refused])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return read_zip(source, name, warnings)
    if head[257:262] == b"ustar":
        message = (
            f"{name} is of the tar format of the first PyTorch releases: load it with torch and save it again"
        )
        return nothing_told("object", "tar", [Warning("old-tar-format", message)])
    if head.startswith(_PICKLE_STARTS):
        return read_pickles(source, name, warnings)
    return _read_unlikely(source, name, warnings)


def _refused(head: bytes, size: int, name: str) -> Warning | None:
    if size == 0:
        return Warning("empty-file", f"{name} is empty (0 bytes): the download or copy did not start")
    real_size = lfs_pointer_size(head[:1024])
    if real_size is not None:
        of_size = f" of {format_bytes(real_size)}" if real_size else ""
        return Warning(
            "lfs-pointer", f"{name} is a Git-LFS pointer, not the file{of_size}: run `git lfs pull`"
        )
    start = head[:16].lstrip().lower()
    what = next((what for mark, what in _SIGNATURES if head.startswith(mark) or start.startswith(mark)), None)
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < size:
        what = "a safetensors file"
    return Warning("not-a-pickle", f"{name} is {what}, not a PyTorch file") if what else None


def _read_unlikely(source: Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """A pickle of protocol 0 or 1 has no mark at its beginning, and loading it runs it like any other."""
    pickled = follow(source.head)
    if pickled.problem is None or pickled.calls:
        return read_pickles(source, name, warnings)
    return nothing_told(
        "not-a-pickle", "", [Warning("not-a-pickle", f"{name} is no PyTorch file and no pickle")]
    )


def _bounded(warnings: list[Warning], name: str) -> list[Warning]:
    left = len(warnings) - MAX_WARNINGS
    if left <= 0:
        return warnings
    return [*warnings[:MAX_WARNINGS], Warning("more-warnings", f"{name}: {left:,} more findings like these")]
