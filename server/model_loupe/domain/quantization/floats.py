"""Weights in small floats: FP8, MXFP4, NVFP4 and the like, each block with a scale.

Read from transformers' integrations (``finegrained_fp8``, ``fbgemm_fp8``, ``mxfp4``, ``nvfp4``, ``fp_quant``,
``fouroversix``), NVIDIA's modelopt (``export/quant_utils``) and AMD's Quark (``QParamsLinear``).
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.quantization.scheme import (
    FP4,
    FP8,
    I8,
    I32,
    KV_SCALES,
    SCALES,
    U8,
    Packing,
    Scheme,
    mapping,
    text,
)

if TYPE_CHECKING:
    from typing import Any

# Fused experts have no ``.weight``: ``experts.gate_up_proj`` with ``experts.gate_up_proj_scale_inv``.
_EXPERT_SCALES = tuple(
    f"{parameter}_{scale}"
    for parameter in ("gate_up_proj", "up_proj", "down_proj")
    for scale in ("scale", "scale_inv", "weight_scale", "weight_scale_2", "input_scale", "activation_scale")
)


def fp8(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """DeepSeek's blocks, or one scale a row or a tensor."""
    overhead = (*SCALES, *KV_SCALES, *_EXPERT_SCALES, ".activation_scale", ".scale", ".scale_inv")
    packings = (
        Packing("", FP8, 1, 1),
        # Experts in FP4 (``expert_dtype``): two values in an int8.
        Packing(".weight", I8, 2, 1, beside=".scale"),
        Packing(".weight", I8, 2, 1, beside=".weight_scale_inv"),
        Packing("_proj", I8, 2, 1, beside="_proj_scale_inv"),
    )
    return Scheme("fp8", 8, packings, overhead, form=text(declared.get("fmt")))


def mxfp8(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    return fp8(declared, config)._replace(name="mxfp8", form=None)


def fbgemm_fp8(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    scheme = fp8(declared, config)
    return scheme._replace(name="fbgemm_fp8", overhead=(*scheme.overhead, ".input_scale_ub"), form=None)


def mxfp4(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """gpt-oss: ``[…, rows, blocks, 16 bytes]`` of two values each, and a scale for each block of 32."""
    return Scheme("mxfp4", 4, (Packing("_blocks", U8, 2, 1),), ("_scales",))


def modelopt(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """NVIDIA's: FP8 and NVFP4, alone or mixed; W4A16 AWQ packs two values in a byte as NVFP4 does."""
    form = text(declared.get("quant_algo"))
    packings = (
        Packing(".weight", U8, 2, 1, beside=".weight_scale"),
        Packing(".weight", FP8 | I8, 1, 1),
        Packing(".weight_packed", U8, 2, 1),
        # Fused experts of gpt-oss and Llama 4.
        Packing("_proj", U8, 2, 1),
        Packing("_proj", FP8, 1, 1),
        Packing("_blocks", U8, 2, 1),
    )
    overhead = (
        *SCALES,
        *KV_SCALES,
        *_EXPERT_SCALES,
        ".weight_scale_2",
        ".weight_global_scale",
        ".input_global_scale",
        ".pre_quant_scale",
        "_proj_scales",
    )
    bits = 4 if form and "4" in form else None if form == "MIXED_PRECISION" else 8
    return Scheme("modelopt", bits, packings, overhead, form=form)


def nvfp4(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """transformers' own: made while loading, so a saved file holds the kernel's buffers."""
    overhead = (".weight_sf", ".weight_sf_rowmajor", ".weight_global_scale")
    return Scheme("nvfp4", 4, (Packing(".weight", U8, 2, 1),), overhead)


def fp_quant(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``qweight`` packed, or ``dqweight``: every weight in full, as it comes out of the format."""
    overhead = (
        ".scales",
        ".act_global_scale",
        ".weight_global_scale",
        ".forward_hadamard_matrix",
        ".backward_hadamard_matrix",
    )
    form = text(declared.get("forward_dtype"))
    return Scheme("fp_quant", 4, (Packing(".qweight", U8, 2, 1),), overhead, form=form)


def quark(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """AMD's: ``global_quant_config.weight`` has the dtype, ``layer_quant_config`` that of single layers."""
    weight = mapping(declared.get("global_quant_config")).get("weight")
    # A list where a weight is quantised twice (first to FP8, then to INT4).
    stages = weight if isinstance(weight, list) else [weight]
    form = text(mapping(stages[-1] if stages else None).get("dtype"))
    bits = next((bits for word, bits in (("4", 4), ("6", 6), ("2", 2)) if form and word in form[:5]), 8)
    packings = (
        Packing(".weight", FP8 | I8, 1, 1),
        Packing(".weight", FP4, 1, 1),
        Packing(".weight", U8, 8, bits if bits < 8 else 8, beside=".weight_scale"),
        Packing(".weight", I32, 32, bits, beside=".weight_scale"),
    )
    overhead = (
        *SCALES,
        *KV_SCALES,
        ".output_zero_point",
        ".bias_scale",
        ".bias_zero_point",
        ".weight_scale_2",
    )
    doubt = "layers have dtypes of their own (layer_quant_config)"
    mixed = bool(declared.get("layer_quant_config") or declared.get("layer_type_quant_config"))
    return Scheme("quark", bits, packings, overhead, form=form, doubt=doubt if mixed else None)
