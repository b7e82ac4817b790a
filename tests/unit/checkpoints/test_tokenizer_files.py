"""Tokenizers' files as bytes: every form of them read, damaged ones named, none of them long in one piece."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from model_loupe.checkpoints.tokenizer.reading import read_tokenizer
from model_loupe.checkpoints.tokenizer.sentencepiece import read_sentencepiece
from model_loupe.checkpoints.tokenizer.tokenizer_json import read_tokenizer_json
from model_loupe.demo.tokenizer import CHAT_TEMPLATE, VOCABULARY_SIZE, write_tokenizer
from model_loupe.domain.tokenizer import TokenizerFacts
from model_loupe.sources.folder import FolderFiles
from tests.support.sentencepiece import sentencepiece_model

ODD = ['"', "\\", "\n", '"vocab": {', "]", "}", "é", "漢", "\u0000", "a b", ",", '"merges": [', "😀"]


def read(folder: Path) -> TokenizerFacts:
    files = FolderFiles(str(folder))
    facts = read_tokenizer(files, files.entries())
    assert facts
    return facts


def document(vocabulary: Any, merges: Any = None, **more: Any) -> dict[str, Any]:
    model = {
        "type": "BPE",
        "dropout": None,
        "vocab": vocabulary,
        "merges": merges or [],
        "ignore_merges": False,
    }
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "model": model,
        **more,
    }


@pytest.mark.parametrize("style", [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])
def test_tokens_of_any_spelling(style: dict[str, Any]) -> None:
    tokens = [*ODD, *(f"t{number}" for number in range(100))]
    for merges in ([], ["a b", '" \\'], [["a", "b"], ["\\", '"']], ["x y"] * 1200):
        whole = document({token: number for number, token in enumerate(tokens)}, merges)
        found = read_tokenizer_json(json.dumps(whole, **style).encode())
        assert found.vocabulary is not None
        assert list(found.vocabulary.tokens) == tokens
        assert found.vocabulary.kind == "BPE"
    pieces = document([[token, -1.5e-3 * number] for number, token in enumerate(tokens)])
    pieces["model"]["type"] = "Unigram"
    found = read_tokenizer_json(json.dumps(pieces, **style).encode())
    assert found.vocabulary is not None
    assert (found.vocabulary.kind, list(found.vocabulary.tokens)) == ("Unigram", tokens)


def test_parts_beside_the_vocabulary() -> None:
    whole = document(
        {"a": 0, "b": 2},
        normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace"}]},
        pre_tokenizer={"type": "ByteLevel"},
        added_tokens=[{"id": 3, "content": "<s>", "special": True}, {"id": "x"}, None],
    )
    found = read_tokenizer_json(json.dumps(whole).encode())
    assert (found.normalizer, found.pre_tokenizer) == ("NFC, Replace", "ByteLevel")
    assert found.added == ((3, "<s>", True),)
    assert found.vocabulary and found.vocabulary.tokens == ("a", None, "b")
    assert found.vocabulary.size == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"model": {"vocab": {"a": 0',
        b'{"model": {"vocab": {"a": 999999999}}}',
        b"[" * 100_000,
        b'{"model": {"vocab": {"\\ud8": 0}}}',
    ],
)
def test_what_is_no_tokenizer_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_tokenizer_json(raw)


@pytest.mark.parametrize(
    "model", [None, [], {"vocab": None}, {"vocab": 3}, {"vocab": {"a": "b"}}, {"vocab": [3]}]
)
def test_a_model_without_vocabulary_has_no_tokens(model: Any) -> None:
    found = read_tokenizer_json(json.dumps({"model": model}).encode())
    assert found.vocabulary is None or found.vocabulary.size == 0


def test_other_threads_go_on_meanwhile() -> None:
    """``json`` holds the interpreter for the whole of such a file."""
    tokens = {f"tok{number}": number for number in range(120_000)}
    raw = json.dumps(document(tokens, [[f"t{number}", f"o{number}"] for number in range(120_000)])).encode()
    turns = []
    reading = threading.Thread(target=read_tokenizer_json, args=(raw,))
    reading.start()
    while reading.is_alive():
        turns.append(None)
        time.sleep(0)
    # One that holds on gives none or a handful of turns, whatever the machine's speed.
    assert len(turns) > 20


def test_no_one_match_of_a_pattern_is_as_long_as_a_file() -> None:
    """While a pattern is matched no other thread goes on: a token of megabytes is left to ``json``."""
    token = "\\" * 5000
    found = read_tokenizer_json(json.dumps(document({token: 0, "a": 1})).encode())
    assert found.vocabulary and found.vocabulary.tokens == (token, "a")
    with pytest.raises(ValueError, match="too much"):
        read_tokenizer_json(b'{"model": {"vocab": {"' + b"\\" * 40_000_000 + b'": 1}}}')


def test_ids_that_no_tokenizer_has_are_left_out() -> None:
    added = [{"id": number, "content": "x"} for number in (-5, True, 10**12, 7)]
    found = read_tokenizer_json(json.dumps({"added_tokens": added, "model": {}}).encode())
    assert [token.number for token in found.added] == [7]


def test_sentencepiece() -> None:
    pieces = ["<unk>", "<s>", "</s>", "▁the", "é", "<0x0A>"]
    found = read_sentencepiece(sentencepiece_model(pieces, kind=2))
    assert (found.kind, list(found.tokens)) == ("BPE", pieces)
    assert read_sentencepiece(sentencepiece_model(pieces, kind=None)).kind == "Unigram"


@pytest.mark.parametrize("cut", [1, 2, 5, 11])
def test_cut_off_sentencepiece_is_refused(cut: int) -> None:
    whole = sentencepiece_model(["<unk>", "hello"], kind=1)
    with pytest.raises(ValueError):
        read_sentencepiece(whole[:-cut] if cut < 11 else b"")
    with pytest.raises(ValueError):
        read_sentencepiece(b"\xff" * 20)


def test_a_whole_tokenizer(tmp_path: Path) -> None:
    write_tokenizer(str(tmp_path))
    facts = read(tmp_path)
    assert facts.fast
    assert facts.length == VOCABULARY_SIZE == facts.rows_needed
    assert facts.special["bos_token"] == "<bos>"
    assert facts.id_of("<bos>") == 2
    assert facts.chat_templates == {"default": CHAT_TEMPLATE}
    assert facts.sources == ("tokenizer_config.json", "tokenizer.json")
    assert not facts.problems


def test_templates_have_files_of_their_own(tmp_path: Path) -> None:
    """As transformers 5 saves several of them."""
    write_tokenizer(str(tmp_path))
    (tmp_path / "chat_template.jinja").write_text("default")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    (tmp_path / "additional_chat_templates" / "notes.txt").write_text("none")
    assert read(tmp_path).chat_templates == {"default": "default", "tool_use": "tools"}


def test_tokens_that_only_the_config_adds_count(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\nhello\n")
    config = {
        "tokenizer_class": "BertTokenizer",
        "model_max_length": 512,
        "pad_token": {"content": "[PAD]"},
        "unk_token": "[UNK]",
        "additional_special_tokens": ["<a>", "<b>"],
        "added_tokens_decoder": {"3": {"content": "<a>", "special": True}, "5": {"content": "<c>"}},
        "padding_side": "left",
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "added_tokens.json").write_text('{"<a>": 3, "<d>": 9, "<e>": -1}')
    facts = read(tmp_path)
    assert facts.vocabulary and facts.vocabulary.size == 3
    assert facts.length == 3 + 4  # <a>, <b>, <c>, <d>
    assert facts.rows_needed == 10 + 1  # <b> has no id yet
    assert facts.special["additional_special_tokens[1]"] == "<b>"
    assert (facts.max_length, facts.padding_side, facts.fast) == (512, "left", False)


def test_a_limit_of_1e30_is_none(tmp_path: Path) -> None:
    for value in ("1000000000000000019884624838656", "1e30", "null", "true", "0", '"x"'):
        (tmp_path / "tokenizer_config.json").write_text(f'{{"model_max_length": {value}}}')
        assert read(tmp_path).max_length is None


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("tokenizer.json", b"{]", "tokenizer.json cannot be read"),
        ("tokenizer.model", b"\x00", "tokenizer.model cannot be read"),
        ("vocab.txt", b"\xff\xff", "vocab.txt cannot be read"),
        (
            "tokenizer.json",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "git lfs pull",
        ),
        ("tokenizer_config.json", b"[1]", "holds a JSON list"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, raw: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(raw)
    (problem,) = read(tmp_path).problems
    assert says in problem
