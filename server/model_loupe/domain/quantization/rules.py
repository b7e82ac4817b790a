"""Which rules read the config of which scheme."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.quantization.codebooks import aqlm, bitnet, gemma, higgs, metal, mlx, spqr, vptq
from model_loupe.domain.quantization.compressed import compressed_tensors
from model_loupe.domain.quantization.floats import (
    fbgemm_fp8,
    fp8,
    fp_quant,
    modelopt,
    mxfp4,
    mxfp8,
    nvfp4,
    quark,
)
from model_loupe.domain.quantization.gptq import auto_round, awq, gptq
from model_loupe.domain.quantization.libraries import (
    bitsandbytes,
    eetq,
    hqq,
    quanto,
    sinq,
    torchao,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from model_loupe.domain.quantization.scheme import Scheme

RULES: dict[str, Callable[[dict[str, Any], dict[str, Any]], Scheme]] = {
    "aqlm": aqlm,
    "auto-round": auto_round,
    "awq": awq,
    "bitnet": bitnet,
    "bitsandbytes": bitsandbytes,
    "bitsandbytes-4bit": bitsandbytes,
    "bitsandbytes-8bit": bitsandbytes,
    "compressed-tensors": compressed_tensors,
    "eetq": eetq,
    "fbgemm-fp8": fbgemm_fp8,
    "fp-quant": fp_quant,
    "fp8": fp8,
    "gemma": gemma,
    "gptq": gptq,
    "higgs": higgs,
    "hqq": hqq,
    "intel/auto-round": auto_round,
    "metal": metal,
    "mlx": mlx,
    "modelopt": modelopt,
    "mxfp4": mxfp4,
    "mxfp8": mxfp8,
    "nvfp4": nvfp4,
    "quanto": quanto,
    "quark": quark,
    "sinq": sinq,
    "spqr": spqr,
    "torchao": torchao,
    "vptq": vptq,
}

# Schemes and forms of them whose layout is known from descriptions alone.
UNCHECKED = frozenset({"aqlm", "quark", "sinq", "spqr", "vptq"})
UNCHECKED_FORMS = frozenset({"gemv", "gemv_fast", "marlin", "marlin_24", "marlin-24"})
