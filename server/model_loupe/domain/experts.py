"""Mixtures of experts: how many there are, and how many of them a token meets."""

from __future__ import annotations

from model_loupe.domain.kv_cache import text_config
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_TOTAL = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_top_k", "moe_k")


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
