"""How blocks lie in memory while they are worked on."""

from __future__ import annotations

import torch


def upright(runs: torch.Tensor) -> torch.Tensor:
    """Runs (count, block) as float32 (block, count), a copy: sums and scales then go along the long side.

    With a block of 16 or 32 along the rows most of the time goes into starting each short row.
    """
    return runs.t().to(torch.float32, memory_format=torch.contiguous_format, copy=True).contiguous()
