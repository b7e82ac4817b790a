"""Sizes of a config that do not go together: heads, vocabulary, ids of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from model_loupe.diagnostics.config_problem import Problem
from model_loupe.domain.dimensions import Dimensions, dimensions, size_of
from model_loupe.inspector.config_files import ConfigFile, Parts, tokens_beside, value_at
from model_loupe.inspector.installed.classes import Class

_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id")
_HEAD_SIZE = re.compile(r"head_dim|head_size|d_kv|kv_channels|kv_lora_rank")


def of_sizes(part: dict[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    sizes = dimensions(part) if "text_config" not in part else None
    if sizes is None or not sizes.heads:
        return
    yield from _of_heads(part, parts, sizes, owner)
    if sizes.kv_heads and sizes.heads % sizes.kv_heads:
        yield Problem(
            "config-kv-heads",
            (*parts, _first(part, "num_key_value_heads", "num_kv_heads")),
            f"{sizes.kv_heads:,} KV heads cannot share {sizes.heads:,} attention heads evenly",
        )


def _of_heads(
    part: dict[str, Any], parts: Parts, sizes: Dimensions, owner: Class | None
) -> Iterator[Problem]:
    # A class with a size of its own for heads (``d_kv``, ``attention_head_size`` …) does not divide.
    names = (*part, *(owner.fields if owner else ()))
    if any(_HEAD_SIZE.search(name) for name in names):
        return
    if not sizes.hidden or not sizes.heads or not sizes.hidden % sizes.heads:
        return
    name = _first(part, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
    message = (
        f"{sizes.heads:,} heads do not divide the hidden size of {sizes.hidden:,}, and there is no head_dim"
    )
    yield Problem("config-heads", (*parts, name), message)


def _first(part: Mapping[str, Any], *names: str) -> str:
    return next((name for name in names if name in part), names[0])


def of_tokens(part: dict[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    """Ids of special tokens, against the rows of the embedding."""
    rows = size_of(part, "vocab_size")
    for name in _IDS if rows else ():
        given = part.get(name)
        # Some classes' own defaults are beyond their vocabulary: such models look up no such token.
        field = owner.fields.get(name) if owner else None
        if field is not None and field.default == repr(given):
            continue
        for number in given if isinstance(given, list) else [given]:
            if type(number) is int and rows is not None and number >= rows:
                message = f"The id {number:,} is beyond the vocabulary of {rows:,}"
                yield Problem("config-token-id", (*parts, name), message)


def of_tokenizer(file: ConfigFile) -> Iterator[Problem]:
    """Ids that the tokenizer's files name one by one, against the rows of the embedding."""
    inner = file.value.get("text_config")
    parts: Parts = ("text_config", "vocab_size") if isinstance(inner, dict) else ("vocab_size",)
    rows = value_at(file.value, parts)
    highest = max(tokens_beside(file.path), default=-1)
    if type(rows) is int and highest >= rows:
        message = f"The tokenizer has a token with the id {highest:,}, the embedding has {rows:,} rows"
        yield Problem("config-vocabulary", parts, message)
