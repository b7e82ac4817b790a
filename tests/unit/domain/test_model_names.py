"""Words of model names that say something for certain."""

from __future__ import annotations

import pytest

from model_loupe.domain.model_names import name_meanings

TUNED = "instruction-tuned"


@pytest.mark.parametrize(
    ("model", "model_type", "experts", "expected"),
    [
        ("google/gemma-2b-it", "gemma", False, [("it", TUNED)]),
        ("google/gemma-3-4b-pt", "gemma3", False, [("pt", "pretrained, not instruction-tuned")]),
        ("/models/gemma-2b-it/", "gemma", False, [("it", TUNED)]),
        # Here it is Italian.
        ("Helsinki-NLP/opus-mt-en-it", "marian", False, []),
        ("dbmdz/bert-base-italian-cased", "bert", False, []),
        ("someone/llama-2-7b-it", "llama", False, []),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2", False, [("Instruct", TUNED)]),
        ("meta-llama/Llama-2-7b-chat-hf", "llama", False, [("chat", "tuned for conversations")]),
        ("Qwen/Qwen3-30B-A3B", "qwen3_moe", True, [("A3B", "about 3 B parameters active per token")]),
        ("someone/model-A3B", "qwen3", False, []),
        ("XiaomiMiMo/MiMo-7B-Base", "mimo", False, [("Base", "pretrained, not instruction-tuned")]),
        # Here base is a size.
        ("google-bert/bert-base-uncased", "bert", False, []),
        ("google-t5/t5-base", "t5", False, []),
        ("it", "gemma", False, []),
    ],
)
def test_name(model: str, model_type: str, experts: bool, expected: list[tuple[str, str]]) -> None:
    assert name_meanings(model, model_type, has_experts=experts) == expected
