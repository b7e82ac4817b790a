"""Layers as the quantiser of the checkpoint replaces them, and the parameters that they stand for."""

from __future__ import annotations

from typing import Any

from .errors import failed


def quantizer_of(config: Any, notes: list[str]) -> Any:
    """transformers' quantiser for the config's ``quantization_config``; None without one, or where its
    library is missing, which ``notes`` then say."""
    declared = getattr(config, "quantization_config", None)
    if not declared:
        return None
    from transformers.quantizers.auto import AutoHfQuantizer

    try:
        return AutoHfQuantizer.from_config(declared, pre_quantized=True)
    except Exception as error:
        notes.append(f"modules are shown as without quantisation: {failed(error, 'the quantiser').message}")
        return None


def quantize(model: Any, quantizer: Any, notes: list[str]) -> bool:
    """Has the quantiser replace layers of ``model``; whether it did."""
    kept = getattr(model, "_keep_in_fp32_modules", None) or []
    try:
        quantizer.preprocess_model(model=model, device_map=None, keep_in_fp32_modules=kept)
    except Exception as error:
        notes.append(f"modules are shown as without quantisation: {failed(error, 'the quantiser').message}")
        return False
    return True


def logical_elements(model: Any) -> dict[str, int]:
    """Elements of the parameters that each module holds itself, tied ones with the first."""
    seen: set[int] = set()
    found: dict[str, int] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for value in module._parameters.values():
            if value is not None and id(value) not in seen:
                seen.add(id(value))
                found[path] = found.get(path, 0) + value.numel()
    return found
