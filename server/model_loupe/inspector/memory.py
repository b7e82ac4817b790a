"""What a described model takes in memory, to run and to train."""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.kv_cache import KvCache
from model_loupe.domain.linear import linear_layers
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import (
    LORA_RANK,
    Estimate,
    Usage,
    Wanted,
    full_training,
    inference,
    lora_training,
    qlora_training,
)
from model_loupe.inspector.description import Description

_USUAL_CONTEXT = 8192


def usage_of(description: Description, wanted: Wanted) -> Usage:
    """What was asked for; by default one sequence of the model's context, 8,192 tokens at most."""
    usual = min(description.dimensions.context or _USUAL_CONTEXT, _USUAL_CONTEXT)
    return Usage(wanted.context or usual, wanted.batch or 1)


def cache_of(description: Description, options: LoadOptions) -> KvCache | None:
    """The KV cache at the dtype that the call names, else as the config has it."""
    cache = description.kv_cache
    loaded, _ = description.loaded(options)
    if cache is None or options.dtype in (None, "None", "auto") or loaded.dtype not in BY_NAME:
        return cache
    return cache._replace(dtype=loaded.dtype)


def estimates(description: Description, options: LoadOptions, wanted: Wanted) -> list[Estimate]:
    """To run the model as this call loads it, and to train it; none where the weights are not all known."""
    total, stored = description.total, description.stored_bytes
    if description.adapter or description.pipeline == "diffusers":
        return []
    if total is None or stored is None or not description.parameters.exact:
        return []
    cache, usage = cache_of(description, options), usage_of(description, wanted)
    loaded, nbytes = description.loaded(options)
    scheme = description.quantization
    if scheme and not scheme.dequantized:
        # Packed weights stay as they are stored, and so can only be trained beside (LoRA).
        return [inference(stored, scheme.name, cache, usage)]
    dtype = loaded.dtype or (description.stored_dtypes or ["float32"])[0]
    if dtype not in BY_NAME:
        return []
    weights = nbytes if nbytes is not None else stored
    found = [inference(weights, dtype, cache, usage), *full_training(total, dtype)]
    if total != description.parameters.total:
        # The layers that adapters are put on are those of the files, not of what is built.
        return found
    return found + _with_adapters(description, total, weights, dtype)


def _with_adapters(description: Description, total: int, weights: int, dtype: str) -> list[Estimate]:
    stored_twice = frozenset(name for group in description.parameters.tied for name in group)
    linear = linear_layers(description.weights.table, stored_twice)
    adapter = linear.lora_parameters(LORA_RANK)
    if not adapter or linear.weights > total:
        return []
    return [lora_training(weights, dtype, adapter), qlora_training(total, linear.weights, adapter)]
