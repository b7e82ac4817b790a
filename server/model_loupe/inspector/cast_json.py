"""A cast preview as JSON (``cast --json``, schema 1). Fields may be added, never renamed."""

from __future__ import annotations

from math import isfinite
from typing import Any

from model_loupe.domain.casts.numerics import Sums, total
from model_loupe.domain.casts.plan import CastPlan, TensorPlan, block_of, by_module, kept_modules
from model_loupe.domain.casts.targets import is_lossless
from model_loupe.inspector.casting import Network, Preview
from model_loupe.inspector.schema import model_json

_WORST = 5
# What only a pass over all elements tells: these are rare, and the point.
_RARE = ("nan_in", "inf_in", "to_inf", "saturated")
_LOST = ("to_inf", "saturated", "to_zero", "to_subnormal", "changed")
_COUNTS = ("nan_in", "inf_in", *_LOST, "compared")


def to_json(found: Preview, *, tensors: bool = False) -> dict[str, Any]:
    """All targets; ``tensors`` adds the list of what each tensor becomes."""
    description = found.description
    dtypes = description.stored_dtypes
    return {
        "schema": 1,
        "model": model_json(description),
        "stored": {"dtype": dtypes[0] if dtypes else None, "bytes": description.weights.table.nbytes},
        "complete": found.complete,
        "warnings": [warning._asdict() for warning in description.warnings],
        "network": _network(found.network) if found.network else None,
        "targets": [_target(found, each, tensors) for each in found.plans],
    }


def _network(network: Network) -> dict[str, int]:
    return {"bytes": network.nbytes, "requests": network.requests, "budget": network.budget}


def _target(found: Preview, plan: CastPlan, tensors: bool) -> dict[str, Any]:
    target = plan.target
    measured = _Measured(found, plan)
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
            {
                "path": path,
                "bytes_before": before,
                "bytes": after,
                "numerics": measured.of_block(path),
            }
            for path, before, after in by_module(plan)
        ],
        "kv_cache": _kv_cache(found, plan),
    }
    sums = found.sums[target.name]
    if sums:
        result["numerics"] = measured.of_all()
        result["worst"] = worst(sums, exact=found.exact)
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
                **measured.of_tensor(tensor),
            }
            for tensor in plan.tensors
        ]
    return result


class _Measured:
    """The figures of one plan's tensors. From a sample what is rare is null: it is not known."""

    def __init__(self, found: Preview, plan: CastPlan) -> None:
        self._exact = found.exact
        self._sums = found.sums[plan.target.name]
        self._plan = plan
        self._is_lossless = plan.is_lossless
        names: dict[str, list[str]] = {}
        for name in self._sums:
            names.setdefault(block_of(name), []).append(name)
        self._blocks = {path: total(self._sums[name] for name in inside) for path, inside in names.items()}

    def of_all(self) -> dict[str, Any]:
        """The figures of all that was measured; {} where nothing was."""
        return self._figures(total(self._blocks.values()), self._is_lossless) if self._blocks else {}

    def of_block(self, path: str) -> dict[str, Any] | None:
        """Those of a top-level block."""
        sums = self._blocks.get(path)
        return self._figures(sums, self._is_lossless) if sums else None

    def of_tensor(self, tensor: TensorPlan) -> dict[str, Any]:
        """Those of one tensor; {} if it was not measured by itself."""
        sums = self._sums.get(tensor.name)
        return self._figures(sums, is_lossless(tensor.kind.dtype, self._plan.target)) if sums else {}

    def _figures(self, sums: Sums, is_lossless: bool) -> dict[str, Any]:
        counts = {name: getattr(sums, name) for name in _COUNTS}
        if not self._exact and sums.sampled < sums.elements:
            unknown = [name for name in _COUNTS if not _may_tell(name, counts[name], is_lossless)]
            counts |= dict.fromkeys(unknown)
        result: dict[str, Any] = {
            "mode": "exact" if self._exact else "sampled",
            "elements": sums.elements,
            "read_bytes": sums.read_bytes,
            **counts,
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
        interval = sums.snr_interval
        result["sampled"] = sums.elements if self._exact else sums.sampled
        result["interval"] = None if self._exact else {"snr_db": list(interval) if interval else None}
        return result


def _may_tell(name: str, estimate: int, is_lossless: bool) -> bool:
    """Whether a sample tells a count: what it saw none of may be elsewhere, unless the formats say no."""
    if name in _LOST and is_lossless:
        return True
    return name not in _RARE and estimate > 0


def _finite(value: float) -> float | None:
    """JSON has no infinity, which squares of float64 values can reach."""
    return value if isfinite(value) else None


def worst(sums: dict[str, Sums], *, exact: bool) -> list[dict[str, Any]]:
    """The tensors that lose most: values that overflow first, then the lowest SNR."""
    lossy = [(name, each) for name, each in sums.items() if each.to_inf or each.snr_db is not None]
    lossy.sort(key=lambda row: (-row[1].to_inf, row[1].snr_db if row[1].snr_db is not None else 0.0, row[0]))
    return [
        {
            "name": name,
            "snr_db": each.snr_db,
            "to_inf": each.to_inf if exact else None,
            "max_abs_error": _finite(each.max_abs_error),
        }
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
