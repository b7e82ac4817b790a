"""bitsandbytes, as transformers saves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BitsAndBytesConfig

from tests.libraries.quantized import TOTAL, assert_counted, quantized_through_transformers

FORMS = {
    "nf4": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    "fp4": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    "nf4, double quantised": BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    ),
    "int8": BitsAndBytesConfig(load_in_8bit=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_counts_are_the_models(form: str, tmp_path: Path) -> None:
    folder, model = quantized_through_transformers(tmp_path, FORMS[form])
    description = assert_counted(folder, 8 if form == "int8" else 4)
    # transformers itself counts two parameters to a byte.
    assert model.num_parameters() == TOTAL
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert description.parameters.trainable == trainable
    assert description.quantization is not None
    assert description.quantization.form == form


@pytest.mark.parametrize("storage", ["bfloat16", "float16", "float32"])
def test_packed_bytes_in_a_floating_dtype(storage: str, tmp_path: Path) -> None:
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_storage=storage)
    folder, _ = quantized_through_transformers(tmp_path, config)
    assert_counted(folder, 4)


@pytest.mark.parametrize("form", ["nf4", "fp4", "int8"])
def test_a_single_file_without_its_config(form: str, tmp_path: Path) -> None:
    folder, _ = quantized_through_transformers(tmp_path, FORMS[form])
    for path in folder.glob("*.json"):
        path.unlink()
    description = assert_counted(folder / "model.safetensors", 8 if form == "int8" else 4)
    assert description.quantization is not None
    assert description.quantization.form == form
