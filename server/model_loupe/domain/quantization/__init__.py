"""How quantised checkpoints store weights: which tensors hold packed values, and which only help to unpack.

One module a family: ``gptq``, ``floats``, ``libraries``, ``codebooks``, ``compressed``; ``scheme`` holds what
they have in common, ``rules`` is their table. What a scheme does not name stays an ordinary parameter:
layers that were left unquantised are counted as they are.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.quantization.scheme import BITSANDBYTES_STATES, Packing, Scheme

if TYPE_CHECKING:
    from typing import Any

    from model_loupe.domain.tensors import TensorTable

__all__ = ["Packing", "Scheme", "declared_quantization", "quantization_by_names", "scheme_of"]


def scheme_of(config: dict[str, Any], declared: dict[str, Any] | None) -> Scheme | None:
    """The scheme of ``declared``, which is a model's ``quantization_config``; None for an unquantised one.

    ``config`` is the model's whole config: some old files are to be read in the light of its architecture.
    """
    if declared is None:
        return None
    # Imported here: most models are not quantised, and then need no rules.
    from model_loupe.domain.quantization.rules import RULES, UNCHECKED, UNCHECKED_FORMS

    method = declared.get("quant_method")
    if not isinstance(method, str):
        method = _method_by_fields(declared)
    rules = RULES.get(method.replace("_", "-").lower())
    if rules is None:
        return Scheme(method[:60], None, (), (), known=False)
    scheme = rules(declared, config)
    return scheme._replace(checked=scheme.name not in UNCHECKED and scheme.form not in UNCHECKED_FORMS)


def declared_quantization(config: dict[str, Any]) -> dict[str, Any] | None:
    """What a config says of its quantisation, wherever it says it."""
    for owner in (config, config.get("text_config")):
        if isinstance(owner, dict):
            for key in ("quantization_config", "compression_config", "quantization"):
                value = owner.get(key)
                if isinstance(value, dict):
                    return value
    return None


def quantization_by_names(table: TensorTable) -> dict[str, Any] | None:
    """What tensor names declare where no config does: bitsandbytes puts its state beside a weight.

    Such are single files without a folder, and parts of pipelines.
    """
    for kind, names in table.names_by_kind.items():
        if kind.dtype == "uint8" and any(name.endswith(BITSANDBYTES_STATES) for name in names):
            type_ = "fp4" if any(name.endswith("__fp4") for name in names) else "nf4"
            return {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": type_}
        if kind.dtype == "float32" and any(name.endswith(".SCB") for name in names):
            return {"quant_method": "bitsandbytes", "load_in_8bit": True}
    return None


def _method_by_fields(declared: dict[str, Any]) -> str:
    if any(declared.get(key) for key in ("load_in_4bit", "_load_in_4bit", "load_in_8bit", "_load_in_8bit")):
        return "bitsandbytes"
    if isinstance(declared.get("quant_algo"), str):
        return "modelopt"
    if isinstance(declared.get("config_groups"), dict) or isinstance(declared.get("sparsity_config"), dict):
        return "compressed-tensors"
    if isinstance(declared.get("bits"), int) and "group_size" in declared:
        return "mlx"
    return "an unnamed scheme"
