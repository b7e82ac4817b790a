"""Roles in attention: queries, keys, values and what comes out."""

from __future__ import annotations

from model_loupe.domain.explain.role import Role, Table, linear

TABLE = Table()

_QUERIES, _KEYS = "heads*head_dim", "kv_heads*head_dim"
_IN = "attention_hidden | hidden"

_Q = linear("Makes the queries of attention: what each token looks for.", _QUERIES, _IN)
_GATED_Q = linear(
    "Makes the queries of attention, and beside each a gate for what comes out.",
    "query_and_gate*heads*head_dim",
    _IN,
)
_K = linear("Makes the keys of attention: by them queries find a token.", _KEYS, f"{_IN} | vision_hidden")
_V = linear(
    "Makes the values of attention: what a token hands on to those that find it.",
    _KEYS,
    f"{_IN} | vision_hidden",
)
_O = linear("Mixes what the heads have gathered back into the hidden state.", "hidden", _QUERIES)
_QKV = linear(
    "Makes queries, keys and values of attention at once.",
    "3*heads*head_dim | heads*head_dim + 2*kv_heads*head_dim",
    "hidden",
)

TABLE.add("q_proj query query_proj q_lin attn_q SelfAttention.q EncDecAttention.q attn.q", _Q, _GATED_Q)
TABLE.add("k_proj key key_proj k_lin attn_k SelfAttention.k EncDecAttention.k attn.k", _K)
TABLE.add("v_proj value value_proj v_lin attn_v SelfAttention.v EncDecAttention.v attn.v", _V)
TABLE.add(
    "o_proj out_lin attn_output SelfAttention.o EncDecAttention.o attn.o attn.Wo attn.c_proj attn.out_proj "
    "attn.proj self_attn.out_proj encoder_attn.out_proj attention.out_proj self_attn.projection "
    "self_attn.dense attention.dense self_attention.dense attention.output.dense crossattention.output.dense "
    "attention.Wo",
    _O,
)
# BLIP's text attends to the image.
_OF_IMAGE = "vision_hidden | hidden"
TABLE.add("crossattention.self.key", linear("Makes the keys of what is attended to.", _KEYS, _OF_IMAGE))
TABLE.add("crossattention.self.value", linear("Makes the values of what is attended to.", _KEYS, _OF_IMAGE))
TABLE.add("qkv qkv_proj query_key_value Wqkv c_attn attn_qkv in_proj_weight", _QKV)
TABLE.add(
    "query_global", linear("Makes the queries of tokens that attend to all others.", _QUERIES, "hidden")
)
TABLE.add("key_global", linear("Makes the keys for tokens that attend to all others.", _QUERIES, "hidden"))
TABLE.add(
    "value_global", linear("Makes the values for tokens that attend to all others.", _QUERIES, "hidden")
)

# Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).
TABLE.add("q_a_proj", linear("Compresses the hidden state for the queries.", "q_rank", "hidden"))
TABLE.add(
    "q_b_proj", linear("Expands the compressed queries, head by head.", "heads*nope + heads*rope", "q_rank")
)
TABLE.add("q_proj", linear("Makes the queries of attention.", "heads*nope + heads*rope", "hidden"))
TABLE.add(
    "kv_a_proj_with_mqa",
    linear(
        "Compresses the hidden state to the latent that the cache keeps, and one rotary key for all heads.",
        "kv_rank + rope",
        "hidden",
    ),
)
TABLE.add(
    "kv_b_proj",
    linear(
        "Expands the cached latent to keys and values, head by head.", "heads*nope + heads*v_dim", "kv_rank"
    ),
)
TABLE.add(
    "o_proj",
    linear("Mixes what the heads have gathered back into the hidden state.", "hidden", "heads*v_dim"),
)
TABLE.add("q_a_layernorm", Role("norm", "Normalises the compressed queries.", ("q_rank",)))
TABLE.add("kv_a_layernorm", Role("norm", "Normalises the latent before it is cached.", ("kv_rank",)))

TABLE.add(
    "q_norm query_norm q_layernorm attn_q_norm",
    Role("norm", "Normalises the queries of each head.", ("head_dim | heads*head_dim",)),
)
TABLE.add(
    "k_norm key_norm k_layernorm attn_k_norm",
    Role("norm", "Normalises the keys of each head.", ("head_dim | kv_heads*head_dim",)),
)
TABLE.add(
    "sinks", Role("values", "A score of each head that takes attention away from all tokens.", ("heads",))
)
TABLE.add(
    "relative_attention_bias",
    Role("values", "What each head adds to its scores, by the distance of two tokens.", ("buckets", "heads")),
)

# The indexer that chooses tokens for sparse attention (DeepSeek-V3.2, GLM-5).
TABLE.add("indexer.wq_b", linear("Makes the queries that choose tokens.", "index_heads*index_dim", "q_rank"))
TABLE.add("indexer.wk", linear("Makes the keys by which tokens are chosen.", "index_dim", "hidden"))
TABLE.add("indexer.weights_proj", linear("How much each index head has to say.", "index_heads", "hidden"))
