"""What each layer of a decoder keeps while it generates: keys and values, a state, both or nothing."""

from __future__ import annotations

from model_loupe.domain.dimensions import dimensions, size_of
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_MOST_LAYERS = 10_000


class Layer(NamedTuple):
    """``attention`` is ``full``, ``sliding``, ``chunked`` or "" (keeps no keys); ``state``: keeps a state."""

    attention: str
    state: bool = False


_FULL, _STATE, _NOTHING = Layer("full"), Layer("", state=True), Layer("")
_BOTH = Layer("full", state=True)
# Entries of layer_types and layers_block_type.
_KINDS = {
    "full_attention": _FULL,
    "attention": _FULL,
    "sliding_attention": Layer("sliding"),
    "chunked_attention": Layer("chunked"),
    # With an index that chooses tokens (DeepSeek-V3.2, GLM-5).
    "indexed_attention": _FULL,
    "deepseek_sparse_attention": _FULL,
    "linear_attention": _STATE,
    "mamba": _STATE,
    "mamba2": _STATE,
    "conv": _STATE,
    "recurrent": _STATE,
    # Zamba 2 puts its shared attention before a Mamba layer.
    "hybrid": _BOTH,
    "hybrid_sliding": Layer("sliding", state=True),
    "mlp": _NOTHING,
    "moe": _NOTHING,
}
# Nemotron-H: M is a Mamba layer, * attention, - and E a feed-forward layer.
_LETTERS = {"M": _STATE, "*": _FULL, "-": _NOTHING, "E": _NOTHING}
_ALL_STATES = ("mamba", "mamba2", "falcon_mamba")
# Mistral's window is for all layers; others say which layers have it in layer_types.
_ALL_SLIDE = ("mistral", "mixtral", "starcoder2", "phi3")


def layers_of(part: dict[str, Any]) -> list[Layer] | None:
    """Layer by layer; None where the kind of a layer is not known."""
    found = _listed(part)
    number = dimensions(part).layers or len(found or ())
    if not 0 < number <= _MOST_LAYERS:
        return None
    if found is None:
        found = _placed(part, number) or _uniform(part, number)
    if found is None or len(found) != number:
        return None
    # The last layers of Gemma 3n and 4 read the cache of earlier ones.
    shared = part.get("num_kv_shared_layers")
    if type(shared) is int and 0 < shared < number:
        found[-shared:] = [_NOTHING] * shared
    return found


def _listed(part: dict[str, Any]) -> list[Layer] | None:
    """One entry a layer. One of an unknown kind is left out: too few layers make the whole unknown."""
    listed = next((part[key] for key in ("layer_types", "layers_block_type") if part.get(key)), None)
    if isinstance(listed, list):
        return [_KINDS[kind] for kind in listed if isinstance(kind, str) and kind in _KINDS]
    pattern = part.get("hybrid_override_pattern")
    if isinstance(pattern, str) and pattern:
        return [_LETTERS[letter] for letter in pattern if letter in _LETTERS]
    return None


def _placed(part: dict[str, Any], number: int) -> list[Layer] | None:
    """Jamba gives a period and an offset, Bamba the indices of its attention layers."""
    period, offset, indices = (
        part.get(key) for key in ("attn_layer_period", "attn_layer_offset", "attn_layer_indices")
    )
    if type(period) is int and type(offset) is int and period > 0:
        return [_FULL if at % period == offset else _STATE for at in range(number)]
    if isinstance(indices, list):
        return [_FULL if at in indices else _STATE for at in range(number)]
    return None


def _uniform(part: dict[str, Any], number: int) -> list[Layer] | None:
    kind = part.get("model_type")
    if kind == "falcon_h1":
        return [_BOTH] * number
    if kind in _ALL_STATES:
        return [_STATE] * number
    if any(part.get(key) for key in ("linear_num_key_heads", "mamba_num_heads", "ssm_state_size")):
        return None
    slides = kind in _ALL_SLIDE and size_of(part, "sliding_window")
    return [Layer("sliding" if slides else "full")] * number
