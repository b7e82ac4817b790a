"""GPTQ, AWQ and AutoRound: ``qweight`` with ``scales`` and ``qzeros``, as AutoGPTQ began it.

Layouts of GPTQModel (``nn_modules/qlinear``), AutoAWQ (``modules/linear``) and auto-round
(``export``). GPTQ packs along the inputs, ``[in · bits / 32, out]``; AWQ along the outputs,
``[in, out · bits / 32]``; both keep ``scales`` as ``[groups, out]``.
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
    text,
    whole,
)
from model_loupe.domain.tensors import TensorKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HELPERS = (".qzeros", ".scales", ".g_idx")
# Model types whose linear layers have no bias unless the config asks for one.
_WITHOUT_BIAS = ("llama", "mistral", "mixtral", "gemma", "gemma2")


def gptq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``dynamic`` (GPTQModel) gives layers bits of their own; ``checkpoint_format`` names repacked files."""
    bits = whole(declared.get("bits"), 4)
    form = text(declared.get("checkpoint_format"))
    if form in ("marlin", "marlin_24") or declared.get("is_marlin_format") is True:
        return _marlin("gptq", bits, form or "marlin")
    overhead = _HELPERS + _padding_biases(config)
    doubt = "layers have bits of their own (dynamic)" if declared.get("dynamic") else None
    return Scheme("gptq", bits, _qweight(bits), overhead, form=form, doubt=doubt)


def awq(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``version`` is the kernel that the layout is for: gemm, gemv, gemv_fast, marlin …"""
    bits = whole(declared.get("bits", declared.get("w_bit")), 4)
    form = text(declared.get("version"))
    form = form.lower() if form else None
    return Scheme("awq", bits, _qweight(bits), _HELPERS, form=form)


def auto_round(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    """``packing_format`` says whose layout it is; ``extra_config`` gives single layers bits of their own."""
    bits = whole(declared.get("bits"), 4)
    doubt = "layers have bits of their own (extra_config)" if mapping(declared.get("extra_config")) else None
    form = text(declared.get("packing_format"))
    return Scheme("auto-round", bits, _qweight(bits), _HELPERS, form=form, doubt=doubt)


def _qweight(bits: int) -> tuple[Packing, ...]:
    # GPTQModel's pack_dtype and AutoAWQ's gemv_fast: narrower and wider words, filled as densely.
    words = ((I32, 32), (I16, 16), (I64, 64), (I8 | U8, 8))
    return tuple(Packing(".qweight", dtypes, size, bits, measure=_measure) for dtypes, size in words)


def _measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
    """in × out, from what stands beside the packed matrix."""
    scales, zeros = tensors.get(stem + ".scales"), tensors.get(stem + ".qzeros")
    order = tensors.get(stem + ".g_idx")
    if scales is None or len(scales.shape) != 2 or len(kind.shape) != 2:
        return None
    rows, columns = kind.shape
    outputs = scales.shape[1]
    if columns == outputs:
        # g_idx has an entry for each input; else the zero points tell the bits: [groups, out · bits / 32].
        if order is not None and order.elements:
            return order.elements * outputs
        if zeros is None or len(zeros.shape) != 2 or zeros.shape[0] != scales.shape[0] or not zeros.shape[1]:
            return None
        inputs, rest = divmod(rows * outputs, zeros.shape[1])
        return None if rest or zeros.dtype != kind.dtype else inputs * outputs
    if columns < outputs and outputs % columns == 0:
        return rows * outputs
    return None


def _marlin(name: str, bits: int, form: str) -> Scheme:
    """Files that were repacked for the Marlin kernels: tiles of 16 × 16 in ``B``."""
    packings = (
        Packing(".B", I32, 32, bits),
        # 2:4 sparse: of four weights two are stored, and which two is in B_meta.
        Packing(".B_24", I32, 2 * 32, bits),
    )
    return Scheme(name, bits, packings, (".s", ".B_meta", ".workspace", ".g_idx"), form=form)


def _padding_biases(config: dict[str, Any]) -> tuple[str, ...]:
    """Old AutoGPTQ stored a bias of zeros with each layer, for models that have none."""
    if config.get("model_type") not in _WITHOUT_BIAS:
        return ()
    return () if config.get("attention_bias") or config.get("mlp_bias") else (".bias",)
