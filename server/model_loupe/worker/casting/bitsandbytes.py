"""int8, nf4 and fp4 as bitsandbytes casts them, without it.

The arithmetic is that of ``bitsandbytes/backends/default/ops.py``. ``tests/libraries`` hold each against
the library, bit by bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from .layout import upright

BLOCK = 64
_NESTED_BLOCK, _NESTED_PART = 256, 4096
# functional.get_4bit_type; those of nf4 are the code book of QLoRA (arXiv:2305.14314, appendix E).
_NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
_FP4 = (0.0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0)
_INT8_SCALE = 7.874015718698502e-3
_SMALLEST = 1e-38


def int8_rows(given: torch.Tensor) -> torch.Tensor:
    """``given`` (rows, columns) as LLM.int8 has it: ``Int8Params`` makes it float16 first.

    A row with a value beyond float16's range has an infinite scale, and becomes NaN as a whole.
    """
    half = given.to(torch.float16)
    absmax = half.abs().amax(dim=1).float()
    codes = torch.round(half * (127.0 / absmax.unsqueeze(-1)))
    # What torch makes of NaN as int8 is undefined, and no matter: here its row's scale is NaN or infinite, or
    # the row is all zero.
    codes = codes.nan_to_num_(0.0, 0.0, 0.0)
    return codes * absmax.unsqueeze(-1) * _INT8_SCALE


class FourBit:
    """nf4 or fp4 in blocks of 64 along the flattened tensor."""

    def __init__(self, kind: str) -> None:
        values = torch.tensor(_NF4 if kind == "nf4" else (*_FP4, *(-each for each in _FP4)))
        ordered = torch.sort(values / values.abs().max()).values
        self._levels = ordered.numpy()
        self._midpoints = ((ordered[:-1] + ordered[1:]) / 2).numpy()

    def absmax(self, given: torch.Tensor) -> torch.Tensor:
        """The scale of each row of ``given`` (blocks, 64), float32; of a last block that is shorter too."""
        return self._absmax(upright(given))

    @staticmethod
    def _absmax(values: torch.Tensor) -> torch.Tensor:
        found = values.abs().amax(dim=0)
        return found if len(values) == BLOCK else found.clamp(min=_SMALLEST)

    def cast(self, given: torch.Tensor, scales: torch.Tensor | None = None) -> torch.Tensor:
        """``given`` (blocks, 64 or fewer) cast and back, in its own dtype as bitsandbytes has it.

        ``scales`` are what the blocks' scales are brought back to where they are quantised, too.
        """
        values = upright(given)
        absmax = self._absmax(values)
        if len(values) == BLOCK:
            scaled = values.mul_(1.0 / absmax.clamp(min=_SMALLEST))
        else:
            scaled = values.div_(absmax)
        levels = self._nearest(scaled.clamp_(-1, 1))
        return levels.mul_(absmax if scales is None else scales).to(given.dtype).t()

    def _nearest(self, scaled: torch.Tensor) -> torch.Tensor:
        # Fifteen comparisons, done for many values at once, take a tenth of a search for each value.
        values = scaled.numpy()
        codes = np.zeros(values.shape, np.uint8)
        above = np.empty(values.shape, np.bool_)
        for midpoint in self._midpoints:
            np.greater(values, midpoint, out=above)
            np.add(codes, above.view(np.uint8), out=codes)
        return torch.from_numpy(np.take(self._levels, codes))


def nested(absmax: torch.Tensor) -> torch.Tensor:
    """The scales of a whole tensor as double quantisation brings them back: their mean is taken off first."""
    offset = absmax.mean()
    return _dynamic_8bit(absmax - offset) + offset


def _dynamic_8bit(values: torch.Tensor) -> torch.Tensor:
    """``quantize_blockwise`` and back, in blocks of 256, with the dynamic map of 8 bits.

    To the nearest level, as the code for GPUs has it. That for CPUs (since 0.50) looks levels up in a table of
    65,536 steps: there about one scale in a thousand, next to a midpoint, is a level off.
    """
    code = _dynamic_map()
    midpoints = (code[:-1] + code[1:]) / 2
    padded = torch.nn.functional.pad(values, (0, -len(values) % _NESTED_BLOCK)).view(-1, _NESTED_BLOCK)
    # In parts: the codes of a large tensor's scales, which are wide integers here, would take much memory.
    for part in padded.split(_NESTED_PART):
        absmax = part.abs().amax(dim=1, keepdim=True)
        levels = code[torch.bucketize((part * (1.0 / absmax)).clamp_(-1, 1), midpoints)]
        part.copy_(levels * absmax)
    return padded.view(-1)[: len(values)]


@lru_cache(maxsize=1)
def _dynamic_map() -> torch.Tensor:
    """``functional.create_dynamic_map()`` (https://arxiv.org/abs/1511.04561), sorted."""
    data = [0.0, 1.0]
    for power in range(7):
        bounds = torch.linspace(0.1, 1, 2**power + 1, dtype=torch.float32)
        means = (10.0 ** (power - 6) * ((bounds[:-1] + bounds[1:]) / 2.0)).tolist()
        data += [*means, *(-each for each in means)]
    return torch.tensor(sorted(data), dtype=torch.float32)
