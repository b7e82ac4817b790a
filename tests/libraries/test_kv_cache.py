"""What the cache is said to take, against what transformers allocates for a small model of each kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedModel

from model_loupe.domain.kv_cache import KvCache, kv_cache

COMMON = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 128,
    "max_position_embeddings": 256,
}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GPT2 = {"n_embd": 64, "n_layer": 4, "n_head": 4, "vocab_size": 128}
MAMBA = {"state_size": 4, "conv_kernel": 4, "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 128}
MAMBA_2 = {"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 2, "mamba_d_conv": 4}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 16,
    "q_lora_rank": 16,
    "num_key_value_heads": 4,
}
DEEPSEEK = {
    **LATENT,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
}
# Of the common sizes, those that a class does not take are left out with None.
KINDS: dict[str, dict[str, Any]] = {
    # Grouped, multi-query and plain attention.
    "LlamaForCausalLM": COMMON,
    "Qwen3ForCausalLM": {**COMMON, "head_dim": 16},
    "GemmaForCausalLM": {**COMMON, "head_dim": 16, "num_key_value_heads": 1},
    "GPT2LMHeadModel": GPT2,
    "GPTBigCodeForCausalLM": {**GPT2, "multi_query": True},
    "FalconForCausalLM": {**GPT2, "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4},
    "BloomForCausalLM": {"hidden_size": 64, "n_layer": 4, "n_head": 4, "vocab_size": 128},
    "OPTForCausalLM": {**COMMON, "num_key_value_heads": None, "ffn_dim": 96, "word_embed_proj_dim": 64},
    # Windows, chunks, shared layers, heads that differ by layer.
    "MistralForCausalLM": {**COMMON, "sliding_window": 8},
    "Qwen2ForCausalLM": {
        **COMMON,
        "use_sliding_window": True,
        "sliding_window": 8,
        "max_window_layers": 2,
    },
    "Gemma2ForCausalLM": {**COMMON, "head_dim": 16, "sliding_window": 8},
    "GptOssForCausalLM": {**COMMON, **EXPERTS, "head_dim": 16, "sliding_window": 8},
    "Llama4ForCausalLM": {
        **COMMON,
        **EXPERTS,
        "head_dim": 16,
        "attention_chunk_size": 8,
        "num_experts_per_tok": 1,
        "intermediate_size_mlp": 96,
        "interleave_moe_layer_step": 1,
    },
    "Gemma3nForCausalLM": {
        **COMMON,
        "head_dim": 16,
        "sliding_window": 8,
        "num_hidden_layers": 5,
        "laurel_rank": 8,
        "vocab_size_per_layer_input": 128,
        "hidden_size_per_layer_input": 16,
        "num_kv_shared_layers": 2,
        "activation_sparsity_pattern": [0.0] * 5,
        "layer_types": ["sliding_attention"] * 2 + ["full_attention", "sliding_attention", "full_attention"],
    },
    "Gemma4ForCausalLM": {
        **COMMON,
        "head_dim": 16,
        "global_head_dim": 32,
        "sliding_window": 8,
        "num_kv_shared_layers": 0,
        "vocab_size_per_layer_input": 128,
        "hidden_size_per_layer_input": 16,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
    },
    # Latents.
    "DeepseekV3ForCausalLM": {**COMMON, **DEEPSEEK},
    "DeepseekV32ForCausalLM": {
        **COMMON,
        **DEEPSEEK,
        "index_head_dim": 16,
        "index_n_heads": 2,
        "index_topk": 8,
    },
    "MiniCPM3ForCausalLM": {**COMMON, **LATENT},
    # States.
    "MambaForCausalLM": MAMBA,
    "FalconMambaForCausalLM": MAMBA,
    "Mamba2ForCausalLM": {**MAMBA, "state_size": 8, "head_dim": 16, "num_heads": 8, "n_groups": 2},
    "JambaForCausalLM": {
        **COMMON,
        "num_hidden_layers": 8,
        "attn_layer_period": 4,
        "attn_layer_offset": 2,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "mamba_d_state": 4,
        "mamba_dt_rank": 8,
        "use_mamba_kernels": False,
    },
    "BambaForCausalLM": {**COMMON, **MAMBA_2, "attn_layer_indices": [1, 3]},
    "GraniteMoeHybridForCausalLM": {
        **COMMON,
        **MAMBA_2,
        **EXPERTS,
        "shared_intermediate_size": 32,
        "layer_types": ["mamba", "attention"] * 2,
    },
    "FalconH1ForCausalLM": {**COMMON, **MAMBA_2, "head_dim": 16, "mamba_d_ssm": 128},
    "NemotronHForCausalLM": {
        **COMMON,
        "hybrid_override_pattern": "M*-M",
        "head_dim": 16,
        "mamba_num_heads": 8,
        "mamba_head_dim": 8,
        "ssm_state_size": 8,
        "n_groups": 2,
        "chunk_size": 16,
    },
    "Zamba2ForCausalLM": {
        **COMMON,
        "layers_block_type": ["mamba", "hybrid"] * 2,
        "mamba_d_state": 8,
        "mamba_headdim": 16,
        "n_mamba_heads": 8,
        "mamba_ngroups": 1,
        "num_mem_blocks": 1,
        "use_mamba_kernels": False,
        "attention_head_dim": 32,
    },
    "Qwen3NextForCausalLM": {
        **COMMON,
        "head_dim": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
    },
    "Lfm2ForCausalLM": {**COMMON, "layer_types": ["conv", "full_attention"] * 2},
}
# Text models whose configs are parts of another.
CONFIGS = {"Llama4ForCausalLM", "Gemma3nForCausalLM", "Gemma4ForCausalLM"}


def build(name: str, sizes: dict[str, Any]) -> PreTrainedModel:
    cls = getattr(transformers, name)
    make = getattr(transformers, f"{name.removesuffix('ForCausalLM')}TextConfig") if name in CONFIGS else None
    taken = {key: value for key, value in {**sizes, **TOKENS}.items() if value is not None}
    return cls((make or cls.config_class)(**taken)).eval()


def described(model: PreTrainedModel, dtype: str) -> KvCache:
    config = json.loads(model.config.to_json_string(use_diff=False))
    found = kv_cache(config, type(model).__name__, dtype)
    assert found is not None
    return found


def allocated(cache: Any) -> int:
    return sum(tensor.nbytes for layer in cache.layers for tensor in kept(vars(layer).values()))


def kept(values: Any) -> Iterator[torch.Tensor]:
    """The tensors of a layer's cache: keys and values, and states in dicts."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            yield value
        elif isinstance(value, dict):
            yield from kept(value.values())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bytes_are_those_allocated(name: str, dtype: str) -> None:
    model = build(name, KINDS[name]).to(getattr(torch, dtype))
    said = described(model, dtype)
    # Shorter than the windows, and longer.
    for tokens in (5, 20, 21):
        with torch.no_grad():
            out = model(torch.randint(3, 100, (1, tokens)), use_cache=True)
        cache = out["past_key_values"] if "past_key_values" in out else out["cache_params"]
        assert said.bytes_at(tokens) == allocated(cache), tokens


