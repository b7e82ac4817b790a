"""What diagnostics say of tokenizers is what the installed transformers does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from model_loupe.diagnostics.tokenizers import WITHOUT_PADDING
from tests.support.sentencepiece import sentencepiece_model


@pytest.mark.parametrize(
    "name", ["GPT2Tokenizer", "LlamaTokenizer", "CodeGenTokenizer", "PreTrainedTokenizerFast"]
)
def test_a_class_without_padding_does_not_pad(name: str, tmp_path: Path) -> None:
    assert name in WITHOUT_PADDING
    made = Tokenizer(models.BPE({"a": 0, "b": 1, "<|endoftext|>": 2}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, "<|endoftext|>": 2}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="pad"):
        tokenizer(["a", "ab"], padding=True)
    # As the quick fix has it.
    tokenizer.add_special_tokens({"eos_token": "<|endoftext|>"})
    tokenizer.pad_token = tokenizer.eos_token
    assert len(tokenizer(["a", "ab"], padding=True)["input_ids"]) == 2


@pytest.mark.parametrize(("model_type", "name"), [("llama", "tokenizer.model"), ("t5", "spiece.model")])
def test_a_sentencepiece_model_alone_needs_its_library(model_type: str, name: str, tmp_path: Path) -> None:
    assert importlib.util.find_spec("sentencepiece") is None
    (tmp_path / name).write_bytes(sentencepiece_model(["<unk>", "<s>", "</s>", "a"], 2))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises((ValueError, ImportError)):
        AutoTokenizer.from_pretrained(tmp_path)
