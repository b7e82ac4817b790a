"""``tokenizer.json`` of the tokenizers library: up to 35 MB, nearly all of it vocabulary and merges.

``json.loads`` of that much holds the interpreter for half a second. So vocabulary and merges are cut out by
regular expressions, an entry at a time, and the small rest goes through ``json``, which also proves that
these were what was cut out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from model_loupe.domain.tokenizer import AddedToken, Vocabulary

MOST_BYTES = 256 * 1024 * 1024
_MOST_REST = 32 * 1024 * 1024
# An id far beyond the number of tokens is a mistake, or an attack on memory.
_MOST_GAPS = 1_000_000
# A regular expression holds other threads up for as long as one match takes: what is longer than any token
# is left to ``json``, and that to a bound.
_TEXT = rb'"((?:[^"\\]|\\.){0,4096}+)"'
_NUMBER = rb"-?\d[\d.eE+-]*+"
_VOCABULARY = re.compile(rb'"vocab"\s*:\s*([{\[])')
_MERGES = re.compile(rb'"merges"\s*:\s*\[')
_ENTRY = re.compile(rb"\s*" + _TEXT + rb"\s*:\s*(\d{1,9})\s*([,}])")
_PIECE = re.compile(rb"\s*\[\s*" + _TEXT + rb"\s*,\s*" + _NUMBER + rb"\s*\]\s*([,\]])")
_MERGE = rb"\s*(?:" + _TEXT + rb"|\[\s*" + _TEXT + rb"\s*,\s*" + _TEXT + rb"\s*\])\s*"
# Merges are only counted: some hundreds a step, which is still no time.
_SOME_MERGES = re.compile(rb"(?:" + _MERGE + rb",){1,500}+")
_LAST_MERGE = re.compile(_MERGE + rb"\]")


class TokenizerJson(NamedTuple):
    """``normalizer`` and ``pre_tokenizer`` are their types in order: ``Prepend, Replace``."""

    vocabulary: Vocabulary | None
    added: tuple[AddedToken, ...]
    normalizer: str | None
    pre_tokenizer: str | None


def read_tokenizer_json(raw: bytes) -> TokenizerJson:
    """The content of a tokenizer.json; raises ValueError where it is none."""
    tokens, rest = _cut_out(raw)
    if len(rest) > _MOST_REST:
        raise ValueError("too much beside its vocabulary")
    try:
        document = json.loads(rest)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    model = document.get("model")
    vocabulary = _vocabulary(model, tokens) if isinstance(model, dict) else None
    return TokenizerJson(
        vocabulary,
        tuple(_added(document.get("added_tokens"))),
        _types(document.get("normalizer"), "normalizers"),
        _types(document.get("pre_tokenizer"), "pretokenizers"),
    )


def _cut_out(raw: bytes) -> tuple[list[str | None] | None, bytes]:
    """The tokens by id, and the document without vocabulary and merges."""
    tokens = None
    found = _key(_VOCABULARY, b'"vocab"', raw)
    if found:
        read = _entries if found[1] == b"{" else _pieces
        cut = read(raw, found.end())
        if cut is not None:
            tokens, end = cut
            raw = raw[: found.end()] + raw[end - 1 :]
    found = _key(_MERGES, b'"merges"', raw)
    if found:
        merges_end = _after_merges(raw, found.end())
        if merges_end is not None:
            raw = raw[: found.end()] + raw[merges_end - 1 :]
    return tokens, raw


def _key(pattern: re.Pattern[bytes], key: bytes, raw: bytes) -> re.Match[bytes] | None:
    """Where ``pattern`` first matches, which begins with ``key``: to search for bytes takes no time."""
    position = raw.find(key)
    while position >= 0:
        found = pattern.match(raw, position)
        if found and raw[position - 1 : position] != b"\\":
            return found
        position = raw.find(key, position + 1)
    return None


def _entries(raw: bytes, position: int) -> tuple[list[str | None], int] | None:
    """``"token": id`` up to the closing brace."""
    by_id: dict[int, str] = {}
    while match := _ENTRY.match(raw, position):
        by_id[int(match[2])] = _text(match[1])
        position = match.end()
        if match[3] == b"}":
            return by_number(by_id), position
    return None


def _pieces(raw: bytes, position: int) -> tuple[list[str | None], int] | None:
    """``["token", score]`` up to the closing bracket; ids are their order."""
    tokens: list[str | None] = []
    while match := _PIECE.match(raw, position):
        tokens.append(_text(match[1]))
        position = match.end()
        if match[2] == b"]":
            return tokens, position
    return None


def _after_merges(raw: bytes, position: int) -> int | None:
    while match := _SOME_MERGES.match(raw, position):
        position = match.end()
    last = _LAST_MERGE.match(raw, position)
    return last.end() if last else None


def _text(raw: bytes) -> str:
    if b"\\" in raw:
        return str(json.loads(b'"' + raw + b'"'))
    return raw.decode()


def by_number(tokens: Mapping[int, str]) -> list[str | None]:
    """Tokens in the order of their ids, None in gaps; raises ValueError for ids that leave too many."""
    highest = max(tokens, default=-1)
    if highest - len(tokens) > _MOST_GAPS:
        raise ValueError(f"an id of {highest:,} in a vocabulary of {len(tokens):,}")
    return [tokens.get(number) for number in range(highest + 1)]


def _vocabulary(model: Mapping[str, Any], tokens: list[str | None] | None) -> Vocabulary | None:
    left = model.get("vocab")
    if tokens is None and isinstance(left, dict):
        # Spelled as no serialiser does, so nothing was cut out.
        numbered = {number: token for token, number in left.items() if type(number) is int and number >= 0}
        tokens = by_number(numbered)
    elif tokens is None and isinstance(left, list):
        tokens = [piece[0] if isinstance(piece, list) and piece else None for piece in left]
    elif tokens is None or left:
        return None
    kind = model.get("type")
    named = kind if isinstance(kind, str) else "BPE" if "merges" in model else "Unigram"
    return Vocabulary(named, tuple(token if isinstance(token, str) else None for token in tokens))


def _added(given: object) -> list[AddedToken]:
    return [
        AddedToken(each["id"], each["content"], each.get("special") is True)
        for each in (given if isinstance(given, list) else ())
        if isinstance(each, dict) and _is_id(each.get("id")) and isinstance(each.get("content"), str)
    ]


def _is_id(given: object) -> bool:
    return type(given) is int and 0 <= given < 10**9


def _types(part: object, sequence: str, depth: int = 0) -> str | None:
    """The type of a normaliser or pre-tokeniser; of a sequence those in it."""
    if not isinstance(part, dict) or depth > 8:
        return None
    inner = part.get(sequence)
    if isinstance(inner, list):
        return ", ".join(filter(None, (_types(each, sequence, depth + 1) for each in inner))) or None
    kind = part.get("type")
    return kind if isinstance(kind, str) else None
