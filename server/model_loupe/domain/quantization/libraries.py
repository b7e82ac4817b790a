"""Libraries with tensor or module classes of their own: bitsandbytes, torchao, HQQ, SINQ, Quanto, EETQ.

Read from their ``state_dict`` hooks: bitsandbytes ``functional.QuantState.as_dict`` and ``nn.modules``,
torchao ``prototype.safetensors`` (``<module>._weight_qdata`` …), ``hqq.core.quantize.HQQLinear.state_dict``,
``optimum.quanto`` ``tensor.weights``.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.quantization.scheme import (
    BITSANDBYTES_STATES,
    FP4,
    FP8,
    I8,
    I16,
    I32,
    U8,
    Packing,
    Scheme,
    mapping,
    text,
    whole,
)
from model_loupe.domain.tensors import TensorKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_STORAGE_BITS = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}


def bitsandbytes(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """Int8: a row scale ``SCB`` a layer. 4 bits: ``absmax`` a block, itself quantised if double."""
    four = bool(declared.get("load_in_4bit") or declared.get("_load_in_4bit"))
    overhead = (
        ".SCB",
        ".weight_format",
        ".absmax",
        ".quant_map",
        ".nested_absmax",
        ".nested_quant_map",
        *BITSANDBYTES_STATES,
    )
    if not four:
        return Scheme("bitsandbytes", 8, (Packing(".weight", I8, 1, 1),), overhead, form="int8")
    packings = [Packing(".weight", U8 | I8, 2, 1)]
    # bnb_4bit_quant_storage: the same bytes under another dtype, which unquantised weights may have too.
    packings += [
        Packing(".weight", frozenset({dtype}), bits, 4, beside=".weight.absmax")
        for dtype, bits in _STORAGE_BITS.items()
    ]
    kind = "fp4" if declared.get("bnb_4bit_quant_type") == "fp4" else "nf4"
    double = ", double quantised" if declared.get("bnb_4bit_use_double_quant") else ""
    return Scheme("bitsandbytes", 4, tuple(packings), overhead, form=kind + double)


def torchao(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """Tensor subclasses flattened into safetensors: the dtype of ``qdata`` tells how it is packed."""
    kind = _torchao_config(declared)
    suffixes = (
        "scale",
        "zero_point",
        "scale_and_zero",
        "group_scale",
        "group_zero",
        "row_scale",
        "act_pre_scale",
        "per_tensor_scale",
        "act_per_tensor_scale",
        "act_quant_scale",
        "act_quant_zero_point",
    )
    # The flattened attribute follows the parameter's name: weights, and the fused experts of transformers 5.
    parameters = ("._weight_", "._gate_up_proj_", "._down_proj_")
    overhead = tuple(parameter + suffix for parameter in parameters for suffix in suffixes)
    packings = (
        Packing("_qdata", I8 | FP8 | U8 | FP4, 1, 1, measure=_measure_torchao),
        Packing("_qdata", I32, 8, 1, measure=_measure_torchao),
        Packing("_qdata_and_metadata", I8 | FP8 | U8, 1, 1, measure=_measure_torchao),
        # Files of torch.save.
        Packing(".weight", frozenset(_STORAGE_BITS), 1, 1, wrapped=True),
        Packing("_packed_weights", I8 | U8 | I32, 1, 1, measure=_measure_torchao),
    )
    doubt = "tiles or sparsity, whose padding the headers do not tell"
    bits = 4 if kind and ("Int4" in kind or "FP4" in kind.upper()) else 8
    return Scheme("torchao", bits, packings, overhead, form=kind, doubt=doubt)


def _torchao_config(declared: dict[str, Any]) -> str | None:
    """The name of the config class, ``Int8WeightOnlyConfig`` (a plain word before torchao 0.10)."""
    kind = declared.get("quant_type")
    return text(mapping(kind.get("default")).get("_type") if isinstance(kind, dict) else kind)


def _measure_torchao(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
    """``qdata`` by its dtype: uint8 holds two floats of 4 bits, int32 eight integers, and int8 one or two."""
    if stem + "_sparse_metadata" in tensors or stem + "_scale_and_zero" in tensors:
        return None
    if kind.dtype in FP8 or kind.dtype in FP4:
        return kind.elements
    scale = tensors.get(stem + "_scale")
    if kind.dtype in I8:
        # Int4Tensor's scale is [groups, out], that of the 8-bit tensors [out, groups].
        rows = kind.shape[-2] if len(kind.shape) > 1 else 0
        turned = scale is not None and len(scale.shape) > 1 and scale.shape[-1] == rows != scale.shape[-2]
        return kind.elements * (2 if turned or stem + "_group_scale" in tensors else 1)
    if scale is None:
        return None
    return kind.elements * (2 if kind.dtype in U8 else 8)


def hqq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``W_q`` with ``scale`` and ``zero`` a group, and what describes them encoded in small tensors."""
    given = mapping(declared.get("quant_config")) or declared
    parameters = mapping(given.get("weight_quant_params")) or given
    bits = whole(parameters.get("nbits"), 4)
    group = parameters.get("group_size")
    doubt = "3-bit groups may be padded" if bits == 3 else None
    if "nbits" not in parameters:
        doubt = "layers have bits of their own"
    return Scheme("hqq", bits, _w_q(bits, group if type(group) is int else None), _HQQ_META, doubt=doubt)


