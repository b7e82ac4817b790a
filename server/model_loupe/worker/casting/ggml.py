"""Tensors in ggml's block formats, as GGUF files have them: unpacked by the ``gguf`` package."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import WorkerError


class Packed(NamedTuple):
    """A tensor of a GGUF file: from ``start`` on, ``block_bytes`` hold each ``block`` of its elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    block: int
    block_bytes: int

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.nbytes_of(self.elements)

    @property
    def row(self) -> int:
        """Elements of a row."""
        return self.shape[-1] if self.shape else 1

    def nbytes_of(self, elements: int) -> int:
        """Of so many elements in whole blocks."""
        return elements // self.block * self.block_bytes

    def values(self, data: bytearray) -> torch.Tensor:
        """The elements that ``data`` holds, float32; raises WorkerError if gguf does not unpack them."""
        gguf = _gguf()
        raw = np.frombuffer(data, dtype=np.uint8)
        try:
            found = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[self.dtype])
        except NotImplementedError as error:
            raise WorkerError("unknown-dtype", f"the installed gguf does not unpack {self.dtype}") from error
        return torch.from_numpy(found.reshape(-1))


def packed(name: str, dtype: str, shape: tuple[int, ...], start: int) -> Packed | None:
    """A tensor of a block format; None if ggml has none of this name."""
    gguf = _gguf()
    kind = gguf.GGMLQuantizationType.__members__.get(dtype)
    if kind is None:
        return None
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    return Packed(name, dtype, shape, start, block, block_bytes)


def _gguf() -> Any:
    try:
        import gguf
        import gguf.quants
    except ImportError as error:
        message = "gguf is not installed beside torch: it unpacks values of GGUF files (pip install gguf)"
        raise WorkerError("gguf-missing", message) from error
    return gguf
