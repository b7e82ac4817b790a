"""The values that diagnostics are made of: what is known of a call, what is found, what would mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from model_loupe.documents import Reference, Span
    from model_loupe.domain.errors import LoupeError
    from model_loupe.domain.loading import LoadOptions
    from model_loupe.inspector import Description


class Checked(NamedTuple):
    """A loading call and what is known of its model: ``outcome`` is None while nothing is.

    ``options`` are what the call says of how it loads; the description is as the call builds it, if that is
    known.
    """

    reference: Reference
    options: LoadOptions
    outcome: Description | LoupeError | None


class Finding(NamedTuple):
    """What is wrong at ``span`` of the call's text. ``message`` is one or two sentences for people."""

    code: str
    span: Span
    message: str
