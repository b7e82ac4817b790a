"""GGUF's Q8_0, Q4_0, Q4_K and Q6_K: the reference quantisers of ggml, in torch and for many blocks at once.

Q8_0 and Q4_0 are those of the ``gguf`` package, bit by bit. For Q4_K and Q6_K the package only unpacks: they
follow ``quantize_row_q4_K_ref`` and ``quantize_row_q6_K_ref`` of ggml-quants.c. Sums of a block are added in
another order than compilers choose there, so that a code may differ where two are as good.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from .layout import upright

BLOCK = 32
SUPERBLOCK = 256
_EPSILON = 1e-15
"""``GROUP_MAX_EPS``: what is smaller is zero."""


def q8_0(given: torch.Tensor) -> torch.Tensor:
    """``given`` (blocks, 32), cast and back in float32."""
    values = upright(given)
    scale = values.abs().amax(dim=0) / 127
    codes = _round_away(values * _inverse(scale)).nan_to_num_(0.0, 0.0, 0.0)
    return codes.mul_(_half(scale)).t()


def q4_0(given: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The same, and how many values were clamped: the one of largest magnitude is always -8."""
    values = upright(given)
    scale = _of_largest_magnitude(values) / -8
    raw = torch.trunc(values * _inverse(scale) + 8.5)
    codes = raw.nan_to_num(0.0, 0.0, 0.0).clamp_(max=15).sub_(8)
    return codes.mul_(_half(scale)).t(), int((raw > 15).sum())


class Groups(NamedTuple):
    """Superblocks as ggml has them, a group a column: value = scale·multiple·code − minimum·multiple.

    ``scale`` and ``minimum`` are float16 values, one for each superblock and None where there are none; the
    multiples, one for each group, and the codes, (values of a group, groups), are integers.
    """

    codes: torch.Tensor
    scale: torch.Tensor
    multiples: torch.Tensor
    minimum: torch.Tensor | None = None
    multiples_of_minimum: torch.Tensor | None = None

    def values(self, shape: torch.Size) -> torch.Tensor:
        """Brought back, in ``shape``; the codes are used up."""
        found = self.codes.mul_((self.scale * self.multiples).view(-1))
        if self.minimum is not None:
            found = found.sub_((self.minimum * self.multiples_of_minimum).view(-1))
        return found.t().reshape(shape)


def q6_k(given: torch.Tensor) -> torch.Tensor:
    """``given`` (superblocks, 256), cast and back in float32."""
    return q6_k_groups(given).values(given.shape)


def q6_k_groups(given: torch.Tensor) -> Groups:
    """16 groups of 16 with 8-bit scales."""
    values = upright(given.reshape(-1, 16))
    scales = _best_scale(values, 32).view(-1, 16)
    top = scales.gather(1, scales.abs().argmax(dim=1, keepdim=True))
    inverse = torch.where(top.abs() < _EPSILON, 0.0, -128.0 / top)
    whole = torch.where(inverse == 0, 0.0, _half(1 / inverse))
    multiples = torch.round(inverse * scales).clamp(max=127)
    scale = (whole * multiples).view(-1)
    codes = torch.where(scale == 0, 0.0, torch.round(values / scale)).clamp_(-32, 31)
    return Groups(codes, whole, multiples)


def q4_k(given: torch.Tensor) -> torch.Tensor:
    """``given`` (superblocks, 256), cast and back in float32."""
    return q4_k_groups(given).values(given.shape)


def q4_k_groups(given: torch.Tensor) -> Groups:
    """8 groups of 32 with 6-bit scales and minima."""
    values = upright(given.reshape(-1, 32))
    weights = values.square().mean(dim=0).sqrt() + values.abs()
    scales, minima = _best_scale_and_minimum(values, weights)
    (whole, multiples), (whole_minimum, of_minimum) = _six_bits(scales), _six_bits(minima)
    scale, minimum = (whole * multiples).view(-1), (whole_minimum * of_minimum).view(-1)
    codes = torch.where(scale == 0, 0.0, torch.round((values + minimum) / scale)).clamp_(0, 15)
    return Groups(codes, whole, multiples, whole_minimum, of_minimum)


