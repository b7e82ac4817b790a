"""What follows from a field of a config, in figures."""

from __future__ import annotations

from typing import Any

import pytest

from model_loupe.inspector.config_effects import Around, field_effect, language_model

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
AROUND = Around("5.23.0", {1: "<s>", 2: "</s>"})


def effect(name: str, **changes: Any) -> str:
    config = {**LLAMA, **changes}
    return " | ".join(field_effect(config, name, config.get(name), AROUND))


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        (
            "num_attention_heads",
            {},
            "32 heads × 128 = 4,096 | 4 query heads share each KV head (grouped-query",
        ),
        ("num_attention_heads", {"head_dim": 64}, "32 heads × 64 = 2,048, hidden size 4,096"),
        (
            "num_key_value_heads",
            {"num_key_value_heads": 32},
            "32 heads, each with keys and values of its own",
        ),
        ("num_key_value_heads", {"num_key_value_heads": 5}, "32 query heads cannot be shared out among 5 KV"),
        ("num_key_value_heads", {}, "KV cache: 131,072 bytes per token at bfloat16"),
        ("num_hidden_layers", {}, "131,072 bytes per token at bfloat16, of 32 layers"),
        ("intermediate_size", {}, "3.5 × the hidden size of 4,096"),
        ("max_position_embeddings", {}, "KV cache of 8,192 tokens: 1.00 GiB at bfloat16"),
        ("vocab_size", {}, "128,256 × 4,096 = 525,336,576 (525.34 M), 1002.00 MiB at bfloat16"),
        ("vocab_size", {}, "The head is a matrix of its own"),
        ("tie_word_embeddings", {"tie_word_embeddings": True}, "The head is the same matrix (tied)"),
        ("torch_dtype", {}, "loads bfloat16: transformers 5.23.0 defaults"),
        ("eos_token_id", {"eos_token_id": [1, 2, 3]}, "1 is <s>, 2 is </s>"),
        (
            "sliding_window",
            {"sliding_window": 4096, "model_type": "mistral"},
            "32 of 32 layers keep the last 4,096",
        ),
        ("layer_types", {"layer_types": ["a", "b", "a"]}, "2 × a · 1 × b"),
        (
            "rope_scaling",
            {"rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 8192}},
            "8 × 8,192 = 65,536 positions",
        ),
        ("num_experts_per_tok", {"num_local_experts": 8, "num_experts_per_tok": 2}, "2 of 8 experts"),
        ("r", {"r": 16, "lora_alpha": 32}, "alpha / rank = 32 / 16 = 2"),
        ("r", {"r": 16, "lora_alpha": 32, "use_rslora": True}, "32 / √16 = 8"),
        ("model_max_length", {"model_max_length": 10**30}, "Not set"),
        ("transformers_version", {"transformers_version": "4.40.0"}, "5.23.0 is installed here"),
    ],
)
def test_a_field_says_what_follows(name: str, changes: dict[str, Any], says: str) -> None:
    assert says in effect(name, **changes)


@pytest.mark.parametrize("value", [None, "8", -1, 0, [], {}, True, 10**40, 1.5])
@pytest.mark.parametrize("name", [*LLAMA, "head_dim", "sliding_window", "layer_types", "rope_scaling", "r"])
def test_a_strange_value_says_nothing_false(name: str, value: object) -> None:
    effect(name, **{name: value})


def test_what_is_not_known_is_not_told() -> None:
    assert effect("initializer_range") == ""
    assert effect("vocab_size", hidden_size=None) == ""
    assert effect("max_position_embeddings", architectures=["BertModel"]) == ""


def test_sizes_are_those_of_the_language_model() -> None:
    config = {"text_config": LLAMA, "vision_config": {"hidden_size": 8}}
    assert language_model(config, ("text_config",))
    assert not language_model(config, ("vision_config",))
    assert language_model(LLAMA, ())
