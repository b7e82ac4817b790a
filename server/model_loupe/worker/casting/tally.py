"""What a cast did to elements, added up in float64. Sums go to the server by these names (``domain/casts/numerics``)."""

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

    ``given`` is of the tensor's dtype. Values that are no numbers are left out from all that follows; then
    ``keep`` is the mask of the others.
    """

    def __init__(self, given: torch.Tensor) -> None:
        flat = given.reshape(-1)
        self.elements = flat.numel()
        self.nan = self.inf = 0
        self.keep: torch.Tensor | None = None
        values = flat.double()
        low, high = (float(each) for each in torch.aminmax(values)) if self.elements else (0.0, 0.0)
        if not (low > -float("inf") and high < float("inf")):
            finite = torch.isfinite(values)
            self.nan = int(torch.isnan(values).sum())
            self.inf = self.elements - self.nan - int(finite.sum())
            self.keep = finite
            values = values[finite]
        self.values = values
        self.squares = float(torch.dot(values, values))
        self.smallest_normal = float(torch.finfo(given.dtype).smallest_normal)
        self.before = _histogram(values)

    def compare(self, cast: torch.Tensor, bounds: Range, tally: Tally, saturated: int = 0) -> None:
        """Adds what became of the piece: ``cast`` holds the cast values in the same order.

        ``saturated`` is their number where the format has scales; where it has none ``bounds`` tells.
        """
        values, after = self.values, cast.reshape(-1)
        if self.keep is not None:
            after = after[self.keep]
        after = after.double()
        squares, lost = self.squares, 0
        sums = tally.sums
        error = values - after
        low, high = (float(each) for each in torch.aminmax(error)) if error.numel() else (0.0, 0.0)
        if not (low > -float("inf") and high < float("inf")):
            stays = torch.isfinite(after)
            lost = error.numel() - int(stays.sum())
            values, after, error = values[stays], after[stays], error[stays]
            squares = float(torch.dot(values, values))
            low, high = (float(each) for each in torch.aminmax(error)) if error.numel() else (0.0, 0.0)
        sums["elements"] += self.elements
        sums["nan_in"] += self.nan
        sums["inf_in"] += self.inf
        sums["to_inf"] += lost
        sums["compared"] += error.numel()
        sums["squares"] += squares
        sums["error_squares"] += float(torch.dot(error, error))
        sums["products"] += float(torch.dot(values, after))
        sums["cast_squares"] += float(torch.dot(after, after))
        sums["changed"] += int(torch.count_nonzero(error)) + lost
        if int(torch.count_nonzero(after)) < after.numel():
            sums["to_zero"] += int(((after == 0) & (values != 0)).sum())
        tally.max_abs = max(tally.max_abs, -low, high)
        self._relative(values, error, tally)
        sums["saturated"] += saturated
        self._bounded(values, after, bounds, tally)
        tally.before += self.before
        tally.after += _histogram(after)

    @staticmethod
    def _relative(values: torch.Tensor, error: torch.Tensor, tally: Tally) -> None:
        if error.numel():
            # There is none where the value is zero.
            relative = float((error / values).abs_().nan_to_num_(0.0, posinf=0.0).max())
            tally.max_rel = max(tally.max_rel, relative)

    def _bounded(self, values: torch.Tensor, after: torch.Tensor, bounds: Range, tally: Tally) -> None:
        if bounds.largest == 0 or not after.numel():
            return
        absolute = after.abs()
        top = float(absolute.max())
        if top >= bounds.largest:
            beyond = (absolute == bounds.largest) & (values.abs() > bounds.largest)
            tally.sums["saturated"] += int(beyond.sum())
        if bounds.smallest_normal > self.smallest_normal:
            below = (absolute < bounds.smallest_normal) & (absolute > 0)
            normal = values.abs() >= self.smallest_normal
            tally.sums["to_subnormal"] += int((below & normal).sum())


def _histogram(values: torch.Tensor) -> Any:
    found = np.bincount(exponents(values.numpy()), minlength=EXPONENTS)
    found[0] = 0
    return found
