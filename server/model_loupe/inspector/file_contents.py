"""A checkpoint file by itself: the facts that are about the file, and what it says of itself."""

from __future__ import annotations

import json
import os
from typing import Any

from model_loupe.checkpoints.files import format_of
from model_loupe.checkpoints.safetensors_header import header_length, parse_header
from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import Fact, facts, parameters_text, title

_HEAD = 16384
_MOST_CHARACTERS = 2000


def file_facts(description: Description) -> list[Fact]:
    """What the file holds, as the card of a model tells it, and what is wrong with it."""
    count = parameters_text(description, long=True) or description.parameters.reason or "unknown"
    found = [Fact("Model", title(description)), Fact("Parameters", count), *facts(description, LoadOptions())]
    return [*found, *(Fact("Finding", warning.message) for warning in description.warnings)]


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
