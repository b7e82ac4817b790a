"""Where the values of a GGUF file lie."""

from __future__ import annotations

from model_loupe.checkpoints.gguf.cursor import Read
from model_loupe.checkpoints.gguf.header import parse_gguf
from model_loupe.checkpoints.places import Place


def places_of(read: Read, size: int, name: str) -> dict[str, Place]:
    """The tensors by name; none of a big-endian file, or where the header is not whole.

    ``read(offset, length)`` gives a range of the file (or raises OSError), whose ``size`` is in bytes.
    """
    found = parse_gguf(read, size, name)
    if not found.data_offset or found.byte_order != "little":
        return {}
    return {
        tensor: Place(kind.dtype, kind.shape, found.data_offset + found.offsets[tensor])
        for tensor, kind in found.tensors.items()
    }
