"""compressed-tensors: its presets, compressed by its own ``ModelCompressor``."""

from __future__ import annotations

from pathlib import Path

import pytest
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (
    QuantizationConfig,
    apply_quantization_config,
    preset_name_to_scheme,
)

from tests.libraries.quantized import LINEARS, TOTAL, assert_counted, described, tiny_llama

# Preset → bits that a weight takes on disk.
PRESETS = {
    "W2A16": 2,
    "W3A16": 3,
    "W4A16": 4,
    "W4A16_ASYM": 4,
    "W5A16": 5,
    "W6A16": 6,
    "W7A16": 7,
    "W8A16": 8,
    "W8A8": 8,
    "FP8": 8,
    "FP8_DYNAMIC": 8,
    "FP8_BLOCK": 8,
    "NVFP4": 4,
    "NVFP4A16": 4,
    "MXFP4A16": 4,
    "MXFP6A16": 6,
    "MXFP8A16": 8,
}


def save_compressed(folder: Path, presets: dict[str, list[str]]) -> None:
    """Saves the tiny model with the layers of each target pattern in a preset."""
    model = tiny_llama()
    groups = {
        f"group_{number}": preset_name_to_scheme(preset, targets)
        for number, (preset, targets) in enumerate(presets.items())
    }
    apply_quantization_config(model, QuantizationConfig(config_groups=groups, ignore=["lm_head"]))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(str(folder))


@pytest.mark.parametrize("preset", PRESETS)
def test_counts_are_the_models(preset: str, tmp_path: Path) -> None:
    save_compressed(tmp_path, {preset: ["Linear"]})
    description = assert_counted(tmp_path, PRESETS[preset])
    assert description.quantization is not None
    assert description.quantization.name == "compressed-tensors"


def test_groups_of_several_widths(tmp_path: Path) -> None:
    """Recipes often give the down projections more bits."""
    save_compressed(tmp_path, {"W4A16": ["re:.*(q|k|v|o|gate|up)_proj"], "W8A16": ["re:.*down_proj"]})
    count = described(tmp_path).parameters
    assert (count.total, count.exact) == (TOTAL, True)
    assert count.quantized is not None
    assert count.quantized.parameters == LINEARS
