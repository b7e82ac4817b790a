"""What a tokenizer's own files say of it: its padding token, its vocabulary. Nothing is loaded."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

from model_loupe.inspector.description import Description

_MAX_BYTES = 100_000_000
_LISTS = ("tokenizer.json", "vocab.json", "vocab.txt")
# Classes without a padding token of their own in transformers 4.38 to 5, where files name none.
_WITHOUT_PADDING = frozenset(
    [
        *("CodeGenTokenizer", "CodeGenTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast"),
        *("LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"),
    ]
)
# What AutoTokenizer takes where no file names a class.
_BY_MODEL_TYPE = {"codegen": "CodeGenTokenizer", "gpt2": "GPT2Tokenizer", "llama": "LlamaTokenizer"}


def lacks_padding(description: Description) -> bool:
    """Whether the tokenizer certainly has no padding token; False where that is not known."""
    folder = _folder(description)
    if folder is None:
        return False
    config = _object(os.path.join(folder, "tokenizer_config.json"))
    special = _object(os.path.join(folder, "special_tokens_map.json"))
    named = config.get("tokenizer_class") or _BY_MODEL_TYPE.get(description.model_type or "")
    return named in _WITHOUT_PADDING and not config.get("pad_token") and not special.get("pad_token")


def vocabulary(description: Description) -> dict[str, int] | None:
    """The tokens and their ids, by ``tokenizer.json`` or the older lists; None if no file tells them."""
    folder = _folder(description)
    for name in _LISTS if folder is not None else ():
        path = os.path.join(folder or "", name)
        try:
            found = os.stat(path)
        except OSError:
            continue
        if found.st_size <= _MAX_BYTES:
            return _vocabulary(path, found.st_mtime_ns, found.st_size)
    return None


def _folder(description: Description) -> str | None:
    path = description.path
    return path if description.source != "hub" and os.path.isdir(path) else None


@lru_cache(maxsize=8)
def _vocabulary(path: str, _modified: int, _size: int) -> dict[str, int] | None:
    if path.endswith("vocab.txt"):
        try:
            with open(path, encoding="utf-8") as file:
                return {line.rstrip("\n"): number for number, line in enumerate(file)}
        except (OSError, ValueError):
            return None
    document = _object(path)
    if path.endswith("vocab.json"):
        return _ids(document) or None
    model = document.get("model")
    tokens = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(tokens, list):
        tokens = {_token(each): number for number, each in enumerate(tokens)}
    added = document.get("added_tokens")
    extra = {
        each.get("content"): each.get("id")
        for each in (added if isinstance(added, list) else ())
        if isinstance(each, dict)
    }
    return {**_ids(tokens), **_ids(extra)} if isinstance(tokens, dict) else None


def _ids(tokens: dict[Any, Any]) -> dict[str, int]:
    return {name: number for name, number in tokens.items() if isinstance(name, str) and type(number) is int}


def _token(entry: object) -> str:
    """Of a unigram model: a token and its score."""
    return str(entry[0]) if isinstance(entry, list) and entry else str(entry)


def _object(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