def _six_bits(of_groups: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales of all groups as multiples, up to 63, of one float16 for each eight."""
    groups = of_groups.view(-1, 8)
    top = groups.amax(dim=1, keepdim=True)
    inverse = torch.where(top > 0, 63.0 / top, 0.0)
    return _half(top / 63), torch.round(inverse * groups).clamp(max=63)


# Below, groups lie upright: (values of a group, groups).


def _of_largest_magnitude(values: torch.Tensor) -> torch.Tensor:
    """The first value of largest magnitude of each group, with its sign."""
    low, high = values.amin(dim=0), values.amax(dim=0)
    top = torch.where(-low > high, low, high)
    tied = -low == high
    if bool(tied.any()):
        at = values[:, tied].abs().argmax(dim=0, keepdim=True)
        top[tied] = values[:, tied].gather(0, at).squeeze(0)
    return top


def _best_scale(values: torch.Tensor, largest: int) -> torch.Tensor:
    """``make_qx_quants`` with weights x²: the scale of 19 that fits each group best."""
    top = _of_largest_magnitude(values)
    weights = values.square()
    weighted = weights * values

    def fit(step: float) -> tuple[torch.Tensor, torch.Tensor]:
        codes = (values * (-(largest + step) / top)).round_().clamp_(-largest, largest - 1)
        return (weighted * codes).sum(0), codes.square_().mul_(weights).sum(0)

    products, squares = fit(0.0)
    scale = torch.where(squares > 0, products / squares, 0.0)
    best = scale * products
    for number in (*range(-9, 0), *range(1, 10)):
        products, squares = fit(0.1 * number)
        better = (squares > 0) & (products * products > best * squares)
        scale = torch.where(better, products / squares, scale)
        best = torch.where(better, scale * products, best)
    return torch.where(top.abs() < _EPSILON, 0.0, scale)


def _best_scale_and_minimum(values: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``make_qkx2_quants(32, 15, …, -1, 0.1, 20)``: least squares of 21 trials, each group for itself."""
    low, high = values.amin(0).clamp_(max=0), values.amax(0)
    above = values - low
    weighted = weights * values
    weight, product = weights.sum(0), weighted.sum(0)
    width = high - low
    scale, minimum = width / 15, low
    codes = (above * (15 / width)).round_().clamp_(0, 15)
    best = _weighted_squares(codes, scale, minimum, values, weights)
    for number in range(21):
        codes = (above * ((15 + (-1.0 + 0.1 * number)) / width)).round_().clamp_(0, 15)
        of_codes = weights * codes
        one, three = of_codes.sum(0), (weighted * codes).sum(0)
        two = of_codes.mul_(codes).sum(0)
        determinant = weight * two - one * one
        new_scale = (weight * three - product * one) / determinant
        new_minimum = (two * product - one * three) / determinant
        new_scale = torch.where(new_minimum > 0, three / two, new_scale)
        new_minimum = new_minimum.clamp_(max=0)
        error = _weighted_squares(codes, new_scale, new_minimum, values, weights)
        better = (determinant > 0) & (error < best)
        best = torch.where(better, error, best)
        scale = torch.where(better, new_scale, scale)
        minimum = torch.where(better, new_minimum, minimum)
    return torch.where(width == 0, 0.0, scale), -minimum


def _weighted_squares(
    codes: torch.Tensor,
    scale: torch.Tensor,
    minimum: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Σ w·(scale·code + minimum − x)² of each group; ``codes`` are used up."""
    return codes.mul_(scale).add_(minimum).sub_(values).square_().mul_(weights).sum(0)


def _inverse(scale: torch.Tensor) -> torch.Tensor:
    return torch.where(scale == 0, 0.0, 1.0 / scale)


def _half(values: torch.Tensor) -> torch.Tensor:
    return values.to(torch.float16).float()


def _round_away(values: torch.Tensor) -> torch.Tensor:
    magnitude = values.abs()
    floor = torch.floor(magnitude)
    return torch.copysign(floor + torch.floor(2 * (magnitude - floor)), values)
