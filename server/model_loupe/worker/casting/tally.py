"""What a cast did to elements, added up in float64, under the names of ``domain/casts/numerics``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

COUNTS = (
    *("elements", "nan_in", "inf_in", "to_inf", "saturated"),
    *("to_zero", "to_subnormal", "changed", "compared"),
)
SUMS_OF_SQUARES = ("squares", "error_squares", "products", "cast_squares")
SUMS = COUNTS + SUMS_OF_SQUARES
# Those of float64. Its subnormals count as zeros here: no weight is that small.
EXPONENTS = 2048
_BIAS = 1023


class Range(NamedTuple):
    """The largest value of a format and its smallest normal one; 0 where it has scales of its own."""

    largest: float
    smallest_normal: float


class Tally:
    """Adds up; ``as_json`` gives the sums."""

    def __init__(self) -> None:
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.max_abs = 0.0
        self.max_rel = 0.0
        self.before = np.zeros(EXPONENTS, np.int64)
        self.after = np.zeros(EXPONENTS, np.int64)

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: int(self.sums[name]) for name in COUNTS},
            **{name: self.sums[name] for name in SUMS_OF_SQUARES},
            "max_abs_error": self.max_abs,
            "max_rel_error": self.max_rel,
            "exponents_before": _pairs(self.before),
            "exponents_after": _pairs(self.after),
        }


def _pairs(counts: Any) -> list[list[int]]:
    return [[int(at) - _BIAS, int(counts[at])] for at in np.flatnonzero(counts)]


def exponents(values: Any) -> Any:
    """``⌊log₂|x|⌋ + 1023`` of finite float64 values; 0 for 0."""
    return (values.view(np.int64) >> 52) & 0x7FF


class Original:
    """A piece of a tensor before the cast, looked at once for all targets.

    ``given`` is of the tensor's dtype, and kept as float64. Values that are no numbers are left out from all
    that follows; then ``keep`` is the mask of the others.
    """

    def __init__(self, given: torch.Tensor) -> None:
        values = given.reshape(-1).double().numpy()
        self.given = values
        self.elements = len(values)
        self.nan = self.inf = 0
        self.keep: Any = None
        if not _all_finite(values):
            self.keep = np.isfinite(values)
            self.nan = int(np.isnan(values).sum())
            self.inf = self.elements - self.nan - int(self.keep.sum())
            values = values[self.keep]
        self.values = values
        self.squares = dot(values, values)
        self.smallest_normal = float(torch.finfo(given.dtype).smallest_normal)
        self.before = _histogram(values)
        self.has_zeros = int(self.before.sum()) < len(values)

    def compare(self, cast: torch.Tensor, bounds: Range, tally: Tally, saturated: int = 0) -> None:
        """Adds what became of the piece: ``cast`` holds the cast values in the same order.

        ``saturated`` is their number where the format has scales; where it has none ``bounds`` tells.
        """
        values, squares, lost = self.values, self.squares, 0
        after = cast.reshape(-1).double().numpy()
        if self.keep is not None:
            after = after[self.keep]
        if not _all_finite(after):
            stays = np.isfinite(after)
            lost = len(after) - int(stays.sum())
            values, after = values[stays], after[stays]
            squares = dot(values, values)
        error = values - after
        exponents_after = _histogram(after)
        sums = tally.sums
        sums["elements"] += self.elements
        sums["nan_in"] += self.nan
        sums["inf_in"] += self.inf
        sums["to_inf"] += lost
        sums["saturated"] += saturated
        sums["compared"] += len(error)
        sums["squares"] += squares
        sums["error_squares"] += dot(error, error)
        sums["products"] += dot(values, after)
        sums["cast_squares"] += dot(after, after)
        sums["changed"] += int(np.count_nonzero(error)) + lost
        if int(exponents_after.sum()) < len(after):
            sums["to_zero"] += int(np.count_nonzero((after == 0) & (values != 0)))
        tally.before += self.before
        tally.after += exponents_after
        if len(error):
            tally.max_abs = max(tally.max_abs, -float(error.min()), float(error.max()))
            tally.max_rel = max(tally.max_rel, self._relative(values, error))
            self._bounded(values, after, bounds, tally)

    def _relative(self, values: Any, error: Any) -> float:
        if self.has_zeros:
            # There is no relative error where the value is zero.
            error, values = error[values != 0], values[values != 0]
        ratio = error / values
        return max(-float(ratio.min()), float(ratio.max())) if len(ratio) else 0.0

    def _bounded(self, values: Any, after: Any, bounds: Range, tally: Tally) -> None:
        if bounds.largest == 0:
            return
        absolute = np.abs(after)
        if float(absolute.max()) >= bounds.largest:
            beyond = (absolute == bounds.largest) & (np.abs(values) > bounds.largest)
            tally.sums["saturated"] += int(np.count_nonzero(beyond))
        if bounds.smallest_normal > self.smallest_normal:
            below = (absolute < bounds.smallest_normal) & (absolute > 0)
            normal = np.abs(values) >= self.smallest_normal
            tally.sums["to_subnormal"] += int(np.count_nonzero(below & normal))


def dot(one: Any, other: Any) -> float:
    """Σ one·other, in one thread: numpy's takes all processors, which wait for each other."""
    return float(torch.dot(torch.from_numpy(one), torch.from_numpy(other)))


def _all_finite(values: Any) -> bool:
    return not len(values) or bool(values.min() > -np.inf and values.max() < np.inf)


def _histogram(values: Any) -> Any:
    found = np.bincount(exponents(values), minlength=EXPONENTS)
    found[0] = 0
    return found
