"""The request ``cast_write``: safetensors files of cast tensors, written in pieces and read back."""

from __future__ import annotations

import errno
import json
import os
import zlib
from typing import Any, BinaryIO, NamedTuple

import torch

from ..errors import WorkerError
from ..job import Job, Meter, abandon_later
from .elements import torch_dtype
from .files import CODES, DTYPES, Entry, Mark, TensorFile

_PIECE_BYTES = 4 * 2**20
# To the disk after so many bytes: else the last call would wait for all of them and not be cancelled.
_FLUSH_BYTES = 64 * 2**20
# Full disks and limits of files and users, all the same to who reads the message.
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class _Cast(NamedTuple):
    """What is written of a tensor: under ``code``, as ``dtype`` or, None, byte by byte."""

    entry: Entry
    code: str
    nbytes: int
    dtype: torch.dtype | None


class _File(NamedTuple):
    """A source, open, and what is written of it to ``path``."""

    source: TensorFile
    metadata: dict[str, str]
    casts: list[_Cast]
    path: str


def cast_write(params: dict[str, Any], job: Job) -> dict[str, Any]:
    """Writes ``files``: ``{"path", "mark", "output", "tensors": [{"dtype", "names"}]}``.

    A dtype None leaves tensors as they are. ``folder`` holds the outputs; it is removed if the server ends
    before it has taken them over. Partial results are ``{"done", "total"}`` in bytes read and written; the
    result is a list ``files`` of ``{"beyond": [[tensor, to_inf, saturated]]}``: how many finite values were
    beyond the range of the dtype, and became infinite or NaN, or its largest value. Raises WorkerError if a
    source changes meanwhile, if the disk is full, and if what is read back is not what was written.
    """
    abandon_later(params["folder"])
    sources = [(TensorFile(each["path"], Mark(*each["mark"])), each) for each in params["files"]]
    try:
        files = [_planned(source, given) for source, given in sources]
        total = sum(each.entry.nbytes + 2 * each.nbytes for file in files for each in file.casts)
        meter = Meter(job, total, total)
        written = []
        for file in files:
            writer = _Writer(file, meter)
            written.append({"beyond": writer.write()})
            writer.verify()
            file.source.check()
    finally:
        for source, _ in sources:
            source.close()
    return {"files": written}


def _planned(source: TensorFile, given: dict[str, Any]) -> _File:
    metadata, entries = source.header()
    by_name = {entry.name: entry for entry in entries}
    casts = []
    for group in given["tensors"]:
        for name in group["names"]:
            if name not in by_name:
                raise WorkerError("file-changed", f"{source.name} no more holds {name[:80]}")
            casts.append(_cast_of(by_name[name], group["dtype"]))
    # Wide dtypes first, as safetensors' own serializer has it: so every tensor is aligned.
    casts.sort(key=lambda each: (-_item_bytes(each), each.entry.start))
    return _File(source, metadata, casts, given["output"])


def _cast_of(entry: Entry, name: str | None) -> _Cast:
    dtype = torch_dtype(name) if name else None
    if name and dtype is None:
        raise WorkerError("unknown-dtype", f"torch {torch.__version__} has no {name}")
    if dtype is None or entry.code == CODES[str(name)]:
        return _Cast(entry, entry.code, entry.nbytes, None)
    return _Cast(entry, CODES[str(name)], entry.elements * dtype.itemsize, dtype)


def _item_bytes(each: _Cast) -> float:
    return each.nbytes / max(each.entry.elements, 1)


