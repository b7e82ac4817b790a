"""Quantisation that is declared beside ``config.json``: what a library wrote before transformers knew it."""

from __future__ import annotations

from collections import Counter

from model_loupe.domain.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any


def declared_beside(
    listing: Container[str], read_object: Callable[[str], dict[str, Any]]
) -> dict[str, Any] | None:
    """A ``quantization_config`` made of such a file, or None; ``read_object`` reads a JSON object by name.

    - ``hf_quant_config.json``: NVIDIA modelopt's exporter
    - ``quanto_qmap.json``: optimum-quanto's ``QuantizedTransformersModel``
    - ``quantize_config.json``: AutoGPTQ and GPTQModel
    - ``quant_config.json``: AutoAWQ
    """
    for name, translate in _FILES.items():
        if name in listing:
            found = read_object(name)
            if found:
                return translate(found)
    return None


def _modelopt(found: dict[str, Any]) -> dict[str, Any]:
    inner = found.get("quantization")
    return {"quant_method": "modelopt", **(inner if isinstance(inner, dict) else {})}


def _quanto(found: dict[str, Any]) -> dict[str, Any]:
    """``{"model.layers.0.self_attn.q_proj": {"weights": "qint4", "activations": "none"}, …}``"""
    weights = {
        name: entry["weights"].removeprefix("q")
        for name, entry in found.items()
        if isinstance(entry, dict) and isinstance(entry.get("weights"), str)
    }
    most = Counter(weights.values()).most_common(1)
    own = {name: word for name, word in weights.items() if word != most[0][0]}
    return {"quant_method": "quanto", "weights": most[0][0] if most else None, "modules": own}


def _gptq(found: dict[str, Any]) -> dict[str, Any]:
    return {"quant_method": "gptq", **found}


def _awq(found: dict[str, Any]) -> dict[str, Any]:
    return {"quant_method": "awq", **found}


_FILES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "hf_quant_config.json": _modelopt,
    "quanto_qmap.json": _quanto,
    "quantize_config.json": _gptq,
    "quant_config.json": _awq,
}
