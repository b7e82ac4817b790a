"""The checkpoints that are measured: headers as the safetensors package writes them, over sparse files."""

from __future__ import annotations

import json
import struct
from array import array
from pathlib import Path
from typing import Any

from tests.support import checkpoints as support

_GEMMA_SHARDS, _DEEPSEEK_SHARDS = 2, 163


def gemma_2b(folder: Path) -> Path:
    """google/gemma-2b-it: 164 tensors in 2 files."""
    return _write(folder, support.GEMMA_2B_CONFIG, support.gemma_2b_tensors(), _GEMMA_SHARDS)


def deepseek_v3(folder: Path) -> Path:
    """deepseek-ai/DeepSeek-V3: 91,991 tensors in 163 files."""
    return _write(folder, support.DEEPSEEK_V3_CONFIG, support.deepseek_v3_tensors(), _DEEPSEEK_SHARDS)


def four_gigabytes(folder: Path) -> str:
    """64 linear layers of 64 MiB bfloat16: half of them holes in the file, the others of real values."""
    shape, nbytes, layers = [4096, 8192], 2**26, 64
    header = {
        f"layers.{at}.fc.weight": {
            "dtype": "BF16",
            "shape": shape,
            "data_offsets": [at * nbytes, (at + 1) * nbytes],
        }
        for at in range(layers)
    }
    text = json.dumps(header).encode()
    # Every value of 14 bits as a bfloat16 between 2^-63 and 2: no NaN, and exponents of all sizes.
    values = array("H", (code % 2**14 | (code & 1) << 15 for code in range(2**16))).tobytes() * (
        nbytes // 2**17
    )
    folder.mkdir()
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for at in range(layers // 2):
            file.seek(8 + len(text) + 2 * at * nbytes)
            file.write(values)
        file.truncate(8 + len(text) + layers * nbytes)
    return str(path)


def _write(folder: Path, config: dict[str, Any], tensors: list[support.Tensor], shards: int) -> Path:
    support.write_checkpoint(folder, config, tensors, shards)
    # safetensors' serializer puts wide dtypes first and sorts by name within each; the index keeps the
    # model's own order. So a header and the index seldom list tensors in the same order.
    per_shard = -(-len(tensors) // shards)
    for number, path in enumerate(sorted(folder.glob("*.safetensors"))):
        part = tensors[number * per_shard : (number + 1) * per_shard]
        support.write_safetensors(
            path, sorted(part, key=lambda tensor: (-support.BITS[tensor[1]], tensor[0]))
        )
    return folder