def sinq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """As HQQ, with a second scale for the columns."""
    bits = whole(declared.get("nbits"), 4)
    doubt = "SINQ's packing is taken to be dense"
    return Scheme("sinq", bits, _w_q(bits, None), (*_HQQ_META, ".meta", ".scale2"), doubt=doubt)


_HQQ_META = (
    ".scale",
    ".zero",
    ".nbits",
    ".group_size",
    ".shape",
    ".axis",
    ".packing",
    ".unpack_view_dtype",
    ".view_as_float",
    ".compute_dtype",
    ".offload_meta",
    ".encoded_state_dict",
    ".stores_quant_config",
    ".channel_wise",
    ".optimize",
    ".round_zero",
    ".quant_scale",
    ".quant_zero",
)


def _w_q(bits: int, group: int | None) -> tuple[Packing, ...]:
    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        return _measure_hqq(bits, group, kind, tensors.get(stem + ".scale"))

    # 3 bits: ten values in an int32 (BitPack.pack_3bit_32); the others fill bytes.
    words = ((U8 | I8, 8), (I16, 16), (I32, 32))
    packed = [Packing(".W_q", dtypes, 10 if bits == 3 else size // bits or 1, 1) for dtypes, size in words]
    # view_as_float: the same bytes under the compute dtype.
    packed += [
        Packing(".W_q", frozenset({dtype}), size, bits if bits != 3 else 4)
        for dtype, size in _STORAGE_BITS.items()
    ]
    return tuple(packing._replace(measure=measure) for packing in packed)


def _measure_hqq(bits: int, group: int | None, kind: TensorKind, scale: TensorKind | None) -> int | None:
    """Groups are rows (axis 1, scale ``[groups, 1]``) or columns (axis 0, scale ``[1, groups]``).

    Values are packed along the rows, which are padded to a multiple of ten at 3 bits.
    """
    if scale is None or len(scale.shape) != 2 or len(kind.shape) != 2 or 1 not in scale.shape:
        return None
    rows = kind.shape[0]
    if scale.shape[1] == 1 and rows:
        # As many columns as a group has values, each in a byte with others of its column (int32 at 3 bits).
        word = 4 if bits == 3 else 1
        return scale.elements * (kind.nbytes // rows // word)
    if bits == 3:
        return scale.elements * group if group and -(-group // 10) == rows else None
    return kind.nbytes * 8 // bits


def quanto(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``weight._data`` for 8 bits; ``weight._data._data`` with values of 4 or 2 bits packed in bytes."""
    form = declared.get("weights")
    form = form if isinstance(form, str) and len(form) <= 20 else None
    # Modules with another type than most (quanto_qmap.json).
    own = mapping(declared.get("modules"))

    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        word = own.get(stem.removesuffix(".weight"), form)
        return kind.elements * (4 if word == "int2" else 2)

    bits = {"int4": 4, "int2": 2}.get(form or "", 8)
    packings = (
        Packing("._data._data", U8, 2, 1, measure=measure),
        Packing("._data", I8 | FP8, 1, 1),
    )
    overhead = ("._scale", "._shift", ".input_scale", ".output_scale", "._zeropoint")
    return Scheme("quanto", bits, packings, overhead, form=form)


def eetq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    return Scheme("eetq", 8, (Packing(".weight", I8, 1, 1),), (".weight_scales",))
