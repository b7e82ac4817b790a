"""What generation keeps for every token: keys and values of each attention layer.

A layer keeps ``2 × KV heads × head dim`` elements a token, for plain, grouped and multi-query attention alike
(``DynamicCache`` in transformers), or a latent; with a window, of so many tokens at most. Layers of linear
attention and state-space layers keep a state instead, which does not grow.
"""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

# Configs with one of these keep something that is not described here: an index beside the latent (DSA), keys
# that are values too, or layers that are named only by the model's own code.
_UNKNOWN = (
    "index_head_dim",
    "attention_k_eq_v",
    "mamba_num_heads_per_layer",
    "state_size",
    "cross_attention_layers",
    "layers_block_type",
    "attention_other_setting",
)
_GENERATES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


class Dimensions(NamedTuple):
    """The sizes of a decoder as its config gives them; None where it does not."""

    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    intermediate: int | None
    context: int | None
    vocabulary: int | None
    sliding_window: int | None


class LayerGroup(NamedTuple):
    """``layers`` that each keep ``elements`` a token, of the last ``window`` tokens (None: of all)."""

    layers: int
    elements: int
    window: int | None


class KvCache(NamedTuple):
    """What one sequence keeps. ``constant_state``: other layers keep a state that does not grow with it."""

    dtype: str
    groups: tuple[LayerGroup, ...]
    latent: bool
    constant_state: bool

    @property
    def bytes_per_token(self) -> int:
        """While all layers still grow (a context shorter than any window)."""
        return self._bytes(sum(group.layers * group.elements for group in self.groups))

    @property
    def bytes_per_token_beyond(self) -> int:
        """Once the layers with a window are full."""
        return self._bytes(
            sum(group.layers * group.elements for group in self.groups if group.window is None)
        )

    def bytes_at(self, context: int) -> int:
        """Of ``context`` tokens. A sliding layer keeps window - 1 of them (``SlidingWindowLayer``)."""
        return self._bytes(
            sum(
                group.layers
                * group.elements
                * (context if group.window is None else min(context, max(group.window - 1, 0)))
                for group in self.groups
            )
        )

    def _bytes(self, elements: int) -> int:
        return elements * BY_NAME[self.dtype].bits // 8


def text_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a composite (vision + text) config that describes the language model."""
    for key in ("text_config", "llm_config", "language_config"):
        part = config.get(key)
        if isinstance(part, dict):
            return part
    return config


def dimensions(config: dict[str, Any]) -> Dimensions:
    """Reads the sizes under any of the names that architectures use for them."""
    part = text_config(config)
    hidden = _size(part, "hidden_size", "n_embd", "d_model", "dim")
    heads = _size(part, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
    # As transformers' attention layers do: head_dim if it is given, else hidden_size // heads. Latent
    # attention (MLA) has head sizes of its own.
    divided = hidden // heads if hidden and heads and not part.get("kv_lora_rank") else None
    head_dim = _size(part, "head_dim") or divided
    return Dimensions(
        layers=_size(part, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=_size(part, "num_key_value_heads") or (1 if part.get("multi_query") is True else heads),
        head_dim=head_dim,
        intermediate=_size(part, "intermediate_size", "n_inner", "ffn_dim", "d_ff"),
        context=_size(part, "max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"),
        vocabulary=_size(part, "vocab_size"),
        sliding_window=_size(part, "sliding_window") if part.get("use_sliding_window") is not False else None,
    )


def kv_cache(config: dict[str, Any], architecture: str | None, dtype: str | None) -> KvCache | None:
    """The cache of a decoder at ``dtype``; None for other models and where the config does not tell."""
    if not (architecture or "").endswith(_GENERATES) or config.get("is_encoder_decoder"):
        return None
    part = text_config(config)
    if dtype not in BY_NAME or any(part.get(key) for key in _UNKNOWN):
        return None
    types = _layer_types(part)
    elements = _elements(part)
    if types is None or elements is None:
        return None
    window = dimensions(config).sliding_window
    groups = []
    full, sliding = types.count("full"), types.count("sliding")
    if full:
        groups.append(LayerGroup(full, elements, None))
    if sliding:
        groups.append(LayerGroup(sliding, elements, window))
    if not groups:
        return None
    latent = _size(part, "kv_lora_rank") is not None
    return KvCache(dtype, tuple(groups), latent, constant_state=len(types) > full + sliding)


def _elements(part: dict[str, Any]) -> int | None:
    """Elements a token in one attention layer."""
    rank = _size(part, "kv_lora_rank")
    if rank is not None:
        # Latent attention (MLA): the compressed keys and values and the rotary part, shared by all heads, as
        # transformers 5 and vLLM cache them (transformers 4 expanded them to full heads).
        rope = _size(part, "qk_rope_head_dim")
        return rank + rope if rope else None
    sizes = dimensions(part)
    return 2 * sizes.kv_heads * sizes.head_dim if sizes.kv_heads and sizes.head_dim else None


_LAYER_KINDS = {
    "full_attention": "full",
    "attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "sliding",
    "linear_attention": "state",
    "mamba": "state",
    "conv": "state",
    "recurrent": "state",
}


def _layer_types(part: dict[str, Any]) -> list[str] | None:
    """``full``, ``sliding``, ``state`` or ``none`` for each layer; None where a layer's kind is not known."""
    layers = dimensions(part).layers
    if layers is None or layers > 10_000:
        return None
    declared = part.get("layer_types")
    pattern = part.get("hybrid_override_pattern")
    if isinstance(declared, list):
        types = [_LAYER_KINDS.get(kind, "") if isinstance(kind, str) else "" for kind in declared]
    elif isinstance(pattern, str):
        # Nemotron-H: M is a Mamba layer, * attention, - and E a feed-forward layer that keeps nothing.
        types = [{"M": "state", "*": "full", "-": "none", "E": "none"}.get(letter, "") for letter in pattern]
    elif any(part.get(key) for key in ("linear_num_key_heads", "mamba_num_heads", "ssm_state_size")):
        return None
    else:
        types = [_uniform_type(part)] * layers
    if len(types) != layers or "" in types:
        return None
    # The last layers of Gemma 3n read the cache of earlier ones.
    shared = part.get("num_kv_shared_layers")
    if type(shared) is int and 0 < shared < layers:
        types[-shared:] = ["none"] * shared
    return [kind for kind in types if kind != "none"]


def _uniform_type(part: dict[str, Any]) -> str:
    # Mistral's window is for all layers; others say which layers have it in layer_types.
    uniform = part.get("model_type") in ("mistral", "mixtral", "starcoder2", "phi3")
    return "sliding" if uniform and _size(part, "sliding_window") else "full"


def _size(part: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = part.get(name)
        if type(value) is int and 0 < value < 2**53:
            return value
    return None
