"""What is wrong with a checkpoint, said without failing."""

from __future__ import annotations

from model_loupe.domain.lean_typing import NamedTuple


class Warning(NamedTuple):
    """A finding about a model's files. ``code`` is stable; ``message`` is one line for people."""

    code: str
    message: str
