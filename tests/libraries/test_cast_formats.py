"""Our casts against the libraries' own, bit by bit: bitsandbytes, torchao, gguf, torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bitsandbytes import functional as bnb
from gguf import GGMLQuantizationType, quants
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor, per_tensor_amax_to_scale
from torchao.quantization import quant_primitives

from tests.libraries.casts import cast, hostile

ALL = (torch.bfloat16, torch.float16, torch.float32)
WIDE = (torch.bfloat16, torch.float32)


def same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert torch.equal(ours.nan_to_num(nan=-1.25e300), theirs.double().nan_to_num(nan=-1.25e300))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("double", [False, True])
def test_four_bits_are_those_of_bitsandbytes(dtype: torch.dtype, kind: str, double: bool) -> None:
    for given in (hostile(dtype), hostile(dtype, 11, 333)):
        packed, state = bnb.quantize_4bit(given, blocksize=64, compress_statistics=double, quant_type=kind)
        same(cast(kind + "_double" * double, given), bnb.dequantize_4bit(packed, state))


@pytest.mark.parametrize("dtype", ALL)
def test_int8_is_that_of_bitsandbytes(dtype: torch.dtype) -> None:
    given = hostile(dtype)
    codes, scales, _ = bnb.int8_vectorwise_quant(given.to(torch.float16))
    same(cast("int8", given), bnb.int8_vectorwise_dequant(codes, scales))


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize(
    ("name", "element"), [("mxfp4", torch.float4_e2m1fn_x2), ("mxfp8", torch.float8_e4m3fn)]
)
def test_mx_is_that_of_torchao(dtype: torch.dtype, name: str, element: torch.dtype) -> None:
    given = hostile(dtype)
    same(cast(name, given), MXTensor.to_mx(given, element, 32).dequantize(torch.float32))


@pytest.mark.parametrize("dtype", WIDE)
def test_nvfp4_is_that_of_torchao(dtype: torch.dtype) -> None:
    given = hostile(dtype)
    scale = per_tensor_amax_to_scale(given.abs().max())
    same(cast("nvfp4", given), NVFP4Tensor.to_nvfp4(given, per_tensor_scale=scale).dequantize(torch.float32))


@pytest.mark.parametrize("dtype", ALL)
def test_int4_is_that_of_torchao(dtype: torch.dtype) -> None:
    given = hostile(dtype).to(torch.bfloat16)
    block = (1, 64)
    scale, zero = quant_primitives._choose_qparams_affine_tinygemm(
        given, quant_primitives.MappingType.ASYMMETRIC, block, torch.int32, 0, 15, 1e-6,
        torch.bfloat16, torch.bfloat16,
    )  # fmt: skip
    codes = quant_primitives._quantize_affine_tinygemm(given, block, scale, zero, torch.int32, 0, 15)
    theirs = quant_primitives._dequantize_affine_tinygemm(
        codes, block, scale, zero, torch.int32, 0, 15, output_dtype=torch.bfloat16
    )
    same(cast("int4", hostile(dtype)), theirs)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", ["Q8_0", "Q4_0"])
def test_gguf_is_that_of_the_package(dtype: torch.dtype, name: str) -> None:
    given = hostile(dtype)
    kind = GGMLQuantizationType[name]
    theirs = quants.dequantize(quants.quantize(given.float().numpy(), kind), kind)
    same(cast(name, given), torch.from_numpy(np.ascontiguousarray(theirs)))
