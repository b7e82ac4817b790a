"""All findings about the calls of a document."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.diagnostics.files import files
from model_loupe.diagnostics.finding import Checked, Finding

_CHECKS = (files,)


def check(checked: Checked) -> Iterator[Finding]:
    """What is wrong with one loading call."""
    for find in _CHECKS:
        yield from find(checked)
