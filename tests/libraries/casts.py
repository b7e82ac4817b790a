"""The worker's casting modules, imported as the worker imports them, and checkpoints that try casts."""

from __future__ import annotations

import torch

import model_loupe.worker.casting as casting  # noqa: F401
from model_loupe.worker.casting import exact, formats

# As the worker has it: threads of small operations wait for each other, on a busy machine fifty times longer.
torch.set_num_threads(1)


def cast(name: str, given: torch.Tensor) -> torch.Tensor:
    """What the worker makes of a whole tensor, as float64."""
    form = formats.format_named(name)
    assert form is not None, name
    whole = formats.Whole()
    if form.needs == "absmax":
        whole = formats.Whole(float(given.abs().max()))
    elif form.needs == "scales":
        from model_loupe.worker.casting.bitsandbytes import nested

        assert form.four_bit is not None
        blocks = list(exact.blocks_of(given, 64))
        whole = formats.Whole(0.0, nested(torch.cat([form.four_bit.absmax(each) for each in blocks])))
    found, _ = exact.cast_all(form, given.reshape(-1), whole, 0, given.shape[-1])
    return found.double().reshape(given.shape)


def hostile(dtype: torch.dtype, rows: int = 64, columns: int = 512, seed: int = 0) -> torch.Tensor:
    """Weights with outliers, zeros, whole zero blocks, subnormals, huge and tiny values; no NaN, no inf."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 0.02
    values[:, 7] *= 60
    values[3] = 0
    values[4, :64] = 0
    values[5] *= 1e-5
    values[6] = values[6].abs()
    values[8, 1] = 70000.0 if dtype != torch.float16 else 65504.0
    values[9, ::3] = torch.finfo(dtype).smallest_normal / 4
    values[10] = 0.125
    return values.to(dtype)
