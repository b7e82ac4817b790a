"""What the headers do not tell is marked, and what they tell only beside ``config.json`` is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import Description, Inspector, LoadOptions, ModelRequest
from model_loupe.inspector.facts import facts
from tests.support import checkpoints as made
from tests.unit.domain.test_quantization_layouts import (
    GPTQ,
    IN,
    KEPT,
    KEPT_PARAMETERS,
    LINEAR,
    OUT,
    TORCHAO,
    compressed,
    gptq_layer,
    packed,
    torchao,
)

# quantization_config, tensors, the count that is the best guess, and what the reason must say.
DOUBTFUL: dict[str, tuple[dict[str, Any], list[made.Tensor], int, str]] = {
    "unknown": (
        {"quant_method": "fouroversix"},
        [("l.quantized_weight_values", "U8", [OUT, IN // 2])],
        LINEAR // 2,
        "fouroversix",
    ),
    "gptq with bits by layer and nothing beside": (
        {**GPTQ, "bits": 4, "dynamic": {"l": {"bits": 8}}},
        [("l.qweight", "I32", [IN // 4, OUT])],
        2 * LINEAR,
        "bits of their own (dynamic)",
    ),
    "torchao, int4 tiles": (
        TORCHAO,
        torchao("I32", [OUT // 8, IN // 128, 32, 4], ("scale_and_zero", "BF16", [IN // 128, OUT, 2])),
        LINEAR,
        "tiles or sparsity",
    ),
    "compressed-tensors, 3 bits with a scale a row": (
        compressed("pack-quantized", 3),
        [("l.weight_packed", "I32", [OUT, 103]), ("l.weight_scale", "BF16", [OUT, 1])],
        OUT * 1030,
        "do not tell how many",
    ),
    "spqr": (
        {"quant_method": "spqr", "bits": 3},
        [("l.dense_weights", "I64", [LINEAR // 16]), ("l.row_offsets", "I32", [OUT + 1])],
        LINEAR,
        "tiles",
    ),
    "vptq without its layers": (
        {"quant_method": "vptq"},
        [("l.indices", "I32", [1, 512, 2048])],
        512 * 2048,
        "config_for_layers",
    ),
    "gemma with bits by module": (
        {"quant_method": "gemma", "num_bits": 4, "module_quant_configs": {"mlp": {"num_bits": 2}}},
        packed("U8", [OUT, IN // 2], [OUT, 1]),
        LINEAR,
        "module_quant_configs",
    ),
}


def describe(folder: Path, config: dict[str, Any], tensors: list[made.Tensor]) -> Description:
    made.write_checkpoint(folder, config, [*KEPT, *tensors])
    return Inspector().describe(ModelRequest(str(folder)))


def shown_as(description: Description) -> str:
    return next(fact.value for fact in facts(description, LoadOptions()) if fact.label == "Quantised")


@pytest.mark.parametrize("case", DOUBTFUL)
def test_a_guess_is_marked_with_its_reason(case: str, tmp_path: Path) -> None:
    declared, tensors, guess, reason = DOUBTFUL[case]
    description = describe(tmp_path, {"quantization_config": declared}, tensors)
    count = description.parameters
    assert not count.exact
    assert reason in (count.reason or "")
    assert count.total == KEPT_PARAMETERS + guess
    assert case == "unknown" or "≈" in shown_as(description)


SIDE_FILES: dict[str, tuple[str, dict[str, Any], list[made.Tensor], str]] = {
    "modelopt": (
        "hf_quant_config.json",
        {
            "producer": {"name": "modelopt", "version": "0.23.0"},
            "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16},
        },
        [
            *packed("U8", [OUT, IN // 2], []),
            ("l.weight_scale_2", "F32", []),
            ("l.k_proj.k_scale", "F32", []),
        ],
        "NVFP4",
    ),
    "gptq": ("quantize_config.json", {"bits": 4, "group_size": 128}, gptq_layer(4), "gptq, 4 bits"),
    "awq": (
        "quant_config.json",
        {"w_bit": 4, "q_group_size": 128, "version": "GEMM", "zero_point": True},
        [
            ("l.qweight", "I32", [IN, OUT // 8]),
            ("l.qzeros", "I32", [8, OUT // 8]),
            ("l.scales", "F16", [8, OUT]),
        ],
        "awq (gemm), 4 bits",
    ),
}


@pytest.mark.parametrize("case", SIDE_FILES)
def test_a_scheme_declared_beside_the_config(case: str, tmp_path: Path) -> None:
    name, content, tensors, shown = SIDE_FILES[case]
    (tmp_path / name).write_text(json.dumps(content))
    description = describe(tmp_path, {"model_type": "qwen3"}, tensors)
    assert description.quantization is not None
    assert description.quantization.name == case
    assert (description.parameters.total, description.parameters.exact) == (LINEAR + KEPT_PARAMETERS, True)
    assert shown in shown_as(description)
    assert "left as they are (embed_tokens, norms)" in shown_as(description)


def test_the_config_comes_before_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "quantize_config.json").write_text('{"bits": 8}')
    description = describe(tmp_path, {"quantization_config": {**GPTQ, "bits": 4}}, gptq_layer(4))
    assert description.quantization is not None
    assert description.quantization.bits == 4


def test_a_broken_side_file_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "hf_quant_config.json").write_text("[1, 2")
    description = describe(tmp_path, {}, [])
    assert description.quantization is None
    assert [warning.code for warning in description.warnings] == ["bad-json"]


@pytest.mark.parametrize(("config", "real"), [({}, False), ({"attention_bias": True}, True)])
def test_zero_biases_of_old_gptq_files_are_no_parameters(
    config: dict[str, Any], real: bool, tmp_path: Path
) -> None:
    """AutoGPTQ gave each layer of a Llama a bias; only the config says whether the model has one."""
    tensors = [*gptq_layer(4), ("l.bias", "F16", [OUT])]
    whole = {"model_type": "llama", "quantization_config": {**GPTQ, "bits": 4}, **config}
    count = describe(tmp_path, whole, tensors).parameters
    assert count.total == LINEAR + KEPT_PARAMETERS + (OUT if real else 0)


@pytest.mark.parametrize(
    "declared",
    [
        {"quant_method": "gptq", "bits": "four", "dynamic": 3, "checkpoint_format": ["x"]},
        {"quant_method": "compressed-tensors", "config_groups": [1], "format": {}, "sparsity_config": 3},
        {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"group_size": True}}}},
        {"quant_method": "torchao", "quant_type": {"default": 5}},
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 999, "group_size": "x"}}},
        {"quant_method": "quark", "global_quant_config": {"weight": []}},
        {"quant_method": "vptq", "config_for_layers": {"l": 4}},
        {"quant_method": "aqlm", "in_group_size": 10**9},
        {"quant_method": "x" * 10_000},
        {"quant_method": {}},
        {},
    ],
    ids=lambda declared: str(declared)[:60],
)
def test_a_config_of_nonsense_does_no_harm(declared: dict[str, Any], tmp_path: Path) -> None:
    tensors: list[made.Tensor] = [
        ("l.qweight", "I32", []),
        ("l.scales", "F16", [0]),
        ("l._weight_qdata", "I8", []),
        ("l._weight_scale", "F16", [4]),
        ("l.weight_packed", "I32", [3, 0]),
        ("l.weight_scale", "BF16", [0]),
        ("m.weight_packed", "I32", []),
        ("m.weight_scale", "BF16", []),
        ("l.W_q", "U8", [0, 4]),
        ("l.scale", "F16", [1, 1]),
        ("l.codes", "I16", [1]),
        ("l.codebooks", "F16", [1]),
        ("l.indices", "I32", []),
        ("l.compressed", "BF16", []),
        ("l.bitmask", "U8", []),
    ]
    description = describe(tmp_path, {"quantization_config": declared}, tensors)
    assert description.parameters.total is not None
    if description.quantization is not None:
        assert len(shown_as(description)) < 400
