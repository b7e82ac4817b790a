"""Cache sizes by kind of layer, against figures worked out by hand from the published configs."""

from __future__ import annotations

from typing import Any

import pytest

from model_loupe.domain.kv_cache import kv_cache

GEMMA = {"num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256}
LLAMA_405B = {
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "hidden_size": 16384,
}
DEEPSEEK_V3 = {
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "hidden_size": 7168,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
}
GPT_OSS = {
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}
QWEN_3_5 = {
    "num_hidden_layers": 40,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 10,
    "linear_num_key_heads": 16,
}
NEMOTRON_H = {
    "num_hidden_layers": 9,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "hidden_size": 8192,
    "hybrid_override_pattern": "M-M-M-M*-",
    "mamba_num_heads": 256,
}
MISTRAL = {
    "model_type": "mistral",
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "sliding_window": 4096,
}
GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 768}
GEMMA_3N = {**GEMMA, "num_kv_shared_layers": 8}


@pytest.mark.parametrize(
    ("config", "per_token", "beyond", "context", "at_context"),
    [
        (GEMMA, 18 * 2 * 256 * 2, 18_432, 8192, 18_432 * 8192),
        (LLAMA_405B, 126 * 2 * 8 * 128 * 2, 516_096, 1, 516_096),
        (DEEPSEEK_V3, 61 * 576 * 2, 70_272, 10, 702_720),
        # GLM-5 and DeepSeek-V3.2 keep the keys of their index beside the latent.
        ({**DEEPSEEK_V3, "index_head_dim": 128}, 61 * 704 * 2, 85_888, 1, 85_888),
        (GPT_OSS, 24 * 2 * 8 * 64 * 2, 12 * 2 * 8 * 64 * 2, 1000, 12 * 2048 * 1000 + 12 * 2048 * 127),
        (QWEN_3_5, 10 * 2 * 2 * 256 * 2, 20_480, 7, 7 * 20_480),
        (NEMOTRON_H, 1 * 2 * 8 * 128 * 2, 4096, 3, 3 * 4096),
        (MISTRAL, 32 * 2 * 8 * 128 * 2, 0, 10_000, 131_072 * 4095),
        (GPT2, 12 * 2 * 768 * 2, 36_864, 2, 73_728),
        (GEMMA_3N, 10 * 2 * 256 * 2, 10_240, 1, 10_240),
    ],
)
def test_bytes(config: dict[str, Any], per_token: int, beyond: int, context: int, at_context: int) -> None:
    cache = kv_cache(config, "XForCausalLM", "bfloat16")
    assert cache is not None
    assert cache.bytes_per_token == per_token
    assert cache.bytes_per_token_beyond == beyond
    assert cache.bytes_at(context) == at_context


def test_states_and_latents_are_said() -> None:
    assert kv_cache(QWEN_3_5, "XForCausalLM", "bfloat16").constant_state  # type: ignore[union-attr]
    assert kv_cache(DEEPSEEK_V3, "XForCausalLM", "bfloat16").latent  # type: ignore[union-attr]


def test_the_text_part_of_a_composite_counts() -> None:
    cache = kv_cache({"text_config": GEMMA, "hidden_size": 1}, "XForConditionalGeneration", "float32")
    assert cache is not None
    assert cache.bytes_per_token == 36_864


@pytest.mark.parametrize(
    "config",
    [
        {},
        {**GEMMA, "num_hidden_layers": 0},
        {**GEMMA, "num_hidden_layers": "18"},
        {**GEMMA, "layer_types": ["full_attention"]},
        {**GEMMA, "layer_types": ["something_new"] * 18},
        {"is_encoder_decoder": True},
        {**GEMMA, "attention_k_eq_v": True},
        {**GEMMA, "ssm_state_size": 16},
        {**DEEPSEEK_V3, "qk_rope_head_dim": None},
    ],
    ids=str,
)
def test_what_the_config_does_not_tell_is_not_guessed(config: dict[str, Any]) -> None:
    assert kv_cache(config, "XForCausalLM", "bfloat16") is None


def test_encoders_keep_nothing() -> None:
    assert kv_cache(GEMMA, "BertModel", "float32") is None
    assert kv_cache(GEMMA, "XForCausalLM", None) is None
