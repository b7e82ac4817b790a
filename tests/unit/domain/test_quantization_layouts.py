"""Layouts that no library on a CPU writes any more or yet: one linear layer of 4,096 × 1,024 each.

The layouts are those of GPTQModel, AutoAWQ, auto-round, torchao's int4 tensors, compressed-tensors 0.9, AQLM,
VPTQ, FLUTE (HIGGS), BitNet, FP-Quant, Quark, and transformers' own ``metal``, ``gemma`` and ``nvfp4``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_loupe.domain.parameters import ParameterCount
from model_loupe.inspector import Inspector, ModelRequest
from tests.support import checkpoints as made

OUT, IN = 4096, 1024
LINEAR = OUT * IN
KEPT: list[made.Tensor] = [
    ("model.embed_tokens.weight", "BF16", [1000, IN]),
    ("model.norm.weight", "BF16", [IN]),
]
KEPT_PARAMETERS = 1001 * IN


def gptq_layer(bits: int, name: str = "l") -> list[made.Tensor]:
    return [
        (f"{name}.qweight", "I32", [IN * bits // 32, OUT]),
        (f"{name}.qzeros", "I32", [IN // 128, OUT * bits // 32]),
        (f"{name}.scales", "F16", [IN // 128, OUT]),
        (f"{name}.g_idx", "I32", [IN]),
    ]


def packed(dtype: str, shape: list[int], scale: list[int], name: str = "weight") -> list[made.Tensor]:
    return [(f"l.{name}", dtype, shape), ("l.weight_scale", "F32", scale)]


def torchao(dtype: str, shape: list[int], *others: tuple[str, str, list[int]]) -> list[made.Tensor]:
    rest: list[made.Tensor] = [(f"l._weight_{name}", code, sizes) for name, code, sizes in others]
    return [("l._weight_qdata", dtype, shape), *rest]


def compressed(form: str, bits: int | None = None, size: int | None = None) -> dict[str, Any]:
    groups = {"group_0": {"weights": {"num_bits": bits, "group_size": size}}} if bits else {}
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": groups}


GPTQ = {"quant_method": "gptq", "group_size": 128}
TORCHAO = {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig"}}}
SPARSE = {"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24-bitmask"}}

EXACT: dict[str, tuple[dict[str, Any], list[made.Tensor]]] = {
    **{f"gptq, {bits} bits": ({**GPTQ, "bits": bits}, gptq_layer(bits)) for bits in (2, 3, 4, 8)},
    "gptq, a layer of 8 bits where the config says 4": ({**GPTQ, "bits": 4}, gptq_layer(8)),
    "gptq, 8 bits by the zero points alone": ({**GPTQ, "bits": 4}, gptq_layer(8)[:3]),
    "gptq in int64 words": (
        {**GPTQ, "bits": 4, "pack_dtype": "int64"},
        [("l.qweight", "I64", [IN // 16, OUT]), ("l.scales", "F16", [8, OUT]), ("l.g_idx", "I32", [IN])],
    ),
    "gptq, marlin": (
        {**GPTQ, "bits": 4, "checkpoint_format": "marlin"},
        [("l.B", "I32", [IN // 16, OUT * 2]), ("l.s", "F16", [8, OUT]), ("l.workspace", "I32", [512])],
    ),
    "gptq, marlin 2:4": (
        {**GPTQ, "bits": 4, "checkpoint_format": "marlin_24"},
        [
            ("l.B_24", "I32", [IN // 32, OUT * 2]),
            ("l.B_meta", "I16", [IN // 32, OUT * 2]),
            ("l.s", "F16", [8, OUT]),
        ],
    ),
    "awq, gemv": (
        {"quant_method": "awq", "bits": 4, "version": "GEMV"},
        [("l.qweight", "I32", [OUT, IN // 8]), ("l.qzeros", "I32", [OUT, 1]), ("l.scales", "F16", [OUT, 8])],
    ),
    "awq, gemv_fast": (
        {"quant_method": "awq", "bits": 4, "version": "gemv_fast"},
        [("l.qweight", "I16", [OUT // 4, IN]), ("l.qzeros", "F16", [8, OUT]), ("l.scales", "F16", [8, OUT])],
    ),
    "auto-round, a layer of 2 bits": (
        {"quant_method": "auto-round", "bits": 4, "extra_config": {"l": {"bits": 2}}},
        gptq_layer(2)[:3],
    ),
    "torchao, int4 in bytes": (
        TORCHAO,
        torchao(
            "I8",
            [OUT, IN // 2],
            ("scale", "BF16", [IN // 128, OUT]),
            ("zero_point", "BF16", [IN // 128, OUT]),
        ),
    ),
    "torchao, int4 preshuffled": (
        TORCHAO,
        torchao("I8", [OUT, IN // 2], ("group_scale", "F8_E4M3", [8, OUT]), ("row_scale", "F32", [OUT])),
    ),
    "torchao, int4 in int32": (
        TORCHAO,
        torchao("I32", [OUT, IN // 8], ("scale", "F16", [OUT, 8]), ("zero_point", "I8", [OUT, 8])),
    ),
    "compressed-tensors, 3 bits of 0.9": (
        compressed("pack-quantized", 3, 128),
        [("l.weight_packed", "I32", [OUT, 103]), ("l.weight_scale", "BF16", [OUT, 8])],
    ),
    "compressed-tensors, 4 bits with a scale a row": (
        compressed("pack-quantized", 4),
        [("l.weight_packed", "I32", [OUT, IN // 8]), ("l.weight_scale", "BF16", [OUT, 1])],
    ),
    "compressed-tensors, marlin-24": (
        compressed("marlin-24", 4, 128),
        [
            ("l.weight_packed", "I32", [IN // 32, OUT * 2]),
            ("l.scale_packed", "F16", [8, OUT]),
            ("l.meta", "I16", [IN // 32, OUT * 2]),
        ],
    ),
    "compressed-tensors, 2:4 bitmask": (
        SPARSE,
        [
            ("l.compressed", "BF16", [OUT, IN // 2]),
            ("l.bitmask", "U8", [OUT, IN // 8]),
            ("l.shape", "I64", [2]),
        ],
    ),
    "compressed-tensors, bitmask of any pattern": (
        {"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-bitmask"}},
        [
            ("l.compressed", "BF16", [1_234_567]),
            ("l.bitmask", "U8", [OUT, IN // 8]),
            ("l.row_offsets", "I64", [OUT]),
        ],
    ),
    "aqlm": (
        {"quant_method": "aqlm", "in_group_size": 8, "nbits_per_codebook": 16},
        [
            ("l.codes", "I16", [OUT, IN // 8, 1]),
            ("l.codebooks", "F16", [1, 65536, 1, 8]),
            ("l.scales", "F16", [OUT, 1, 1, 1]),
        ],
    ),
    "vptq": (
        {"quant_method": "vptq", "config_for_layers": {"l": {"in_features": IN, "out_features": OUT}}},
        [
            ("l.indices", "I32", [1, 512, 2048]),
            ("l.centroids.weight", "F16", [1, 524_288]),
            ("l.perm", "I16", [IN]),
            ("l.weight_scale", "F16", [IN]),
        ],
    ),
    "higgs, 3 bits": (
        {"quant_method": "higgs", "bits": 3},
        [
            ("l.weight", "I16", [OUT * 3 // 16, IN]),
            ("l.scales", "F16", [OUT, IN // 256]),
            ("l.tables", "F16", [8]),
            ("l.tables2", "F32", [8, 8, 1]),
        ],
    ),
    "bitnet": ({"quant_method": "bitnet"}, packed("U8", [OUT // 4, IN], [1])),
    "fp_quant": (
        {"quant_method": "fp_quant", "forward_dtype": "mxfp4"},
        [("l.qweight", "U8", [OUT, IN // 2]), ("l.scales", "U8", [OUT, IN // 32])],
    ),
    "fp_quant in full": (
        {"quant_method": "fp_quant", "forward_dtype": "mxfp4", "pseudoquantization": True},
        [("l.dqweight", "BF16", [OUT, IN]), ("l.forward_hadamard_matrix", "BF16", [32, 32])],
    ),
    "quark, fp8": (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}},
        packed("F8_E4M3", [OUT, IN], [1]),
    ),
    "quark, fp4": (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4"}}},
        packed("U8", [OUT, IN // 2], [OUT, IN // 32]),
    ),
    "quark, uint4": (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "uint4"}}},
        packed("I32", [IN, OUT // 8], [IN // 128, OUT]),
    ),
    "metal": (
        {"quant_method": "metal", "bits": 4},
        [("l.weight", "U32", [OUT, IN // 8]), ("l.scales", "F32", [OUT, 8]), ("l.qbiases", "F32", [OUT, 8])],
    ),
    "gemma, 2 bits": (
        {"quant_method": "gemma", "num_bits": 2},
        [*packed("U8", [OUT, IN // 4], [OUT, 1]), ("l.input_activation_scale", "F32", [])],
    ),
    "nvfp4 of transformers": (
        {"quant_method": "nvfp4"},
        [
            ("l.weight", "U8", [OUT, IN // 2]),
            ("l.weight_sf", "I32", [OUT, IN // 64]),
            ("l.weight_sf_rowmajor", "U8", [OUT, IN // 16]),
            ("l.weight_global_scale", "F32", [1]),
        ],
    ),
    "mxfp8": (
        {"quant_method": "mxfp8"},
        [("l.weight", "F8_E4M3", [OUT, IN]), ("l.weight_scale_inv", "U8", [OUT, IN // 32])],
    ),
    "fp8, with an expert in fp4": (
        {"quant_method": "fp8", "fmt": "e4m3"},
        [("l.weight", "I8", [OUT, IN // 2]), ("l.scale", "F8_E8M0", [OUT, IN // 32])],
    ),
    "fp8, with fused experts in fp4": (
        {"quant_method": "fp8", "fmt": "e4m3"},
        [("l.down_proj", "I8", [4, IN, IN // 2]), ("l.down_proj_scale_inv", "F8_E8M0", [4, IN, IN // 32])],
    ),
    "mlx, a module of 6 bits": (
        {"bits": 4, "group_size": 64, "l": {"bits": 6, "group_size": 64}},
        [
            ("l.weight", "U32", [OUT, IN * 6 // 32]),
            ("l.scales", "BF16", [OUT, IN // 64]),
            ("l.biases", "BF16", [OUT, IN // 64]),
        ],
    ),
}


def count_of(folder: Path, config: dict[str, Any], tensors: list[made.Tensor]) -> ParameterCount:
    made.write_checkpoint(folder, config, [*KEPT, *tensors])
    return Inspector().describe(ModelRequest(str(folder))).parameters


# The sums come out, but no file or source of these libraries was there to hold the rules against.
UNCHECKED = {
    "gptq, marlin",
    "gptq, marlin 2:4",
    "awq, gemv",
    "awq, gemv_fast",
    "compressed-tensors, marlin-24",
    "aqlm",
    "vptq",
    "quark, fp8",
    "quark, fp4",
    "quark, uint4",
}


@pytest.mark.parametrize("case", EXACT)
def test_a_layer_has_its_parameters(case: str, tmp_path: Path) -> None:
    declared, tensors = EXACT[case]
    count = count_of(tmp_path, {"quantization_config": declared}, tensors)
    assert (count.total, count.exact) == (LINEAR + KEPT_PARAMETERS, case not in UNCHECKED), count.reason
    assert (count.reason is None) == count.exact
    assert count.buffers == 0
    if "in full" not in case:
        assert count.quantized is not None
        assert count.quantized.parameters == LINEAR
        assert count.quantized.unquantized == {"embed_tokens": 1000 * IN, "norms": IN}
