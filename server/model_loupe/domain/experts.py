"""What a token does not meet: experts that are not chosen, and layers that only training uses."""

from __future__ import annotations

from model_loupe.domain.dimensions import text_config
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_TOTAL = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_top_k", "moe_k")
_LAYERS = ("model.layers",)
_COMPOSITE_LAYERS = ("model.language_model.layers", "language_model.model.layers")
_MOST_MTP_LAYERS = 64


class Experts(NamedTuple):
    """``per_token`` of ``total`` routed experts; shared experts are met by every token and are dense."""

    per_token: int
    total: int


def experts_of(config: dict[str, Any]) -> Experts | None:
    """What a config says of its experts; None for a dense model."""
    part = text_config(config)
    total = next((part[key] for key in _TOTAL if type(part.get(key)) is int), 0)
    per_token = next((part[key] for key in _PER_TOKEN if type(part.get(key)) is int), 0)
    return Experts(per_token, total) if 0 < per_token <= total < 2**20 and total > 1 else None


def is_routed(name: str) -> bool:
    """Whether a tensor belongs to the routed experts (not the shared ones, and not the router)."""
    return (".experts." in name and "shared" not in name) or "_exps." in name


def mtp_prefixes(config: dict[str, Any]) -> tuple[str, ...]:
    """How the names of layers for multi-token prediction begin, where a config says that there are some.

    DeepSeek-V3 and its kin store them as layers beyond the last, Qwen3-Next and its kin under ``mtp``;
    transformers loads neither (``_keys_to_ignore_on_load_unexpected`` of their classes).
    """
    part = text_config(config)
    layers, extra = part.get("num_hidden_layers"), part.get("num_nextn_predict_layers")
    if type(layers) is int and type(extra) is int and 0 < extra <= _MOST_MTP_LAYERS:
        numbers = range(layers, layers + extra)
        bases = _LAYERS if part is config else _COMPOSITE_LAYERS
        return tuple(f"{base}.{number}." for base in bases for number in numbers)
    under_mtp = part.get("mtp_num_hidden_layers") or part.get("model_type") == "qwen3_next"
    return ("mtp.", "model.mtp.") if under_mtp else ()
