"""``textDocument/inlayHint``: behind a model's name in a loading call, what it loads as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features.code_lens import loads_weights
from model_loupe.lsp.protocol import ContentModified

if TYPE_CHECKING:
    from model_loupe.documents import Span
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Call

_PATIENCE_SECONDS = 0.15


async def inlay_hint(session: Session, params: types.InlayHintParams) -> list[types.InlayHint] | None:
    """The hints of the visible part of a file or cell, with what is known by now; the rest by refresh."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    if snapshot is None or session.settings.inlay_hints == "off":
        return None
    calls = await session.run(snapshot.calls)
    asks = [
        (call, call.ask)
        for call in calls
        if call.part.uri == uri
        and call.ask
        and loads_weights(call)
        and _is_visible(call.reference.span, params.range)
    ]
    patience = _PATIENCE_SECONDS if session.client.refreshes_inlay_hints else None
    outcomes = await session.describe_all((ask.request for _, ask in asks), patience)
    if not session.is_current(snapshot):
        raise ContentModified
    hints = (_hint(session, call, ask, outcomes.get(ask.request)) for call, ask in asks)
    return [hint for hint in hints if hint]


def _is_visible(span: Span, window: types.Range) -> bool:
    return window.start.line <= span.end_line <= window.end.line


def _hint(session: Session, call: Call, ask: Ask, outcome: Outcome | None) -> types.InlayHint | None:
    # What cannot be described is for the lens and the squiggle to say.
    if outcome is None or isinstance(outcome, LoupeError):
        return None
    from model_loupe.inspector import others_text, short_summary, summary

    outcome = session.view(outcome, ask.options)
    full = summary(outcome, ask.options) + others_text(call.reference.others)
    label = full if session.settings.inlay_hints == "full" else short_summary(outcome, ask.options)
    if not label:
        return None
    span = call.reference.span
    place = session.encoding.to_position(call.part.lines, span.end_line, span.end_column)
    return types.InlayHint(place, label, tooltip=full, padding_left=True)
