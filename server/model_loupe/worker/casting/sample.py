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
from .files import Stored, TensorFile
from .formats import UNBOUNDED, Format, Whole
from .ggml import Packed
from .tally import SUMS, SUMS_OF_SQUARES, Original, Tally

RUN = 256
"""Elements of a run; whole blocks of every format."""

_MOST_RUNS, _LEAST_RUNS = 48, 24
# Of all tensors, unless there are so many that the least of each is more.
_ALL_RUNS = 3072
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


def runs_of_each(tensors: int) -> int:
    """How many runs are taken of each of so many tensors."""
    return min(max(_ALL_RUNS // max(tensors, 1), _LEAST_RUNS), _MOST_RUNS)


def sample_of(file: TensorFile, tensor: Stored | Packed, seed: int, runs: int) -> Sample:
    """A run somewhere within each of equal stretches; the last, shorter one of a tensor is left out."""
    chance = random.Random(f"{seed}:{tensor.name}")
    size = tensor.nbytes_of(RUN)
    of = tensor.elements // RUN
    if tensor.elements <= _WHOLE_ELEMENTS:
        values = tensor.values(file.read(tensor.start, tensor.nbytes))
        return Sample(values.view(1, -1), 1, tensor.elements, tensor.row)
    buffer = bytearray(runs * size)
    view = memoryview(buffer)
    for number in range(runs):
        # Not at equal distances: a period of the rows could fall in with them.
        at = min(int((number + chance.random()) * of / runs), of - 1)
        file.read_into(tensor.start + at * size, view[number * size : (number + 1) * size])
    file.check()
    values = tensor.values(buffer).view(runs, RUN)
    return Sample(values, of, tensor.elements, tensor.row)


def _whole(sample: Sample, formats: list[Format]) -> Whole:
    """What was seen stands for the whole tensor: it only decides how the scales of blocks are rounded."""
    if not any(each.needs for each in formats):
        return Whole()
    absmax = float(sample.values.abs().max()) if sample.values.numel() else 0.0
    caster = next((each.four_bit for each in formats if each.needs == "scales"), None)
    scales = [caster.absmax(runs) for runs in blocks_of(sample.values, BLOCK)] if caster else []
    return Whole(absmax, nested(torch.cat(scales)) if scales else None)


def _estimate(sample: Sample, original: Original, each: Format, whole: Whole) -> dict[str, Any]:
    """The tally of the sample for all elements, and the variances of its sums of squares."""
    cast, saturated = cast_all(each, sample.values.reshape(-1), whole, 0, sample.row)
    cast = cast.double()
    tally = Tally()
    original.compare(cast, each.bounds or UNBOUNDED, tally, saturated)
    looked_at = original.elements
    taken = sample.taken
    factor = sample.elements / looked_at
    units = (taken, looked_at // taken)
    errors, squares = _sums_of_units(original.given.reshape(units), cast.numpy().reshape(units))
    scale = factor * factor * taken * (1 - taken / sample.of)
    found = tally.as_json()
    for name in SUMS:
        value = tally.sums[name] * factor
        found[name] = value if name in SUMS_OF_SQUARES else round(value)
    for name in ("exponents_before", "exponents_after"):
        found[name] = [[exponent, round(count * factor)] for exponent, count in found[name]]
    found.update(
        sampled=looked_at,
        read_bytes=sample.read_bytes,
        error_variance=scale * _covariance(errors, errors),
        covariance=scale * _covariance(errors, squares),
        square_variance=scale * _covariance(squares, squares),
        tail=float(errors.max()) * factor if taken < sample.of else 0.0,
    )
    return found


def _sums_of_units(before: Any, after: Any) -> tuple[Any, Any]:
    """Σ(x − x̂)² and Σx² of each unit, a row of both, over elements that stay finite."""
    with np.errstate(invalid="ignore"):
        error = before - after
    if not np.isfinite(error.sum()):
        both = np.isfinite(before) & np.isfinite(after)
        before, error = np.where(both, before, 0.0), np.where(both, error, 0.0)
    return np.einsum("ij,ij->i", error, error), np.einsum("ij,ij->i", before, before)


def _covariance(one: Any, other: Any) -> float:
    """Of two samples of the same units; numpy's own takes ten times as long for so few."""
    if len(one) < 2:
        return 0.0
    return float(np.dot(one - one.mean(), other - other.mean())) / (len(one) - 1)
