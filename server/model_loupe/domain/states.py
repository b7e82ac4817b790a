"""The states of layers that keep one: of a convolution, and of a recurrence. They do not grow.

After ``modeling_*.py`` of transformers 5: the convolution's at the model's dtype, the recurrence's in float32
(tests/libraries/test_kv_cache.py holds the sizes against what it allocates).
"""

from __future__ import annotations

from model_loupe.domain.dimensions import size_of
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class State(NamedTuple):
    """Elements that one layer keeps of one sequence."""

    convolution: int
    recurrence: int


def state_of(part: dict[str, Any]) -> State | None:
    """The state of one layer; None where the config does not tell it."""
    return _delta(part) or _mamba2(part) or _mamba(part) or _short_convolution(part)


def _delta(part: dict[str, Any]) -> State | None:
    """Gated delta networks (Qwen3-Next and its kin)."""
    names = ("linear_num_key_heads", "linear_key_head_dim", "linear_num_value_heads", "linear_value_head_dim")
    keys, key_dim, values, value_dim = (size_of(part, name) for name in names)
    if not (keys and key_dim and values and value_dim):
        return None
    width = size_of(part, "linear_conv_kernel_dim") or 4
    return State((2 * keys * key_dim + values * value_dim) * width, values * key_dim * value_dim)


def _mamba2(part: dict[str, Any]) -> State | None:
    """Mamba 2 under the names of Mamba 2, Bamba and Granite, Nemotron-H and Zamba 2."""
    heads = size_of(part, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
    head_dim = size_of(part, "mamba_head_dim", "mamba_d_head", "mamba_headdim")
    if part.get("model_type") == "mamba2":
        heads, head_dim = size_of(part, "num_heads"), size_of(part, "head_dim")
    state = size_of(part, "ssm_state_size", "mamba_d_state", "state_size")
    width = size_of(part, "conv_kernel", "mamba_d_conv")
    if not (heads and head_dim and state and width):
        return None
    groups = size_of(part, "mamba_n_groups", "mamba_ngroups", "n_groups") or 1
    inner = heads * head_dim
    return State((inner + 2 * groups * state) * width, inner * state)


def _mamba(part: dict[str, Any]) -> State | None:
    """Mamba 1, also as Jamba names its sizes."""
    hidden, state = size_of(part, "hidden_size"), size_of(part, "mamba_d_state", "state_size")
    width, expand = size_of(part, "mamba_d_conv", "conv_kernel"), size_of(part, "mamba_expand", "expand")
    inner = size_of(part, "intermediate_size") if "conv_kernel" in part else None
    inner = inner or (hidden * expand if hidden and expand else None)
    if not (inner and state and width):
        return None
    return State(inner * width, inner * state)


def _short_convolution(part: dict[str, Any]) -> State | None:
    """The gated short convolutions of LFM2."""
    hidden, width = size_of(part, "hidden_size"), size_of(part, "conv_L_cache")
    return State(hidden * width, 0) if hidden and width else None
