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

from model_loupe.worker.casting import gguf
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


def packed_q6_k(groups: gguf.Groups) -> np.ndarray:
    """``block_q6_K`` of ggml-common.h: low four bits, high two, 8-bit scales, a float16."""
    codes = (groups.codes.t().reshape(-1, 2, 4, 32) + 32).to(torch.uint8).numpy()
    low = np.concatenate([codes[:, :, :2] & 15 | (codes[:, :, 2:] & 15) << 4], axis=2).reshape(-1, 128)
    high = np.zeros((len(codes), 2, 32), np.uint8)
    for quarter in range(4):
        high |= (codes[:, :, quarter] >> 4) << 2 * quarter
    multiples = groups.multiples.to(torch.int8).numpy().view(np.uint8)
    scale = groups.scale.to(torch.float16).numpy().view(np.uint8)
    return np.concatenate([low, high.reshape(-1, 64), multiples, scale], axis=1)


def packed_q4_k(groups: gguf.Groups) -> np.ndarray:
    """``block_q4_K`` of ggml-common.h: two float16, eight 6-bit pairs in 12 bytes, codes of 4 bits."""
    assert groups.minimum is not None
    assert groups.multiples_of_minimum is not None
    halves = torch.cat([groups.scale, groups.minimum], dim=1).to(torch.float16).numpy().view(np.uint8)
    scales = groups.multiples.to(torch.uint8).numpy()
    minima = groups.multiples_of_minimum.to(torch.uint8).numpy()
    packed = [
        scales[:, :4] | (scales[:, 4:] >> 4) << 6,
        minima[:, :4] | (minima[:, 4:] >> 4) << 6,
        scales[:, 4:] & 15 | (minima[:, 4:] & 15) << 4,
    ]
    codes = groups.codes.t().reshape(-1, 4, 2, 32).to(torch.uint8).numpy()
    return np.concatenate([halves, *packed, (codes[:, :, 0] | codes[:, :, 1] << 4).reshape(-1, 128)], axis=1)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", ["Q4_K", "Q6_K"])
def test_blocks_of_llama_cpp_are_brought_back_as_the_package_does(dtype: torch.dtype, name: str) -> None:
    """The package only unpacks these: what our quantiser decides is packed here."""
    given = hostile(dtype)
    make, pack = {"Q4_K": (gguf.q4_k_groups, packed_q4_k), "Q6_K": (gguf.q6_k_groups, packed_q6_k)}[name]
    groups = make(given.reshape(-1, 256))
    for integers in (groups.codes, groups.multiples):
        assert torch.equal(integers, integers.round())
    theirs = quants.dequantize(pack(groups), GGMLQuantizationType[name])
    same(cast(name, given), torch.from_numpy(theirs).reshape(given.shape))
    error = (cast(name, given) - given.double())[10:]
    assert error.square().sum() < {"Q4_K": 0.01, "Q6_K": 0.001}[name] * given[10:].double().square().sum()


# OCP Microscaling Formats specification 1.0, table 5 (E2M1: all values of one sign).
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def test_mxfp4_has_the_values_of_the_specification() -> None:
    """Section 6.3: the scale is 2 to the exponent of the largest magnitude, less 2, that of E2M1's 4."""
    block = torch.zeros(1, 32)
    for power in (-20, 0, 9):
        block[0, :8] = torch.tensor(E2M1) * 2.0**power
        block[0, 8:16] = -block[0, :8]
        # Halfway between two values the even code is taken: 0.25 → 0, 0.75 → 1, 1.25 → 1, 2.5 → 2, 5 → 4.
        block[0, 16:21] = torch.tensor([0.25, 0.75, 1.25, 2.5, 5.0]) * 2.0**power
        expected = block.clone()
        expected[0, 16:21] = torch.tensor([0.0, 1.0, 1.0, 2.0, 4.0]) * 2.0**power
        assert torch.equal(cast("mxfp4", block), expected.double())
    # 7.5 has the exponent of 4, too, and is clamped to 6.
    block.zero_()[0, 0] = 7.5
    assert cast("mxfp4", block)[0, 0] == 6.0


def test_mxfp8_has_the_values_of_the_specification() -> None:
    """Table 1 there: E4M3's largest is 448 = 1.75·2⁸, its smallest subnormal 2⁻⁹; the scale is 2^(e − 8)."""
    block = torch.zeros(1, 32)
    block[0, :5] = torch.tensor([448.0, 2.0**-9, 2.0**-6, 17.0, 2.0**-11])
    expected = block.clone()
    # 17 lies between 16 and 18, and 16 has the even code.
    expected[0, 3], expected[0, 4] = 16.0, 0.0
    assert torch.equal(cast("mxfp8", block), expected.double())
    block[0, 0] = 500.0
    assert cast("mxfp8", block)[0, 0] == 448.0
