"""The bytes of a checkpoint's tensors, in pieces; a file that ends early or changes meanwhile is said to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from ..errors import WorkerError

_MAX_HEADER = 100_000_000
# Not mapped into memory: a mapped file that is cut off while it is read kills the process.
_DTYPES = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


class Stored(NamedTuple):
    """A tensor in a file: its bytes are ``start`` to ``start + nbytes``."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    nbytes: int

    @property
    def elements(self) -> int:
        return self.nbytes // ITEM_BYTES[self.dtype]

    @property
    def row(self) -> int:
        """Elements of a row."""
        return self.shape[-1] if self.shape else 1


class TensorFile:
    """A safetensors file, open to be read. ``size`` and ``modified`` (ns) are of when it was planned."""

    def __init__(self, path: str, size: int, modified: int) -> None:
        self.name = os.path.basename(path)
        self._size = size
        self._modified = modified
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise WorkerError("unreadable-file", f"{self.name} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        self._file.close()

    def check(self) -> None:
        """Raises if the file is no more what it was."""
        found = os.fstat(self._file.fileno())
        if found.st_size < self._size:
            message = (
                f"{self.name} became shorter while it was read: wait until it is written, then try again"
            )
            raise WorkerError("file-changed", message)
        if (found.st_size, found.st_mtime_ns) != (self._size, self._modified):
            raise WorkerError("file-changed", f"{self.name} changed while it was read: try again")

    def tensors(self) -> dict[str, Stored]:
        """The floating tensors that the header names, whatever order they are in."""
        self.check()
        length = int.from_bytes(self.read(0, 8), "little")
        if length > min(_MAX_HEADER, self._size - 8):
            raise self._damaged("its header is longer than the file")
        try:
            header = json.loads(self.read(8, length))
            found = (self._stored(name, entry, 8 + length) for name, entry in header.items())
            return {each.name: each for each in found if each}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged("its header is none") from error

    def _stored(self, name: str, entry: Any, base: int) -> Stored | None:
        dtype = _DTYPES.get(entry["dtype"]) if name != "__metadata__" else None
        if dtype is None:
            return None
        begin, end = entry["data_offsets"]
        shape = tuple(int(size) for size in entry["shape"])
        elements = 1
        for size in shape:
            elements *= size
        if not 0 <= begin <= end or end - begin != elements * ITEM_BYTES[dtype]:
            raise self._damaged(f"{name[:80]} has offsets that do not fit its shape")
        if base + end > self._size:
            missing = base + end - self._size
            raise WorkerError(
                "incomplete-file",
                f"{self.name} ends {missing:,} bytes too early, in {name[:80]}: download it again",
            )
        return Stored(name, dtype, shape, base + begin, end - begin)

    def read(self, start: int, length: int) -> bytearray:
        """Exactly these bytes."""
        buffer = bytearray(length)
        self.read_into(start, memoryview(buffer))
        return buffer

    def read_into(self, start: int, view: memoryview) -> None:
        """Fills ``view`` with the bytes from ``start``."""
        try:
            self._file.seek(start)
            while len(view):
                count = self._file.readinto(view)  # type: ignore[attr-defined]
                if not count:
                    raise WorkerError("file-changed", f"{self.name} became shorter while it was read")
                view = view[count:]
        except OSError as error:
            raise WorkerError("unreadable-file", f"{self.name} cannot be read: {error.strerror}") from error

    def pieces(self, tensor: Stored, nbytes: int) -> Iterator[memoryview]:
        """The tensor's bytes, ``nbytes`` at a time. Each piece is overwritten by the next."""
        buffer = bytearray(min(nbytes, tensor.nbytes))
        view = memoryview(buffer)
        for offset in range(0, tensor.nbytes, nbytes):
            piece = view[: min(nbytes, tensor.nbytes - offset)]
            self.read_into(tensor.start + offset, piece)
            self.check()
            yield piece

    def _damaged(self, what: str) -> WorkerError:
        return WorkerError("bad-file", f"{self.name} is damaged: {what}")