ENCODER_DECODERS: dict[str, dict[str, Any]] = {
    "T5ForConditionalGeneration": {
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 4,
        "vocab_size": 128,
    },
    "BartForConditionalGeneration": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "vocab_size": 128,
    },
}


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_cross_attention(name: str) -> None:
    cls = getattr(transformers, name)
    model = cls(cls.config_class(**ENCODER_DECODERS[name])).eval()
    said = described(model, "float32")
    with torch.no_grad():
        out = model(torch.randint(3, 100, (1, 11)), decoder_input_ids=torch.randint(3, 100, (1, 5)))
    cache = out.past_key_values
    assert allocated(cache.self_attention_cache) == said.bytes_at(5)
    assert allocated(cache.cross_attention_cache) == 11 * said.cross_bytes_per_token


def test_whisper_keeps_all_frames() -> None:
    sizes = {
        **ENCODER_DECODERS["BartForConditionalGeneration"],
        "num_mel_bins": 8,
        "max_source_positions": 30,
    }
    config = transformers.WhisperConfig(**sizes, **TOKENS, decoder_start_token_id=1)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    said = described(model, "float32")
    with torch.no_grad():
        out = model(torch.zeros(1, 8, 60), decoder_input_ids=torch.randint(3, 100, (1, 5)))
    cache = out.past_key_values
    parts = (cache.self_attention_cache, cache.cross_attention_cache)
    assert sum(map(allocated, parts)) == said.bytes_at(5)
