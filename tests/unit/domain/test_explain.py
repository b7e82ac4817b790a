"""Matrices of published models by name and shape: what their sides are, and that other shapes say nothing."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import pytest

from model_loupe.domain.experts import Experts
from model_loupe.domain.explain import (
    Counted,
    Subject,
    attention_flops,
    convolved,
    explain,
    flops_of,
    repeated,
    scope_of,
)
from tests.support.published import DEEPSEEK_V3, GEMMA_2B, QWEN3_235B

# Sizes as the published configs give them.
GPT2 = {
    "model_type": "gpt2",
    "n_embd": 768,
    "n_head": 12,
    "n_positions": 1024,
    "vocab_size": 50257,
    "n_inner": None,
}
BERT = {
    "model_type": "bert",
    "hidden_size": 768,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
T5 = {
    "model_type": "t5",
    "d_model": 512,
    "d_kv": 64,
    "num_heads": 6,
    "d_ff": 1024,
    "relative_attention_num_buckets": 32,
}
MAMBA = {
    "model_type": "mamba",
    "hidden_size": 768,
    "expand": 2,
    "state_size": 16,
    "time_step_rank": 48,
    "conv_kernel": 4,
}
MAMBA2 = {**MAMBA, "model_type": "mamba2", "num_heads": 24, "head_dim": 64, "n_groups": 1, "state_size": 128}
PALIGEMMA = {
    "model_type": "paligemma",
    "projection_dim": 2048,
    "text_config": {"hidden_size": 2048, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256},
    "vision_config": {
        "hidden_size": 1152,
        "num_attention_heads": 16,
        "intermediate_size": 4304,
        "patch_size": 14,
        "image_size": 224,
    },
}
SWIN = {
    "model_type": "swin",
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
}

MATRICES: list[tuple[dict[str, Any], str, tuple[int, ...], str]] = [
    (GEMMA_2B, "model.layers.0.self_attn.q_proj", (2048, 2048), "hidden 2,048 → 8 heads × 256"),
    (GEMMA_2B, "model.layers.0.self_attn.k_proj", (256, 2048), "hidden 2,048 → 1 KV head × 256"),
    (GEMMA_2B, "model.layers.0.self_attn.o_proj", (2048, 2048), "8 heads × 256 → hidden 2,048"),
    (GEMMA_2B, "model.layers.0.mlp.gate_proj", (16384, 2048), "hidden 2,048 → intermediate 16,384"),
    (GEMMA_2B, "model.layers.0.mlp.down_proj", (2048, 16384), "intermediate 16,384 → hidden 2,048"),
    (GEMMA_2B, "model.layers.0.input_layernorm", (2048,), "hidden 2,048"),
    (GEMMA_2B, "model.embed_tokens", (256000, 2048), "vocabulary 256,000 by hidden 2,048"),
    (GEMMA_2B, "lm_head", (256000, 2048), "hidden 2,048 → vocabulary 256,000"),
    (QWEN3_235B, "model.layers.7.self_attn.q_norm", (128,), "128"),
    (QWEN3_235B, "model.layers.7.mlp.gate", (128, 4096), "hidden 4,096 → 128 experts"),
    (QWEN3_235B, "model.layers.7.mlp.experts.3.up_proj", (1536, 4096), "hidden 4,096 → intermediate 1,536"),
    (
        QWEN3_235B,
        "model.layers.7.mlp.experts.gate_up_proj",
        (128, 3072, 4096),
        "128 experts by 2 × intermediate 1,536 by hidden 4,096",
    ),
    (DEEPSEEK_V3, "model.layers.9.self_attn.q_a_proj", (1536, 7168), "hidden 7,168 → query rank 1,536"),
    (
        DEEPSEEK_V3,
        "model.layers.9.self_attn.q_b_proj",
        (24576, 1536),
        "query rank 1,536 → 128 heads × 128 without position + 128 heads × 64 rotary",
    ),
    (
        DEEPSEEK_V3,
        "model.layers.9.self_attn.kv_a_proj_with_mqa",
        (576, 7168),
        "hidden 7,168 → latent 512 + 64 rotary",
    ),
    (
        DEEPSEEK_V3,
        "model.layers.9.self_attn.kv_b_proj",
        (32768, 512),
        "latent 512 → 128 heads × 128 without position + 128 heads × 128 value",
    ),
    (DEEPSEEK_V3, "model.layers.9.self_attn.o_proj", (7168, 16384), "128 heads × 128 value → hidden 7,168"),
    (GPT2, "h.0.attn.c_attn", (768, 2304), "hidden 768 → 3 × 12 heads × 64"),
    (GPT2, "h.0.mlp.c_fc", (768, 3072), "hidden 768 → intermediate 3,072"),
    (GPT2, "h.0.mlp.c_proj", (3072, 768), "intermediate 3,072 → hidden 768"),
    (GPT2, "wpe", (1024, 768), "1,024 positions by hidden 768"),
    (BERT, "bert.encoder.layer.0.attention.self.key", (768, 768), "hidden 768 → 12 heads × 64"),
    (BERT, "bert.encoder.layer.0.attention.output.dense", (768, 768), "12 heads × 64 → hidden 768"),
    (BERT, "bert.encoder.layer.0.output.dense", (768, 3072), "intermediate 3,072 → hidden 768"),
    (BERT, "bert.embeddings.token_type_embeddings", (2, 768), "2 token types by hidden 768"),
    (BERT, "bert.pooler.dense", (768, 768), "hidden 768 → hidden 768"),
    (T5, "encoder.block.0.layer.0.SelfAttention.q", (384, 512), "hidden 512 → 6 heads × 64"),
    (T5, "decoder.block.0.layer.2.DenseReluDense.wi_1", (1024, 512), "hidden 512 → intermediate 1,024"),
    (
        T5,
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
        (32, 6),
        "32 distance buckets by 6 heads",
    ),
    (MAMBA, "backbone.layers.0.mixer.in_proj", (3072, 768), "hidden 768 → 2 × inner 1,536"),
    (MAMBA, "backbone.layers.0.mixer.x_proj", (80, 1536), "inner 1,536 → step rank 48 + 2 × state 16"),
    (MAMBA, "backbone.layers.0.mixer.conv1d", (1536, 1, 4), "inner 1,536 by kernel 4"),
    (
        MAMBA2,
        "backbone.layers.0.mixer.in_proj",
        (3352, 768),
        "hidden 768 → 2 × inner 1,536 + 2 × 1 group × state 128 + 24 heads",
    ),
    (
        PALIGEMMA,
        "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1",
        (4304, 1152),
        "hidden 1,152 → intermediate 4,304",
    ),
    (
        PALIGEMMA,
        "model.vision_tower.vision_model.embeddings.patch_embedding",
        (1152, 3, 14, 14),
        "hidden 1,152 by 3 channels by patch 14 by patch 14",
    ),
    (
        PALIGEMMA,
        "model.language_model.layers.0.self_attn.k_proj",
        (256, 2048),
        "hidden 2,048 → 1 KV head × 256",
    ),
    (
        PALIGEMMA,
        "model.multi_modal_projector.linear",
        (2048, 1152),
        "vision hidden 1,152 → text hidden 2,048",
    ),
    (SWIN, "encoder.layers.1.blocks.0.attention.q_proj", (192, 192), "hidden 192 → 6 heads × 32"),
]


def subject(path: str, shape: tuple[int, ...], class_name: str | None = None) -> Subject:
    name = path.rpartition(".")[2] if path.endswith("experts.gate_up_proj") else "weight"
    return Subject(path, ((name, shape),), class_name)


@pytest.mark.parametrize(("config", "path", "shape", "text"), MATRICES, ids=[row[1] for row in MATRICES])
def test_sides_are_told_by_the_config(
    config: dict[str, Any], path: str, shape: tuple[int, ...], text: str
) -> None:
    found = explain(subject(path, shape), scope_of(config, path))
    assert found and found.matrix
    assert found.matrix.text == text
    # A shape that the config does not lead to is not explained, whatever the name.
    odd = (shape[0] + 1, *shape[1:])
    assert explain(subject(path, odd), scope_of(config, path)) is None
    assert explain(subject(path, (*shape, 1)), scope_of(config, path)) is None
    # Nor is a name that nobody knows, or one in a model that says nothing of its sizes.
    unknown = f"{path.rpartition('.')[0]}.quux".lstrip(".")
    assert explain(Subject(unknown, (("weight", shape),)), scope_of(config, unknown)) is None
    assert explain(subject(path, shape), scope_of({}, path)) is None


def test_conv1d_stores_its_weight_the_other_way_round() -> None:
    scope = scope_of(GPT2, "h.0.mlp.c_fc")
    stored = explain(subject("h.0.mlp.c_fc", (768, 3072), "Conv1D"), scope)
    assert stored and stored.matrix and stored.matrix.transposed
    assert explain(subject("h.0.mlp.c_fc", (3072, 768), "Conv1D"), scope) is None
    linear = explain(subject("h.0.mlp.c_fc", (3072, 768), "Linear"), scope)
    assert linear and linear.matrix and not linear.matrix.transposed


@pytest.mark.parametrize(
    ("class_name", "says"),
    [
        ("GemmaRMSNorm", "RMSNorm"),
        # Called LayerNorm, and takes no mean away.
        ("T5LayerNorm", "RMSNorm"),
        ("SwitchTransformersLayerNorm", "RMSNorm"),
        ("LayerNorm", "LayerNorm"),
        ("CohereLayerNorm", "Normalises"),
        ("BatchNorm2d", None),
        ("GroupNorm", None),
    ],
)
def test_norms_are_told_by_their_class(class_name: str, says: str | None) -> None:
    norm = Subject("encoder.block.0.layer.0.layer_norm", (("weight", (77,)),), class_name)
    found = explain(norm, scope_of(T5, norm.path))
    assert found.sentence.startswith(says) if says and found else found is None


def test_query_heads_share_the_keys() -> None:
    path = "model.layers.0.self_attn.v_proj"
    multi_query = explain(subject(path, (256, 2048)), scope_of(GEMMA_2B, path))
    assert multi_query and multi_query.notes == ("8 query heads share it",)
    grouped = explain(subject(path, (512, 4096)), scope_of(QWEN3_235B, path))
    assert grouped and grouped.notes == ("16 query heads share each KV head",)
    equal = explain(subject("encoder.layer.0.attention.self.key", (768, 768)), scope_of(BERT, ""))
    assert equal and equal.notes == ()


def test_a_gate_in_the_queries_is_told_of_models_that_have_one() -> None:
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    path = "model.layers.3.self_attn.q_proj"
    gated = {**sizes, "model_type": "qwen3_next"}
    assert explain(subject(path, (128, 64)), scope_of(gated, path))
    assert explain(subject(path, (128, 64)), scope_of({**sizes, "model_type": "llama"}, path)) is None


@pytest.mark.parametrize(
    ("name", "children", "says"),
    [
        ("self_attn", ("q_proj", "k_proj", "v_proj", "o_proj"), "Attention"),
        ("mlp", ("gate_proj", "up_proj", "down_proj"), "Feed-forward"),
        ("mlp", ("gate", "experts"), "Mixture of experts"),
        ("mixer", ("in_proj", "conv1d", "x_proj", "dt_proj", "out_proj"), "State space"),
        ("7", ("self_attn", "mlp", "input_layernorm"), "One layer"),
        ("7", ("downsample",), None),
        ("mixer", ("q_proj", "k_proj"), None),
        ("quux", ("linear",), None),
    ],
)
def test_modules_that_hold_others(name: str, children: tuple[str, ...], says: str | None) -> None:
    found = explain(Subject(f"model.layers.{name}", (), None, children), scope_of(GEMMA_2B, ""))
    assert found.sentence.startswith(says) if says and found else found is None


def test_operations_of_a_mixture_are_those_of_the_chosen_experts() -> None:
    experts = Experts(8, 128)
    stacked = [
        subject("model.layers.0.mlp.gate", (128, 4096)),
        subject("model.layers.0.mlp.experts.gate_up_proj", (128, 3072, 4096)),
    ]
    expected = 2 * 128 * 4096 + 2 * 8 * 3072 * 4096
    assert flops_of([Counted(each, 1) for each in stacked], QWEN3_235B, experts) == expected
    single = [
        Counted(stacked[0], 1),
        Counted(subject("model.layers.0.mlp.experts.0.gate_proj", (1536, 4096)), 128),
        Counted(subject("model.layers.0.mlp.experts.0.up_proj", (1536, 4096)), 128),
    ]
    assert flops_of(single, QWEN3_235B, experts) == expected
    assert flops_of(single, QWEN3_235B, None) is None
    unknown = Counted(subject("model.layers.0.quux", (4096, 4096)), 1)
    assert flops_of([*single, unknown], QWEN3_235B, experts) is None


@pytest.mark.parametrize(
    ("config", "one", "other"),
    [
        (
            T5,
            ("encoder.block.0.layer.0.SelfAttention.q", (384, 512)),
            ("decoder.block.0.layer.0.SelfAttention.q", (384, 512)),
        ),
        (
            PALIGEMMA,
            ("model.language_model.layers.0.self_attn.k_proj", (256, 2048)),
            ("model.vision_tower.encoder.layers.0.mlp.fc1", (4304, 1152)),
        ),
    ],
)
def test_operations_of_different_streams_are_not_added(
    config: dict[str, Any], one: tuple[str, tuple[int, ...]], other: tuple[str, tuple[int, ...]]
) -> None:
    parts = [Counted(subject(*each), 1) for each in (one, other)]
    assert flops_of(parts[:1], config, None)
    assert flops_of(parts[1:], config, None)
    assert flops_of(parts, config, None) is None


def test_cross_attention_meets_the_positions_of_two() -> None:
    names = ("q", "k", "v")
    cross = [
        Counted(subject(f"decoder.block.0.layer.1.EncDecAttention.{each}", (384, 512)), 1) for each in names
    ]
    assert flops_of(cross[:1], T5, None)
    assert flops_of(cross[1:], T5, None)
    assert flops_of(cross, T5, None) is None


@pytest.mark.parametrize(
    ("path", "shape", "config", "each", "positions"),
    [
        (
            "vit.embeddings.patch_embeddings.projection",
            (768, 3, 16, 16),
            {"hidden_size": 768, "image_size": 224, "patch_size": 16},
            1,
            196,
        ),
        (
            "model.encoder.conv1",
            (384, 80, 3),
            {"d_model": 384, "num_mel_bins": 80, "max_source_positions": 1500},
            2,
            1500,
        ),
        ("embedder.convolution", (64, 3, 7, 7), {"hidden_sizes": [256]}, 1, None),
    ],
)
def test_a_kernel_is_met_by_each_position(
    path: str, shape: tuple[int, ...], config: dict[str, Any], each: int, positions: int | None
) -> None:
    kernel = Subject(path, (("weight", shape),), f"Conv{len(shape) - 2}d")
    found, scope = explain(kernel, scope_of(config, path)), scope_of(config, path)
    assert found is not None
    assert flops_of([Counted(kernel, 1)], config, None) == 2 * each * prod(shape)
    assert convolved(found, scope) == positions


def test_a_kernel_whose_positions_are_not_known_is_not_added() -> None:
    kernel = Counted(Subject("embedder.convolution", (("weight", (64, 3, 7, 7)),), "Conv2d"), 1)
    layer = Counted(subject("bert.encoder.layer.0.attention.self.query", (768, 768)), 1)
    assert flops_of([kernel, layer], BERT, None) is None
    assert flops_of([layer, kernel], BERT, None) is None
    assert flops_of([kernel._replace(copies=2)], BERT, None) is None


def test_a_pooler_is_met_once_a_text() -> None:
    pooler = Counted(subject("bert.pooler.dense", (768, 768)), 1)
    query = Counted(subject("bert.encoder.layer.0.attention.self.query", (768, 768)), 12)
    assert flops_of([pooler, query], BERT, None) == 12 * 2 * 768 * 768


def test_attention_costs_for_each_token_attended_to() -> None:
    queries = Counted(subject("model.layers.0.self_attn.q_proj", (2048, 2048)), 18)
    out = Counted(subject("model.layers.0.self_attn.o_proj", (2048, 2048)), 18)
    assert attention_flops([queries, out], GEMMA_2B) == 18 * 4 * 8 * 256
    assert flops_of([out], GEMMA_2B, None) == 18 * 2 * 2048 * 2048
    # BERT's ``attention.output`` by itself computes no scores.
    assert attention_flops([out], GEMMA_2B) == 0


def test_layers_that_are_run_again_and_again_cost_as_often() -> None:
    config = {"num_hidden_layers": 12, "num_hidden_groups": 2, "hidden_size": 768, "embedding_size": 128}
    group = "albert.encoder.albert_layer_groups.0"
    inside = [
        Counted(subject("albert.encoder.embedding_hidden_mapping_in", (768, 128)), 1),
        Counted(subject(f"{group}.albert_layers.0.attention.query", (768, 768)), 2),
    ]
    assert [each.copies for each in repeated(inside, config, "albert")] == [1, 12]
    assert [each.copies for each in repeated(inside[1:], config, group)] == [2]
    assert repeated(inside, {"num_hidden_layers": "many"}, "albert") == inside


@pytest.mark.parametrize(("name", "length"), [("self_attn.q_norm", 128), ("input_layernorm", 4096)])
def test_a_norm_of_heads_gives_more_for_a_token_than_it_is_long(name: str, length: int) -> None:
    found = explain(subject(f"model.layers.0.{name}", (length,)), scope_of(QWEN3_235B, ""))
    assert found is not None
    assert found.width == (None if length == 128 else length)


def test_whisper_s_head_is_met_by_tokens() -> None:
    config = {"d_model": 384, "vocab_size": 51865, "num_mel_bins": 80}
    found = explain(subject("proj_out", (51865, 384)), scope_of(config, "proj_out"))
    assert found is not None and found.position == "token"


@pytest.mark.parametrize("value", [0, -1, 2**80, 1.5, True, "64", None, [[[]]], {"a": 1}, [64, "x", None]])
def test_configs_may_say_anything(value: object) -> None:
    names = (
        "hidden_size",
        "num_attention_heads",
        "head_dim",
        "depths",
        "embed_dim",
        "mlp_ratio",
        "text_config",
    )
    for name in names:
        config = {**GEMMA_2B, name: value}
        for path in ("model.layers.0.self_attn.q_proj", "lm_head", "vision_tower.x.fc1", "encoder.conv1"):
            explain(subject(path, (64, 64)), scope_of(json.loads(json.dumps(config)), path))
