"""``model.safetensors.index.json``: which shard is said to store which tensor.

The index is a claim; the shards' headers are the truth.
"""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.checkpoints.config import parse_json_object
from model_loupe.domain.warnings import Warning

MAX_INDEX_BYTES = 200_000_000


class Index(NamedTuple):
    """What an index claims. ``shards`` are safe file names in order of their first tensor."""

    name: str
    weight_map: dict[str, str]
    shards: list[str]
    total_size: int | None
    metadata: dict[str, object]


def parse_index(raw: bytes, name: str, warnings: list[Warning]) -> Index | None:
    document = parse_json_object(raw, name, warnings)
    if document is None:
        return None
    weight_map = document.get("weight_map")
    if not isinstance(weight_map, dict):
        warnings.append(Warning("bad-index", f"{name} has no weight_map object"))
        return None
    if set(map(type, weight_map.values())) - {str}:
        warnings.append(Warning("bad-index", f"{name}: weight_map must map tensor names to file names"))
        weight_map = {tensor: file for tensor, file in weight_map.items() if isinstance(file, str)}
    shards = list(dict.fromkeys(weight_map.values()))
    unsafe = {shard for shard in shards if not is_safe_name(shard)}
    if unsafe:
        warnings.extend(
            Warning("unsafe-path", f"{name} names {shard[:120]!r}, outside the model's folder: not read")
            for shard in sorted(unsafe)[:20]
        )
        weight_map = {tensor: file for tensor, file in weight_map.items() if file not in unsafe}
        shards = [shard for shard in shards if shard not in unsafe]
    if not weight_map:
        warnings.append(Warning("bad-index", f"{name} lists no tensors"))
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Index(name, weight_map, shards, _total_size(metadata, name, warnings), metadata)


def _total_size(metadata: dict[str, object], name: str, warnings: list[Warning]) -> int | None:
    value = metadata.get("total_size")
    # Some tools write 5.0e9; the sum of byte counts is whole all the same.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value < 2**63:
        return value
    if value is not None:
        warnings.append(Warning("bad-index", f"{name}: metadata.total_size is not a number of bytes"))
    return None


def is_safe_name(name: str) -> bool:
    """Whether a file name from a checkpoint stays inside the model's folder on every system."""
    parts = name.replace("\\", "/").split("/")
    return (
        0 < len(name) <= 1024
        and "\0" not in name
        and ".." not in parts
        and "" not in parts
        and not (len(name) > 1 and name[1] == ":")
    )
