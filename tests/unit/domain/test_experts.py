"""Active parameters of mixtures of experts, to the last digit of the published models."""

from __future__ import annotations

from pathlib import Path

from model_loupe.inspector import Inspector, LoadOptions, ModelRequest, card
from tests.support import checkpoints as made


def mixtral_tensors() -> list[made.Tensor]:
    hidden, intermediate = 4096, 14336
    tensors: list[made.Tensor] = []
    for layer in range(32):
        prefix = f"model.layers.{layer}"
        tensors += [
            (f"{prefix}.input_layernorm.weight", "BF16", [hidden]),
            (f"{prefix}.post_attention_layernorm.weight", "BF16", [hidden]),
            (f"{prefix}.self_attn.q_proj.weight", "BF16", [hidden, hidden]),
            (f"{prefix}.self_attn.k_proj.weight", "BF16", [1024, hidden]),
            (f"{prefix}.self_attn.v_proj.weight", "BF16", [1024, hidden]),
            (f"{prefix}.self_attn.o_proj.weight", "BF16", [hidden, hidden]),
            (f"{prefix}.block_sparse_moe.gate.weight", "BF16", [8, hidden]),
        ]
        for expert in range(8):
            moe = f"{prefix}.block_sparse_moe.experts.{expert}"
            tensors += [
                (f"{moe}.w1.weight", "BF16", [intermediate, hidden]),
                (f"{moe}.w2.weight", "BF16", [hidden, intermediate]),
                (f"{moe}.w3.weight", "BF16", [intermediate, hidden]),
            ]
    ends = ["model.embed_tokens.weight", "lm_head.weight"]
    tensors += [(name, "BF16", [32000, hidden]) for name in ends]
    return [*tensors, ("model.norm.weight", "BF16", [hidden])]


def test_mixtral_8x7b(tmp_path: Path) -> None:
    config = {
        "architectures": ["MixtralForCausalLM"],
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "tie_word_embeddings": False,
    }
    made.write_checkpoint(tmp_path, config, mixtral_tensors(), shards=19)
    description = Inspector().describe(ModelRequest(str(tmp_path)))
    assert description.parameters.total == 46_702_792_704
    assert description.parameters.active == 12_879_925_248
    assert "2 of 8 experts" in card(description, LoadOptions(), requested="x")


def test_fused_experts_in_mxfp4(tmp_path: Path) -> None:
    """As gpt-oss stores them: one tensor for all experts, two values a byte."""
    config = {
        "num_local_experts": 32,
        "num_experts_per_tok": 4,
        "quantization_config": {"quant_method": "mxfp4"},
    }
    tensors: list[made.Tensor] = [
        ("l.mlp.experts.down_proj_blocks", "U8", [32, 64, 2, 16]),
        ("l.mlp.experts.down_proj_scales", "U8", [32, 64, 2]),
        ("l.mlp.experts.down_proj_bias", "BF16", [32, 64]),
        ("l.mlp.router.weight", "BF16", [32, 64]),
    ]
    made.write_checkpoint(tmp_path, config, tensors)
    count = Inspector().describe(ModelRequest(str(tmp_path))).parameters
    experts = 32 * 64 * 64 + 32 * 64
    assert count.total == experts + 32 * 64
    assert count.active == experts // 8 + 32 * 64


def test_a_dense_model_has_none(small: Path) -> None:
    assert Inspector().describe(ModelRequest(str(small))).parameters.active is None
