"""What a checkpoint file says of itself beside its tensors."""

from __future__ import annotations

import json
import os
from typing import Any

from model_loupe.checkpoints.files import format_of
from model_loupe.checkpoints.safetensors_header import header_length, parse_header
from model_loupe.inspector.description import Description

_HEAD = 16384
_MOST_CHARACTERS = 2000


def file_metadata(description: Description) -> dict[str, str]:
    """The metadata of a description's one file: ``__metadata__`` of safetensors, the keys of a GGUF file.

    Values are text, cut where they are long (a GGUF file holds its vocabulary); empty for pickles and for
    what cannot be read.
    """
    found: dict[str, Any] = description.weights.gguf or {}
    if not found and format_of(description.path) == "safetensors":
        found = _of_safetensors(description.path)
    return {key: _text(value) for key, value in found.items()}


def _of_safetensors(path: str) -> dict[str, str]:
    name = os.path.basename(path)
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            length = header_length(file.read(_HEAD), size, name)
            if not isinstance(length, int):
                return {}  # the description's findings say why
            file.seek(8)
            return parse_header(file.read(length), size, name).metadata
    except OSError:
        return {}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
