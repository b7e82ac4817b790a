"""Texts as the model's own tokenizer splits them, from its files on this machine."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .errors import WorkerError, failed

_REMEMBERED = 4
_MOST_CHARACTERS = 200_000
_SHOWN = 64

_tokenizers: OrderedDict[str, Any] = OrderedDict()


def tokens(params: dict[str, Any]) -> dict[str, Any]:
    """``{"class", "count", "special", "tokens": [{"id", "text"}]}`` of ``text``, by a tokenizer.

    ``count`` is with the special tokens that a call of the tokenizer adds, ``special`` how many those are;
    ``tokens`` are the first 64. ``mark`` tells the folder's files as they are from what they were before.
    """
    text = str(params["text"])
    if len(text) > _MOST_CHARACTERS:
        raise WorkerError(
            "text-too-long", f"texts of more than {_MOST_CHARACTERS:,} characters are not counted"
        )
    tokenizer = loaded(str(params["folder"]), str(params.get("mark")))
    try:
        ids = list(tokenizer(text)["input_ids"])
        plain = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        shown = [{"id": number, "text": tokenizer.decode([number])} for number in ids[:_SHOWN]]
    except Exception as error:
        raise failed(error, "the tokenizer") from error
    return {
        "class": type(tokenizer).__name__,
        "count": len(ids),
        "special": len(ids) - len(plain),
        "tokens": shown,
    }


def loaded(folder: str, mark: str) -> Any:
    """The tokenizer of a folder's files, which ``mark`` tells from what they were before."""
    key = f"{folder}\0{mark}"
    found = _tokenizers.pop(key, None)
    if found is None:
        from transformers import AutoTokenizer

        try:
            found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:
            raise failed(error, "reading the tokenizer") from error
        while len(_tokenizers) >= _REMEMBERED:
            _tokenizers.popitem(last=False)
    _tokenizers[key] = found
    return found
