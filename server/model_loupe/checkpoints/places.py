"""Where the values of a tensor lie in a file, for whoever reads them; nothing here does."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A tensor's values are there one after the other, little-endian, from byte ``start`` of the file.

    ``dtype`` is torch's name, or that of a block format of ggml.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
