"""Operations of parts of real models against torch's own counter, on the meta device: nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from model_loupe.domain.explain import Counted, Subject, attention_flops, flops_of
from tests.libraries.architectures import config_json, on_meta

IMAGE = {"pixel_values": (1, 3, 224, 224)}
TEXT = {"input_ids": (1, 16)}
SOUND = {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 4)}
DENSE = {"num_hidden_layers": 3, "first_k_dense_replace": 3}


class Row(NamedTuple):
    """The part ``path`` of a class meets so many ``positions``, each of which attends to ``seen``."""

    name: str
    inputs: dict[str, tuple[int, ...]]
    path: str
    positions: int
    seen: int = 0
    config: dict[str, Any] | None = None


ROWS = [
    Row("ViTModel", IMAGE, "embeddings.patch_embeddings.projection", 196),
    # With the vector for the whole image.
    Row("ViTModel", IMAGE, "layers.0", 197, 197),
    Row("CLIPVisionModel", IMAGE, "embeddings.patch_embedding", 49),
    Row("CLIPVisionModel", IMAGE, "encoder", 50, 50),
    Row("SwinModel", IMAGE, "embeddings", 56 * 56),
    Row("SwinModel", IMAGE, "encoder.layers.0.blocks.0", 56 * 56, 49),
    Row("SwinModel", IMAGE, "encoder.layers.1.blocks.0", 28 * 28, 49),
    Row("WhisperModel", SOUND, "encoder.conv1", 1500),
    Row("WhisperModel", SOUND, "encoder.conv2", 1500),
    Row("WhisperModel", SOUND, "encoder", 1500, 1500),
    Row("ResNetModel", IMAGE, "embedder.embedder.convolution", 112 * 112),
    Row("LlamaForCausalLM", TEXT, "", 16, 16, {"num_hidden_layers": 2, "num_key_value_heads": 8}),
    Row("BertModel", TEXT, "encoder", 16, 16),
    Row("DeepseekV3ForCausalLM", TEXT, "", 16, 16, DENSE),
    Row("DeepseekV3ForCausalLM", TEXT, "model.layers.0.self_attn", 16, 16, DENSE),
    Row("DeepseekV2ForCausalLM", TEXT, "", 16, 16, {**DENSE, "q_lora_rank": None}),
]
# Whose positions are several, or not known.
UNTOLD = [
    ("SwinModel", ""),
    ("SwinModel", "encoder"),
    ("ResNetModel", ""),
    ("ResNetModel", "encoder.stages.0"),
    ("WhisperModel", ""),
    ("ViTMAEModel", ""),
]


def built(name: str, config: dict[str, Any] | None = None) -> PreTrainedModel:
    cls = getattr(transformers, name)
    model = on_meta(name, cls.config_class(**(config or {})))
    # As matrix products one by one: what is fused is not counted everywhere.
    model.set_attn_implementation("eager")
    return model.eval()


def modules(model: PreTrainedModel, path: str) -> Iterator[Counted]:
    """What of a part holds parameters, as the inspector counts it."""
    for name, module in model.get_submodule(path).named_modules():
        own = tuple((each, tuple(held.shape)) for each, held in module.named_parameters(recurse=False))
        where = ".".join(filter(None, (path, name)))
        if "weight" in dict(own):
            yield Counted(Subject(where, own, type(module).__name__), 1)
        else:
            yield from (Counted(Subject(f"{where}.{each}", ((each, shape),)), 1) for each, shape in own)


def counted(model: PreTrainedModel, row: Row) -> int:
    """By torch, in a forward pass."""
    with torch.device("meta"):
        inputs = {
            name: torch.zeros(shape, dtype=torch.long if name.endswith("ids") else torch.float32)
            for name, shape in row.inputs.items()
        }
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**inputs)
    return sum(counter.get_flop_counts()[".".join(filter(None, (row.name, row.path)))].values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.path}")
def test_operations_are_those_that_torch_counts(row: Row) -> None:
    model = built(row.name, row.config)
    inside, config = list(modules(model, row.path)), config_json(model)
    flops, scores = flops_of(inside, config, None), attention_flops(inside, config)
    assert flops and bool(scores) is bool(row.seen)
    assert row.positions * (flops + scores * row.seen) == counted(model, row)


@pytest.mark.parametrize(("name", "path"), UNTOLD)
def test_operations_of_different_positions_are_not_added(name: str, path: str) -> None:
    model = built(name)
    assert flops_of(modules(model, path), config_json(model), None) is None
