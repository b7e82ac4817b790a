"""What is wrong in a JSON file of a checkpoint, by the way that leads to the field."""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.inspector.config_files import Parts


class Problem(NamedTuple):
    """``parts`` lead to the field; ``replace`` is the name that it should have, where a new name is all."""

    code: str
    parts: Parts
    message: str
    replace: str | None = None
