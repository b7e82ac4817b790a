"""torchao's tensor subclasses, flattened into safetensors by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import (
    Float8WeightOnlyConfig,
    Int8DynamicActivationInt8WeightConfig,
    Int8DynamicActivationIntxWeightConfig,
    Int8WeightOnlyConfig,
    IntxWeightOnlyConfig,
    quantize_,
)
from transformers import TorchAoConfig

from tests.libraries.quantized import (
    LINEARS,
    TOTAL,
    assert_counted,
    declare,
    described,
    is_linear,
    quantized_through_transformers,
    replace_linears,
    tiny_llama,
)

CONFIGS: list[Any] = [
    Int8WeightOnlyConfig(),
    Float8WeightOnlyConfig(),
    Int8DynamicActivationInt8WeightConfig(),
    # Stored in a byte each, as torchao leaves packing to the kernel.
    Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4),
    IntxWeightOnlyConfig(weight_dtype=torch.int4),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_counts_are_the_models(config: Any, tmp_path: Path) -> None:
    folder, model = quantized_through_transformers(tmp_path, TorchAoConfig(config))
    description = assert_counted(folder, 8)
    assert model.num_parameters() == TOTAL
    assert description.quantization is not None
    assert description.quantization.form == type(config).__name__


SMALL_FLOATS = {
    "nvfp4": (lambda weight: NVFP4Tensor.to_nvfp4(weight), 4),
    "mxfp4": (lambda weight: MXTensor.to_mx(weight, torch.float4_e2m1fn_x2, 32), 4),
    "mxfp8": (lambda weight: MXTensor.to_mx(weight, torch.float8_e4m3fn, 32), 8),
}


@pytest.mark.parametrize("form", SMALL_FLOATS)
def test_microscaling_tensors(form: str, tmp_path: Path) -> None:
    """What the GPU-only configs make, made by the tensor classes themselves and saved by torchao."""
    convert, bits = SMALL_FLOATS[form]

    def quantize(linear: torch.nn.Linear) -> torch.nn.Linear:
        linear.weight = torch.nn.Parameter(convert(linear.weight.data), requires_grad=False)
        return linear

    model = tiny_llama()
    model.config.save_pretrained(tmp_path)
    flat, metadata = flatten_tensor_state_dict(replace_linears(model, quantize).state_dict())
    save_file(flat, tmp_path / "model.safetensors", {"format": "pt", **metadata})
    declare(tmp_path, {"quant_method": "torchao"})
    assert_counted(tmp_path, bits)
    assert model.num_parameters() == TOTAL


def test_pickled_tensor_subclasses(tmp_path: Path) -> None:
    """As transformers saved torchao's work before it could be flattened: the pickle tells logical shapes."""
    model = tiny_llama()
    model.config.save_pretrained(tmp_path)
    quantize_(
        model, Int8WeightOnlyConfig(), lambda module, name: module is not model.lm_head and is_linear(module)
    )
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    declare(
        tmp_path, {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}}
    )
    count = described(tmp_path).parameters
    assert (count.total, count.exact) == (TOTAL, True)
    assert count.trainable == TOTAL - LINEARS
    assert count.quantized is not None
    assert count.quantized.parameters == LINEARS
    inside = sum(
        module.weight.qdata.nbytes + module.weight.scale.nbytes + module.weight.zero_point.nbytes
        for name, module in model.named_modules()
        if is_linear(module) and name != "lm_head"
    )
    assert count.quantized.bytes == inside
