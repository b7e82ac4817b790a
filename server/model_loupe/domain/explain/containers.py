"""What modules are that hold others: by their names, and by what is in them."""

from __future__ import annotations

from collections.abc import Sequence

_ATTENTION = "Attention: each token gathers from those that its queries find by their keys."
_CROSS = "Cross-attention: the decoder's queries find the encoder's outputs by their keys."
_NETWORK = "Feed-forward network: takes each token by itself to an inner size and back."
_MIXTURE = "Mixture of experts: a router sends each token to a few of many feed-forward networks."
_LAYER = "One layer of the stack: attention and a feed-forward network, each added to the hidden state."
_STATE_SPACE = "State space layer: reads the tokens one after the other into a state of fixed size."
_BY_NAME = {
    "self_attn": _ATTENTION,
    "attn": _ATTENTION,
    "attention": _ATTENTION,
    "self_attention": _ATTENTION,
    "SelfAttention": _ATTENTION,
    "encoder_attn": _CROSS,
    "EncDecAttention": _CROSS,
    "mlp": _NETWORK,
    "ffn": _NETWORK,
    "feed_forward": _NETWORK,
    "mlp_block": _NETWORK,
    "DenseReluDense": _NETWORK,
    "experts": "The experts: feed-forward networks of which each token meets a few.",
    "shared_expert": "The shared expert: a feed-forward network that every token meets.",
    "shared_experts": "The shared experts: a feed-forward network that every token meets.",
    "linear_attn": "Linear attention: keeps what keys and values told in a state of fixed size.",
    "layers": "The layers, one after the other.",
    "h": "The layers, one after the other.",
}
_ATTENTIONS = ("self_attn", "attn", "attention", "self_attention")
_NETWORKS = ("mlp", "ffn", "feed_forward", "block_sparse_moe", "intermediate", "fc1")


def sentence_of(name: str, children: Sequence[str]) -> str | None:
    """What the module ``name`` that holds ``children`` is; None where that is not certain."""
    if name[:1].isdigit():
        is_layer = any(each in _ATTENTIONS for each in children) and any(
            each in _NETWORKS for each in children
        )
        return _LAYER if is_layer else None
    if "experts" in children and ("gate" in children or "router" in children):
        return _MIXTURE
    if "conv1d" in children and "in_proj" in children:
        return _STATE_SPACE
    return _BY_NAME.get(name)
