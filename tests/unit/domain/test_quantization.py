"""Quantised checkpoints, tensor by tensor as their libraries write them: a layer of 4,096 × 1,024 each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import Inspector, ModelRequest
from tests.support import checkpoints as made

OUT, IN = 4096, 1024
LINEAR = OUT * IN
KEPT = [("model.embed_tokens.weight", "BF16", [1000, IN]), ("model.norm.weight", "BF16", [IN])]
KEPT_PARAMETERS = 1000 * IN + IN

# quantization_config, the tensors of one linear layer, their overhead in elements, and the scheme's bits.
SCHEMES: dict[str, tuple[dict[str, Any], list[made.Tensor], int, int]] = {
    "gptq, 4 bits": (
        {"quant_method": "gptq", "bits": 4, "group_size": 128},
        [
            ("l.qweight", "I32", [IN // 8, OUT]),
            ("l.qzeros", "I32", [IN // 128, OUT // 8]),
            ("l.scales", "F16", [IN // 128, OUT]),
            ("l.g_idx", "I32", [IN]),
        ],
        IN // 128 * OUT // 8 + IN // 128 * OUT + IN,
        4,
    ),
    "gptq, 3 bits": (
        {"quant_method": "gptq", "bits": 3},
        [("l.qweight", "I32", [IN * 3 // 32, OUT]), ("l.scales", "F16", [8, OUT])],
        8 * OUT,
        3,
    ),
    "awq": (
        {"quant_method": "awq", "bits": 4, "group_size": 128},
        [
            ("l.qweight", "I32", [IN, OUT // 8]),
            ("l.qzeros", "I32", [IN // 128, OUT // 8]),
            ("l.scales", "F16", [IN // 128, OUT]),
        ],
        IN // 128 * OUT // 8 + IN // 128 * OUT,
        4,
    ),
    "bitsandbytes 4-bit, double quantised": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        [
            ("l.weight", "U8", [LINEAR // 2, 1]),
            ("l.weight.absmax", "U8", [LINEAR // 64]),
            ("l.weight.quant_map", "F32", [16]),
            ("l.weight.nested_absmax", "F32", [LINEAR // 64 // 256]),
            ("l.weight.nested_quant_map", "F32", [256]),
            ("l.weight.quant_state.bitsandbytes__nf4", "U8", [120]),
        ],
        LINEAR // 64 + 16 + LINEAR // 64 // 256 + 256 + 120,
        4,
    ),
    "bitsandbytes 4-bit in bfloat16 storage": (
        {"_load_in_4bit": True, "load_in_4bit": True, "bnb_4bit_quant_storage": "float32"},
        [("l.weight", "F32", [LINEAR // 8, 1]), ("l.weight.absmax", "F32", [LINEAR // 64])],
        LINEAR // 64,
        4,
    ),
    "bitsandbytes 8-bit": (
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        [("l.weight", "I8", [OUT, IN]), ("l.SCB", "F32", [OUT]), ("l.weight_format", "U8", [])],
        OUT + 1,
        8,
    ),
    "fp8 in blocks": (
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
        [("l.weight", "F8_E4M3", [OUT, IN]), ("l.weight_scale_inv", "F32", [OUT // 128, IN // 128])],
        OUT // 128 * IN // 128,
        8,
    ),
    "fbgemm_fp8": (
        {"quant_method": "fbgemm_fp8"},
        [
            ("l.weight", "F8_E4M3", [OUT, IN]),
            ("l.weight_scale", "F32", [OUT, 1]),
            ("l.input_scale_ub", "F32", [1]),
        ],
        OUT + 1,
        8,
    ),
    "mxfp4": (
        {"quant_method": "mxfp4"},
        [("l.down_proj_blocks", "U8", [OUT, IN // 32, 16]), ("l.down_proj_scales", "U8", [OUT, IN // 32])],
        LINEAR // 32,
        4,
    ),
    "modelopt nvfp4": (
        {"quant_method": "modelopt", "quant_algo": "NVFP4"},
        [
            ("l.weight", "U8", [OUT, IN // 2]),
            ("l.weight_scale", "F8_E4M3", [OUT, IN // 16]),
            ("l.weight_scale_2", "F32", []),
            ("l.input_scale", "F32", []),
            ("l.k_scale", "F32", []),
        ],
        LINEAR // 16 + 3,
        4,
    ),
    "modelopt fp8": (
        {"quant_method": "modelopt", "quant_algo": "FP8"},
        [("l.weight", "F8_E4M3", [OUT, IN]), ("l.weight_scale", "F32", []), ("l.input_scale", "F32", [])],
        2,
        8,
    ),
    "compressed-tensors, pack-quantized": (
        {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
        },
        [
            ("l.weight_packed", "I32", [OUT, IN // 8]),
            ("l.weight_scale", "BF16", [OUT, IN // 128]),
            ("l.weight_shape", "I64", [2]),
        ],
        OUT * IN // 128 + 2,
        4,
    ),
    "compressed-tensors, float-quantized": (
        {
            "quant_method": "compressed-tensors",
            "format": "float-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
        },
        [("l.weight", "F8_E4M3", [OUT, IN]), ("l.weight_scale", "BF16", [OUT, 1])],
        OUT,
        8,
    ),
    "compressed-tensors, int-quantized": (
        {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
        },
        [("l.weight", "I8", [OUT, IN]), ("l.weight_scale", "BF16", [OUT, 1])],
        OUT,
        8,
    ),
    "compressed-tensors, nvfp4": (
        {
            "quant_method": "compressed-tensors",
            "format": "nvfp4-pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
        },
        [
            ("l.weight_packed", "U8", [OUT, IN // 2]),
            ("l.weight_scale", "F8_E4M3", [OUT, IN // 16]),
            ("l.weight_global_scale", "F32", [1]),
            ("l.input_global_scale", "F32", [1]),
        ],
        LINEAR // 16 + 2,
        4,
    ),
    "eetq": (
        {"quant_method": "eetq"},
        [("l.weight", "I8", [IN, OUT]), ("l.weight_scales", "F16", [OUT])],
        OUT,
        8,
    ),
    "mlx": (
        {"bits": 4, "group_size": 64},
        [
            ("l.weight", "U32", [OUT, IN // 8]),
            ("l.scales", "BF16", [OUT, IN // 64]),
            ("l.biases", "BF16", [OUT, IN // 64]),
        ],
        2 * OUT * IN // 64,
        4,
    ),
}


@pytest.mark.parametrize("case", SCHEMES, ids=str)
def test_logical_parameters_and_overhead(case: str, tmp_path: Path) -> None:
    declared, tensors, overhead, bits = SCHEMES[case]
    made.write_checkpoint(tmp_path, {"quantization_config": declared}, [*KEPT, *tensors])
    description = Inspector().describe(ModelRequest(str(tmp_path)))
    count = description.parameters
    assert description.quantization is not None
    assert description.quantization.bits == bits
    assert count.exact, count.reason
    assert count.total == LINEAR + KEPT_PARAMETERS
    assert count.overhead == overhead
    assert count.quantized is not None
    assert count.quantized.parameters == LINEAR
    assert bits <= count.quantized.bits_per_parameter < bits + 1.1
    assert count.quantized.overhead_elements == overhead
    assert count.quantized.unquantized == {"embed_tokens": 1000 * IN, "norms": IN}
    # Nobody trains packed integers.
    assert count.trainable == KEPT_PARAMETERS


def test_an_unquantised_model_has_no_scheme(small: Path) -> None:
    description = Inspector().describe(ModelRequest(str(small)))
    assert description.quantization is None
    assert description.parameters.quantized is None
