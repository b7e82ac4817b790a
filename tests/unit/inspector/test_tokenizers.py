"""Tokenizers are read once, by any process, as long as their files stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_loupe.domain.tokenizer import TokenizerFacts
from model_loupe.inspector import Inspector, ModelRequest, tokenizer_card, tokenizers
from model_loupe.inspector.tokenizer_facts import rows_text
from model_loupe.inspector.tokenizer_hover import tokens_card
from model_loupe.inspector.tokenizers import Tokenizers
from model_loupe.sources.store import Store
from tests.support.sentencepiece import sentencepiece_model


def write(folder: Path, *tokens: str) -> ModelRequest:
    folder.mkdir(exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    whole = {
        "added_tokens": [{"id": 0, "content": tokens[0], "special": True}],
        "normalizer": {"type": "NFC"},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    (folder / "config.json").write_text('{"model_type": "llama", "vocab_size": 5000}')
    return ModelRequest(str(folder))


def read(known: Tokenizers, request: ModelRequest) -> TokenizerFacts:
    facts = known.of(Inspector().describe(request))
    assert facts
    return facts


def test_the_store_gives_back_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "_LARGE", 0)
    request = write(tmp_path / "m", "a\nb", "\ud83d\ude00", *(f"t{number}" for number in range(9000)))
    store = Store(str(tmp_path / "store"))
    cold = read(Tokenizers(store), request)
    with monkeypatch.context() as patch:
        patch.delattr(tokenizers, "read_tokenizer")
        assert read(Tokenizers(store), request) == cold
    # Other files are read anew.
    write(tmp_path / "m", "a", "b")
    fresh = read(Tokenizers(store), request)
    assert fresh.vocabulary and fresh.vocabulary.tokens == ("a", "b")


def test_a_damaged_entry_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "_LARGE", 0)
    request = write(tmp_path / "m", "a", "b")
    store = Store(str(tmp_path / "store"))
    cold = read(Tokenizers(store), request)
    for value in (b"", b"no zlib", tokenizers.zlib.compress(b"[]"), tokenizers.zlib.compress(b"{")):
        monkeypatch.setattr(store, "get", lambda key, value=value: value)
        assert read(Tokenizers(store), request) == cold


def test_a_vocabulary_whose_ids_a_class_may_shift_is_not_told_as_if_certain(tmp_path: Path) -> None:
    pieces = ["<unk>", "<s>", "</s>", "▁a"]
    (tmp_path / "config.json").write_text('{"model_type": "xlm-roberta", "vocab_size": 6}')
    (tmp_path / "sentencepiece.bpe.model").write_bytes(sentencepiece_model(pieces, kind=1))
    inspector = Inspector()
    known = inspector.tokenizer(inspector.describe(ModelRequest(str(tmp_path))))
    assert (known.length, known.vocab_size) == (None, None)
    card = tokenizer_card(known) or ""
    assert "SentencePiece Unigram · 4 pieces, whose ids the class may shift" in card
    assert "rows" not in card
    (tmp_path / "sentencepiece.bpe.model").rename(tmp_path / "tokenizer.model")
    known = inspector.tokenizer(inspector.describe(ModelRequest(str(tmp_path))))
    assert known.length == 4
    assert "6 rows, 2 beyond the 4 ids of the tokenizer" in (tokenizer_card(known) or "")
    # As the worker told: T5's class adds ids that no file names.
    assert rows_text(known._replace(told={"length": 6})) == "6 rows, one for each id of the tokenizer"


def test_what_a_token_holds_does_not_end_its_span(tmp_path: Path) -> None:
    description = Inspector().describe(write(tmp_path / "m", "a"))
    tokens = [{"id": 1, "text": "\r\r[x](command:y)"}]
    card = tokens_card(description, {"count": 1, "special": 0, "class": "T", "tokens": tokens})
    assert "\r" not in card
