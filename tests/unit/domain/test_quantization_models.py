"""Published quantised models: their tensors' names and shapes, and the parameters that their cards state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import Description, Inspector, ModelRequest
from tests.support import checkpoints as made

LLAMA_8B_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
}
LLAMA_8B = 8_030_261_248
LLAMA_8B_LINEARS = 6_979_321_856

Layer = Callable[[str, int, int], list[made.Tensor]]


def llama_8b(layer: Layer) -> list[made.Tensor]:
    """Llama-3.1-8B with ``layer(name, rows, columns)`` in the place of each linear layer's weight."""
    plain = made.decoder_tensors(
        layers=32, hidden=4096, intermediate=14336, vocabulary=128256, query=4096, key_value=1024, head=True
    )
    tensors: list[made.Tensor] = []
    for name, dtype, shape in plain:
        if ".layers." in name and len(shape) == 2:
            tensors += layer(name.removesuffix(".weight"), shape[0], shape[1])
        else:
            tensors.append((name, dtype, shape))
    return tensors


def bitsandbytes_nf4(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """unsloth/Meta-Llama-3.1-8B-bnb-4bit: double quantised."""
    blocks = rows * columns // 64
    return [
        (f"{name}.weight", "U8", [rows * columns // 2, 1]),
        (f"{name}.weight.absmax", "U8", [blocks]),
        (f"{name}.weight.nested_absmax", "F32", [blocks // 256]),
        (f"{name}.weight.nested_quant_map", "F32", [256]),
        (f"{name}.weight.quant_map", "F32", [16]),
        (f"{name}.weight.quant_state.bitsandbytes__nf4", "U8", [170]),
    ]


def gptq(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """hugging-quants/Meta-Llama-3.1-8B-Instruct-GPTQ-INT4: groups of 128."""
    return [
        (f"{name}.g_idx", "I32", [columns]),
        (f"{name}.qweight", "I32", [columns // 8, rows]),
        (f"{name}.qzeros", "I32", [columns // 128, rows // 8]),
        (f"{name}.scales", "F16", [columns // 128, rows]),
    ]


def awq(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4."""
    return [
        (f"{name}.qweight", "I32", [columns, rows // 8]),
        (f"{name}.qzeros", "I32", [columns // 128, rows // 8]),
        (f"{name}.scales", "F16", [columns // 128, rows]),
    ]


def nvfp4(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """nvidia/Llama-3.1-8B-Instruct-FP4."""
    return [
        (f"{name}.input_scale", "F32", []),
        (f"{name}.weight", "U8", [rows, columns // 2]),
        (f"{name}.weight_scale", "F8_E4M3", [rows, columns // 16]),
        (f"{name}.weight_scale_2", "F32", []),
    ]


def w4a16(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16."""
    return [
        (f"{name}.weight_packed", "I32", [rows, columns // 8]),
        (f"{name}.weight_scale", "BF16", [rows, columns // 128]),
        (f"{name}.weight_shape", "I64", [2]),
    ]


def fp8(name: str, rows: int, columns: int) -> list[made.Tensor]:
    """RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8."""
    return [
        (f"{name}.input_scale", "BF16", [1]),
        (f"{name}.weight", "F8_E4M3", [rows, columns]),
        (f"{name}.weight_scale", "BF16", [1]),
    ]


CASES: dict[str, tuple[Layer, dict[str, Any], float]] = {
    "bitsandbytes": (
        bitsandbytes_nf4,
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
        4.13,
    ),
    "gptq": (gptq, {"quant_method": "gptq", "bits": 4, "group_size": 128}, 4.16),
    "awq": (awq, {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, 4.16),
    "modelopt": (nvfp4, {"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4.5),
    "compressed-tensors, w4a16": (
        w4a16,
        {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}},
        },
        4.13,
    ),
    "compressed-tensors, fp8": (
        fp8,
        {
            "quant_method": "compressed-tensors",
            "format": "float-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
        },
        8.0,
    ),
}


def describe(folder: Path, config: dict[str, Any], tensors: list[made.Tensor]) -> Description:
    made.write_checkpoint(folder, config, tensors)
    return Inspector().describe(ModelRequest(str(folder)))


@pytest.mark.parametrize("case", CASES)
def test_llama_3_1_8b_has_its_parameters_in_every_scheme(case: str, tmp_path: Path) -> None:
    layer, declared, bits = CASES[case]
    config = {**LLAMA_8B_CONFIG, "quantization_config": declared}
    count = describe(tmp_path, config, llama_8b(layer)).parameters
    assert (count.total, count.exact) == (LLAMA_8B, True)
    assert count.quantized is not None
    assert count.quantized.parameters == LLAMA_8B_LINEARS
    assert round(count.quantized.bits_per_parameter, 2) == pytest.approx(bits, abs=0.011)
    assert count.quantized.unquantized == {
        "embed_tokens": 525_336_576,
        "lm_head": 525_336_576,
        "norms": 266_240,
    }


def gpt_oss_20b() -> tuple[dict[str, Any], list[made.Tensor]]:
    """openai/gpt-oss-20b: experts in MXFP4, 90 blocks of 32 to a row."""
    hidden, experts = 2880, 32
    tensors: list[made.Tensor] = [
        ("model.embed_tokens.weight", "BF16", [201088, hidden]),
        ("model.norm.weight", "BF16", [hidden]),
        ("lm_head.weight", "BF16", [201088, hidden]),
    ]
    for number in range(24):
        layer = f"model.layers.{number}"
        tensors.append((f"{layer}.input_layernorm.weight", "BF16", [hidden]))
        tensors.append((f"{layer}.post_attention_layernorm.weight", "BF16", [hidden]))
        attention = (("q", 4096, hidden), ("k", 512, hidden), ("v", 512, hidden), ("o", hidden, 4096))
        for projection, rows, columns in attention:
            tensors.append((f"{layer}.self_attn.{projection}_proj.weight", "BF16", [rows, columns]))
            tensors.append((f"{layer}.self_attn.{projection}_proj.bias", "BF16", [rows]))
        tensors.append((f"{layer}.self_attn.sinks", "BF16", [64]))
        tensors.append((f"{layer}.mlp.router.weight", "BF16", [experts, hidden]))
        tensors.append((f"{layer}.mlp.router.bias", "BF16", [experts]))
        for projection, rows in (("gate_up_proj", 2 * hidden), ("down_proj", hidden)):
            name = f"{layer}.mlp.experts.{projection}"
            tensors.append((f"{name}_blocks", "U8", [experts, rows, 90, 16]))
            tensors.append((f"{name}_scales", "U8", [experts, rows, 90]))
            tensors.append((f"{name}_bias", "BF16", [experts, rows]))
    config = {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "num_experts_per_tok": 4,
        "num_local_experts": experts,
        "quantization_config": {"quant_method": "mxfp4"},
        "tie_word_embeddings": False,
    }
    return config, tensors


def test_gpt_oss_20b(tmp_path: Path) -> None:
    count = describe(tmp_path, *gpt_oss_20b()).parameters
    assert (count.total, count.exact) == (20_914_757_184, True)
    assert count.quantized is not None
    assert count.quantized.parameters == 24 * 32 * 3 * 2880 * 2880
    assert count.quantized.bits_per_parameter == 4.25
    assert count.by_dtype["uint8"].parameters == count.quantized.parameters
    # 4 of 32 experts, and everything else.
    routed = count.quantized.parameters + 24 * 32 * 3 * 2880
    assert count.active == 20_914_757_184 - routed // 32 * 28


def test_deepseek_v3(tmp_path: Path) -> None:
    count = describe(tmp_path, made.DEEPSEEK_V3_CONFIG, made.deepseek_v3_tensors()).parameters
    assert {dtype: row.elements for dtype, row in count.by_dtype.items()} == {
        "float8_e4m3fn": 680_571_043_840,
        "bfloat16": 3_918_786_560,
        "float32": 41_555_600,
    }
    # The float32 elements are scales, and the experts' correction biases, which are buffers.
    assert count.total == 680_571_043_840 + 3_918_786_560
    assert (count.overhead, count.buffers) == (41_555_600 - 59 * 256, 59 * 256)
    assert count.exact
