"""Matrices of common architectures, as the installed transformers builds them: explained by their sides."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import pytest
import torch

from model_loupe.domain.explain import Subject, explain, scope_of
from tests.libraries.architectures import classes_of, config_json, on_meta

MODEL_TYPES = """
llama gemma gemma3 gemma4 mistral mixtral qwen3 qwen3_moe qwen3_next qwen2_moe deepseek_v2
deepseek_v3 gpt_oss phi phi3 phimoe gpt2 gpt_neo gpt_neox gptj gpt_bigcode bloom falcon opt mpt stablelm
starcoder2 olmo2 olmoe glm4 glm4_moe cohere2 granite bert roberta distilbert albert electra
deberta-v2 mpnet modernbert xlm-roberta t5 mt5 bart pegasus m2m_100 whisper wav2vec2 vit
dinov2 beit swin convnext resnet clip siglip llava paligemma qwen2_vl qwen2_5_vl qwen3_vl idefics3
mllama blip mamba mamba2 jamba llama4 zamba2 lfm2 granitemoehybrid nemotron_h longformer
"""
# What is reached; what is left over are adapters, weight norms and heads of a kind that one model has.
REACHED = 0.985


def matrices(model: torch.nn.Module) -> Iterator[Subject]:
    """The weights of two and more sides, each shape under each name once."""
    seen = set()
    for path, module in model.named_modules():
        own = tuple((name, tuple(each.shape)) for name, each in module.named_parameters(recurse=False))
        for name, shape in own:
            words = tuple(word for word in path.split(".") if not word.isdigit())
            if len(shape) < 2 or (words, name, shape) in seen:
                continue
            seen.add((words, name, shape))
            yield (
                Subject(path, own, type(module).__name__)
                if name == "weight"
                else Subject(f"{path}.{name}", ((name, shape),))
            )


def test_matrices_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    explained = total = 0
    missed = []
    kinds = MODEL_TYPES.split()
    for kind in kinds:
        model = on_meta(classes_of(kind)[0])
        config = config_json(model)
        for subject in matrices(model):
            assert subject.main is not None
            found = explain(subject, scope_of(config, subject.path))
            total += 1
            if found is None or found.matrix is None:
                missed.append(f"{kind}: {subject.path} {subject.main[1]}")
                continue
            explained += 1
            lengths = [axis.length for axis in found.matrix.axes]
            shape = subject.main[1][::-1] if found.matrix.transposed else subject.main[1]
            assert tuple(lengths) == shape
            assert prod(lengths) == prod(shape)
            assert all(axis.text for axis in found.matrix.axes)
    with capsys.disabled():
        share = explained / total
        of = f"of {total:,} matrices of {len(kinds)} architectures"
        print(f"\n{explained:,} {of} explained ({share:.1%})")
        print("\n".join(missed))
    assert share >= REACHED
