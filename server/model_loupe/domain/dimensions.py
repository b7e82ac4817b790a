"""The sizes of a model as its config gives them, under any of the names that architectures use."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "max_target_positions")


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
    hidden = size_of(part, "hidden_size", "n_embd", "d_model", "dim")
    heads = size_of(part, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
    # As transformers' attention layers do: head_dim if it is given, else hidden_size // heads. Latent
    # attention (MLA) has head sizes of its own.
    divided = hidden // heads if hidden and heads and not part.get("kv_lora_rank") else None
    head_dim = size_of(part, "head_dim") or divided
    return Dimensions(
        layers=size_of(part, "num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=_kv_heads(part) or heads,
        head_dim=head_dim,
        intermediate=size_of(part, "intermediate_size", "n_inner", "ffn_dim", "d_ff"),
        context=size_of(part, *_CONTEXTS),
        vocabulary=size_of(part, "vocab_size"),
        sliding_window=size_of(part, "sliding_window")
        if part.get("use_sliding_window") is not False
        else None,
    )


def _kv_heads(part: dict[str, Any]) -> int | None:
    if part.get("model_type") == "falcon" and part.get("new_decoder_architecture") is True:
        return size_of(part, "num_kv_heads")
    found = size_of(part, "num_key_value_heads")
    return found or (1 if part.get("multi_query") is True else None)


def size_of(part: dict[str, Any], *names: str) -> int | None:
    """The first of the entries ``names`` that is a size."""
    for name in names:
        value = part.get(name)
        if type(value) is int and 0 < value < 2**53:
            return value
    return None
