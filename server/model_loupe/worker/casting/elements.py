"""Casts of single elements: torch's own ``to``, and for 16-bit tensors a histogram for all targets at once.

A 16-bit tensor holds at most 65,536 distinct values. How often each occurs, times what a cast does to it, is
exactly what the cast does to the tensor.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from .tally import EXPONENTS, SUMS, Range, Tally, exponents

CODES = 65_536


def torch_dtype(name: str) -> torch.dtype | None:
    """torch's dtype of that name; None where this torch has none."""
    found = getattr(torch, name, None)
    return found if isinstance(found, torch.dtype) else None


def range_of(dtype: torch.dtype) -> Range:
    info = torch.finfo(dtype)
    return Range(float(info.max), float(info.smallest_normal))


class Histogram:
    """Counts the bit patterns of a 16-bit tensor."""

    def __init__(self) -> None:
        self.counts = np.zeros(CODES, np.int64)

    def add(self, piece: Any) -> None:
        """``piece``: an array of unsigned 16-bit integers."""
        self.counts += np.bincount(piece, minlength=CODES)


class Codes(NamedTuple):
    """What a cast makes of every value that one 16-bit dtype has. ``sums`` has a row for each of ``SUMS``."""

    sums: Any
    abs_error: Any
    rel_error: Any
    before: Any
    after: Any


def apply(counts: Any, codes: Codes) -> Tally:
    """The exact tally of a tensor with these counts."""
    used = np.flatnonzero(counts)
    of_used = counts[used]
    tally = Tally()
    # Rows of counts are sums of integers below 2**53, exact in float64.
    totals = torch.mv(torch.from_numpy(codes.sums[:, used]), torch.from_numpy(of_used).double())
    tally.sums = dict(zip(SUMS, totals.tolist()))
    if len(used):
        tally.max_abs = float(codes.abs_error[used].max())
        tally.max_rel = float(codes.rel_error[used].max())
    tally.before = _weighted(codes.before[used], of_used)
    tally.after = _weighted(codes.after[used], of_used)
    return tally


def _weighted(bins: Any, counts: Any) -> Any:
    found = np.bincount(bins, weights=counts, minlength=EXPONENTS).astype(np.int64)
    found[0] = 0
    return found


@lru_cache(maxsize=4)
def values_of(source: str) -> torch.Tensor:
    """The 65,536 values of a 16-bit dtype, in the order of their bit patterns."""
    patterns = torch.arange(CODES, dtype=torch.int32).to(torch.int16)
    return patterns.view(getattr(torch, source))


@lru_cache(maxsize=24)
def codes_of(source: str, target: str) -> Codes:
    """``Codes`` of torch's cast from one dtype to another."""
    dtype = getattr(torch, target)
    return codes(source, values_of(source).to(dtype), range_of(dtype))


def codes(source: str, cast: torch.Tensor, bounds: Range | None) -> Codes:
    """``Codes`` of any cast of the values of ``source``; ``bounds`` None: one with a scale."""
    given = values_of(source)
    x, y = given.double().numpy(), cast.double().numpy()
    finite = np.isfinite(x)
    both = finite & np.isfinite(y)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.where(both, x - y, 0.0)
        relative = np.where(both & (x != 0), np.abs(error / x), 0.0)
    kept_x, kept_y = np.where(both, x, 0.0), np.where(both, y, 0.0)
    saturated = subnormal = np.zeros(CODES, bool)
    if bounds:
        saturated = (np.abs(kept_y) == bounds.largest) & (np.abs(kept_x) > bounds.largest)
        normal = np.abs(kept_x) >= float(torch.finfo(given.dtype).smallest_normal)
        subnormal = normal & (np.abs(kept_y) < bounds.smallest_normal) & (kept_y != 0)
    rows = {
        "elements": np.ones(CODES),
        "nan_in": np.isnan(x),
        "inf_in": np.isinf(x),
        "to_inf": finite & ~both,
        "saturated": saturated,
        "to_zero": both & (x != 0) & (y == 0),
        "to_subnormal": subnormal,
        "changed": (error != 0) | (finite & ~both),
        "compared": both,
        "squares": kept_x * kept_x,
        "error_squares": error * error,
        "products": kept_x * kept_y,
        "cast_squares": kept_y * kept_y,
    }
    return Codes(
        np.array([rows[name] for name in SUMS], np.float64),
        np.abs(error),
        relative,
        exponents(np.where(finite, x, 0.0)),
        exponents(kept_y),
    )


def tensor_scaled(given: torch.Tensor, absmax: float) -> torch.Tensor:
    """int8 with one scale, for a tensor of largest magnitude ``absmax``, and back in float32."""
    largest = torch.tensor(absmax, dtype=torch.float32)
    return torch.round(given.float() * (127.0 / largest)) * (largest / 127.0)
