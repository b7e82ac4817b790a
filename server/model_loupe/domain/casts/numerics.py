"""Sums over the elements of a cast, and the figures that follow from them.

Definitions: over elements that are finite before the cast, ``to_inf`` become ±inf or NaN; ``saturated`` are
beyond the largest value of the format and become that; ``to_zero`` were not zero and become it;
``to_subnormal`` were normal and become subnormal. Errors are between the value and the cast value brought
back to float64, and leave
out elements that became inf or NaN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite, log10, sqrt
from typing import Any, NamedTuple

# 1.96 would do for sums that are normal; those of heavy-tailed weights are not.
_DEVIATIONS = 3.0
# How often what the worst unit of each tensor stands for may have been missed.
_TAILS = 1.0


class Sums(NamedTuple):
    """What one pass over elements counts and adds up. ``squares`` is Σx², ``error_squares`` Σ(x − x̂)².

    ``compared`` are the elements that both are finite; ``products`` is Σx·x̂, ``cast_squares`` Σx̂². The
    ``exponents`` count elements by ⌊log₂|x|⌋, before and after.

    Of a sample, counts and sums are estimates for all elements, maxima those seen; ``sampled`` says how many
    elements were looked at, and the variances are those of the estimates of both sums of squares.
    """

    elements: int = 0
    nan_in: int = 0
    inf_in: int = 0
    to_inf: int = 0
    saturated: int = 0
    to_zero: int = 0
    to_subnormal: int = 0
    changed: int = 0
    compared: int = 0
    read_bytes: int = 0
    squares: float = 0.0
    error_squares: float = 0.0
    products: float = 0.0
    cast_squares: float = 0.0
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    exponents_before: Mapping[int, int] = {}
    exponents_after: Mapping[int, int] = {}
    sampled: int = 0
    error_variance: float = 0.0
    covariance: float = 0.0
    square_variance: float = 0.0
    tail: float = 0.0

    @property
    def mse(self) -> float:
        return self.error_squares / self.compared if self.compared else 0.0

    @property
    def snr_db(self) -> float | None:
        """10·log₁₀(Σx²/Σ(x − x̂)²); None for an exact cast and where a sum is beyond float64."""
        if not self.error_squares > 0 or not self.squares > 0:
            return None
        ratio = self.squares / self.error_squares
        return 10 * log10(ratio) if isfinite(ratio) and ratio > 0 else None

    @property
    def snr_interval(self) -> tuple[float, float] | None:
        """Of a sample: what the SNR is within, at a confidence of 95 % or more; None where it has no SNR.

        The variance of a ratio of estimates (Cochran, Sampling Techniques, chapter 6), brought to decibels.
        """
        if self.snr_db is None:
            return None
        errors, squares = self.error_squares, self.squares
        ratio = errors / squares
        variance = self.error_variance - 2 * ratio * self.covariance + ratio * ratio * self.square_variance
        spread = _DEVIATIONS * sqrt(max(variance, 0.0)) / errors
        most = 1 + spread + _TAILS * self.tail / errors
        return self.snr_db - 10 * log10(most), self.snr_db + 10 * log10(1 + spread)

    @property
    def cosine(self) -> float | None:
        """Σx·x̂ / √(Σx²·Σx̂²); None where one side is all zero."""
        scale = sqrt(self.squares) * sqrt(self.cast_squares)
        return self.products / scale if scale > 0 and isfinite(scale) else None


_MAXIMA = ("max_abs_error", "max_rel_error")
_COUNTERS = ("exponents_before", "exponents_after")


def total(parts: Iterable[Sums]) -> Sums:
    """All ``parts`` together."""
    parts = list(parts)
    values: dict[str, Any] = {}
    for field in Sums._fields:
        column = [getattr(part, field) for part in parts]
        if field in _MAXIMA:
            values[field] = max(column, default=0.0)
        elif field in _COUNTERS:
            counts: Counter[int] = Counter()
            for each in column:
                counts.update(each)
            values[field] = dict(sorted(counts.items()))
        else:
            values[field] = sum(column)
    return Sums(**values)


def sums_of(given: Mapping[str, Any]) -> Sums:
    """What the worker sent: fields by name, exponents as lists of pairs."""
    values = {**given}
    for field in _COUNTERS:
        values[field] = {int(exponent): int(count) for exponent, count in values.get(field, ())}
    return Sums(**values)
