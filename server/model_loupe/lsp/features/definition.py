"""``textDocument/definition``: from a part of a model to its class in the user's transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.cursor import cursor_of
from model_loupe.lsp.features.hover import look_for_object
from model_loupe.lsp.uris import to_scheme, to_uri

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def definition(session: Session, params: types.DefinitionParams) -> types.Location | None:
    """Where the class of ``model``, ``model.layers[3].mlp`` … is defined; None where that is not known."""
    cursor = cursor_of(session, params)
    if cursor is None or not session.settings.worker:
        return None
    found = await session.run(look_for_object, cursor)
    if found is None or found[0].kind != "model":
        return None
    thing, ask = found
    outcome = await session.describe(ask.request)
    if isinstance(outcome, LoupeError):
        return None
    view = await session.built(outcome, ask.options)
    from model_loupe.inspector import source_of

    source = source_of(view.built, thing.parts) if view.built else None
    if source is None or source.file is None or not session.is_current(cursor.snapshot):
        return None
    start = types.Position((source.line or 1) - 1, 0)
    scheme = session.client.source_scheme
    uri = to_scheme(source.file, scheme) if scheme else to_uri(source.file)
    return types.Location(uri, types.Range(start, start))
