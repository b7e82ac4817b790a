"""``textDocument/codeLens``: above each call that loads a model, what it loads and could be cast to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import ContentModified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_loupe.documents import Cast, Reference, Span
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Call, Snapshot

SHOW_ARCHITECTURE = "modelLoupe.showArchitecture"
PREVIEW_CASTS = "modelLoupe.previewCasts"
"""Done by the client, which has the page: with a row's id, and the place of the call that is to be edited."""

_ROLES = ("model", "adapter", "pipeline")
_KINDS = ("hub", "local")
# A local model is described in milliseconds: to wait a little spares the editor a second round.
_PATIENCE_SECONDS = 0.15
_MAX_TITLE = 120


async def code_lens(session: Session, params: types.CodeLensParams) -> list[types.CodeLens] | None:
    """The lenses of a file or cell, with what is known by now; the rest comes with a refresh."""
    snapshot = session.documents.snapshot(params.text_document.uri)
    index = snapshot.index(params.text_document.uri) if snapshot else None
    if snapshot is None or index is None or not session.settings.code_lens:
        return None
    places = await session.run(_places, snapshot, index)
    if places and session.settings.worker:
        session.buildings.warm_up()
    patience = _PATIENCE_SECONDS if session.client.refreshes_code_lenses else None
    outcomes = await session.describe_all((place.ask.request for place in places), patience)
    if not session.is_current(snapshot):
        raise ContentModified
    lines = snapshot.parts[index].lines
    return [
        types.CodeLens(_line_range(session, lines, place.span), command)
        for place in places
        for command in _commands(session, place, outcomes.get(place.ask.request))
    ]


class _Place(NamedTuple):
    """Where lenses stand: above a loading call, or above a ``cast`` of what it loads."""

    span: Span
    call: Call
    ask: Ask
    cast: bool = False


def _places(snapshot: Snapshot, index: int) -> list[_Place]:
    """Those of part ``index``. Slow the first time."""
    calls = [call for call in snapshot.calls() if loads_weights(call)]
    uri = snapshot.parts[index].uri
    found = [
        _Place(call.reference.call, call, call.ask) for call in calls if call.ask and call.part.uri == uri
    ]
    for cast in snapshot.casts():
        call = next((call for call in calls if call.reference.is_same_call(cast.reference)), None)
        is_here = cast.method and snapshot.parts[cast.cell or 0].uri == uri
        if call and call.ask and is_here and not _is_on_lines_of(cast, call.reference):
            found.append(_Place(cast.span, call, call.ask, cast=True))
    return found


def _is_on_lines_of(cast: Cast, loading: Reference) -> bool:
    return cast.cell == loading.cell and loading.call.line <= cast.span.line <= loading.call.end_line


def loads_weights(call: Call) -> bool:
    """Whether a call loads a model, rather than a part of one or a place for one."""
    return call.reference.role in _ROLES and call.reference.kind in _KINDS


def _commands(session: Session, place: _Place, outcome: Outcome | None) -> list[types.Command]:
    call, ask = place.call, place.ask
    from model_loupe.inspector import others_text, summary

    others = others_text(call.reference.others)
    if outcome is None or isinstance(outcome, LoupeError):
        # An empty command is text that cannot be clicked.
        title = "reading the model …" if outcome is None else _failure(outcome, ask.request.model)
        return [] if place.cast else [types.Command(title + others, command="")]
    preview = [preview_command(session, call, ask)] if len(outcome.weights.table) else []
    if place.cast:
        return preview
    from model_loupe.inspector import architecture_id

    shown = [session.inspector.root(ask.request).id]
    # Before anybody has asked for the models, which call is the first is not known: then each names its own.
    inspector, is_known = session.inspector, ask.request in session.inspector.calls
    if not (is_known and inspector.is_first_way(ask.request, ask.options)):
        shown.append(architecture_id(ask.request, inspector.way_of(ask.request, ask.options)))
    titles = (summary(session.view(outcome, ask.options), ask.options) + others, "Architecture")
    return [*(types.Command(title, SHOW_ARCHITECTURE, arguments=shown) for title in titles), *preview]


def preview_command(session: Session, call: Call, ask: Ask) -> types.Command:
    """What opens the preview of the casts of what a call loads."""
    from model_loupe.inspector import architecture_id

    # A row of the model alone is about the first call that loads it.
    is_first = ask.options == session.inspector.calls_of(ask.request)[0]
    node = session.inspector.root(ask.request).id if is_first else architecture_id(ask.request, ask.options)
    place = session.encoding.to_position(call.part.lines, *call.reference.call[:2])
    where = {"uri": call.part.uri, "position": {"line": place.line, "character": place.character}}
    return types.Command("Preview casts", PREVIEW_CASTS, arguments=[node, where])


def _failure(error: LoupeError, model: str) -> str:
    if error.code == "model-not-found":
        title = f"model not found: {model}"
    elif error.code in ("not-in-cache", "offline"):
        title = "not in the local cache"
    elif error.code == "repository-not-found":
        title = f"not on the Hub, or not for you: {model}"
    else:
        title = error.message
    return title if len(title) <= _MAX_TITLE else title[: _MAX_TITLE - 1] + "…"


def _line_range(session: Session, lines: Sequence[str], span: Span) -> types.Range:
    """What ``span`` spans, of several lines the first: a lens may not span more."""
    if span.end_line != span.line:
        span = span._replace(end_line=span.line, end_column=len(lines[span.line]))
    return session.encoding.to_range(lines, span)
