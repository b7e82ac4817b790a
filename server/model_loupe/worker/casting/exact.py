"""All elements of a tensor, cast to several targets: in small pieces, whatever the tensor's size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

import numpy as np
import torch

from . import bitsandbytes
from .elements import Histogram, apply, codes, codes_of, tensor_scaled, values_of
from .files import ITEM_BYTES, Stored, TensorFile
from .formats import UNBOUNDED, Format, Whole
from .tally import Original, Tally

_READ_BYTES = 4 * 2**20
# Pieces of this many elements stay in the processor's cache while a dozen passes go over them.
_ELEMENTS = 2**17

Step = Callable[[int], None]
"""Called with the bytes that were worked on; raises to stop."""


class ExactPass:
    """The exact figures of a tensor for each of ``formats``, by name. ``step`` is called after each piece."""

    def __init__(self, file: TensorFile, tensor: Stored, formats: list[Format], step: Step) -> None:
        self._file = file
        self._tensor = tensor
        self._step = step
        self._by_codes = [each for each in formats if self._has_codes(each)]
        others = [each for each in formats if not self._has_codes(each)]
        self._by_rows = [each for each in others if each.block == 0]
        self._by_blocks = [each for each in others if each.block != 0]
        self._dtype: torch.dtype = getattr(torch, tensor.dtype)

    def _has_codes(self, each: Format) -> bool:
        is_single = each.is_element_wise or each.name == "int8_tensor"
        return is_single and ITEM_BYTES[self._tensor.dtype] == 2

    @property
    def passes(self) -> int:
        """How many times the tensor's bytes are gone through."""
        groups = [self._by_codes, self._by_rows, self._by_blocks]
        return sum(map(bool, groups)) + bool(self._needs())

    def _needs(self) -> list[Format]:
        return [each for each in self._by_blocks if each.needs]

    def run(self) -> dict[str, Tally]:
        if not self._tensor.nbytes:
            return {each.name: Tally() for each in (*self._by_codes, *self._by_rows, *self._by_blocks)}
        found = self._histogram() if self._by_codes else {}
        wholes = self._wholes()
        if self._by_blocks:
            found.update(self._compared(self._by_blocks, _ELEMENTS, wholes))
        if self._by_rows:
            row = max(self._tensor.row, 1)
            found.update(self._compared(self._by_rows, max(_ELEMENTS // row, 1) * row, wholes))
        return found

    def _histogram(self) -> dict[str, Tally]:
        histogram = Histogram()
        for piece in self._file.pieces(self._tensor, _READ_BYTES):
            histogram.add(np.frombuffer(piece, np.uint16))
            self._step(len(piece))
        return {each.name: self._of_codes(each, histogram.counts) for each in self._by_codes}

    def _of_codes(self, each: Format, counts: Any) -> Tally:
        source = self._tensor.dtype
        if each.is_element_wise:
            return apply(counts, codes_of(source, each.name))
        values = values_of(source)
        absmax = float(values[torch.from_numpy(counts > 0)].abs().double().max())
        return apply(counts, codes(source, tensor_scaled(values, absmax), None))

    def _pieces(self, elements: int) -> Iterator[torch.Tensor]:
        nbytes = elements * ITEM_BYTES[self._tensor.dtype]
        for piece in self._file.pieces(self._tensor, nbytes):
            yield torch.frombuffer(piece, dtype=self._dtype)
            self._step(len(piece))

    def _wholes(self) -> dict[str, Whole]:
        needing = self._needs()
        if not needing:
            return {}
        absmax = 0.0
        scales: list[torch.Tensor] = []
        caster = next((each.four_bit for each in needing if each.needs == "scales"), None)
        for piece in self._pieces(_ELEMENTS):
            absmax = float(np.maximum(absmax, float(piece.abs().max())))
            if caster:
                scales += [caster.absmax(runs) for runs in blocks_of(piece, bitsandbytes.BLOCK)]
        nested = bitsandbytes.nested(torch.cat(scales)) if scales else None
        return {each.name: Whole(absmax, nested) for each in needing}

    def _compared(self, formats: list[Format], elements: int, wholes: dict[str, Whole]) -> dict[str, Tally]:
        tallies = {each.name: Tally() for each in formats}
        done = 0
        for piece in self._pieces(elements):
            original = Original(piece)
            for each in formats:
                cast, saturated = cast_all(
                    each, piece, wholes.get(each.name, Whole()), done, self._tensor.row
                )
                original.compare(cast, each.bounds or UNBOUNDED, tallies[each.name], saturated)
            done += piece.numel()
        return tallies


def cast_all(
    each: Format, piece: torch.Tensor, whole: Whole, done: int, row: int
) -> tuple[torch.Tensor, int]:
    """The piece's values after the cast, flat; ``done`` elements of the tensor were before it."""
    if each.block == 1:
        return each.cast(piece, whole, done)
    block = each.block or max(row, 1)
    parts, saturated, at = [], 0, done // block
    for runs in blocks_of(piece, block):
        found = each.cast(runs, whole, at)
        parts.append(found.values.reshape(-1))
        saturated += found.saturated
        at += len(runs)
    return (parts[0] if len(parts) == 1 else torch.cat(parts)), saturated


def blocks_of(piece: torch.Tensor, block: int) -> Iterator[torch.Tensor]:
    """``piece`` in whole blocks, and what is left as one shorter block. Quantisers take no float64."""
    flat = piece.reshape(-1)
    flat = flat.float() if flat.dtype == torch.float64 else flat
    whole = len(flat) // block * block
    if whole:
        yield flat[:whole].view(-1, block)
    if whole < len(flat):
        yield flat[whole:].view(1, -1)
