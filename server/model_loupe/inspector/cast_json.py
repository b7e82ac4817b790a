"""A cast preview as JSON (``cast --json``, schema 1). Fields may be added, never renamed."""

from __future__ import annotations

from math import isfinite
from typing import Any

from model_loupe.domain.casts.numerics import Sums, total
from model_loupe.domain.casts.plan import CastPlan, by_module, kept_modules
from model_loupe.inspector.casting import Network, Preview

_WORST = 5
# What only a pass over all elements tells: these are rare, and the point.
_RARE = ("nan_in", "inf_in", "to_inf", "saturated")
_COUNTS = (*_RARE, "to_zero", "to_subnormal", "changed", "compared")


def to_json(found: Preview, *, tensors: bool = False) -> dict[str, Any]:
    """All targets; ``tensors`` adds the list of what each tensor becomes."""
    description = found.description
    dtypes = description.stored_dtypes
    return {
        "schema": 1,
        "model": {
            "id": description.request.model,
            "source": description.source,
            "revision": description.commit,
            "path": description.path,
        },
        "stored": {"dtype": dtypes[0] if dtypes else None, "bytes": description.weights.table.nbytes},
        "complete": found.complete,
        "network": _network(found.network) if found.network else None,
        "targets": [_target(found, each, tensors) for each in found.plans],
    }


def _network(network: Network) -> dict[str, int]:
    return {"bytes": network.nbytes, "requests": network.requests, "budget": network.budget}


def _target(found: Preview, plan: CastPlan, tensors: bool) -> dict[str, Any]:
    target = plan.target
    result: dict[str, Any] = {
        "dtype": target.name,
        "title": target.title,
        "bytes": plan.nbytes,
        "bits_per_parameter": round(plan.bits_per_parameter, 4),
        "library": target.library,
        "hardware": target.hardware,
        "elements": plan.elements,
        "kept": [
            {
                "path": row.path,
                "dtype": row.dtype,
                "reason": row.reason,
                "tensors": row.tensors,
                "bytes": row.nbytes,
            }
            for row in kept_modules(plan)
        ],
        "modules": [
            {"path": path, "bytes_before": before, "bytes": after} for path, before, after in by_module(plan)
        ],
        "kv_cache": _kv_cache(found, plan),
    }
    sums = found.sums[target.name]
    if sums:
        result["numerics"] = numerics(list(sums.values()), exact=found.exact)
        result["worst"] = worst(sums)
    elif target.name in found.unmeasured:
        why = found.unmeasured[target.name]
        result["unmeasured"] = {"code": why.code, "message": why.message}
    if tensors:
        result["tensors"] = [
            {
                "name": tensor.name,
                "shape": list(tensor.kind.shape),
                "from": tensor.kind.dtype,
                "to": tensor.dtype,
                "bytes": tensor.nbytes,
                "reason": tensor.reason,
                **(numerics([sums[tensor.name]], exact=found.exact) if tensor.name in sums else {}),
            }
            for tensor in plan.tensors
        ]
    return result


def numerics(parts: list[Sums], *, exact: bool) -> dict[str, Any]:
    """The figures of several tensors together. From a sample what is rare is null: it is not known."""
    sums = total(parts)
    whole = exact or sums.sampled == sums.elements
    result: dict[str, Any] = {
        "mode": "exact" if exact else "sampled",
        "elements": sums.elements,
        "read_bytes": sums.read_bytes,
        **{name: getattr(sums, name) if whole or name not in _RARE else None for name in _COUNTS},
        "max_abs_error": _finite(sums.max_abs_error),
        "max_rel_error": _finite(sums.max_rel_error),
        "mse": _finite(sums.mse),
        "snr_db": sums.snr_db,
        "cosine": sums.cosine,
        "exponents": {
            "before": [list(pair) for pair in sums.exponents_before.items()],
            "after": [list(pair) for pair in sums.exponents_after.items()],
        },
    }
    if not exact:
        result["sampled"] = sums.sampled
        interval = sums.snr_interval
        result["interval"] = {"snr_db": list(interval) if interval else None}
    return result


def _finite(value: float) -> float | None:
    """JSON has no infinity, which squares of float64 values can reach."""
    return value if isfinite(value) else None


def worst(sums: dict[str, Sums]) -> list[dict[str, Any]]:
    """The tensors that lose most: values that overflow first, then the lowest SNR."""
    lossy = [(name, each) for name, each in sums.items() if each.to_inf or each.snr_db is not None]
    lossy.sort(key=lambda row: (-row[1].to_inf, row[1].snr_db if row[1].snr_db is not None else 0.0, row[0]))
    return [
        {"name": name, "snr_db": each.snr_db, "to_inf": each.to_inf, "max_abs_error": each.max_abs_error}
        for name, each in lossy[:_WORST]
    ]


def _kv_cache(found: Preview, plan: CastPlan) -> dict[str, Any] | None:
    """What a token takes once activations have the new dtype; None where there is no cache or it stays."""
    cache = found.description.kv_cache
    if cache is None or not plan.target.follows:
        return None
    after = cache._replace(dtype=plan.target.name)
    return {
        "dtype": after.dtype,
        "bytes_per_token": after.bytes_per_token,
        "bytes_per_token_before": cache.bytes_per_token,
    }
