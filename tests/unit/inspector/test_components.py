"""Models made of parts: pipelines of diffusers, sentence-transformers, adapters, composite configs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import Description, Inspector, ModelRequest, card, summary
from model_loupe.inspector.schema import to_json
from tests.support.checkpoints import SMALL_CONFIG, small_gemma_tensors, write_checkpoint


def describe(path: Path, **fields: Any) -> Description:
    return Inspector().describe(ModelRequest(str(path), **fields))


def codes(description: Description) -> list[str]:
    return [warning.code for warning in description.warnings]


def save(path: Path, shapes: dict[str, tuple[int, ...]], dtype: Any = np.float16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.zeros(shape, dtype) for name, shape in shapes.items()}, path)


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """As diffusers saves a text-to-image pipeline: 600 + 240 + 96 parameters."""
    write_json(
        tmp_path / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.36.0",
            "feature_extractor": [None, None],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    save(tmp_path / "unet/diffusion_pytorch_model.safetensors", {"conv_in.weight": (20, 30)})
    save(tmp_path / "unet/diffusion_pytorch_model.fp16.safetensors", {"conv_in.weight": (20, 30)})
    save(tmp_path / "vae/diffusion_pytorch_model.safetensors", {"encoder.conv.weight": (12, 20)}, np.float32)
    save(tmp_path / "text_encoder/model.safetensors", {"embeddings.weight": (12, 8)})
    write_json(tmp_path / "unet/config.json", {"_class_name": "UNet2DConditionModel"})
    write_json(tmp_path / "text_encoder/config.json", {"architectures": ["CLIPTextModel"]})
    write_json(tmp_path / "scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"})
    write_json(tmp_path / "tokenizer/tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer"})
    return tmp_path


def test_a_pipeline_is_the_sum_of_its_components(pipeline: Path) -> None:
    description = describe(pipeline)
    assert description.architecture == "StableDiffusionPipeline"
    assert (description.parameters.total, description.parameters.exact) == (936, True)
    assert description.stored_bytes == 600 * 2 + 240 * 4 + 96 * 2
    assert {part.name: part.parameters for part in description.parts} == {
        "scheduler": 0,
        "text_encoder": 96,
        "tokenizer": 0,
        "unet": 600,
        "vae": 240,
    }
    assert {dtype: row.parameters for dtype, row in description.parameters.by_dtype.items()} == {
        "float16": 696,
        "float32": 240,
    }
    assert codes(description) == []
    assert description.weights.not_taken == {
        "unet/diffusion_pytorch_model.fp16.safetensors": "not among the files that this call takes"
    }
    assert "StableDiffusionPipeline · 936 params" in summary(description, LoadOptions())
    shown = card(description, LoadOptions(), requested="sd")
    assert "unet 600" in shown
    assert "scheduler" in shown


def test_the_tree_has_a_subtree_for_each_component(pipeline: Path) -> None:
    inspector = Inspector()
    root = inspector.root(ModelRequest(str(pipeline)))
    sections = {row.label: row for row in inspector.children(root.id)}
    names = [row.label for row in inspector.children(sections["Architecture"].id)]
    assert names == ["text_encoder", "unet", "vae"]
    parts = {row.label: row.description for row in inspector.children(sections["Parts"].id)}
    assert parts["unet"].startswith("UNet2DConditionModel · 600")
    assert parts["scheduler"] == "PNDMScheduler"
    answer = to_json(describe(pipeline), tree=True)
    assert [part["name"] for part in answer["parts"]][-2:] == ["unet", "vae"]
    assert len(answer["tree"]["children"]) == 3


def test_a_component_that_is_not_there_is_named(pipeline: Path) -> None:
    (pipeline / "vae/diffusion_pytorch_model.safetensors").unlink()
    (pipeline / "unet/config.json").unlink()
    (pipeline / "unet/diffusion_pytorch_model.safetensors").unlink()
    (pipeline / "unet/diffusion_pytorch_model.fp16.safetensors").unlink()
    (pipeline / "unet").rmdir()
    description = describe(pipeline)
    assert codes(description) == ["missing-component", "missing-weights"]
    assert description.parameters.total is None


def test_a_variant_of_each_component(pipeline: Path) -> None:
    (pipeline / "vae/diffusion_pytorch_model.safetensors").rename(
        pipeline / "vae/diffusion_pytorch_model.fp16.safetensors"
    )
    (pipeline / "text_encoder/model.safetensors").rename(pipeline / "text_encoder/model.fp16.safetensors")
    assert describe(pipeline, variant="fp16").parameters.total == 936


def test_a_component_that_changes_is_read_anew(pipeline: Path) -> None:
    inspector = Inspector()
    request = ModelRequest(str(pipeline))
    assert inspector.describe(request).parameters.total == 936
    save(pipeline / "unet/diffusion_pytorch_model.safetensors", {"conv_in.weight": (20, 31)})
    assert inspector.describe(request).parameters.total == 956


@pytest.mark.parametrize("text", ["[1]", "{", '{"unet": ["diffusers"], "../x": ["a", "B"], "vae": 3}'])
def test_a_malformed_index_is_no_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "model_index.json").write_text(text)
    save(tmp_path / "model.safetensors", {"weight": (3,)})
    describe(tmp_path)


# --- sentence-transformers ------------------------------------------------------------------------------


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, SMALL_CONFIG, small_gemma_tensors())
    prefix = "sentence_transformers.models."
    write_json(
        tmp_path / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": f"{prefix}Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{prefix}Pooling"},
        ],
    )
    write_json(tmp_path / "1_Pooling/config.json", {"pooling_mode_mean_tokens": True})
    return tmp_path


def test_sentence_transformers(sentences: Path) -> None:
    description = describe(sentences)
    assert description.parameters.total == 661_824
    assert [(part.class_name, part.parameters) for part in description.parts] == [
        ("Transformer", 661_824),
        ("Pooling", 0),
    ]
    assert "Transformer 661.82 K · Pooling" in card(description, LoadOptions(), requested="x")


def test_a_dense_module_counts(sentences: Path) -> None:
    modules = json.loads((sentences / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    write_json(sentences / "modules.json", modules)
    write_json(sentences / "2_Dense/config.json", {"in_features": 64, "out_features": 32})
    save(sentences / "2_Dense/model.safetensors", {"linear.weight": (32, 64), "linear.bias": (32,)})
    description = describe(sentences)
    assert description.parameters.total == 661_824 + 32 * 64 + 32
    assert [part.parameters for part in description.parts] == [661_824, 0, 2080]


# --- adapters -------------------------------------------------------------------------------------------


def write_adapter(folder: Path, base: str, **changes: Any) -> Path:
    """LoRA of rank 4 on q_proj (64 × 64) and v_proj (16 × 64) of two layers, and a copy of the norm."""
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": 4,
        "lora_alpha": 16,
        "target_modules": ["q_proj", "v_proj"],
        "modules_to_save": ["norm"],
        **changes,
    }
    write_json(folder / "adapter_config.json", config)
    shapes: dict[str, tuple[int, ...]] = {"base_model.model.model.norm.weight": (64,)}
    for layer in range(2):
        for name, rows in (("q_proj", 64), ("v_proj", 16)):
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            shapes[f"{prefix}.lora_A.weight"] = (4, 64)
            shapes[f"{prefix}.lora_B.weight"] = (rows, 4)
    save(folder / "adapter_model.safetensors", shapes, np.float32)
    return folder


OWN = 2 * (4 * (64 + 64) + 4 * (16 + 64)) + 64


def test_lora_and_its_base(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "base", SMALL_CONFIG, small_gemma_tensors())
    description = describe(write_adapter(tmp_path / "lora", str(tmp_path / "base")))
    assert description.parameters.total == OWN
    adapter = description.adapter
    assert adapter is not None
    assert (adapter.name, adapter.rank, adapter.alpha, adapter.scaling) == ("LoRA", 4, 16, 4)
    assert (adapter.targets, adapter.saved) == (("q_proj", "v_proj"), ("norm",))
    assert description.base is not None
    assert description.base.parameters.total == 661_824
    shown = card(description, LoadOptions(), requested="./lora")
    assert shown.startswith("**LoRA adapter**")
    assert "rank 4 · alpha 16 · scaling 4 · on q_proj, v_proj · trains norm whole" in shown
    assert f"{100 * OWN / 661_824:.3g} % of it" in shown
    assert f"{OWN + 661_824:,} parameters together, 661,824 merged" in shown
    answer = to_json(description)
    assert answer["adapter"]["base_parameters"] == 661_824
    assert answer["kv_cache"] is None


def test_a_base_that_is_not_here(tmp_path: Path) -> None:
    description = describe(write_adapter(tmp_path, "./nowhere"))
    assert description.parameters.total == OWN
    assert "not on this machine" in card(description, LoadOptions(), requested="x")


@pytest.mark.parametrize(
    ("changes", "name", "scaling"),
    [
        ({"use_rslora": True}, "LoRA", 8),
        ({"use_dora": True}, "DoRA", 4),
        ({"peft_type": "IA3", "r": None}, "IA3", None),
        ({"peft_type": "PROMPT_TUNING", "r": None}, "prompt tuning", None),
        ({"r": "many", "target_modules": 3}, "LoRA", None),
    ],
)
def test_kinds_of_adapters(tmp_path: Path, changes: dict[str, Any], name: str, scaling: float | None) -> None:
    adapter = describe(write_adapter(tmp_path, "x/y", **changes)).adapter
    assert adapter is not None
    assert (adapter.name, adapter.scaling) == (name, scaling)


def test_an_adapter_beside_full_weights(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, SMALL_CONFIG, small_gemma_tensors())
    description = describe(write_adapter(tmp_path, "x/y"))
    assert description.adapter is None
    assert description.parameters.total == 661_824
    assert codes(description) == ["adapter-beside-weights"]


# --- others ---------------------------------------------------------------------------------------------


def test_parts_of_a_composite_config(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"vision_config": {}, "text_config": {}, "architectures": ["X"]})
    save(
        tmp_path / "model.safetensors",
        {
            "model.vision_tower.a.weight": (4, 5),
            "model.language_model.b.weight": (6, 7),
            "lm_head.weight": (2, 3),
        },
    )
    parts = {part.name: part.parameters for part in describe(tmp_path).parts}
    assert parts == {"lm_head": 6, "model.language_model": 42, "model.vision_tower": 20}


def test_a_folder_with_a_tokenizer_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "GemmaTokenizer"})
    description = describe(tmp_path)
    assert description.tokenizer is not None
    assert card(description, LoadOptions(), requested="x").startswith("**Tokenizer**")
    assert "GemmaTokenizer" in card(description, LoadOptions(), requested="x")
