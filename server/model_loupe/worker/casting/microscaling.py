"""MXFP4, MXFP8 and NVFP4: blocks of small floats with a shared scale; and torchao's int4 groups.

MX: OCP Microscaling Formats specification 1.0, section 6.3 (the scale is the power of two of the largest
magnitude, less the largest one of the element type; values beyond are clamped). NVFP4 and int4: torchao's
``nvfp4_tensor.py`` and ``quant_primitives.py``. ``tests/libraries`` hold each against torchao.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from .layout import upright

MX_BLOCK, NV_BLOCK, INT4_GROUP = 32, 16, 64
_E2M1_MAX, _E4M3_MAX = 6.0, 448.0
_E2M1_POWER, _E4M3_POWER = 2, 8
_E4M3_SMALLEST = 2.0**-6
_MANTISSA, _BIAS = 23, 127


class Scaled(NamedTuple):
    """Values that were cast and brought back, float32, and how many of them a block's scale clamped."""

    values: torch.Tensor
    saturated: int


def to_e2m1(values: torch.Tensor) -> torch.Tensor:
    """float32 values within ±6 to the nearest of 0, ½, 1, 1½, 2, 3, 4, 6; ties to the even code."""
    magnitude = values.abs()
    rounded = torch.round(magnitude * 2).mul_(0.5)
    rounded = torch.where(magnitude < 2, rounded, torch.round(magnitude))
    rounded = torch.where(magnitude < 4, rounded, torch.round(magnitude * 0.5).mul_(2))
    return rounded.copysign_(values)


def mx(given: torch.Tensor, element: str) -> Scaled:
    """``given`` (blocks, 32) as MXFP4 (``element`` ``e2m1``) or MXFP8 (``e4m3``)."""
    largest, power = (_E2M1_MAX, _E2M1_POWER) if element == "e2m1" else (_E4M3_MAX, _E4M3_POWER)
    values = upright(given)
    absmax = values.abs().amax(dim=0)
    exponent = ((absmax.view(torch.int32) >> _MANTISSA) & 0xFF) - _BIAS - power
    biased = exponent.clamp(-_BIAS, _BIAS + 1) + _BIAS
    # 2**-127 is subnormal in float32: torchao divides by the smallest normal number then.
    divisor = (biased.clamp(min=1) << _MANTISSA).view(torch.float32)
    divisor = torch.where(absmax.isnan(), absmax, divisor)
    scaled = values.div_(divisor)
    saturated = int((scaled.abs() > largest).sum())
    scaled = scaled.clamp_(-largest, largest)
    codes = to_e2m1(scaled) if element == "e2m1" else scaled.to(torch.float8_e4m3fn).float()
    scale = torch.where(biased == 0, torch.tensor(2.0**-_BIAS), divisor)
    return Scaled((codes * scale).t(), saturated)


def nvfp4(given: torch.Tensor, absmax_of_tensor: float) -> Scaled:
    """``given`` (blocks, 16) with e4m3 scales under the one scale of the tensor."""
    values = upright(given)
    whole = torch.tensor(absmax_of_tensor, dtype=torch.float32) / (_E4M3_MAX * _E2M1_MAX)
    of_block = values.abs().amax(dim=0) / _E2M1_MAX
    scale = (of_block / whole).clamp(_E4M3_SMALLEST, _E4M3_MAX).to(torch.float8_e4m3fn).float()
    scaled = values * ((1.0 / whole) / scale)
    saturated = int((scaled.abs() > _E2M1_MAX).sum())
    codes = to_e2m1(scaled.clamp_(-_E2M1_MAX, _E2M1_MAX))
    return Scaled((codes * (whole * scale)).t(), saturated)


def int4_groups(given: torch.Tensor) -> torch.Tensor:
    """``given`` (groups, 64) as tinygemm has it: bfloat16, a scale and a zero point for each group."""
    values = given.to(torch.bfloat16)
    low, high = values.amin(dim=1, keepdim=True), values.amax(dim=1, keepdim=True)
    scale = ((high - low) / 15.0).clamp(min=1e-6)
    zero = low + scale * 8
    codes = torch.round((values - (zero - scale * 8)) / scale).clamp(0, 15)
    return (codes - 8) * scale + zero
