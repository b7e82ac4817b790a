"""Writes a safetensors file of random matrices: ``weights.py FILE DTYPE MEBIBYTES``."""

import sys

import torch
from safetensors.torch import save_file

path, dtype, mebibytes = sys.argv[1:]
kind = getattr(torch, dtype)
columns = 2**20 * 8 // (1024 * kind.itemsize)
generator = torch.Generator().manual_seed(0)
save_file(
    {
        f"layers.{number}.weight": (torch.randn(1024, columns, generator=generator) * 0.02).to(kind)
        for number in range(int(mebibytes) // 8)
    },
    path,
)
