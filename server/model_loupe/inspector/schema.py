"""A description as JSON (``inspect --json``, schema 1). Fields may be added, never renamed."""

from __future__ import annotations

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Usage, Wanted
from model_loupe.domain.tensors import TensorTable
from model_loupe.inspector.description import Description
from model_loupe.inspector.memory import estimates, usage_of

if TYPE_CHECKING:
    from typing import Any

    from model_loupe.domain.architecture import Architecture

_LARGEST = 10
_NO_WISHES = Wanted()


def to_json(description: Description, *, tree: bool = False, wanted: Wanted = _NO_WISHES) -> dict[str, Any]:
    """The whole description as JSON-ready values, memory for the context and batch ``wanted``.

    ``tree`` adds the module tree and ``blocks``, the model cut at its layers.
    """
    count, built = description.parameters, description.built
    if built and count.total is None:
        # No weights to count: what their config builds is as exact.
        count = count._replace(total=built.parameters, trainable=built.trainable, exact=True, reason=None)
    options = description.built_for or LoadOptions()
    loaded, loaded_bytes = description.loaded(options)
    index = description.weights.shard_index
    taken = {shard.name for shard in description.weights.shards}
    result: dict[str, Any] = {
        "schema": 1,
        "model": model_json(description),
        "architecture": {
            "model_type": description.model_type,
            "class": built.class_name if built else description.architecture,
            "from": "worker" if built else "config",
            "transformers": description.transformers,
        },
        "parameters": {
            "total": count.total,
            "trainable": count.trainable,
            "active": count.active,
            "mtp": count.mtp,
            "buffers": count.buffers,
            "overhead": count.overhead,
            "by_dtype": {dtype: row._asdict() for dtype, row in count.by_dtype.items()},
            "tied": count.tied,
            "exact": count.exact,
            "reason": count.reason,
        },
        "bytes": {
            "stored": description.stored_bytes,
            "declared_dtype": description.declared_dtype,
            "loaded": {"dtype": loaded.dtype, "bytes": loaded_bytes, "rule": loaded.rule}
            if loaded.dtype
            else None,
        },
        "built": _built(built),
        "placement": description.placement._asdict() if description.placement else None,
        "kv_cache": _kv_cache(description, usage_of(description, wanted)),
        "memory": _memory(description, wanted),
        "largest": _largest(description.weights.table),
        "quantization": _quantization(description),
        "tokenizer": {
            "class": description.tokenizer.class_name,
            "vocab_size": description.tokenizer.vocab_size,
        }
        if description.tokenizer
        else None,
        "license": description.license,
        "latest_revision": description.latest,
        "adapter": _adapter(description),
        "parts": [part._asdict() for part in description.parts],
        "index": {
            "name": index.name,
            "tensors": index.tensors,
            "shards": len(index.shards),
            "total_size": index.total_size,
        }
        if index
        else None,
        "config": description.config,
        "files": [
            {
                "name": file.name,
                "bytes": file.nbytes,
                "format": format_of(file.name),
                "present": file.present,
                "taken": file.name in taken,
                "not_taken": description.weights.not_taken.get(file.name),
            }
            for file in description.files
        ],
        "warnings": [warning._asdict() for warning in description.warnings],
    }
    if tree:
        # Imported here: a program that asks for no tree does not wait for it.
        from model_loupe.domain.summaries import blocks
        from model_loupe.inspector.schema_tree import tree_json

        result["tree"] = _built_tree(built) if built else tree_json(description)
        result["blocks"] = [block._asdict() for block in blocks(description.weights.table)]
    return result


def model_json(description: Description) -> dict[str, Any]:
    """Which model it is, and where it was found."""
    return {
        "id": description.request.model,
        "source": description.source,
        "revision": description.commit,
        "path": description.path,
    }


def _built(built: Architecture | None) -> dict[str, Any] | None:
    if built is None:
        return None
    from model_loupe.inspector.built_json import built_json

    return built_json(built)


def _built_tree(built: Architecture) -> dict[str, Any]:
    from model_loupe.inspector.built_json import built_tree_json

    return built_tree_json(built)


def _kv_cache(description: Description, usage: Usage) -> dict[str, Any] | None:
    cache = description.kv_cache
    if cache is None:
        return None
    return {
        "bytes_per_token": cache.bytes_per_token,
        "bytes_per_token_beyond_windows": cache.bytes_per_token_beyond,
        "dtype": cache.dtype,
        "latent": cache.latent,
        "constant_state": cache.constant_state,
        "constant_bytes": None if cache.state_bytes is None else cache.constant_bytes,
        "bytes_per_encoder_token": cache.cross_bytes_per_token,
        "context": usage.context,
        "batch": usage.batch,
        "total_bytes": usage.batch * cache.bytes_at(usage.context),
        "groups": [group._asdict() for group in cache.groups],
    }


def _adapter(description: Description) -> dict[str, Any] | None:
    adapter, base = description.adapter, description.base
    if adapter is None:
        return None
    return {
        **adapter._asdict(),
        "base_parameters": base.parameters.total if base else None,
        "base_path": base.path if base else None,
    }


def _memory(description: Description, wanted: Wanted) -> list[dict[str, Any]]:
    return [
        {
            "key": each.key,
            "label": each.label,
            "bytes": each.nbytes,
            "parts": dict(each.parts),
            "formula": each.formula,
            "source": each.source,
        }
        for each in estimates(description, description.built_for or LoadOptions(), wanted)
    ]


def _largest(table: TensorTable) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": list(kind.shape),
            "dtype": kind.dtype,
            "bytes": kind.nbytes,
        }
        for name, kind in table.largest(_LARGEST)
    ]


def _quantization(description: Description) -> dict[str, Any] | None:
    scheme = description.quantization
    if scheme is None:
        return None
    count = description.parameters.quantized
    return {
        "method": scheme.name,
        "format": scheme.form,
        "bits": scheme.bits,
        "known": scheme.known,
        "parameters": count.parameters if count else None,
        "bytes": count.bytes if count else None,
        "overhead_elements": count.overhead_elements if count else None,
        "overhead_bytes": count.overhead_bytes if count else None,
        "bits_per_parameter": round(count.bits_per_parameter, 4) if count else None,
        "unquantized": count.unquantized if count else None,
        "config": description.quantization_config,
    }
