"""GGUF's Q8_0, Q4_0, Q4_K and Q6_K: the reference quantisers of ggml, in torch and for many blocks at once.

Q8_0 and Q4_0 are those of the ``gguf`` package, bit by bit. For Q4_K and Q6_K the package only unpacks: they
follow ``quantize_row_q4_K_ref`` and ``quantize_row_q6_K_ref`` of ggml-quants.c. Sums of a block are added in
another order than compilers choose there, so that a code may differ where two are as good.
"""

from __future__ import annotations

import torch

BLOCK = 32
SUPERBLOCK = 256
_EPSILON = 1e-15
"""``GROUP_MAX_EPS``: what is smaller is zero."""


def q8_0(given: torch.Tensor) -> torch.Tensor:
    """``given`` (blocks, 32), cast and back in float32."""
    values = given.float()
    scale = values.abs().amax(dim=1, keepdim=True) / 127
    codes = _round_away(values * _inverse(scale)).nan_to_num_(0.0, 0.0, 0.0)
    return codes * _half(scale)


def q4_0(given: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The same, and how many values were clamped: the one of largest magnitude is always -8."""
    values = given.float()
    at = values.abs().argmax(dim=1, keepdim=True)
    scale = values.gather(1, at) / -8
    raw = torch.trunc(values * _inverse(scale) + 8.5)
    codes = raw.nan_to_num_(0.0, 0.0, 0.0).clamp(max=15) - 8
    return codes * _half(scale), int((raw > 15).sum())


def q6_k(given: torch.Tensor) -> torch.Tensor:
    """``given`` (superblocks, 256): 16 groups of 16 with 8-bit scales."""
    values = given.float().view(-1, 16, 16)
    scales = _best_scale(values, 32)
    at = scales.abs().argmax(dim=1, keepdim=True)
    top = scales.gather(1, at)
    inverse = torch.where(top.abs() < _EPSILON, 0.0, -128.0 / top)
    whole = torch.where(inverse == 0, 0.0, _half(1 / inverse))
    scale = (whole * _nearest(inverse * scales).clamp(max=127)).unsqueeze(-1)
    codes = torch.where(scale == 0, 0.0, _nearest(values / scale)).clamp(-32, 31)
    return (scale * codes).view(given.shape)


def q4_k(given: torch.Tensor) -> torch.Tensor:
    """``given`` (superblocks, 256): 8 groups of 32 with 6-bit scales and minima."""
    values = given.float().view(-1, 8, 32)
    weights = (values.square().mean(dim=-1, keepdim=True)).sqrt() + values.abs()
    scales, minima = _best_scale_and_minimum(values, weights)
    scale, minimum = _six_bits(scales), _six_bits(minima)
    codes = torch.where(scale == 0, 0.0, _nearest((values + minimum) / scale)).clamp(0, 15)
    return (scale * codes - minimum).view(given.shape)


def _six_bits(groups: torch.Tensor) -> torch.Tensor:
    """Scales (superblocks, 8) as multiples, up to 63, of one float16."""
    top = groups.amax(dim=1, keepdim=True)
    inverse = torch.where(top > 0, 63.0 / top, 0.0)
    return (_half(top / 63) * _nearest(inverse * groups).clamp(max=63)).unsqueeze(-1)


def _best_scale(values: torch.Tensor, largest: int) -> torch.Tensor:
    """``make_qx_quants`` with weights x²: the scale of 19 that fits each group (last dimension) best."""
    at = values.abs().argmax(dim=-1, keepdim=True)
    top = values.gather(-1, at)
    weights = values.square()

    def fit(step: float) -> tuple[torch.Tensor, torch.Tensor]:
        codes = _nearest(-(largest + step) / top * values).clamp(-largest, largest - 1)
        return (weights * values * codes).sum(-1), (weights * codes * codes).sum(-1)

    products, squares = fit(0.0)
    scale = torch.where(squares > 0, products / squares, 0.0)
    best = scale * products
    for number in (*range(-9, 0), *range(1, 10)):
        products, squares = fit(0.1 * number)
        better = (squares > 0) & (products * products > best * squares)
        scale = torch.where(better, products / squares, scale)
        best = torch.where(better, scale * products, best)
    return torch.where(top.squeeze(-1).abs() < _EPSILON, 0.0, scale)


def _best_scale_and_minimum(values: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``make_qkx2_quants(32, 15, …, -1, 0.1, 20)``: least squares of 21 trials, each group for itself."""
    low, high = values.amin(-1, keepdim=True).clamp(max=0), values.amax(-1, keepdim=True)
    weight, product = weights.sum(-1), (weights * values).sum(-1)
    width = high - low
    scale, minimum = (width / 15).squeeze(-1), low.squeeze(-1)
    codes = _nearest((values - low) * (15 / width)).clamp(0, 15)
    best = (weights * (scale.unsqueeze(-1) * codes + low - values).square()).sum(-1)
    for number in range(21):
        codes = _nearest((15 + (-1.0 + 0.1 * number)) / width * (values - low)).clamp(0, 15)
        weighted = weights * codes
        one, two, three = weighted.sum(-1), (weighted * codes).sum(-1), (weighted * values).sum(-1)
        determinant = weight * two - one * one
        new_scale = (weight * three - product * one) / determinant
        new_minimum = (two * product - one * three) / determinant
        positive = new_minimum > 0
        new_scale = torch.where(positive, three / two, new_scale)
        new_minimum = new_minimum.clamp(max=0)
        error = new_scale.unsqueeze(-1) * codes + new_minimum.unsqueeze(-1) - values
        error = (weights * error.square()).sum(-1)
        better = (determinant > 0) & (error < best)
        best = torch.where(better, error, best)
        scale = torch.where(better, new_scale, scale)
        minimum = torch.where(better, new_minimum, minimum)
    flat = (width == 0).squeeze(-1)
    return torch.where(flat, 0.0, scale), -minimum


def _inverse(scale: torch.Tensor) -> torch.Tensor:
    return torch.where(scale == 0, 0.0, 1.0 / scale)


def _half(values: torch.Tensor) -> torch.Tensor:
    return values.to(torch.float16).float()


def _nearest(values: torch.Tensor) -> torch.Tensor:
    """``nearest_int``: ties to even."""
    return torch.round(values)


def _round_away(values: torch.Tensor) -> torch.Tensor:
    magnitude = values.abs()
    floor = torch.floor(magnitude)
    return torch.copysign(floor + torch.floor(2 * (magnitude - floor)), values)
