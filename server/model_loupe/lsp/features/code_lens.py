"""``textDocument/codeLens``: above each call that loads a model, what it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import ContentModified

if TYPE_CHECKING:
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Call, Part

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
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    if snapshot is None or not session.settings.code_lens:
        return None
    calls = await session.run(snapshot.calls)
    asks = [(call, call.ask) for call in calls if call.part.uri == uri and call.ask and loads_weights(call)]
    if asks and session.settings.worker:
        session.buildings.warm_up()
    patience = _PATIENCE_SECONDS if session.client.refreshes_code_lenses else None
    outcomes = await session.describe_all((ask.request for _, ask in asks), patience)
    if not session.is_current(snapshot):
        raise ContentModified
    return [lens for call, ask in asks for lens in _lenses(session, call, ask, outcomes.get(ask.request))]


def loads_weights(call: Call) -> bool:
    """Whether a call loads a model, rather than a part of one or a place for one."""
    return call.reference.role in _ROLES and call.reference.kind in _KINDS


def _lenses(session: Session, call: Call, ask: Ask, outcome: Outcome | None) -> list[types.CodeLens]:
    where = _line_range(session, call.part, call)
    from model_loupe.inspector import others_text, summary

    others = others_text(call.reference.others)
    if outcome is None or isinstance(outcome, LoupeError):
        # An empty command is text that cannot be clicked.
        title = "reading the model …" if outcome is None else _failure(outcome, ask.request.model)
        return [types.CodeLens(where, types.Command(title + others, command=""))]
    from model_loupe.inspector import architecture_id

    shown = [session.inspector.root(ask.request).id]
    if not session.inspector.is_first_way(ask.request, ask.options):
        shown.append(architecture_id(ask.request, ask.options))
    titles = (summary(session.view(outcome, ask.options), ask.options) + others, "Architecture")
    commands = [types.Command(title, SHOW_ARCHITECTURE, arguments=shown) for title in titles]
    if len(outcome.weights.table):
        commands.append(preview_command(session, call, ask))
    return [types.CodeLens(where, command) for command in commands]


def preview_command(session: Session, call: Call, ask: Ask) -> types.Command:
    """What opens the preview of the casts of what a call loads."""
    from model_loupe.inspector import architecture_id

    is_first = session.inspector.is_first_way(ask.request, ask.options)
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


def _line_range(session: Session, part: Part, call: Call) -> types.Range:
    """The call, or its first line: a lens may not span more than one."""
    span = call.reference.call
    if span.end_line != span.line:
        span = span._replace(end_line=span.line, end_column=len(part.lines[span.line]))
    return session.encoding.to_range(part.lines, span)
