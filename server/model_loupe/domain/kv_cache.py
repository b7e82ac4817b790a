"""What generation keeps for every token: keys and values of each attention layer.

``layers × 2 × KV heads × head dim × bytes per element``, for plain, grouped and multi-query attention alike
(``DynamicCache`` in transformers). Layers that keep something else (latents, states of linear attention) are
not plain, and are then not summed here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.domain.dtypes import BY_NAME

# A config that has one of these keeps something else than keys and values in some of its layers.
_NOT_PLAIN = (
    "kv_lora_rank",
    "linear_num_key_heads",
    "mamba_num_heads",
    "ssm_state_size",
    "state_size",
    "num_kv_shared_layers",
    "hybrid_override_pattern",
    "cross_attention_layers",
    "layers_block_type",
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


class KvCache(NamedTuple):
    """``bytes_per_token`` of one sequence while every layer still grows; ``layers`` × ``kv_heads`` × ..."""

    bytes_per_token: int
    dtype: str
    layers: int
    kv_heads: int
    head_dim: int


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
    """The cache of a plain decoder at ``dtype``; None for other models and where a size is missing."""
    if not (architecture or "").endswith(_GENERATES) or config.get("is_encoder_decoder"):
        return None
    part = text_config(config)
    if dtype not in BY_NAME or any(part.get(key) for key in _NOT_PLAIN):
        return None
    types = part.get("layer_types")
    if isinstance(types, list) and not set(map(str, types)) <= {"full_attention", "sliding_attention"}:
        return None
    sizes = dimensions(config)
    if not (sizes.layers and sizes.kv_heads and sizes.head_dim):
        return None
    elements = sizes.layers * 2 * sizes.kv_heads * sizes.head_dim
    nbytes = elements * BY_NAME[dtype].bits // 8
    return KvCache(nbytes, dtype, sizes.layers, sizes.kv_heads, sizes.head_dim)


def _size(part: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = part.get(name)
        if type(value) is int and 0 < value < 2**53:
            return value
    return None
