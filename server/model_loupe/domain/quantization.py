"""How quantised checkpoints store weights: which tensors hold packed values, and which only help to unpack.

Read from the libraries that write them: AutoGPTQ / GPTQModel (``qweight``), AutoAWQ, bitsandbytes
(``quant_state``), compressed-tensors (its ``compressors``), transformers' ``integrations`` (``fp8``,
``mxfp4``, ``fbgemm_fp8``, ``eetq``, ``hqq``, ``quanto``), NVIDIA's modelopt and MLX. What a scheme does not
name stays an ordinary parameter: layers that were left unquantised are counted as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Packing(NamedTuple):
    """Tensors of ``dtypes`` whose names end in ``ending`` hold ``values`` weights in ``per`` elements."""

    ending: str
    dtypes: frozenset[str]
    values: int
    per: int


class Scheme(NamedTuple):
    """A way to store quantised weights.

    ``overhead`` are the endings of the names of scales, zero points and the like; ``known`` is False for a
    scheme that this module has no rules for.
    """

    name: str
    bits: int | None
    packings: tuple[Packing, ...]
    overhead: tuple[str, ...]
    known: bool


_FP8 = frozenset({"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"})
_I32 = frozenset({"int32", "uint32"})
_I8 = frozenset({"int8"})
_U8 = frozenset({"uint8"})
_SCALES = (".weight_scale", ".weight_scale_inv", ".input_scale", ".weight_zero_point", ".input_zero_point")
_KV_SCALES = (".k_scale", ".v_scale", ".q_scale", ".kv_scale", ".output_scale")


def scheme_of(config: dict[str, Any]) -> Scheme | None:
    """The scheme that a config declares (``quantization_config`` and its elder names), or None."""
    declared = declared_quantization(config)
    if declared is None:
        return None
    method = declared.get("quant_method")
    if not isinstance(method, str):
        method = _method_by_fields(declared)
    rules = _RULES.get(method.replace("_", "-").lower())
    return rules(declared) if rules else Scheme(method, None, (), (), known=False)


def declared_quantization(config: dict[str, Any]) -> dict[str, Any] | None:
    """What a config says of its quantisation, wherever it says it."""
    for owner in (config, config.get("text_config")):
        if isinstance(owner, dict):
            for key in ("quantization_config", "compression_config", "quantization"):
                value = owner.get(key)
                if isinstance(value, dict):
                    return value
    return None


def _method_by_fields(declared: dict[str, Any]) -> str:
    if declared.get("load_in_4bit") or declared.get("load_in_8bit"):
        return "bitsandbytes"
    if isinstance(declared.get("quant_algo"), str):
        return "modelopt"
    if isinstance(declared.get("bits"), int) and "group_size" in declared:
        return "mlx"
    return "an unnamed scheme"


def _whole(value: object, default: int) -> int:
    return value if type(value) is int and 0 < value <= 16 else default


def _gptq(declared: dict[str, Any]) -> Scheme:
    bits = _whole(declared.get("bits"), 4)
    packing = Packing(".qweight", _I32, 32, bits)
    return Scheme("gptq", bits, (packing,), (".qzeros", ".scales", ".g_idx"), known=True)


def _awq(declared: dict[str, Any]) -> Scheme:
    return _gptq(declared)._replace(name="awq")


def _bitsandbytes(declared: dict[str, Any]) -> Scheme:
    four = bool(declared.get("load_in_4bit") or declared.get("_load_in_4bit"))
    overhead = (
        ".SCB",
        ".weight_format",
        ".absmax",
        ".quant_map",
        ".nested_absmax",
        ".nested_quant_map",
        ".quant_state.bitsandbytes__nf4",
        ".quant_state.bitsandbytes__fp4",
    )
    # bnb_4bit_quant_storage: the same bytes may be stored under another dtype.
    packings = [Packing(".weight", _U8, 2, 1)]
    storage = declared.get("bnb_4bit_quant_storage")
    if four and isinstance(storage, str) and storage in _STORAGE_BITS:
        packings.append(Packing(".weight", frozenset({storage}), _STORAGE_BITS[storage], 4))
    return Scheme(
        "bitsandbytes",
        4 if four else 8,
        tuple(packings) if four else (Packing(".weight", _I8, 1, 1),),
        overhead,
        known=True,
    )


_STORAGE_BITS = {"bfloat16": 16, "float16": 16, "float32": 32}


def _fp8(declared: dict[str, Any]) -> Scheme:
    packing = Packing("", _FP8, 1, 1)
    return Scheme("fp8", 8, (packing,), (*_SCALES, *_KV_SCALES, ".activation_scale"), known=True)


def _fbgemm_fp8(declared: dict[str, Any]) -> Scheme:
    scheme = _fp8(declared)
    return scheme._replace(name="fbgemm_fp8", overhead=(*scheme.overhead, ".input_scale_ub"))


def _mxfp4(declared: dict[str, Any]) -> Scheme:
    # gpt-oss: [..., rows, blocks, 16 bytes] of two values each, and a scale for each block of 32.
    return Scheme("mxfp4", 4, (Packing("_blocks", _U8, 2, 1),), ("_scales",), known=True)


def _modelopt(declared: dict[str, Any]) -> Scheme:
    packings = (Packing(".weight", _U8, 2, 1), Packing(".weight", _FP8, 1, 1))
    bits = 4 if "4" in str(declared.get("quant_algo", "")) else 8
    overhead = (*_SCALES, *_KV_SCALES, ".weight_scale_2", ".pre_quant_scale")
    return Scheme("modelopt", bits, packings, overhead, known=True)


def _compressed_tensors(declared: dict[str, Any]) -> Scheme:
    bits = min(_group_bits(declared), default=8)
    form = declared.get("format")
    overhead = (
        *_SCALES,
        *_KV_SCALES,
        ".weight_shape",
        ".weight_g_idx",
        ".weight_global_scale",
        ".input_global_scale",
    )
    packings = (
        # pack-quantized: as many values in an int32 as fit without splitting one.
        Packing(".weight_packed", _I32, 32 // bits, 1),
        # nvfp4-pack-quantized, mxfp4-pack-quantized: two values a byte.
        Packing(".weight_packed", _U8, 2, 1),
        Packing(".weight", _FP8 | _I8, 1, 1),
    )
    known = not isinstance(form, str) or form not in ("marlin-24", "sparse-24-bitmask", "sparse-bitmask")
    return Scheme("compressed-tensors", bits, packings, overhead, known=known)


def _group_bits(declared: dict[str, Any]) -> Iterable[int]:
    groups = declared.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict) and isinstance(weights.get("num_bits"), int):
            yield _whole(weights["num_bits"], 8)


def _eetq(declared: dict[str, Any]) -> Scheme:
    return Scheme("eetq", 8, (Packing(".weight", _I8, 1, 1),), (".weight_scales",), known=True)


def _quanto(declared: dict[str, Any]) -> Scheme:
    bits = (
        4 if "4" in str(declared.get("weights", "")) else 2 if "2" in str(declared.get("weights", "")) else 8
    )
    packings = (
        Packing("._data", _I8 | _FP8, 1, 1),
        Packing("._data._data", _U8, 8 // bits, 1),
    )
    overhead = ("._scale", "._shift", ".input_scale", ".output_scale", "._zeropoint")
    return Scheme("quanto", bits, packings, overhead, known=bits == 8)


def _mlx(declared: dict[str, Any]) -> Scheme:
    bits = _whole(declared.get("bits"), 4)
    return Scheme("mlx", bits, (Packing(".weight", _I32, 32, bits),), (".scales", ".biases"), known=True)


_RULES = {
    "awq": _awq,
    "bitsandbytes": _bitsandbytes,
    "compressed-tensors": _compressed_tensors,
    "eetq": _eetq,
    "fbgemm-fp8": _fbgemm_fp8,
    "fp8": _fp8,
    "gptq": _gptq,
    "mlx": _mlx,
    "modelopt": _modelopt,
    "mxfp4": _mxfp4,
    "quanto": _quanto,
}
