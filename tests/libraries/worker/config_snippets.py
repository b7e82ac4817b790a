"""Configs for each diagnostic of JSON files: what is marked and what is not."""

from __future__ import annotations

from typing import Any

import transformers

IS_4_38 = transformers.__version__.startswith("4.38.")
IS_5 = transformers.__version__.startswith("5.")

BERT: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 100,
}
LLAMA: dict[str, Any] = {**BERT, "model_type": "llama", "head_dim": 16, "num_key_value_heads": 2}
GPT2: dict[str, Any] = {"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "vocab_size": 100}
ROPE = "rope_parameters" if IS_5 else "rope_scaling"
# Versions differ in what they can tell: 4.38 knows no kinds of layers, and only 5 has types of fields.
SUPERSEDED = ["torch_dtype"] if not IS_4_38 else []


def _rope(kind: str, **more: float) -> dict[str, Any]:
    return {**LLAMA, ROPE: {"rope_type": kind, "type": kind, "rope_theta": 1e4, **more}}


MARKED: dict[str, list[dict[str, Any]]] = {
    "config-heads": [
        {**BERT, "num_attention_heads": 7},
        {**BERT, "hidden_size": 66},
        {**GPT2, "n_head": 5},
    ],
    "config-kv-heads": [
        {**LLAMA, "num_key_value_heads": 3},
        {**LLAMA, "num_attention_heads": 5},
        {**LLAMA, "model_type": "mistral", "num_key_value_heads": 3},
    ],
    "config-layer-types": [
        {**LLAMA, "layer_types": ["full_attention"]},
        {**LLAMA, "layer_types": ["full_attention"] * 3},
        {**LLAMA, "num_hidden_layers": 1, "layer_types": ["full_attention", "sliding_attention"]},
    ],
    "config-model-type": [
        {**BERT, "model_type": "brt"},
        {**LLAMA, "model_type": "lama"},
        {**LLAMA, "model_type": "quux-9", "transformers_version": "9.0"},
    ],
    "config-rope": [_rope("spiral"), _rope("linear"), _rope("dynamic")],
    "config-token-id": [
        {**LLAMA, "eos_token_id": 100},
        {**LLAMA, "eos_token_id": [1, 128001]},
        {**BERT, "pad_token_id": 101},
    ],
    "config-value": [
        {**BERT, "hidden_act": "gelly"},
        {**BERT, "torch_dtype": "float17"},
        {**GPT2, "activation_function": "swash"},
    ],
    "config-vocabulary": [{**BERT, "vocab_size": rows} for rows in (1, 5, 9)],
    "generation-sampling": [{"temperature": 0.7}, {"top_p": 0.9, "do_sample": False}, {"top_k": 10}],
    **(
        {"config-superseded": [{**each, "torch_dtype": "float16"} for each in (BERT, LLAMA, GPT2)]}
        if SUPERSEDED
        else {}
    ),
    **(
        {
            "config-type": [
                {**LLAMA, "hidden_size": "64"},
                {**LLAMA, "use_cache": "yes"},
                {**BERT, "num_hidden_layers": 2.5},
            ]
        }
        if IS_5
        else {}
    ),
}

UNMARKED: dict[str, list[dict[str, Any]]] = {
    "config-heads": [BERT, {**LLAMA, "num_attention_heads": 6, "num_key_value_heads": 3}, GPT2],
    "config-kv-heads": [LLAMA, {**LLAMA, "num_key_value_heads": 1}, {**LLAMA, "num_key_value_heads": 4}],
    "config-layer-types": [
        LLAMA,
        {**LLAMA, "layer_types": ["full_attention"] * 2},
        {**LLAMA, "layer_types": ["full_attention", "sliding_attention"]},
    ],
    "config-model-type": [BERT, GPT2, {**LLAMA, "model_type": "mine", "auto_map": {"AutoModel": "m.M"}}],
    "config-rope": [LLAMA, _rope("linear", factor=2.0), _rope("dynamic", factor=2.0)],
    "config-token-id": [
        {**LLAMA, "eos_token_id": 99},
        {**LLAMA, "eos_token_id": None},
        {**BERT, "pad_token_id": 0},
    ],
    "config-value": [
        {**BERT, "hidden_act": "gelu"},
        {**BERT, "torch_dtype": "bfloat16"},
        {**GPT2, "activation_function": "gelu_new"},
    ],
    "config-vocabulary": [BERT, {**BERT, "vocab_size": 10}, {**BERT, "vocab_size": None}],
    "generation-sampling": [
        {"temperature": 0.7, "do_sample": True},
        {"temperature": 1.0},
        {"max_length": 20},
    ],
    "config-superseded": [
        BERT,
        {**LLAMA, "dtype": "float16"},
        {**LLAMA, "dtype": "float16", "torch_dtype": "float16"},
    ],
    "config-type": [LLAMA, {**LLAMA, "use_cache": True}, {**LLAMA, "rope_theta": None}],
}
