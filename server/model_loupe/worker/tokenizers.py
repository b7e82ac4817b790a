"""A model's own tokenizer as its class tells it: sizes, special tokens, sides, its chat template at work."""

from __future__ import annotations

from typing import Any

from .bounded import bounded
from .tokens import loaded

_MOST_ADDED = 200
_MOST_RENDERED = 4_000
# What a template is given, in CPU time and in memory: real ones take milliseconds.
_SECONDS = 2.0
_BYTES = 256 * 1024 * 1024
# What ``model_max_length`` is where nothing was given: int(1e30).
_NO_LIMIT = 10**29
# Most templates take no system message, or end a conversation with one of the user's.
CONVERSATION = (
    {"role": "user", "content": "What is a loupe?"},
    {"role": "assistant", "content": "A small magnifying glass."},
    {"role": "user", "content": "What is it for?"},
)


def tokenizer(params: dict[str, Any]) -> dict[str, Any]:
    """What the tokenizer in ``folder`` says of itself; ``mark`` as for ``tokens``.

    ``{"class", "fast", "vocab_size", "length", "special": {role: [text, id]}, "padding_side",
    "truncation_side", "max_length", "chat", "chat_error"}``: ``chat`` is a sample conversation by the chat
    template, as transformers renders it (in Jinja's sandbox), None without one; ``max_length`` is in tokens,
    None where it is not set.
    """
    found = loaded(str(params["folder"]), str(params.get("mark")))
    chat, problem = _chat(found)
    limit = getattr(found, "model_max_length", None)
    return {
        "class": type(found).__name__,
        "fast": bool(found.is_fast),
        "vocab_size": int(found.vocab_size),
        "length": len(found),
        "special": _special(found),
        "padding_side": found.padding_side,
        "truncation_side": found.truncation_side,
        "max_length": int(limit) if limit is not None and limit < _NO_LIMIT else None,
        "chat": chat,
        "chat_error": problem,
    }


def _special(found: Any) -> dict[str, list[Any]]:
    """Text and id by role; a role may hold several tokens, which are numbered."""
    named: dict[str, list[Any]] = {}
    for role, value in found.special_tokens_map.items():
        several = isinstance(value, (list, tuple))
        for number, each in enumerate(value if several else [value]):
            text = str(each)
            named[f"{role}[{number}]" if several else role] = [text, found.convert_tokens_to_ids(text)]
            if len(named) >= _MOST_ADDED:
                return named
    return named


def _chat(found: Any) -> tuple[str | None, str | None]:
    """The sample conversation, and why it could not be rendered."""
    if not getattr(found, "chat_template", None):
        return None, None
    try:
        with bounded(_SECONDS, _BYTES):
            text = found.apply_chat_template(list(CONVERSATION), tokenize=False, add_generation_prompt=True)
    except Exception as error:  # a template is a program of the model's author
        lines = str(error).strip().splitlines() or [""]
        return None, f"{type(error).__name__}: {lines[0][:300]}"
    return str(text)[:_MOST_RENDERED], None
