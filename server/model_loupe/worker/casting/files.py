"""The bytes of a checkpoint's tensors, in pieces; a file that ends early or changes meanwhile is said to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO, NamedTuple

import torch

from ..errors import WorkerError
from .ggml import Packed, packed

_MAX_HEADER = 100_000_000
# What is cast. Not mapped into memory: a mapped file that is cut off while it is read kills the process.
DTYPES = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""safetensors' codes of the dtypes that are cast, and torch's names for them."""
CODES = {
    **{name: code for code, name in DTYPES.items()},
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
}
"""torch's names of all dtypes that can be written, and their codes."""
ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


class Mark(NamedTuple):
    """What changes when a file does: bytes, time of modification (ns), inode."""

    size: int
    modified: int
    inode: int


class Entry(NamedTuple):
    """A tensor of any dtype, by safetensors' ``code``: its bytes are ``start`` to ``start + nbytes``."""

    name: str
    code: str
    shape: tuple[int, ...]
    start: int
    nbytes: int

    @property
    def elements(self) -> int:
        return prod(self.shape)


class Header(NamedTuple):
    """What a file says of itself: its own strings, and its tensors in the order in which they are named."""

    metadata: dict[str, str]
    entries: list[Entry]


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

    def nbytes_of(self, elements: int) -> int:
        return elements * ITEM_BYTES[self.dtype]

    def values(self, data: bytearray) -> torch.Tensor:
        """The elements that ``data`` holds."""
        return torch.frombuffer(data, dtype=getattr(torch, self.dtype))


class TensorFile:
    """A file of tensors, open to be read. ``mark`` is of when it was planned, by default of now."""

    def __init__(self, path: str, mark: Mark | None = None) -> None:
        self.name = os.path.basename(path)
        self._path = path
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115
            self._mark = mark or _mark_of(path)
        except OSError as error:
            raise WorkerError("unreadable-file", f"{self.name} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        self._file.close()

    def check(self) -> None:
        """Raises if the file is no more what it was, or another has its name."""
        try:
            found = _mark_of(self._path)
        except OSError as error:
            message = f"{self.name} is gone: {error.strerror}"
            raise WorkerError("file-changed", message) from error
        if found.size < self._mark.size:
            message = (
                f"{self.name} became shorter while it was read: wait until it is written, then try again"
            )
            raise WorkerError("file-changed", message)
        if found != self._mark:
            raise WorkerError("file-changed", f"{self.name} changed while it was read: try again")

    def header(self) -> Header:
        """What the file says that it holds; raises WorkerError if that cannot be."""
        self.check()
        length = int.from_bytes(self.read(0, 8), "little")
        if length > min(_MAX_HEADER, self._mark.size - 8):
            raise self._damaged("its header is longer than the file")
        try:
            header = json.loads(self.read(8, length))
            metadata = {str(key): str(value) for key, value in header.pop("__metadata__", {}).items()}
            return Header(metadata, [self._entry(name, entry, 8 + length) for name, entry in header.items()])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged("its header is none") from error

    def tensors(self) -> dict[str, Stored]:
        """The floating tensors that the header names, whatever order they are in."""
        found = {}
        for entry in self.header().entries:
            dtype = DTYPES.get(entry.code)
            if dtype:
                stored = Stored(entry.name, dtype, entry.shape, entry.start, entry.nbytes)
                if entry.nbytes != prod(entry.shape) * ITEM_BYTES[dtype]:
                    raise self._damaged(f"{entry.name[:80]} has offsets that do not fit its shape")
                found[entry.name] = stored
        return found

    def placed(self, places: dict[str, Any]) -> dict[str, Stored | Packed]:
        """The floating tensors of a file without such a header: ``{name: [dtype, shape, start]}``."""
        found: dict[str, Stored | Packed] = {}
        for name, (dtype, shape, start) in places.items():
            if dtype in ITEM_BYTES:
                nbytes = prod(shape) * ITEM_BYTES[dtype]
                tensor: Stored | Packed | None = Stored(name, dtype, tuple(shape), start, nbytes)
            else:
                tensor = packed(name, dtype, tuple(shape), start)
            if tensor is None:
                continue
            if tensor.start + tensor.nbytes > self._mark.size:
                raise self._damaged(f"it ends before {name[:80]} does")
            found[name] = tensor
        return found

    def _entry(self, name: str, given: Any, base: int) -> Entry:
        begin, end = given["data_offsets"]
        if not 0 <= begin <= end:
            raise self._damaged(f"{name[:80]} has offsets that do not fit its shape")
        if base + end > self._mark.size:
            missing = base + end - self._mark.size
            raise WorkerError(
                "incomplete-file",
                f"{self.name} ends {missing:,} bytes too early, in {name[:80]}: download it again",
            )
        shape = tuple(int(size) for size in given["shape"])
        return Entry(name, str(given["dtype"]), shape, base + begin, end - begin)

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

    def pieces(self, tensor: Stored | Entry, nbytes: int) -> Iterator[memoryview]:
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


def _mark_of(path: str) -> Mark:
    found = os.stat(path)
    return Mark(found.st_size, found.st_mtime_ns, found.st_ino)
