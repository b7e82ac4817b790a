"""An estimate from a part of every tensor: runs of elements, spread over it.

Each tensor is a stratum of its own, so none is missed. Counts and sums are scaled up; the variances of both
sums of squares go with them (Cochran, Sampling Techniques, chapters 5 and 6), since the error of an SNR
follows from them.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
import torch

from .bitsandbytes import BLOCK, nested
from .exact import blocks_of, cast_all
from .files import ITEM_BYTES, Stored, TensorFile
from .formats import UNBOUNDED, Format, Whole
from .tally import SUMS, SUMS_OF_SQUARES, Original, Tally

RUN = 256
"""Elements of a run; whole blocks of every format."""

_RUNS = 48
# Small tensors, of which a sample would be nearly all, are read as a whole.
_WHOLE_ELEMENTS = 16_384


class Sample(NamedTuple):
    """``taken`` of ``of`` units; ``values`` has one a row. They stand for ``elements`` in rows of ``row``."""

    values: torch.Tensor
    of: int
    elements: int
    row: int

    @property
    def taken(self) -> int:
        return len(self.values)

    @property
    def read_bytes(self) -> int:
        return int(self.values.nbytes)


def estimates(sample: Sample, formats: list[Format]) -> dict[str, dict[str, Any]]:
    """Estimated sums of what the sample stands for, for each format."""
    whole = _whole(sample, formats)
    original = Original(sample.values)
    return {each.name: _estimate(sample, original, each, whole) for each in formats}


def sample_of(file: TensorFile, tensor: Stored, seed: int) -> Sample:
    """A run somewhere within each of equal stretches; the last, shorter one of a tensor is left out."""
    chance = random.Random(f"{seed}:{tensor.name}")
    dtype: torch.dtype = getattr(torch, tensor.dtype)
    size = RUN * ITEM_BYTES[tensor.dtype]
    of = tensor.elements // RUN
    if tensor.elements <= _WHOLE_ELEMENTS:
        values = torch.frombuffer(file.read(tensor.start, tensor.nbytes), dtype=dtype)
        return Sample(values.view(1, -1), 1, tensor.elements, tensor.row)
    buffer = bytearray(_RUNS * size)
    view = memoryview(buffer)
    for number in range(_RUNS):
        # Not at equal distances: a period of the rows could fall in with them.
        at = min(int((number + chance.random()) * of / _RUNS), of - 1)
        file.read_into(tensor.start + at * size, view[number * size : (number + 1) * size])
    file.check()
    values = torch.frombuffer(buffer, dtype=dtype).view(_RUNS, RUN)
    return Sample(values, of, tensor.elements, tensor.row)


def _whole(sample: Sample, formats: list[Format]) -> Whole:
    """What was seen stands for the whole tensor: it only decides how the scales of blocks are rounded."""
    absmax = float(sample.values.abs().max()) if sample.values.numel() else 0.0
    caster = next((each.four_bit for each in formats if each.needs == "scales"), None)
    scales = [caster.absmax(runs) for runs in blocks_of(sample.values, BLOCK)] if caster else []
    return Whole(absmax, nested(torch.cat(scales)) if scales else None)


def _estimate(sample: Sample, original: Original, each: Format, whole: Whole) -> dict[str, Any]:
    """The tally of the sample for all elements, and the variances of its sums of squares."""
    cast, saturated = cast_all(each, sample.values.reshape(-1), whole, 0, sample.row)
    tally = Tally()
    original.compare(cast, each.bounds or UNBOUNDED, tally, saturated)
    looked_at = sample.values.numel()
    factor = sample.elements / looked_at
    errors, squares = _sums_of_units(sample.values, cast)
    spread = _covariance(errors, squares) * (factor * factor * sample.taken * (1 - sample.taken / sample.of))
    found = tally.as_json()
    for name in SUMS:
        value = tally.sums[name] * factor
        found[name] = value if name in SUMS_OF_SQUARES else round(value)
    for name in ("exponents_before", "exponents_after"):
        found[name] = [[exponent, round(count * factor)] for exponent, count in found[name]]
    found.update(
        sampled=looked_at,
        read_bytes=sample.read_bytes,
        error_variance=float(spread[0, 0]),
        covariance=float(spread[0, 1]),
        square_variance=float(spread[1, 1]),
        tail=float(errors.max()) * factor if sample.taken < sample.of else 0.0,
    )
    return found


def _sums_of_units(values: torch.Tensor, cast: torch.Tensor) -> tuple[Any, Any]:
    """Σ(x − x̂)² and Σx² of each unit, over elements that stay finite."""
    before, after = values.double().numpy(), cast.double().numpy().reshape(values.shape)
    both = np.isfinite(before) & np.isfinite(after)
    before, after = np.where(both, before, 0.0), np.where(both, after, 0.0)
    return ((before - after) ** 2).sum(axis=1), (before * before).sum(axis=1)


def _covariance(one: Any, other: Any) -> Any:
    return np.cov(np.stack([one, other])) if len(one) > 1 else np.zeros((2, 2))
