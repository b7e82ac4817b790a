"""Codes into tables, and what is packed by rows: AQLM, VPTQ, SpQR, HIGGS, BitNet, MLX, Metal, Gemma.

After ``aqlm.inference.QuantizedLinear``, ``vptq.layers.vqlinear``, ``spqr_quant.QuantizedLinear`` and
transformers' integrations (``higgs``, ``bitnet``, ``metal_quantization``, ``gemma_quant``); MLX's
``mlx.nn.QuantizedLinear``.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.quantization.scheme import (
    I8,
    I16,
    I32,
    I64,
    U8,
    Packing,
    Scheme,
    mapping,
    whole,
)
from model_loupe.domain.tensors import TensorKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def aqlm(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``codes`` [out groups, in groups, books]; ``codebooks`` [books, entries, out group, in group]."""

    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        books = tensors.get(stem + ".codebooks")
        if books is None or len(books.shape) != 4 or len(kind.shape) != 3:
            return None
        return kind.shape[0] * kind.shape[1] * books.shape[2] * books.shape[3]

    groups = whole(declared.get("in_group_size"), 8) * whole(declared.get("out_group_size"), 1)
    books = whole(declared.get("num_codebooks"), 1)
    bits = declared.get("nbits_per_codebook")
    packing = Packing(".codes", I8 | U8 | I16 | I32, groups, books, measure=measure)
    form = f"{books}x{bits}" if type(bits) is int else None
    doubt = "a layer's codebooks are not beside its codes"
    return Scheme("aqlm", None, (packing,), (".codebooks", ".scales"), form=form, doubt=doubt)


def vptq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``indices`` into ``centroids``; the config gives each layer's sizes (``config_for_layers``)."""
    layers = mapping(declared.get("config_for_layers"))

    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        layer = mapping(layers.get(stem))
        sizes = layer.get("in_features"), layer.get("out_features")
        return sizes[0] * sizes[1] if type(sizes[0]) is int and type(sizes[1]) is int else None

    overhead = (
        ".centroids.weight",
        ".res_centroids.weight",
        ".outlier_centroids.weight",
        ".res_indices",
        ".outlier_indices",
        ".perm",
        ".weight_scale",
        ".weight_bias",
    )
    packing = Packing(".indices", I16 | I32 | I64, 1, 1, measure=measure)
    doubt = "the config does not give the layers' sizes (config_for_layers)"
    return Scheme("vptq", None, (packing,), overhead, doubt=doubt)


def spqr(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """Tiles of 16 × 16 at 3 bits, a row of one in an int64, and outliers apart."""
    overhead = (".row_offsets", ".col_vals", ".in_perm", ".col_ids")
    doubt = "SpQR's tiles are taken to be full"
    bits = whole(declared.get("bits"), 3)
    return Scheme(
        "spqr", bits, (Packing(".dense_weights", I64, 16, 1, measure=_unknown),), overhead, doubt=doubt
    )


def _unknown(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
    return None


def higgs(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """FLUTE's layout: int16 ``[out · bits / 16, in]`` with lookup ``tables``."""
    bits = whole(declared.get("bits"), 4)
    return Scheme("higgs", bits, (Packing(".weight", I16, 16, bits),), (".scales", ".tables", ".tables2"))


def bitnet(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """-1, 0 and 1 in two bits, four rows in a row of bytes; one scale a layer."""
    packing = Packing(".weight", U8, 4, 1)
    return Scheme("bitnet", 2, (packing,), (".weight_scale",), form="ternary")


def mlx(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """uint32 words filled densely; modules may have bits of their own (entries of the config by name)."""
    bits = whole(declared.get("bits"), 4)
    size = declared.get("group_size")
    own = {name: value for name, value in declared.items() if isinstance(value, dict) and "bits" in value}

    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        entry = own.get(stem, declared)
        group, scales = entry.get("group_size", size), tensors.get(stem + ".scales")
        if type(group) is int and scales is not None:
            return scales.elements * group
        return kind.elements * 32 // whole(entry.get("bits"), bits)

    packing = Packing(".weight", I32, 32, bits, beside=".scales", measure=measure)
    form = declared.get("mode") if isinstance(declared.get("mode"), str) else None
    return Scheme("mlx", bits, (packing,), (".scales", ".biases"), form=form)


def metal(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """MLX's affine layout by transformers: as many values in a uint32 as fit without splitting one."""
    bits = whole(declared.get("bits"), 4)
    packing = Packing(".weight", I32, 32 // bits, 1)
    return Scheme("metal", bits, (packing,), (".scales", ".qbiases"))


def gemma(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """Google's own: 2, 4 or 8 bits a module by patterns on its name, a scale a row."""
    bits = whole(declared.get("num_bits"), 4)
    packings = [Packing(ending, I8, 1, 1) for ending in (".weight", ".embedding_quantized")]
    packings += [
        Packing(ending, U8, 8 // bits, 1, measure=_unknown) for ending in (".weight", ".embedding_quantized")
    ]
    overhead = (".weight_scale", ".embedding_scale", ".input_activation_scale", ".output_activation_scale")
    doubt = "modules have bits of their own (module_quant_configs)"
    mixed = bool(declared.get("module_quant_configs"))
    return Scheme("gemma", bits, tuple(packings), overhead, doubt=doubt if mixed else None)
