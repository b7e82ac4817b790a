"""HQQ's layers, in safetensors as transformers 4 saves them (transformers 5 cannot quantise with it yet)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
from safetensors.torch import save_file

from tests.libraries.quantized import LINEARS, TOTAL, described, replace_linears, tensors_of, tiny_llama
from tests.libraries.quantized import declare as declare_quantization

# What packing takes: ten 3-bit values to an int32, and rows filled up to a multiple of ten.
CASES = [(bits, axis, view) for bits in (8, 4, 3, 2, 1) for axis in (0, 1) for view in (False, True)]


@pytest.mark.parametrize(("bits", "axis", "view"), CASES)
def test_counts_are_the_models(bits: int, axis: int, view: bool, tmp_path: Path) -> None:
    config = BaseQuantizeConfig(nbits=bits, group_size=64, axis=axis, view_as_float=view)

    def quantize(linear: torch.nn.Linear) -> HQQLinear:
        return HQQLinear(linear, config, compute_dtype=torch.bfloat16, device="cpu")

    model = tiny_llama()
    model.config.save_pretrained(tmp_path)
    replace_linears(model, quantize)
    layers = [module for module in model.modules() if isinstance(module, HQQLinear)]
    # The library's own idea of how many weights there are.
    assert sum(layer.meta["shape"].numel() for layer in layers) == LINEARS
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    declare_quantization(tmp_path, {"quant_method": "hqq", "quant_config": config})

    description = described(tmp_path)
    count = description.parameters
    assert count.exact, count.reason
    assert count.total == TOTAL
    assert count.quantized is not None
    assert count.quantized.parameters == LINEARS
    assert set(count.quantized.unquantized) == {"embed_tokens", "lm_head", "norms"}
    assert count.quantized.bytes == sum(layer.W_q.nbytes for layer in layers)
    assert description.stored_bytes == sum(tensor.nbytes for tensor in tensors_of(tmp_path).values())
    assert count.overhead + sum(tensor.numel() for tensor in (layer.W_q for layer in layers)) + (
        TOTAL - LINEARS
    ) == sum(row.elements for row in count.by_dtype.values())
