"""optimum-quanto, saved by its own ``QuantizedModelForCausalLM``."""

from __future__ import annotations

from pathlib import Path

import pytest
from optimum.quanto import QuantizedModelForCausalLM, freeze, qfloat8, qint2, qint4, qint8, quantize

from tests.libraries.quantized import LINEARS, TOTAL, assert_counted, described, tiny_llama

TYPES = {"int8": qint8, "int4": qint4, "int2": qint2, "float8": qfloat8}


@pytest.mark.parametrize("weights", TYPES)
def test_counts_are_the_models(weights: str, tmp_path: Path) -> None:
    """The library declares its work in quanto_qmap.json, not in config.json."""
    quantized = QuantizedModelForCausalLM.quantize(tiny_llama(), weights=TYPES[weights], exclude="lm_head")
    quantized.save_pretrained(tmp_path)
    description = assert_counted(tmp_path, TYPES[weights].bits)
    assert description.quantization is not None
    assert description.quantization.name == "quanto"
    assert (description.quantization.form or "").startswith(weights)
    assert sum(parameter.numel() for parameter in quantized.parameters()) == TOTAL


def test_modules_of_several_types(tmp_path: Path) -> None:
    model = tiny_llama()
    quantize(model, weights=qint2, include="*gate_proj")
    quantize(model, weights=qint8, include="*down_proj")
    quantize(model, weights=qint4, exclude=["lm_head", "*gate_proj", "*down_proj"])
    freeze(model)
    QuantizedModelForCausalLM(model).save_pretrained(tmp_path)
    count = described(tmp_path).parameters
    assert (count.total, count.exact) == (TOTAL, True)
    assert count.quantized is not None
    assert count.quantized.parameters == LINEARS
