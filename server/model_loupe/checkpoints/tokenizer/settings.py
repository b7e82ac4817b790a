"""``tokenizer_config.json`` and the small files beside it: class, special tokens, sides, chat templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_loupe.domain.tokenizer import AddedToken

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_MORE = ("additional_special_tokens", "extra_special_tokens")


def special_tokens(*configs: Mapping[str, Any]) -> dict[str, str]:
    """The text of each special token by its role; the first of the ``configs`` that names it has it."""
    found: dict[str, str] = {}
    for config in configs:
        for role in ROLES:
            text = _text(config.get(role))
            if text is not None:
                found.setdefault(role, text)
        for field in _MORE:
            for role, text in _named(field, config.get(field)):
                found.setdefault(role, text)
    return found


def _named(field: str, given: object) -> list[tuple[str, str]]:
    """Version 5 names its extra tokens, version 4 lists them."""
    if isinstance(given, dict):
        pairs = [(str(role), _text(token)) for role, token in given.items()]
    elif isinstance(given, list):
        pairs = [(f"{field}[{number}]", _text(token)) for number, token in enumerate(given)]
    else:
        pairs = []
    return [(role, text) for role, text in pairs if text is not None]


def _text(token: object) -> str | None:
    """A token is its text, or an AddedToken with its ``content``."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) and token else None


def added_tokens(config: Mapping[str, Any], added: Mapping[str, Any]) -> list[AddedToken]:
    """Those of ``added_tokens_decoder`` (by id), and of added_tokens.json (by text)."""
    found = []
    decoder = config.get("added_tokens_decoder")
    for number, token in decoder.items() if isinstance(decoder, dict) else ():
        text = _text(token)
        if text is not None and number.isascii() and number.isdigit() and len(number) < 10:
            special = isinstance(token, dict) and token.get("special") is True
            found.append(AddedToken(int(number), text, special))
    numbered = {text: number for text, number in added.items() if type(number) is int and 0 <= number < 10**9}
    known = {token.text for token in found}
    return found + [AddedToken(number, text, False) for text, number in numbered.items() if text not in known]


def chat_templates(config: Mapping[str, Any]) -> dict[str, str]:
    """The Jinja sources that a config holds, by name; one alone is the ``default``."""
    given = config.get("chat_template")
    if isinstance(given, str):
        return {"default": given}
    named = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    pairs = ((each.get("name"), each.get("template")) for each in named)
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}
