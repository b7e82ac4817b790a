"""Where the values of a file of torch.save lie, so that they can be read without loading it.

torch's zip archives keep each storage as it is, uncompressed, under ``data/`` (``_save`` in
``torch/serialization.py``); a tensor is a stretch of one of them, if its strides are those of its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_loupe.checkpoints.places import Place
from model_loupe.checkpoints.pytorch.dtypes import PACKED, SIZES
from model_loupe.checkpoints.pytorch.reader import read_pytorch
from model_loupe.checkpoints.pytorch.source import Source
from model_loupe.checkpoints.pytorch.zip_directory import STORED, BadZip, read_directory, root_of, start_of

if TYPE_CHECKING:
    from model_loupe.checkpoints.pytorch.results import Layout
    from model_loupe.checkpoints.pytorch.source import Read


def places_of(read: Read, size: int, name: str) -> dict[str, Place]:
    """The tensors that lie in one piece, by name; none of a file of torch's older formats.

    ``read(offset, length)`` gives a range of the file (or raises OSError), whose ``size`` is in bytes.
    """
    found = read_pytorch(read, size, name)
    if found.container != "zip":
        return {}
    try:
        storages = _storages(Source(read, size))
    except BadZip:
        return {}
    return {
        tensor: Place(kind.dtype, kind.shape, storages[layout.storage] + layout.offset * SIZES[kind.dtype])
        for tensor, kind in found.tensors.items()
        for layout in (found.layouts[tensor],)
        if layout.storage in storages and kind.dtype not in PACKED and _is_contiguous(layout, kind.shape)
    }


def _storages(source: Source) -> dict[str, int]:
    """Where each storage begins, by its key; none where the machine that wrote it was big-endian."""
    entries, _ = read_directory(source)
    root = root_of(entries)
    order = next((entry for entry in entries if entry.name == f"{root}byteorder"), None)
    if order and source.read(start_of(source, order), order.size) != b"little":
        return {}
    prefix = f"{root}data/"
    return {
        entry.name.removeprefix(prefix): start_of(source, entry)
        for entry in entries
        if entry.name.startswith(prefix) and entry.method == STORED and entry.packed == entry.size
    }


def _is_contiguous(layout: Layout, shape: tuple[int, ...]) -> bool:
    if layout.form != "strided":
        return False
    step = 1
    for size, stride in zip(reversed(shape), reversed(layout.stride), strict=True):
        if size > 1 and stride != step:
            return False
        step *= size
    return True
