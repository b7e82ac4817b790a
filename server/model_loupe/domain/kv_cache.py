"""What generation keeps: keys and values of each token in each attention layer, and states that do not grow.

A layer keeps ``2 × KV heads × head dim`` elements a token, for plain, grouped and multi-query attention alike
(``DynamicCache`` in transformers), or a latent; with a window or chunks, of so many tokens at most. Decoders
with an encoder keep keys and values of its output too. Sizes are those that transformers 5 allocates
(tests/libraries/test_kv_cache.py); engines that lay the cache out in pages take a little more.
"""

from __future__ import annotations

from model_loupe.domain.dimensions import dimensions, size_of, text_config
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.layers import Layer, layers_of
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.states import State, state_of

if TYPE_CHECKING:
    from typing import Any

# Configs with one of these keep what only the model's own code knows.
_UNKNOWN = (
    "attention_other_setting",
    "attn_type_list",
    "block_types",
    "cross_attention_layers",
    "linear_attn_config",
    "mamba_num_heads_per_layer",
)
_GEMMA_4 = ("gemma4_text", "gemma4_unified_text")
_GENERATES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


class LayerGroup(NamedTuple):
    """``layers`` that each keep ``elements`` a token, of the last ``window`` tokens (None: of all)."""

    layers: int
    elements: int
    window: int | None


class KvCache(NamedTuple):
    """What one sequence keeps.

    ``constant_state``: there are layers with a state that does not grow; ``state_layers`` of them keep
    ``state`` each (None: of a size that is not known). ``cross_elements`` are what the decoder keeps of each
    token of its encoder's output, ``cross_tokens`` how many these are, where that is fixed.
    """

    dtype: str
    groups: tuple[LayerGroup, ...]
    latent: bool
    constant_state: bool
    state_layers: int = 0
    state: State | None = None
    cross_elements: int = 0
    cross_tokens: int | None = None

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

    @property
    def state_bytes(self) -> int | None:
        """The states of all layers; None where there are some of unknown size."""
        if self.state is None:
            return None if self.constant_state else 0
        each = self._bytes(self.state.convolution) + 4 * self.state.recurrence
        return self.state_layers * each

    @property
    def cross_bytes_per_token(self) -> int:
        """For each token of an encoder's output."""
        return self._bytes(self.cross_elements)

    @property
    def constant_bytes(self) -> int:
        """What is kept whatever the context, as far as it is known."""
        return (self.state_bytes or 0) + self.cross_bytes_per_token * (self.cross_tokens or 0)

    def bytes_at(self, context: int) -> int:
        """Of ``context`` tokens, with what is constant. A sliding layer keeps window - 1 tokens."""
        return self.constant_bytes + self._bytes(
            sum(
                group.layers
                * group.elements
                * (context if group.window is None else min(context, max(group.window - 1, 0)))
                for group in self.groups
            )
        )

    def _bytes(self, elements: int) -> int:
        return elements * BY_NAME[self.dtype].bits // 8


# It remembers hidden states of its own making (``mems``), no keys and values.
_WITHOUT = ("xlnet",)


def kv_cache(config: dict[str, Any], architecture: str | None, dtype: str | None) -> KvCache | None:
    """The cache of a decoder at ``dtype``; None for other models and where the config does not tell."""
    if not (architecture or "").endswith(_GENERATES) or dtype not in BY_NAME:
        return None
    if config.get("model_type") in _WITHOUT:
        return None
    if config.get("is_encoder_decoder"):
        return _beside_an_encoder(config, dtype)
    part = text_config(config)
    layers = None if any(part.get(key) for key in _UNKNOWN) else layers_of(part)
    if layers is None:
        return None
    groups = _groups(part, layers)
    states = sum(layer.state for layer in layers)
    if groups is None or not (groups or states):
        return None
    latent = size_of(part, "kv_lora_rank") is not None
    return KvCache(
        dtype, groups, latent, constant_state=states > 0, state_layers=states, state=state_of(part)
    )


def _groups(part: dict[str, Any], layers: list[Layer]) -> tuple[LayerGroup, ...] | None:
    """The attention layers by what they keep; None where the size of one is not known."""
    windows = {"sliding": dimensions(part).sliding_window, "chunked": size_of(part, "attention_chunk_size")}
    own = part.get("per_layer_config")
    counts: dict[tuple[int, int | None], int] = {}
    for number, layer in enumerate(layers):
        if not layer.attention:
            continue
        entry = own.get(str(number)) if isinstance(own, dict) else None
        sizes = {**part, **entry} if isinstance(entry, dict) else part
        elements, window = _elements(sizes, full=layer.attention == "full"), windows.get(layer.attention)
        if elements is None or (window is None and layer.attention != "full"):
            return None
        counts[elements, window] = counts.get((elements, window), 0) + 1
    # Those without a window first.
    ordered = sorted(counts.items(), key=lambda item: item[0][1] is not None)
    return tuple(LayerGroup(number, elements, window) for (elements, window), number in ordered)


def _elements(part: dict[str, Any], *, full: bool) -> int | None:
    """Elements a token in one attention layer; ``full``: in one without a window."""
    rank = size_of(part, "kv_lora_rank")
    if rank is not None:
        # Latent attention (MLA): the compressed keys and values and the rotary part, shared by all heads, as
        # transformers 5 and vLLM cache them (transformers 4 expanded them to full heads); with sparse
        # attention (DSA) the keys of its index too.
        rope = size_of(part, "qk_rope_head_dim")
        return rank + rope + (size_of(part, "index_head_dim") or 0) if rope else None
    sizes = dimensions(part)
    heads, head_dim, kept = sizes.kv_heads, sizes.head_dim, 2
    if full and part.get("model_type") in _GEMMA_4:
        # Layers without a window have heads of their own, and may use keys as values.
        head_dim = size_of(part, "global_head_dim") or head_dim
        if part.get("attention_k_eq_v") is True:
            heads, kept = size_of(part, "num_global_key_value_heads") or heads, 1
    elif part.get("attention_k_eq_v") and part.get("model_type") not in _GEMMA_4:
        return None
    if part.get("index_head_dim"):
        return None
    if not part.get("head_dim"):
        # Zamba 2 and Nemotron-H.
        head_dim = size_of(part, "attention_head_dim") or head_dim
    return kept * heads * head_dim if heads and head_dim else None


def _beside_an_encoder(config: dict[str, Any], dtype: str) -> KvCache | None:
    """T5, BART, Whisper and their kin: each decoder layer keeps its own keys and values and the encoder's."""
    hidden = size_of(config, "d_model", "hidden_size")
    layers = size_of(config, "decoder_layers", "num_decoder_layers", "num_layers")
    heads = size_of(config, "decoder_attention_heads", "num_heads")
    head_dim = size_of(config, "d_kv") or (hidden // heads if hidden and heads else None)
    if not (layers and heads and head_dim):
        return None
    elements = 2 * heads * head_dim
    # Whisper's encoder always sees thirty seconds.
    frames = size_of(config, "max_source_positions") if config.get("model_type") == "whisper" else None
    group = LayerGroup(layers, elements, None)
    return KvCache(dtype, (group,), False, False, cross_elements=layers * elements, cross_tokens=frames)
