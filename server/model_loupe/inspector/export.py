"""A model as text that can be pasted elsewhere."""

from __future__ import annotations

import json

from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.inspector.description import Description
from model_loupe.inspector.markdown import card
from model_loupe.inspector.schema import to_json
from model_loupe.inspector.terminal import table

FORMATS = ("text", "markdown", "json")


def export(description: Description, options: LoadOptions, form: str, wanted: Wanted) -> str:
    """What ``inspect`` prints, the hover's card, or ``inspect --json``, by one of the ``FORMATS``."""
    if form == "json":
        return json.dumps(to_json(description, wanted=wanted), indent=2, ensure_ascii=False)
    if form == "markdown":
        return card(description, options, requested=description.request.model, wanted=wanted)
    return table(description, wanted)