class _Writer:
    """Writes one file, and reads it back."""

    def __init__(self, file: _File, meter: Meter) -> None:
        self._file = file
        self._meter = meter
        self._name = os.path.basename(file.path)
        self._sums: list[int] = []
        self._unflushed = 0

    def write(self) -> list[list[Any]]:
        """The tensors with values beyond the range of their new dtype: name, to_inf and saturated."""
        try:
            with open(self._file.path, "wb", buffering=0) as output:
                _write_all(output, _header(self._file))
                rows = [[each.entry.name, *self._write_tensor(output, each)] for each in self._file.casts]
                self._flush(output)
        except OSError as error:
            raise self._failed(error) from error
        return [row for row in rows if row[1] or row[2]]

    def _write_tensor(self, output: BinaryIO, each: _Cast) -> tuple[int, int]:
        to_inf = saturated = checksum = 0
        for piece in self._file.source.pieces(each.entry, _PIECE_BYTES):
            data: Any = piece
            if each.dtype is not None:
                given = torch.frombuffer(piece, dtype=getattr(torch, DTYPES[each.entry.code]))
                cast = given.to(each.dtype)
                beyond = _beyond(given, cast)
                to_inf, saturated = to_inf + beyond[0], saturated + beyond[1]
                data = memoryview(cast.view(torch.uint8).numpy())
            checksum = zlib.crc32(data, checksum)
            _write_all(output, data)
            self._unflushed += len(data)
            if self._unflushed > _FLUSH_BYTES:
                self._flush(output)
            self._meter.step(len(piece) + len(data))
        self._sums.append(checksum)
        return to_inf, saturated

    def _flush(self, output: BinaryIO) -> None:
        os.fsync(output.fileno())
        self._unflushed = 0
        if hasattr(os, "posix_fadvise"):
            # What is read back shall come from the disk.
            os.posix_fadvise(output.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def verify(self) -> None:
        """Raises unless header and tensors are read back as they were written."""
        found = TensorFile(self._file.path)
        try:
            metadata, entries = found.header()
            if metadata != self._file.metadata or len(entries) != len(self._file.casts):
                raise self._differs("its header")
            for entry, each, expected in zip(entries, self._file.casts, self._sums):
                said = (entry.name, entry.code, entry.shape, entry.nbytes)
                checksum = 0
                for piece in found.pieces(entry, _PIECE_BYTES):
                    checksum = zlib.crc32(piece, checksum)
                    self._meter.step(len(piece))
                if said != (each.entry.name, each.code, each.entry.shape, each.nbytes):
                    raise self._differs(entry.name[:80])
                if checksum != expected:
                    raise self._differs(entry.name[:80])
        finally:
            found.close()

    def _differs(self, what: str) -> WorkerError:
        message = f"{self._name} was read back and is not what was written: {what} differs"
        return WorkerError("not-verified", message)

    def _failed(self, error: OSError) -> WorkerError:
        if error.errno in _FULL:
            needed = sum(each.nbytes for each in self._file.casts)
            message = f"{self._name} needs {needed:,} bytes, and there is no room for them: {error.strerror}"
            return WorkerError("disk-full", message)
        return WorkerError("unwritable-file", f"{self._name} cannot be written: {error.strerror}")


def _header(file: _File) -> bytes:
    """As safetensors has it: its length, JSON, and spaces up to a multiple of 8."""
    found: dict[str, Any] = {"__metadata__": file.metadata} if file.metadata else {}
    at = 0
    for each in file.casts:
        offsets = [at, at + each.nbytes]
        found[each.entry.name] = {"dtype": each.code, "shape": each.entry.shape, "data_offsets": offsets}
        at += each.nbytes
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _write_all(output: BinaryIO, data: Any) -> None:
    view = memoryview(data)
    while len(view):
        # A disk that is nearly full takes a part, and refuses the rest at the next call.
        view = view[output.write(view) :]


def _beyond(given: torch.Tensor, cast: torch.Tensor) -> tuple[int, int]:
    """How many finite values became infinite or NaN, and how many the largest value instead."""
    largest = torch.finfo(cast.dtype).max
    if largest >= torch.finfo(given.dtype).max:
        return 0, 0
    after = cast.float()
    lost = int((given.isfinite() & ~after.isfinite()).sum())
    clamped = int(((given.abs() > largest) & given.isfinite() & after.isfinite()).sum())
    return lost, clamped
